import { RunDirectory } from '../artifacts/run-directory.js';
import { formatCount } from './progress.js';
import { type CommonFlags, readSaved } from './run-command.js';
import { resolveSettings } from './settings.js';
import type { Shell } from './shell.js';

export interface BatchFlags {
  readonly emitBatch?: string;
  readonly ingestBatch?: string[];
}

/** `verbalize --emit-batch DIR`: requests as files for a batch service, instead of asking. */
export async function emitBatchCommand(shell: Shell, flags: CommonFlags, folder: string): Promise<void> {
  const { run, config } = await openRun(shell, flags);
  const { emitPersonaBatch } = await import('../pipeline/persona-requests.js');
  const unlock = run.lock();
  const emitted = await emitPersonaBatch(run, config, folder).finally(unlock);
  shell.log.info(
    `${formatCount(emitted.requests)} requests in ${emitted.files.length} files below ${folder}; ${formatCount(emitted.known)} left out, as their replies are recorded`,
  );
  if (flags.json) shell.print(JSON.stringify({ ok: true, ...emitted }));
}

/** `verbalize --ingest-batch FILE...`: records what a batch service answered. The run of the stage comes after it. */
export async function ingestBatchCommand(shell: Shell, flags: CommonFlags, paths: readonly string[]): Promise<void> {
  const { run, config } = await openRun(shell, flags);
  const { ingestPersonaBatch } = await import('../pipeline/persona-requests.js');
  const unlock = run.lock();
  const { read, kept, dropped } = await ingestPersonaBatch(run, config, paths).finally(unlock);
  const lost = Object.entries(dropped).filter(([, n]) => n > 0);
  shell.log.info(
    `${formatCount(read)} results read, ${formatCount(kept)} replies recorded${lost.map(([reason, n]) => `, ${formatCount(n)} ${reason}`).join('')}`,
  );
}

async function openRun(shell: Shell, flags: CommonFlags) {
  const run = await RunDirectory.open(flags.out as string, { create: false });
  const saved = await readSaved(run);
  const { config } = await resolveSettings(flags, shell.environment, flags.config, saved.config);
  return { run, config };
}
