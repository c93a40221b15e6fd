import { configSchema, type RunConfig } from '../pipeline/config.js';
import { type RewriteSummary, rewriteAll } from '../pipeline/rewrite.js';
import { apiKeyOf } from './api-key.js';
import { formatCount } from './progress.js';
import { resolveSettings } from './settings.js';
import type { Shell } from './shell.js';

/** The settings of language models, which rewriting shares with verbalize, and the seed. */
export const MODEL_SETTINGS = (Object.keys(configSchema.shape) as (keyof RunConfig)[]).filter(
  (key) => (/^llm/.test(key) && key !== 'llmPrompt') || ['seed', 'maxCalls', 'maxCost'].includes(key),
);

export interface RewriteFlags {
  readonly personas: string;
  readonly prompts: string;
  readonly out: string;
  readonly history?: string;
  readonly shots: number;
  readonly baseline?: boolean;
  readonly emitBatch?: string;
  readonly ingestBatch?: string[];
  readonly config?: string;
  readonly json?: boolean;
  readonly [setting: string]: unknown;
}

/** `rewrite`: prompts from the point of view of personas. */
export async function rewriteCommand(shell: Shell, flags: RewriteFlags): Promise<void> {
  const { config } = await resolveSettings(flags, shell.environment, flags.config);
  const summary = await rewriteAll(
    {
      personas: flags.personas,
      prompts: flags.prompts,
      out: flags.out,
      history: flags.history,
      shots: flags.shots,
      baseline: flags.baseline === true,
      seed: config.seed,
      temperature: config.llmTemperature,
      llm: config,
      apiKey: await apiKeyOf(config, shell.environment),
      emitBatch: flags.emitBatch,
      ingestBatch: flags.ingestBatch,
    },
    shell.log,
    shell.stop.signal,
  );
  if (flags.json) shell.print(JSON.stringify({ ok: true, ...summary }));
  else if (!flags.emitBatch) shell.log.info(describe(summary));
}

function describe({ out, unchanged, lines, byStatus, firstProblems, calls }: RewriteSummary): string {
  const { accepted, repaired, rejected, failed } = byStatus;
  const refused = Object.entries(firstProblems).map(([reason, count]) => `${formatCount(count)} ${reason}`);
  return (
    `${out}: ${unchanged ? 'unchanged, ' : ''}${formatCount(lines)} lines = ${formatCount(accepted)} accepted + ${formatCount(repaired)} repaired + ` +
    `${formatCount(rejected)} rejected + ${formatCount(failed)} failed${calls > 0 ? ` · ${formatCount(calls)} calls` : ''}` +
    `${refused.length > 0 ? ` · first replies refused: ${refused.join(', ')}` : ''}`
  );
}
