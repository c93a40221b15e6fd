import { type Command, Option } from 'commander';
import { RunDirectory, writeFileDurably } from '../artifacts/run-directory.js';
import { UsageError } from '../core/errors.js';
import type { LinkQuestion, LinksOptions } from '../pipeline/evaluate-links.js';
import { readSaved } from './run-command.js';
import { addSettingFlags, resolveSettings } from './settings.js';
import type { Shell } from './shell.js';

interface EvaluateLinksFlags {
  readonly out: string;
  readonly protocol: string;
  readonly truth?: string;
  readonly given?: string;
  readonly baselines?: boolean;
  readonly ladder?: boolean;
  readonly users: string;
  readonly k: string;
  readonly rankedMinUsers: string;
  readonly as: 'markdown' | 'json' | 'csv';
  readonly to?: string;
  readonly config?: string;
  readonly [setting: string]: unknown;
}

/** `evaluate links`: how well links that were hidden are predicted. */
export function addEvaluateLinks(evaluate: Command, shell: Shell): void {
  const command = evaluate
    .command('links')
    .description('how well hidden links are predicted: full ranking, posting accuracy, intervals, baselines')
    .requiredOption('--out <dir>', 'folder of a run that has its graph')
    .option(
      '--protocol <names>',
      'random, cold, time; comma-separated. The encoder is trained anew on each split',
      'random,cold',
    )
    .option('--truth <file>', 'table of links from outside: asks the finished run instead of training on splits')
    .option('--given <file>', 'table of links that people of --truth are embedded from; without it, those of the run')
    .option('--baselines', 'popularity, item-kNN, SVD, GF-CF, EASE, LightGCN, GraphSAGE and GAT beside it')
    .option(
      '--ladder',
      "the paper's ablation beside it: TF-IDF, LightGCN, GraphSAGE and GAT, with ImageAlign where --image-vectors are given",
    )
    .option('--users <count>', 'people who are asked about, at the most', '4000')
    .option('--k <counts>', 'links given to unseen people, comma-separated', '1,2,3,5,10,20')
    .option('--ranked-min-users <count>', 'subreddits with fewer users are not ranked', '10')
    .addOption(
      new Option('--as <kind>', 'of the table that is written')
        .choices(['markdown', 'json', 'csv'])
        .default('markdown'),
    )
    .option('--to <file>', 'write the table there instead of to stdout')
    .option('--config <file>', 'settings as JSON')
    .option('--quiet', 'no progress, only warnings and errors')
    .option('--debug', 'show where errors come from');
  addSettingFlags(command).action((flags: EvaluateLinksFlags) => evaluateLinks(shell, flags));
}

async function evaluateLinks(shell: Shell, flags: EvaluateLinksFlags): Promise<void> {
  const options = optionsOf(flags);
  const run = await RunDirectory.open(flags.out, { create: false });
  const saved = await readSaved(run);
  const { config } = await resolveSettings(flags, shell.environment, flags.config, saved.config);
  const { runLinkEvaluation } = await import('../pipeline/evaluate-links.js');
  const { createJob } = await import('./run-command.js');
  const job = await createJob(shell, [], config);
  const results = await runLinkEvaluation(run, job, options, {
    log: shell.log,
    signal: shell.stop.signal,
    now: () => performance.now() / 1000,
  });
  const { linkTableCsv, linkTableMarkdown } = await import('../evaluation/links/evaluate.js');
  const text =
    flags.as === 'json'
      ? JSON.stringify(results, null, 2)
      : flags.as === 'csv'
        ? linkTableCsv(results)
        : linkTableMarkdown(results);
  if (flags.to) await writeFileDurably(flags.to, `${text}\n`);
  else shell.print(text);
}

function optionsOf(flags: EvaluateLinksFlags): LinksOptions {
  const protocols = flags.protocol.split(',');
  for (const name of protocols)
    if (!['random', 'cold', 'time'].includes(name))
      throw new UsageError('ERR_USAGE', `--protocol is random, cold or time, got "${name}".`, { protocol: name });
  if (flags.given && !flags.truth)
    throw new UsageError('ERR_USAGE', '--given goes with --truth, the links that are to be predicted.');
  const question: LinkQuestion = flags.truth
    ? { truth: flags.truth, ...(flags.given && { given: flags.given }) }
    : { protocols, counts: flags.k.split(',').map((k) => whole('--k', k)) };
  return {
    question,
    maxUsers: whole('--users', flags.users),
    rankedMinUsers: whole('--ranked-min-users', flags.rankedMinUsers),
    baselines: flags.baselines === true,
    ladder: flags.ladder === true,
  };
}

function whole(flag: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new UsageError('ERR_USAGE', `${flag} wants whole numbers from 1 on, got "${text}".`, { flag, got: text });
}
