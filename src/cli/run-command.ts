import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type Manifest, readManifest } from '../artifacts/manifest.js';
import { RunDirectory, writeFileDurably } from '../artifacts/run-directory.js';
import { InputError, messageOf, UsageError } from '../core/errors.js';
import { assertModelSettings } from '../llm/open-model.js';
import { configSchema, type RunConfig } from '../pipeline/config.js';
import { MINE_STAGES } from '../pipeline/mine.js';
import { runStages } from '../pipeline/run-stages.js';
import { type Job, STAGE_NAMES, type Stage, type StageName } from '../pipeline/stage.js';
import { apiKeyOf } from './api-key.js';
import { loadKey } from './key.js';
import { formatBytes, formatCount, formatSeconds, printable } from './progress.js';
import { resolveSettings } from './settings.js';
import type { Shell } from './shell.js';

/** Stages that compute for long without looking up. They keep no checkpoint, so to be ended at once costs them nothing. */
const IN_ONE_GO: readonly StageName[] = ['build-graph', 'embed', 'cluster'];

export interface CommonFlags {
  readonly out?: string;
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly from?: string;
  readonly until?: string;
  readonly force?: boolean | string[];
  readonly [setting: string]: unknown;
}

/**
 * `run`, and every stage on its own.
 *
 * @param inputs dumps and tables; absent where a stage of an existing run is asked for, which then keeps the settings
 *   the run was made with
 * @param only the one stage to run
 */
export async function runCommand(
  shell: Shell,
  inputs: readonly string[] | undefined,
  flags: CommonFlags,
  only?: StageName,
): Promise<void> {
  if (!flags.out) throw new UsageError('ERR_USAGE', 'Name the folder of the run with --out DIR.');
  const from = only ?? stageName(flags.from) ?? STAGE_NAMES[0];
  const until = only ?? stageName(flags.until) ?? STAGE_NAMES[STAGE_NAMES.length - 1];
  const force = flags.force === true ? [from] : (flags.force || []).map((name) => stageName(name) as StageName);
  if (flags.from && !only) force.push(...STAGE_NAMES.slice(STAGE_NAMES.indexOf(from)));

  // everything that can be refused is refused before anything is written
  const saved = inputs ? undefined : await readSaved(await RunDirectory.open(flags.out, { create: false }));
  const { config } = await resolveSettings(flags, shell.environment, flags.config, saved?.config);
  const named = inputs ?? saved?.inputs ?? [];
  const asked = await createJob(shell, named, config);
  if (inputs) await MINE_STAGES[0].external?.(asked);
  await assertModelSettings(config);

  const run = await RunDirectory.open(flags.out, { create: true });
  const unlock = run.lock();
  try {
    const job = await createJob(shell, named, config, true);
    await writeFileDurably(`${run.path}/config.json`, `${JSON.stringify({ inputs: job.inputs, config }, null, 2)}\n`);
    const begin = inputs ? 0 : STAGE_NAMES.indexOf(from);
    const stages = MINE_STAGES.filter(
      ({ name }) => STAGE_NAMES.indexOf(name) >= begin && STAGE_NAMES.indexOf(name) <= STAGE_NAMES.indexOf(until),
    );
    await runWithReport(shell, stages, job, run, force);
    const manifests = await readManifests(run);
    if (flags.json) shell.print(JSON.stringify({ ok: true, out: run.path, stages: manifests }));
    else if (until === 'export') await showPersonas(shell, run);
  } finally {
    unlock();
  }
}

/** Runs stages and says, stage by stage, what came of it. */
export async function runWithReport(
  { log, stop }: Shell,
  stages: readonly Stage[],
  job: Job,
  run: RunDirectory,
  force: readonly StageName[] = [],
): Promise<void> {
  await runStages(stages, job, run, {
    force,
    log,
    signal: stop.signal,
    onStage(stage, state, manifest) {
      stop.leaveToSystem(state === 'started' && IN_ONE_GO.includes(stage));
      if (state === 'skipped') log.info(`${stage}: unchanged`);
      if (state === 'finished' && manifest) log.info(describeStage(manifest));
      if (state === 'finished') for (const note of manifest?.notes ?? []) log.info(`  ${note}`);
    },
  });
}

/** What was asked for, with the secrets that it needs. Without `makeKey` nothing is written. */
export async function createJob(
  { environment, log }: Shell,
  inputs: readonly string[],
  config: RunConfig,
  makeKey = false,
): Promise<Job> {
  const { key, keyFingerprint, path, created } = await loadKey(config.keyFile, environment, makeKey);
  if (created) log.info(`A key of pseudonyms was made in ${path}; who deletes it unlinks every run made with it.`);
  const llmApiKey = await apiKeyOf(config, environment);
  return { config, inputs, secrets: { key, keyFingerprint, ...(llmApiKey && { llmApiKey }) } };
}

const savedSchema = z.object({ inputs: z.array(z.string()), config: configSchema.partial() });

/** The inputs and settings of the last command of a run. */
export async function readSaved(run: RunDirectory): Promise<{ inputs: string[]; config: Partial<RunConfig> }> {
  const path = `${run.path}/config.json`;
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return { inputs: [], config: {} };
  try {
    const { inputs, config } = savedSchema.parse(JSON.parse(text));
    return { inputs, config: config as Partial<RunConfig> };
  } catch (thrown) {
    const what = thrown instanceof z.ZodError ? thrown.issues[0].message : messageOf(thrown);
    throw new InputError(
      'ERR_CONFIG_FILE',
      `${path} was changed or is of another version: ${what}. Give inputs and settings again with: mine-personas run`,
      { path },
      { cause: thrown },
    );
  }
}

function stageName(name: string | undefined): StageName | undefined {
  if (name === undefined) return undefined;
  if ((STAGE_NAMES as readonly string[]).includes(name)) return name as StageName;
  throw new UsageError('ERR_USAGE', `There is no stage "${name}"; stages are ${STAGE_NAMES.join(', ')}.`, {
    stage: name,
  });
}

export async function readManifests(run: RunDirectory): Promise<Record<string, Manifest>> {
  const manifests: Record<string, Manifest> = {};
  for (const name of STAGE_NAMES) {
    const manifest = await readManifest(run.stageFolder(name));
    if (manifest) manifests[name] = manifest;
  }
  return manifests;
}

function describeStage({ stage, accounting, timings }: Manifest): string {
  const rows = accounting.map(({ unit, read, kept, dropped }) => {
    const reasons = Object.entries(dropped).filter(([, n]) => n > 0);
    const lost =
      reasons.length === 0 ? '' : `, dropped ${reasons.map(([reason, n]) => `${formatCount(n)} ${reason}`).join(', ')}`;
    return ` · ${formatCount(read)} ${unit} read, ${formatCount(kept)} kept${lost}`;
  });
  return `${stage}: ${formatSeconds(timings.wallSeconds)}, ${formatBytes(timings.peakRssBytes)}${rows.join('')}`;
}

/** Where the result lies, and what the first personas say. */
async function showPersonas({ log }: Shell, run: RunDirectory): Promise<void> {
  const file = `${run.stageFolder('export')}/personas.jsonl`;
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  log.info(`\n${lines.length} personas in ${file}`);
  for (const line of lines.slice(0, 3)) {
    const persona = JSON.parse(line) as { title: string; summary: string; size: { users: number } };
    log.info(
      `\n${printable(persona.title)} (${formatCount(persona.size.users)} users)\n  ${printable(persona.summary)}`,
    );
  }
}
