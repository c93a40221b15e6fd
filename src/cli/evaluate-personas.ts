import { type Command, Option } from 'commander';
import { RunDirectory, writeFileDurably } from '../artifacts/run-directory.js';
import { UsageError } from '../core/errors.js';
import type { PersonaEvaluation } from '../pipeline/evaluate-personas.js';
import type { Shell } from './shell.js';

interface EvaluatePersonasFlags {
  readonly out: string;
  readonly personas?: string;
  readonly users: string;
  readonly candidates: string;
  readonly seed: string;
  readonly format: 'markdown' | 'json';
  readonly to?: string;
}

/** `evaluate personas`: whether personas tell what their people do, and pick them out. */
export function addEvaluatePersonas(evaluate: Command, shell: Shell): void {
  evaluate
    .command('personas')
    .description(
      'whether personas tell what their people do and pick out their own; the template stands beside a model',
    )
    .requiredOption('--out <dir>', 'folder of the run that the personas were written from')
    .option('--personas <file>', 'personas.jsonl (default: that of the run)')
    .option('--users <count>', 'people who are asked about, at the most', '4000')
    .option('--candidates <count>', 'groups among which a persona is to find its own', '10')
    .option('--seed <number>', 'start of every random draw', '1')
    .option('--to <file>', 'write the result as JSON as well')
    .addOption(new Option('--format <format>', 'what to print').choices(['markdown', 'json']).default('markdown'))
    .action(async (flags: EvaluatePersonasFlags) => {
      const run = await RunDirectory.open(flags.out, { create: false });
      const { evaluatePersonas } = await import('../pipeline/evaluate-personas.js');
      const result = await evaluatePersonas(run, {
        personasPath: flags.personas ?? `${run.stageFolder('verbalize')}/personas.jsonl`,
        users: wholeNumber('--users', flags.users, 1),
        candidates: wholeNumber('--candidates', flags.candidates, 2),
        seed: wholeNumber('--seed', flags.seed, 0),
      });
      if (flags.to) await writeFileDurably(flags.to, `${JSON.stringify(result, null, 2)}\n`);
      shell.print(flags.format === 'json' ? JSON.stringify(result) : asMarkdown(result));
    });
}

function wholeNumber(flag: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError('ERR_USAGE', `${flag}: expected a whole number from ${least}, got "${text}".`, { flag });
  return value;
}

function asMarkdown({
  ranking,
  matching,
  ownVersusOther,
  diversity,
  coverage,
  support,
  ...rest
}: PersonaEvaluation): string {
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  return [
    `${rest.personas} personas by ${rest.generator}; ${rest.testUsers} people, a fifth of their subreddits hidden; all subreddits ranked.`,
    '',
    '| ranking by | MRR (95 %) | Hits@10 | Hits@50 |',
    '|---|---|---|---|',
    ...Object.entries(ranking).map(
      ([
        method,
        {
          mrr,
          mrrInterval: [low, high],
          hitsAt10,
          hitsAt50,
        },
      ]) =>
        `| ${method} | ${mrr.toFixed(3)} (${low.toFixed(3)}–${high.toFixed(3)}) | ${hitsAt10.toFixed(3)} | ${hitsAt50.toFixed(3)} |`,
    ),
    '',
    '| written by | own group first among its nearest | by chance | own persona fits better than another | mean distance | distinct-2 |',
    '|---|---|---|---|---|---|',
    ...Object.entries(matching).map(
      ([writer, { top1, candidates, chance }]) =>
        `| ${writer} | ${percent(top1)} of ${candidates} | ${percent(chance)} | ${percent(ownVersusOther[writer].preferred)} | ${diversity[writer].meanDistance.toFixed(3)} | ${diversity[writer].distinct2.toFixed(3)} |`,
    ),
    '',
    `Claims: ${support.claims} published, ${percent(support.rate)} supported when checked again; ${percent(support.keptRate)} of those written were kept. Rows of evidence that the graph contradicts: ${support.rowsWrong}.`,
    `Coverage: ${percent(coverage.users)} of users have a persona; ${percent(coverage.links)} of all links fall on its evidence.`,
  ].join('\n');
}
