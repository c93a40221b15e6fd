import { type Command, Option } from 'commander';
import { RunDirectory, writeFileDurably } from '../artifacts/run-directory.js';
import type { EvidenceTest, Paired } from '../evaluation/attention.js';
import { readSaved } from './run-command.js';
import { resolveSettings } from './settings.js';
import type { Shell } from './shell.js';

interface EvaluateAttentionFlags {
  readonly out: string;
  readonly users: string;
  readonly as: 'markdown' | 'json' | 'csv';
  readonly to?: string;
}

/** `evaluate attention`: whether what users attend to is what their vectors rest on. */
export function addEvaluateAttention(evaluate: Command, shell: Shell): void {
  evaluate
    .command('attention')
    .description('deletion and insertion tests: is attention better evidence than TF-IDF or chance?')
    .requiredOption('--out <dir>', 'folder of a run that has its encoder')
    .option('--users <count>', 'people with ten links or more who are tested, at the most', '500')
    .addOption(new Option('--as <kind>', 'of the table').choices(['markdown', 'json', 'csv']).default('markdown'))
    .option('--to <file>', 'write the table there instead of to stdout')
    .option('--quiet', 'no progress, only warnings and errors')
    .option('--debug', 'show where errors come from')
    .action((flags: EvaluateAttentionFlags) => evaluateAttention(shell, flags));
}

async function evaluateAttention(shell: Shell, flags: EvaluateAttentionFlags): Promise<void> {
  const run = await RunDirectory.open(flags.out, { create: false });
  const saved = await readSaved(run);
  const { config } = await resolveSettings({}, shell.environment, undefined, saved.config);
  const { runAttentionEvaluation } = await import('../pipeline/evaluate-attention.js');
  const result = await runAttentionEvaluation(run, config, Number(flags.users) || 500, shell.log);
  const text =
    flags.as === 'json' ? JSON.stringify(result, null, 2) : flags.as === 'csv' ? csv(result) : markdown(result);
  if (flags.to) await writeFileDurably(flags.to, `${text}\n`);
  else shell.print(text);
}

function markdown({ users, areas }: EvidenceTest): string {
  const show = ({ mean, low, high }: { mean: number; low: number; high: number }) =>
    `${mean.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;
  const cells = ({ area, minusAttention }: Paired, order: string) =>
    `${show(area)} | ${order === 'attention' ? '' : show(minusAttention)}`;
  const lines = areas.map(
    ({ test, order, cosine, linkScore }) =>
      `| ${test} | ${order} | ${cells(cosine, order)} | ${cells(linkScore, order)} |`,
  );
  return [
    `${users} people. Areas under the curves of the cosine to the vector of all links, and of the score of the first 20 recommended against what all links give them (nats); deletion: less is better, insertion: more. 95 % intervals.`,
    '',
    '| test | order | cosine | minus attention, paired | link score | minus attention, paired |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

function csv({ points }: EvidenceTest): string {
  const lines = points.map(({ test, order, share, cosine, linkScore }) =>
    [test, order, share, cosine.mean, cosine.low, cosine.high, linkScore.mean, linkScore.low, linkScore.high].join(','),
  );
  return ['test,order,share,cosine,cosine_low,cosine_high,link_score,link_score_low,link_score_high', ...lines].join(
    '\n',
  );
}
