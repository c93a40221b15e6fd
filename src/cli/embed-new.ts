import { resolve } from 'node:path';
import { readManifest } from '../artifacts/manifest.js';
import { RunDirectory, writeFileDurably } from '../artifacts/run-directory.js';
import { UsageError } from '../core/errors.js';
import { embedNewStages } from '../pipeline/embed-new.js';
import { type CommonFlags, createJob, readManifests, readSaved, runWithReport } from './run-command.js';
import { resolveSettings } from './settings.js';
import type { Shell } from './shell.js';

export interface EmbedNewFlags extends CommonFlags {
  readonly model?: string;
  readonly input?: string[];
}

/**
 * `embed --model RUN --input NEW... --out DIR`: vectors of people the model has never seen, in one pass.
 *
 * Settings are those of the model's run unless given again, the key of pseudonyms among them.
 */
export async function embedNew(shell: Shell, flags: EmbedNewFlags): Promise<void> {
  if (!flags.model || !flags.input || !flags.out)
    throw new UsageError(
      'ERR_USAGE',
      'To embed new people give all three: --model RUN, --input FILE... and --out DIR, a folder of its own.',
    );
  if (resolve(flags.model) === resolve(flags.out))
    throw new UsageError('ERR_USAGE', '--out must be another folder than --model: the model’s run is only read.');
  const model = await RunDirectory.open(flags.model, { create: false });
  const stages = await embedNewStages(model);
  const saved = await readSaved(model);
  const { config } = await resolveSettings(flags, shell.environment, flags.config, saved.config);
  const asked = await createJob(shell, flags.input, config);
  await stages[0].external?.(asked); // what cannot be read is refused before anything is written

  const run = await RunDirectory.open(flags.out, { create: true });
  const unlock = run.lock();
  try {
    const job = await createJob(shell, flags.input, config, true);
    const inputs = flags.input;
    await writeFileDurably(`${run.path}/config.json`, `${JSON.stringify({ inputs, config }, null, 2)}\n`);
    await warnOfOtherKey(shell, model, job.secrets.keyFingerprint);
    await runWithReport(shell, stages, job, run, flags.force ? ['ingest', 'build-graph', 'embed'] : []);
    if (flags.json) shell.print(JSON.stringify({ ok: true, out: run.path, stages: await readManifests(run) }));
    else shell.log.info(`vectors in ${run.stageFolder('embed')}`);
  } finally {
    unlock();
  }
}

async function warnOfOtherKey({ log }: Shell, model: RunDirectory, fingerprint: string): Promise<void> {
  const files = (await readManifest(model.stageFolder('ingest')))?.inputs['files'] as { key?: string } | undefined;
  if (files?.key !== undefined && files.key !== fingerprint)
    log.warn('Another key of pseudonyms than the model’s: people in both cannot be recognised. See --key-file.');
}
