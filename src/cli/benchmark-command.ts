import { type Command, InvalidArgumentError } from 'commander';
import type { Shell } from './shell.js';
import { wholeNumber } from './whole-number.js';

interface BenchmarkFlags {
  readonly personas?: string;
  readonly run?: string;
  readonly later?: string;
  readonly prompts: string;
  readonly histories?: string;
  readonly pairs?: string;
  readonly perInterest: number;
  readonly heldOut: number;
  readonly minHistory: number;
  readonly maxHistory: number;
  readonly devShare: number;
  readonly minEvidenceUsers: number;
  readonly out: string;
  readonly seed: number;
  readonly json?: boolean;
}

/** `benchmark build`: personas, prompts, histories and choices, split without leaks. */
export function addBenchmark(program: Command, shell: Shell): void {
  program
    .command('benchmark')
    .description('make a benchmark of personas and prompts')
    .command('build')
    .description(
      'prompts for personas and users, with earlier prompts, choices and later behaviour; split without leaks',
    )
    .exitOverride()
    .showSuggestionAfterError()
    .option('--run <dir>', 'finished run whose personas are taken')
    .option('--personas <file>', 'personas.jsonl, instead of a run or of its own')
    .requiredOption('--prompts <file>', 'pool of prompts: id, prompt, visualInterest')
    .requiredOption('--out <dir>', 'folder of the benchmark')
    .option('--histories <file>', 'prompts that users wrote (as PIP): user, prompt, perhaps image, time, persona')
    .option('--pairs <file>', 'choices of users (as Pick-a-Pic): user_id, caption, model_0, model_1, label_0')
    .option('--later <dir>', 'run whose ingest read later input: what the people of each persona took up then')
    .option('--per-interest <count>', 'prompts of each visual interest for each persona', wholeNumber, 2)
    .option('--held-out <count>', 'last prompts of each user, to be rewritten', wholeNumber, 2)
    .option('--min-history <count>', 'earlier prompts that a user needs', wholeNumber, 3)
    .option('--max-history <count>', 'earlier prompts kept of each user', wholeNumber, 20)
    .option('--dev-share <share>', 'part of users, personas and prompts in dev, the rest being test', share, 0.2)
    .option('--min-evidence-users <count>', 'people behind a row of later behaviour, 10 at the least', wholeNumber, 10)
    .option('--seed <number>', 'start of every random draw', wholeNumber, 1)
    .option('--json', 'print one JSON object to stdout when done')
    .action((flags: BenchmarkFlags) => build(shell, flags));
}

async function build(shell: Shell, { personas, minEvidenceUsers, ...flags }: BenchmarkFlags): Promise<void> {
  const { UsageError } = await import('../core/errors.js');
  const path = personas ?? (flags.run && `${flags.run}/export/personas.jsonl`);
  if (path === undefined)
    throw new UsageError('ERR_USAGE', 'Name the personas with --run DIR or --personas FILE.', { flag: '--personas' });
  if (flags.later && !flags.run)
    throw new UsageError('ERR_USAGE', '--later needs --run, the run whose people are looked for.', { flag: '--run' });
  const { writeBenchmark } = await import('../pipeline/build-benchmark.js');
  const settings = { ...flags, personas: path, minUsers: Math.max(10, minEvidenceUsers) };
  const { counts, accounting } = await writeBenchmark(settings);
  if (flags.json) shell.print(JSON.stringify({ ok: true, out: flags.out, counts, accounting }));
  else
    for (const [split, files] of Object.entries(counts)) {
      const said = Object.entries(files).map(([file, rows]) => `${rows} in ${file}`);
      shell.log.info(`${flags.out}/${split}: ${said.join(', ')}`);
    }
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value < 1))
    throw new InvalidArgumentError(`expected a share from 0 to below 1, got "${text}".`);
  return value;
}
