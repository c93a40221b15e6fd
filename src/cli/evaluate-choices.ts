import type { Command } from 'commander';
import { z } from 'zod';
import type { EvaluateFlags } from './evaluate-output.js';
import { giveTables, withOutput } from './evaluate-output.js';
import type { Shell } from './shell.js';

const choiceSchema = z.object({
  a: z.string().min(1),
  b: z.string().min(1),
  choice: z.enum(['a', 'b', 'tie']),
});

/** `evaluate choices`: win rates of pairwise choices. */
export function addEvaluateChoices(evaluate: Command, shell: Shell): void {
  const command = evaluate
    .command('choices')
    .description('win rates of pairwise choices, with exact intervals')
    .requiredOption('--choices <file>', 'JSONL, CSV or TSV with a, b (names of methods) and choice (a, b or tie)');
  withOutput(command).action(async (flags: EvaluateFlags & { choices: string }) => {
    const { winRates } = await import('../evaluation/choices.js');
    const { readChecked } = await import('../pipeline/prompt-files.js');
    const rows = await readChecked(flags.choices, choiceSchema);
    const choices = rows.map(({ a, b, choice }) => {
      const inOrder = a <= b; // "x over y" and "y over x" are one comparison
      const won = choice === 'tie' ? null : (choice === 'a') === inOrder;
      return { comparison: inOrder ? `${a} over ${b}` : `${b} over ${a}`, won };
    });
    const rates = winRates(choices);
    const title = 'Win rates';
    const columns = [
      { key: 'comparison', label: 'comparison' },
      { key: 'choices', label: 'choices' },
      { key: 'ties', label: 'ties' },
      { key: 'rate', label: 'chosen' },
      { key: 'p', label: 'p', digits: 4 },
      { key: 'adjustedP', label: 'p (Holm)', digits: 4 },
    ];
    const notes = [
      'Exact (Clopper–Pearson) 95 % intervals and two-sided exact tests against one half; ties are left out of both. Choices count as independent: where one person made many, the true intervals are wider.',
      `${rows.length} choices read = ${rates.reduce((sum, rate) => sum + rate.choices, 0)} kept + ${rows.filter(({ choice }) => choice === 'tie').length} ties.`,
    ];
    const rowsOfTable = rates.map(({ comparison, choices: n, ties, rate, p, adjustedP }) => ({
      comparison,
      choices: n,
      ties,
      rate,
      p,
      adjustedP,
    }));
    await giveTables(shell, flags, [{ title, columns, rows: rowsOfTable, notes }], { choices: rows.length });
  });
}
