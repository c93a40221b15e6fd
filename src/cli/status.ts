import { RunDirectory } from '../artifacts/run-directory.js';
import { messageOf } from '../core/errors.js';
import { MINE_STAGES } from '../pipeline/mine.js';
import { type StageState, stageState } from '../pipeline/run-stages.js';
import type { Job } from '../pipeline/stage.js';
import { formatBytes, formatSeconds } from './progress.js';
import { createJob, readSaved } from './run-command.js';
import { resolveSettings } from './settings.js';
import type { Shell } from './shell.js';

/** `status`: which stages of a run are done, which must run again and why. */
export async function status(shell: Shell, flags: { readonly out: string; readonly json?: boolean }): Promise<void> {
  const run = await RunDirectory.open(flags.out, { create: false });
  const saved = await readSaved(run);
  const { config } = await resolveSettings({}, {}, undefined, saved.config);
  const job = await createJob(shell, saved.inputs, config);
  const states = await stageStates(job, run);
  if (flags.json) {
    const stages = states.map(({ stage, stale, manifest }) => ({
      stage: stage.name,
      done: !stale,
      stale: stale ?? null,
      timings: manifest?.timings ?? null,
    }));
    shell.print(JSON.stringify({ out: run.path, inputs: saved.inputs, stages }));
    return;
  }
  for (const state of states) shell.print(describeState(state));
}

/** The state of every stage of a run. What depends on a stage that must run again may have to follow it. */
export async function stageStates(job: Job, run: RunDirectory): Promise<StageState[]> {
  const states: StageState[] = [];
  for (const stage of MINE_STAGES) {
    const state: StageState = await stageState(stage, job, run).catch((thrown) => ({
      stage,
      stale: messageOf(thrown),
    }));
    const first = states.find((earlier) => earlier.stale && stage.inputs.includes(earlier.stage.name));
    states.push(first && !state.stale ? { ...state, stale: `depends on ${first.stage.name}` } : state);
  }
  return states;
}

export function describeState({ stage, stale, manifest }: StageState): string {
  const last = manifest
    ? ` (last: ${formatSeconds(manifest.timings.wallSeconds)}, ${formatBytes(manifest.timings.peakRssBytes)})`
    : '';
  return `${stage.name.padEnd(12)} ${stale ? `to do: ${stale}` : 'done'}${last}`;
}
