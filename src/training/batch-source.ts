import { Random } from '../core/random.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import { type BatchOptions, BatchSampler, type TrainingBatch } from './batch.js';

/** What batches are drawn from. A batch is a function of this, the number of its step and its users: on any thread. */
export interface BatchOrigin {
  readonly graph: BipartiteGraph; // loaded graphs lie in shared memory
  readonly options: BatchOptions;
  readonly seed: readonly number[];
}

/** A step's number and its users. */
export interface BatchRequest {
  readonly step: number;
  readonly users: Uint32Array;
}

/** Where training gets its batches from. */
export interface BatchSource {
  /** Says which batch will be wanted next, so that it may be made meanwhile. */
  ask(request: BatchRequest): void;
  take(request: BatchRequest): Promise<TrainingBatch>;
  dispose(): Promise<void>;
}

/** Samples a batch when it is wanted. */
export function batchesOnDemand(origin: BatchOrigin): BatchSource {
  const sample = batchSampling(origin);
  return {
    ask: () => {},
    take: async (request) => sample(request),
    dispose: async () => {},
  };
}

export function batchSampling({ graph, options, seed }: BatchOrigin): (request: BatchRequest) => TrainingBatch {
  const sampler = new BatchSampler(graph, options);
  const random = new Random(seed);
  return ({ step, users }) => sampler.sampleTraining(users, random.fork('step', step));
}
