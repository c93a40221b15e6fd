import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { StopRequested } from '../../src/core/errors.js';
import { silentLog } from '../../src/core/log.js';
import { Random } from '../../src/core/random.js';
import type { BipartiteGraph } from '../../src/graph/bipartite.js';
import { useEngine } from '../../src/kernels/register.js';
import {
  type Checkpoint,
  restoreEncoder,
  type TrainedModel,
  type TrainingHooks,
  type TrainingOptions,
  trainEncoder,
} from '../../src/training/trainer.js';
import { Validation } from '../../src/training/validation.js';
import { bipartiteWithFeatures, plantedGraph } from './planted.js';

beforeAll(async () => await useEngine('reference'));

const SMALL: TrainingOptions = {
  dim: 8,
  heads: 2,
  layers: 2,
  fanout: [8, 4],
  batchUsers: 32,
  maxEpochs: 3,
  patience: 3,
  learningRate: 0.02,
  weightDecay: 0.05,
  temperature: 1,
  candidates: 16,
  smoothingNeighbors: 4,
  validationUsers: 20,
  embedFanout: 16,
};

const hooksOf = (hooks: Partial<TrainingHooks> = {}): TrainingHooks => ({
  log: silentLog,
  signal: new AbortController().signal,
  isCheckpointDue: () => false,
  saveCheckpoint: async () => {},
  ...hooks,
});

const train = (
  graph: BipartiteGraph,
  options: Partial<TrainingOptions> = {},
  hooks: Partial<TrainingHooks> = {},
  seed = 1,
) => trainEncoder(graph, { ...SMALL, ...options }, new Random(seed), hooksOf(hooks));

/** All that training leaves: the model, and the last checkpoint with every weight and moment, copied as through a file. */
interface Left {
  readonly model?: TrainedModel; // absent where it was stopped
  readonly checkpoint: Checkpoint;
}

/** Trains for at most `steps` steps and stops then, as Ctrl-C does. */
async function trainFor(steps: number, resumeFrom?: Checkpoint): Promise<Left> {
  const stop = new AbortController();
  let taken = 0;
  let checkpoint: Checkpoint | undefined;
  const hooks: Partial<TrainingHooks> = {
    log: {
      ...silentLog,
      progress() {
        taken++;
        if (taken === steps) stop.abort(new StopRequested());
      },
    },
    signal: stop.signal,
    async saveCheckpoint(saved) {
      checkpoint = structuredClone(saved);
    },
    ...(resumeFrom && { resumeFrom }),
  };
  const model = await train(small, {}, hooks).catch((thrown) => {
    expect(thrown).toBeInstanceOf(StopRequested);
    return undefined;
  });
  if (!checkpoint) throw new Error('no checkpoint was saved');
  return { checkpoint, ...(model && { model }) };
}

const small = plantedGraph(150, 60, 6, 1);

function expectFinite({ weights, history }: TrainedModel): void {
  for (const [name, { values }] of weights) expect([name, values.every(Number.isFinite)]).toEqual([name, true]);
  for (const { loss } of history) if (loss !== null) expect(Number.isFinite(loss)).toBe(true);
}

describe('trainEncoder', () => {
  it('learns planted communities: the loss falls, and the ranking beats popularity', async () => {
    const trained = await train(plantedGraph(400, 60, 6, 2), { maxEpochs: 6, validationUsers: 40 });
    const losses = trained.history.flatMap(({ loss }) => (loss === null ? [] : [loss]));
    expect(losses.length).toBeGreaterThanOrEqual(2);
    expect(losses[losses.length - 1]).toBeLessThan(losses[0]);
    const { validation } = trained.history.reduce((a, b) =>
      b.validation.recallAt20 > a.validation.recallAt20 ? b : a,
    );
    expect(validation.users).toBe(40);
    expect(validation.recallAt20).toBeGreaterThan(trained.popularity.recallAt20 + 0.1);
    expect(validation.ndcgAt20).toBeGreaterThan(trained.popularity.ndcgAt20 + 0.1);
    expectFinite(trained);
  });

  it('gives the same model bit by bit for the same seed, and another for another', async () => {
    const once = await trainFor(Infinity);
    expect(await trainFor(Infinity)).toEqual(once);
    expect((await train(small, {}, {}, 2)).weights).not.toEqual(once.model?.weights);
  });

  it('moves every weight and gives each its moments', async () => {
    const [first, last] = [await trainFor(1), await trainFor(Infinity)];
    for (const [name, { values }] of last.checkpoint.current) {
      expect([name, values.some((x) => x !== 0)]).toEqual([name, true]);
      expect(values).not.toEqual(first.checkpoint.current.get(name)?.values);
    }
    expect(last.checkpoint.current.size).toBe(3 * last.checkpoint.best.size);
  });

  it('gives the same model however often it is asked for checkpoints', async () => {
    let saved = 0;
    const saveCheckpoint = async () => {
      saved++;
    };
    const interrupted = await train(small, {}, { isCheckpointDue: () => true, saveCheckpoint });
    expect(saved).toBeGreaterThanOrEqual(interrupted.steps);
    expect(interrupted).toEqual(await train(small));
  });

  it('gives the same model when it was stopped after any step and went on', async () => {
    const whole = await trainFor(Infinity);
    const steps = whole.checkpoint.step;
    expect(steps).toBeGreaterThanOrEqual(9);
    for (let n = 1; n <= steps; n++) {
      const { checkpoint, model } = await trainFor(n);
      expect([checkpoint.step, model]).toEqual([n, undefined]);
      expect(await trainFor(Infinity, checkpoint)).toEqual(whole);
    }
  });

  it('gives the same model when it was stopped after each single step', async () => {
    const whole = await trainFor(Infinity);
    let left = await trainFor(1);
    let stops = 1;
    for (; !left.model; stops++) left = await trainFor(1, left.checkpoint);
    expect(stops).toBeGreaterThanOrEqual(whole.checkpoint.step);
    expect(left).toEqual(whole);
  });

  it('returns the weights of the best epoch, which rank as its record says', async () => {
    const { weights, history, bestEpoch } = await train(small, { maxEpochs: 5 });
    const best = history.find(({ epoch }) => epoch === bestEpoch);
    for (const { validation } of history)
      expect(validation.recallAt20).toBeLessThanOrEqual(best?.validation.recallAt20 ?? 0);
    const model = restoreEncoder({ dim: 8, numHeads: 2, numEdgeFeatures: 2, numLayers: 2 }, weights);
    const older = new Map(weights);
    older.delete('degree_factor');
    expect(() => restoreEncoder({ dim: 8, numHeads: 2, numEdgeFeatures: 2, numLayers: 2 }, older)).toThrow(
      expect.objectContaining({ code: 'ERR_WEIGHTS' }),
    );
    const validation = new Validation(small, SMALL.validationUsers, new Random(1).fork('validation'));
    expect(validation.rank(model)).toEqual(best?.validation);
  });

  it('writes down each epoch, with steps that count on', async () => {
    const { history, steps } = await train(small);
    const epochs = history.filter(({ loss }) => loss !== null);
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
    expect(epochs.map(({ step }) => step)).toEqual([1, 2, 3].map((epoch) => (epoch * steps) / 3));
    for (const { learningRate } of epochs) expect(learningRate).toBeGreaterThan(0);
  });

  it('stops once validation has not improved for as many epochs as it has patience', async () => {
    for (const patience of [1, 2, 4]) {
      const { history } = await train(small, { maxEpochs: 20, patience, learningRate: 1e-12, weightDecay: 0 });
      expect(history).toHaveLength(1 + patience); // the first is the best
    }
  });

  it('goes on to the last epoch, and takes it, where there is nobody to validate on', async () => {
    const { history, bestEpoch, popularity } = await train(small, { validationUsers: 0, patience: 1, maxEpochs: 4 });
    expect(history.at(-1)?.epoch).toBe(4);
    expect(bestEpoch).toBe(4);
    expect(popularity.users).toBe(0);
  });

  it('keeps as many tensors after each step as after the first, and none when it is done', async () => {
    const before = tf.memory().numTensors;
    const counts: number[] = [];
    const isCheckpointDue = () => {
      counts.push(tf.memory().numTensors);
      return false;
    };
    await train(small, {}, { isCheckpointDue });
    expect(counts.length).toBeGreaterThanOrEqual(9);
    expect(new Set(counts).size).toBe(1);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('says how far it is, within the number of users of an epoch', async () => {
    const tasks = new Map<string, number[]>();
    await train(
      small,
      {},
      {
        log: {
          ...silentLog,
          progress: ({ task, done, total }) => {
            expect(done).toBeLessThanOrEqual(total ?? 0);
            tasks.set(task, [...(tasks.get(task) ?? []), done]);
          },
        },
      },
    );
    expect(tasks.size).toBe(3);
    for (const done of tasks.values()) expect(done).toEqual([...done].sort((a, b) => a - b));
  });

  it.each<[string, BipartiteGraph, Partial<TrainingOptions>]>([
    [
      'users of exactly two links each',
      bipartiteWithFeatures(
        Array.from({ length: 40 }, (_, u) => [u % 5, 5 + (u % 7)]),
        12,
        1,
      ),
      {},
    ],
    ['a single user who can be trained on', bipartiteWithFeatures([[0, 1], [2], []], 3, 1), {}],
    [
      'users that visit everything',
      bipartiteWithFeatures(
        Array.from({ length: 20 }, () => [0, 1, 2, 3, 4, 5]),
        6,
        1,
      ),
      {},
    ],
    [
      'two subreddits',
      bipartiteWithFeatures(
        Array.from({ length: 20 }, () => [0, 1]),
        2,
        1,
      ),
      {},
    ],
    [
      'subreddits that nobody visits',
      bipartiteWithFeatures(
        Array.from({ length: 40 }, (_, u) => [u % 5, 40]),
        80,
        1,
      ),
      {},
    ],
    ['a fanout of one', small, { fanout: [1, 1] }],
    ['a single layer', small, { layers: 1 }],
    ['batches larger than the graph', small, { batchUsers: 4096 }],
    ['a single epoch', small, { maxEpochs: 1 }],
    ['a low temperature', small, { temperature: 0.05 }],
    ['more dimensions than subreddits', small, { dim: 64 }],
  ])('stays finite on a graph of, or with, %s', async (_, graph, options) => {
    expectFinite(await train(graph, options));
  });

  it('is not thrown by extreme edge features', async () => {
    const graph = plantedGraph(60, 12, 3, 1);
    graph.edgeFeatures.values.forEach((x, at) => {
      graph.edgeFeatures.values[at] = 25 * x; // log counts and scores reach about 25
    });
    expectFinite(await train(graph));
  });
});

describe('restoreEncoder', () => {
  it('says which weight is missing', async () => {
    const { weights } = await train(small, { maxEpochs: 1 });
    const config = { dim: 8, numHeads: 2, numEdgeFeatures: 2, numLayers: 2 as const };
    for (const name of weights.keys()) {
      const fewer = new Map([...weights].filter(([other]) => other !== name));
      expect(() => restoreEncoder(config, fewer)).toThrow(name);
    }
  });
});
