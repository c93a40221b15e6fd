import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { RunDirectory } from '../artifacts/run-directory.js';
import { costOf } from '../llm/budget.js';
import { priceOf } from '../llm/open-model.js';
import type { RunConfig } from '../pipeline/config.js';
import { MINE_STAGES } from '../pipeline/mine.js';
import type { StageState } from '../pipeline/run-stages.js';
import { resolveInputs } from '../reddit/inputs.js';
import { formatBytes, formatCount } from './progress.js';
import { type CommonFlags, createJob } from './run-command.js';
import { resolveSettings } from './settings.js';
import type { Shell } from './shell.js';
import { describeState, stageStates } from './status.js';

/** What compressed dumps swell to, and bytes of a line: both from recent months; old ones are smaller. */
const DUMP_RATIO = 11;
const BYTES_PER_LINE = 1800;
/** Lines that a file gives in a second, its decoder beside it: measured, rounded down. */
const LINES_PER_SECOND = 300_000;
/** Memory of a zstd decoder with the window that dumps ask for. */
const WINDOW_BYTES = 2.2e9;
/** Tokens of a prompt and of a reply for one persona, at the most. */
const PROMPT_TOKENS = 3000;
const REPLY_TOKENS = 2000;

/** `plan`: what a run would do and need. Estimates are called so; nothing is written. */
export async function plan(shell: Shell, inputs: readonly string[], flags: CommonFlags): Promise<void> {
  const { config } = await resolveSettings(flags, shell.environment, flags.config);
  const files = await resolveInputs(inputs, shell.log, config.onBadFile === 'skip');
  const job = await createJob(shell, inputs, config);
  const run = await RunDirectory.open(flags.out as string, { create: false }).catch(() => undefined);
  const states: StageState[] = run
    ? await stageStates(job, run)
    : MINE_STAGES.map((stage) => ({ stage, stale: 'has not run yet' }));

  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const compressed = files
    .filter(({ path }) => /\.(zst|gz|bz2|xz)$/.test(path))
    .reduce((sum, file) => sum + file.bytes, 0);
  const lines = (bytes - compressed + compressed * DUMP_RATIO) / BYTES_PER_LINE;
  const readers = Math.min(config.threads, files.length);
  const maxPersonas = config.clusters === 'auto' ? 64 : config.clusters;
  const llm = await planModel(run, config, maxPersonas);
  const facts = {
    inputFiles: files.length,
    inputBytes: bytes,
    estimatedLines: Math.round(lines),
    estimatedIngestSeconds: Math.round(lines / LINES_PER_SECOND / readers),
    estimatedPeakMemoryBytes: Math.round(0.4e9 + readers * (compressed > 0 ? WINDOW_BYTES : 0)),
    estimatedDiskBytes: Math.round(lines * 60),
    freeDiskBytes: await freeSpace(flags.out as string),
    llm: { kind: config.llm, ...llm, server: config.llm === 'template' ? null : (config.llmBaseUrl ?? null) },
  };
  if (flags.json) {
    shell.print(
      JSON.stringify({
        ...facts,
        stages: states.map(({ stage, stale }) => ({ stage: stage.name, todo: Boolean(stale), why: stale ?? null })),
      }),
    );
    return;
  }
  shell.print(
    `input        ${files.length} files, ${formatBytes(bytes)}; about ${formatCount(facts.estimatedLines)} lines (estimate)`,
  );
  shell.print(
    `ingest       about ${formatCount(facts.estimatedIngestSeconds)} s with ${readers} files at a time (estimate)`,
  );
  shell.print(`memory       up to ${formatBytes(facts.estimatedPeakMemoryBytes)} while reading (estimate)`);
  shell.print(
    `disk         about ${formatBytes(facts.estimatedDiskBytes)} (estimate), ${facts.freeDiskBytes === null ? 'free space unknown' : `${formatBytes(facts.freeDiskBytes)} free`}`,
  );
  shell.print(
    config.llm === 'template'
      ? 'llm          template: no calls, no cost'
      : `llm          ${llm.exact ? '' : 'at the most '}${formatCount(llm.calls)} calls to ${facts.llm.server ?? config.llm} (${formatCount(llm.known)} recorded already), ` +
          `about ${formatCount(llm.inputTokens)} tokens in and at the most ${formatCount(llm.outputTokensAtMost)} out; ` +
          `${llm.costAtMost === null ? 'no price known: name a table with --llm-prices' : `cost at the most ${llm.costAtMost.toFixed(4)}`}`,
  );
  for (const state of states) shell.print(describeState(state));
}

/** Calls, tokens and cost of the language model: exact once there are clusters, else for as many as there may be. */
async function planModel(run: RunDirectory | undefined, config: RunConfig, maxPersonas: number) {
  if (config.llm === 'template')
    return { exact: true, calls: 0, known: 0, inputTokens: 0, outputTokensAtMost: 0, costAtMost: 0 };
  const { evidenceInputs, planPersonas } = await import('../pipeline/persona-requests.js');
  const input = run && (await evidenceInputs(run));
  if (run && input) return { exact: true, ...(await planPersonas(run, input, config)) };
  const usage = { inputTokens: maxPersonas * PROMPT_TOKENS, outputTokens: maxPersonas * REPLY_TOKENS };
  const price = await priceOf(config, config.llmModel ?? config.llm);
  return {
    exact: false,
    calls: maxPersonas,
    known: 0,
    inputTokens: usage.inputTokens,
    outputTokensAtMost: usage.outputTokens,
    costAtMost: costOf(usage, price),
  };
}

/** Room where a folder is to be made: asked of the nearest folder above it that exists. */
async function freeSpace(path: string): Promise<number | null> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const space = await statfs(folder).catch(() => undefined);
    if (space) return space.bavail * space.bsize;
    if (folder === dirname(folder)) return null;
  }
}
