import { readdir } from 'node:fs/promises';
import {
  assertAccounting,
  hashFile,
  hashValue,
  type Manifest,
  outputsHash,
  readManifest,
} from '../artifacts/manifest.js';
import { explainSystemError, fileBytes, type RunDirectory, writeFileDurably } from '../artifacts/run-directory.js';
import { InputError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { Random } from '../core/random.js';
import { PACKAGE_VERSION } from './package-version.js';
import type { Job, Stage, StageContext, StageName } from './stage.js';

export interface StageState {
  readonly stage: Stage;
  readonly manifest?: Manifest; // of the last finished run
  readonly fingerprint?: string; // absent while an input is stale: it cannot be known yet
  readonly stale?: string; // why the stage must run; absent where it need not
}

export interface RunStagesOptions {
  readonly force?: readonly StageName[];
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onStage?: (stage: StageName, state: 'skipped' | 'started' | 'finished', manifest?: Manifest) => void;
}

/**
 * Runs the stages in order; skips those whose inputs, settings and version are unchanged. A stage that was killed goes
 * on from its last checkpoint.
 */
export async function runStages(
  stages: readonly Stage[],
  job: Job,
  run: RunDirectory,
  options: RunStagesOptions,
): Promise<void> {
  for (const stage of stages) {
    options.signal.throwIfAborted();
    const state = await stageState(stage, job, run, options.force?.includes(stage.name));
    if (!state.stale) {
      await run.discardAttempt(stage.name); // a kill may have come between its last two steps
      options.onStage?.(stage.name, 'skipped', state.manifest);
      continue;
    }
    if (!state.fingerprint)
      throw new InputError(
        'ERR_STAGE_MISSING',
        `${stage.name}: ${state.stale}. Run it first, or use: mine-personas run`,
        { stage: stage.name },
      );
    options.onStage?.(stage.name, 'started');
    const manifest = await runStage(stage, state.fingerprint, job, run, options).catch((thrown) => {
      throw explainSystemError(thrown, run.path);
    });
    options.onStage?.(stage.name, 'finished', manifest);
  }
}

/** Says whether a stage must run, and why. */
export async function stageState(stage: Stage, job: Job, run: RunDirectory, force = false): Promise<StageState> {
  const manifest = await readManifest(run.stageFolder(stage.name));
  const inputs: Record<string, unknown> = {};
  for (const name of stage.inputs) {
    const input = await readManifest(run.stageFolder(name));
    if (!input) return { stage, stale: `${name} has not finished`, ...(manifest && { manifest }) };
    inputs[name] = outputsHash(input);
  }
  if (stage.external) inputs['files'] = await stage.external(job);
  const depends = {
    stage: stage.name,
    version: stage.version,
    seed: job.config.seed,
    config: stage.config(job.config),
    inputs,
  };
  const fingerprint = hashValue(depends);
  const stale = force ? 'asked for' : await whyStale(stage, manifest, depends, fingerprint, run);
  return { stage, fingerprint, ...(manifest && { manifest }), ...(stale && { stale }) };
}

async function whyStale(
  stage: Stage,
  manifest: Manifest | undefined,
  depends: { version: number; seed: number; config: unknown; inputs: unknown },
  fingerprint: string,
  run: RunDirectory,
): Promise<string | undefined> {
  if (!manifest) return 'has not run yet';
  for (const [file, { bytes }] of Object.entries(manifest.outputs))
    if ((await fileBytes(`${run.stageFolder(stage.name)}/${file}`)) !== bytes)
      return `${file} is missing or was changed`;
  if (manifest.fingerprint === fingerprint) return undefined;
  if (manifest.stageVersion !== depends.version) return 'the program changed';
  if (hashValue(manifest.inputs) !== hashValue(depends.inputs)) return 'its inputs changed';
  return 'its settings changed';
}

async function runStage(
  stage: Stage,
  fingerprint: string,
  job: Job,
  run: RunDirectory,
  options: RunStagesOptions,
): Promise<Manifest> {
  const { folder, scratch, cache } = await run.beginStage(stage.name, fingerprint);
  const inputs = new Map<StageName, { folder: string; manifest: Manifest }>();
  for (const name of stage.inputs)
    inputs.set(name, {
      folder: run.stageFolder(name),
      manifest: (await readManifest(run.stageFolder(name))) as Manifest,
    });

  const startedUtc = new Date().toISOString();
  const wallStart = process.hrtime.bigint();
  const cpuStart = process.resourceUsage();
  const context: StageContext = {
    ...job,
    folder,
    runFolder: run.path,
    scratch,
    cache,
    random: new Random(job.config.seed).fork(stage.name),
    log: options.log,
    signal: options.signal,
    input: (name) => inputs.get(name) ?? neverDeclared(stage.name, name),
  };
  const summary = await stage.run(context);
  assertAccounting(stage.name, summary.accounting ?? []);

  const outputs: Manifest['outputs'] = {};
  for (const file of (await readdir(folder)).sort()) {
    const rows = summary.rows?.[file];
    outputs[file] = {
      bytes: await fileBytes(`${folder}/${file}`),
      sha256: await hashFile(`${folder}/${file}`),
      ...(rows !== undefined && { rows }),
    };
  }
  const cpuEnd = process.resourceUsage();
  const external = stage.external ? { files: await stage.external(job) } : {};
  const manifest: Manifest = {
    format: 'mine-personas/stage',
    formatVersion: 1,
    stage: stage.name,
    stageVersion: stage.version,
    fingerprint,
    seed: job.config.seed,
    config: { ...stage.config(job.config) },
    inputs: {
      ...Object.fromEntries([...inputs].map(([name, input]) => [name, outputsHash(input.manifest)])),
      ...external,
    },
    outputs,
    accounting: [...(summary.accounting ?? [])],
    counts: { ...summary.counts },
    notes: [...(summary.notes ?? [])],
    environment: {
      package: PACKAGE_VERSION,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      ...(summary.engine && { engine: summary.engine }),
    },
    timings: {
      startedUtc,
      wallSeconds: Number(process.hrtime.bigint() - wallStart) / 1e9,
      cpuSeconds: (cpuEnd.userCPUTime + cpuEnd.systemCPUTime - cpuStart.userCPUTime - cpuStart.systemCPUTime) / 1e6,
      peakRssBytes: cpuEnd.maxRSS * 1024, // of the process so far
    },
  };
  await writeFileDurably(`${folder}/manifest.json`, `${JSON.stringify(manifest, null, 2)}\n`);
  await run.finishStage(stage.name);
  return manifest;
}

function neverDeclared(stage: StageName, name: StageName): never {
  throw new Error(`stage ${stage} reads ${name} without naming it among its inputs`);
}
