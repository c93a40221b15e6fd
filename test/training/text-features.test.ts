import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { StopRequested } from '../../src/core/errors.js';
import { silentLog } from '../../src/core/log.js';
import { Random } from '../../src/core/random.js';
import { useEngine } from '../../src/kernels/register.js';
import { type SubredditFeatures, SubredditText } from '../../src/training/subreddit-text.js';
import { textVectors } from '../../src/training/text-vectors.js';
import { type Checkpoint, type TrainingHooks, type TrainingOptions, trainEncoder } from '../../src/training/trainer.js';
import { plantedGraph } from './planted.js';

beforeAll(async () => await useEngine('reference'));

const cosine = (vectors: Float32Array, dim: number, i: number, j: number) =>
  vectors.subarray(i * dim, (i + 1) * dim).reduce((sum, value, d) => sum + value * vectors[j * dim + d], 0);

describe('textVectors', () => {
  const texts = [
    'bread and sourdough baking at home',
    'Baking sourdough bread',
    'trail running shoes',
    'Running: trail and road',
    'zzz',
    '',
  ];

  it('gives texts of like words like vectors of unit length, and zeros where no word is shared', () => {
    const vectors = textVectors(texts, 2, new Random(1));
    expect(cosine(vectors, 2, 0, 1)).toBeGreaterThan(0.9);
    expect(cosine(vectors, 2, 2, 3)).toBeGreaterThan(0.9);
    expect(Math.abs(cosine(vectors, 2, 1, 2))).toBeLessThan(0.3);
    expect([...vectors.subarray(8)]).toEqual([0, 0, 0, 0]);
    expect(textVectors(texts, 2, new Random(1))).toEqual(vectors);
  });

  it('keeps the cosines of TF-IDF where there are as many dimensions as words', () => {
    const wide = textVectors(texts, 32, new Random(1));
    const idf = (df: number) => Math.log(texts.length / df);
    // shared by texts 0 and 1: bread, sourdough, baking (2 texts each); 0 and 3 have "and" as well
    const length0 = Math.sqrt(3 * idf(2) ** 2 + idf(2) ** 2);
    const length1 = Math.sqrt(3 * idf(2) ** 2);
    expect(cosine(wide, 32, 0, 1)).toBeCloseTo((3 * idf(2) ** 2) / (length0 * length1), 4);
    expect(cosine(wide, 32, 0, 0)).toBeCloseTo(1, 5);
  });

  it('bears having no words at all', () => {
    expect([...textVectors(['', 'one'], 3, new Random(1))]).toEqual(new Array(6).fill(0));
  });
});

const NUM_SUBREDDITS = 60;
const FEATURES: SubredditFeatures = {
  dim: 6,
  vectors: Float32Array.from({ length: NUM_SUBREDDITS * 6 }, (_, i) => (Math.floor(i / 6 / 10) === i % 6 ? 1 : 0)),
};

describe('SubredditText', () => {
  it('says nothing at first, and the same to a table as to its rows', () => {
    const text = new SubredditText(FEATURES, 4);
    const draws = new Random(2);
    const table = Float32Array.from({ length: NUM_SUBREDDITS * 4 }, () => draws.normal());
    expect(text.fold('input', table)).toEqual(table);
    for (const { variable } of text.variables())
      variable.assign(
        tf.tensor2d(
          Float32Array.from({ length: 24 }, () => draws.normal()),
          [6, 4],
        ),
      );
    for (const side of ['input', 'output'] as const) {
      const whole = text.fold(side, table);
      const ids = Int32Array.of(59, 3, 30);
      const rows = Float32Array.from([...ids].flatMap((s) => [...table.subarray(4 * s, 4 * s + 4)]));
      const added = text.add(side, tf.tensor2d(rows, [3, 4]), ids).dataSync();
      ids.forEach((s, i) => {
        for (let d = 0; d < 4; d++) expect(added[4 * i + d]).toBeCloseTo(whole[4 * s + d], 5);
      });
    }
  });
});

const OPTIONS: TrainingOptions = {
  ...{ dim: 8, heads: 2, layers: 1, fanout: [8, 4], batchUsers: 32, maxEpochs: 2, patience: 2, learningRate: 0.02 },
  ...{ weightDecay: 0.05, temperature: 1, candidates: 64, validationUsers: 20, embedFanout: 16 },
  smoothingNeighbors: 4,
};
const graph = plantedGraph(150, NUM_SUBREDDITS, 6, 1);

async function train(features?: SubredditFeatures, steps = Number.POSITIVE_INFINITY, resumeFrom?: Checkpoint) {
  const stop = new AbortController();
  let taken = 0;
  let checkpoint: Checkpoint | undefined;
  const hooks: TrainingHooks = {
    log: {
      ...silentLog,
      progress() {
        if (++taken === steps) stop.abort(new StopRequested());
      },
    },
    signal: stop.signal,
    isCheckpointDue: () => false,
    async saveCheckpoint(saved) {
      checkpoint = structuredClone(saved);
    },
    ...(resumeFrom && { resumeFrom }),
  };
  const model = await trainEncoder(graph, OPTIONS, new Random(1), hooks, undefined, features).catch((thrown) => {
    expect(thrown).toBeInstanceOf(StopRequested);
    return undefined;
  });
  return { model, checkpoint: checkpoint as Checkpoint };
}

describe('training with features of subreddits', () => {
  it('leaves the tables as they are, to the bit, where nothing is known', async () => {
    const without = await train();
    const nothing = await train({ ...FEATURES, vectors: new Float32Array(FEATURES.vectors.length) });
    for (const name of ['subreddits/input', 'subreddits/output'])
      expect(nothing.model?.weights.get(name)).toEqual(without.model?.weights.get(name));
    expect((await train(FEATURES)).model?.weights.get('subreddits/input')).not.toEqual(
      without.model?.weights.get('subreddits/input'),
    );
  });

  it('gives the same model when it was stopped and went on, and keeps no tensors', async () => {
    const before = tf.memory().numTensors;
    const whole = await train(FEATURES);
    expect(await train(FEATURES, Number.POSITIVE_INFINITY, (await train(FEATURES, 5)).checkpoint)).toEqual(whole);
    expect(tf.memory().numTensors).toBe(before);
    expect(whole.checkpoint.current.get('subreddit_text/output')?.values.some((value) => value !== 0)).toBe(true);
  });
});
