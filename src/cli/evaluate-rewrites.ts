import type { Command } from 'commander';
import { Option } from 'commander';
import type { EvaluateFlags } from './evaluate-output.js';
import { giveTables, withOutput } from './evaluate-output.js';
import type { Shell } from './shell.js';

interface Flags extends EvaluateFlags {
  readonly rewrites: string[];
  readonly personas: string;
  readonly unit: 'prompt' | 'persona';
}

/** `evaluate rewrites`: guards, diversity and persona lift in words; needs no image. */
export function addEvaluateRewrites(evaluate: Command, shell: Shell): void {
  const command = evaluate
    .command('rewrites')
    .description('what rewrites keep, add and owe to their personas, by model; needs no image')
    .requiredOption('--rewrites <file...>', 'prompts.jsonl of one or more models, made with --baseline')
    .requiredOption('--personas <file>', 'personas.jsonl they were made with')
    .addOption(new Option('--unit <unit>', 'what is resampled').choices(['prompt', 'persona']).default('prompt'));
  withOutput(command).action(async (flags: Flags) => {
    const { readAllJsonLines } = await import('../artifacts/jsonl.js');
    const { Random } = await import('../core/random.js');
    const { rewriteTables } = await import('../evaluation/rewrite-measures.js');
    const { readPersonas } = await import('../pipeline/prompt-files.js');
    const { rewriteSchema } = await import('../rewriting/rewrite.js');
    const lines = (await Promise.all(flags.rewrites.map((path) => readAllJsonLines(path, rewriteSchema)))).flat();
    const tables = rewriteTables(lines, await readPersonas(flags.personas), {
      replicates: flags.replicates,
      random: new Random(flags.seed),
      unit: flags.unit,
    });
    await giveTables(shell, flags, tables, { rewrites: lines.length });
  });
}
