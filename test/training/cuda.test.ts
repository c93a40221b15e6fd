import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { StopRequested } from '../../src/core/errors.js';
import { silentLog } from '../../src/core/log.js';
import { Random } from '../../src/core/random.js';
import type { CudaBackend } from '../../src/kernels/cuda/backend.js';
import { type EngineName, useEngine } from '../../src/kernels/register.js';
import { type Checkpoint, type TrainedModel, type TrainingOptions, trainEncoder } from '../../src/training/trainer.js';
import { emulatedCuda } from '../kernels/cuda/emulated-driver.js';
import { plantedGraph } from './planted.js';

const OPTIONS: TrainingOptions = {
  dim: 8,
  heads: 2,
  layers: 2,
  fanout: [6, 3],
  batchUsers: 32,
  maxEpochs: 2,
  patience: 2,
  learningRate: 0.02,
  weightDecay: 0.05,
  temperature: 1,
  candidates: 16,
  smoothingNeighbors: 4,
  validationUsers: 20,
  embedFanout: 16,
};
const graph = plantedGraph(120, 24, 3, 1);

interface Left {
  readonly model?: TrainedModel; // absent where it was stopped
  readonly checkpoint: Checkpoint;
  readonly hostCalls: readonly string[]; // during steps
}

/** Trains, or stops after `steps` steps as Ctrl-C does. */
async function train(engine: EngineName, steps = Number.POSITIVE_INFINITY, resumeFrom?: Checkpoint): Promise<Left> {
  await useEngine(engine);
  const { hostCalls } = tf.backend() as CudaBackend;
  const stop = new AbortController();
  let taken = 0;
  let checkpoint: Checkpoint | undefined;
  const duringSteps = new Set<string>();
  hostCalls?.clear();
  const hooks = {
    log: {
      ...silentLog,
      progress() {
        for (const name of hostCalls?.keys() ?? []) duringSteps.add(name);
        if (++taken === steps) stop.abort(new StopRequested());
      },
    },
    signal: stop.signal,
    isCheckpointDue: () => false,
    async saveCheckpoint(saved: Checkpoint) {
      checkpoint = structuredClone(saved);
      hostCalls?.clear(); // what validation called
    },
    ...(resumeFrom && { resumeFrom }),
  };
  const model = await trainEncoder(graph, OPTIONS, new Random(1), hooks).catch((thrown) => {
    if (thrown instanceof StopRequested) return undefined;
    throw thrown;
  });
  return { ...(model && { model }), checkpoint: checkpoint as Checkpoint, hostCalls: [...duringSteps] };
}

describe.skipIf(emulatedCuda() === undefined)('training on cuda', () => {
  it('learns what the reference learns, with every operation of a step on the device', async () => {
    const cuda = await train('cuda');
    const reference = await train('reference');
    expect(cuda.hostCalls).toEqual([]);
    const losses = (left: Left) => left.model?.history.map(({ loss }) => loss ?? 0) ?? [];
    losses(reference).forEach((loss, epoch) => {
      expect(losses(cuda)[epoch]).toBeCloseTo(loss, 4);
    });
    for (const [name, { values, shape }] of reference.checkpoint.current) {
      const got = cuda.checkpoint.current.get(name);
      expect(got?.shape).toEqual(shape);
      const error = Math.hypot(...values.map((x, i) => x - (got?.values[i] as number))) / Math.hypot(...values, 1e-6);
      expect({ name, near: error < 0.02, error }).toEqual({ name, near: true, error });
    }
  });

  it('gives the same bytes again, and after a stop and a resume, and leaves no memory behind', async () => {
    await useEngine('cuda');
    const { device } = tf.backend() as CudaBackend;
    const whole = await train('cuda');
    const before = device.bytesInUse;
    const stopped = await train('cuda', 5);
    expect(stopped.model).toBeUndefined();
    const resumed = await train('cuda', Number.POSITIVE_INFINITY, stopped.checkpoint);
    expect(resumed.checkpoint).toEqual(whole.checkpoint);
    expect(device.bytesInUse).toBe(before);
  });
});
