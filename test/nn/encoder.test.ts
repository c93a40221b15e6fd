import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { useEngine } from '../../src/kernels/register.js';
import { Encoder, type EncoderConfig } from '../../src/nn/encoder.js';
import { expectClose, FORWARD, float2d, int1d, normals } from '../conformance/numbers.js';

beforeAll(async () => await useEngine('reference'));

const CONFIG: EncoderConfig = { dim: 6, numHeads: 2, numEdgeFeatures: 3, numLayers: 2 };
const { dim, numEdgeFeatures } = CONFIG;
const NUM_SUBREDDITS = 5;

/** An encoder whose weights, biases included, are all different from zero. */
function randomEncoder(seed = 1): Encoder {
  const encoder = new Encoder(CONFIG);
  for (const { name, variable } of encoder.variables())
    variable.assign(tf.tensor(normals(new Random(seed).fork(name), variable.size, 0.5), variable.shape));
  return encoder;
}

interface Edge {
  readonly to: number; // local index of what is listened to
  readonly features: number[];
}

const edgesTo = (bound: number) =>
  fc.array(
    fc.record({
      to: fc.nat(bound - 1),
      features: fc.nat().map((seed) => normals(new Random(seed), numEdgeFeatures)),
    }),
    { maxLength: 5 },
  );
const users = fc.array(edgesTo(NUM_SUBREDDITS), { minLength: 1, maxLength: 6 });

function blockOf(rows: readonly (readonly Edge[])[]) {
  const flat = rows.flat();
  const rowPtr = [0];
  for (const row of rows) rowPtr.push(rowPtr[rowPtr.length - 1] + row.length);
  return {
    rowPtr: int1d(rowPtr),
    colIndex: int1d(flat.map((edge) => edge.to)),
    edgeFeatures: float2d(
      flat.flatMap((edge) => edge.features),
      [flat.length, numEdgeFeatures],
    ),
  };
}

const table = (seed: number) => float2d(normals(new Random(seed), NUM_SUBREDDITS * dim), [NUM_SUBREDDITS, dim]);

/** One row of floats per user. */
function encodeUsers(encoder: Encoder, rows: readonly (readonly Edge[])[]): number[][] {
  return tf.tidy(() => {
    const degree = Float32Array.from(rows, (row) => row.length);
    return encoder.encodeUsers(table(11), table(12), blockOf(rows), degree).vectors.arraySync();
  });
}

function biasOf(encoder: Encoder): number[] {
  const bias = encoder.variables().find(({ name }) => name === 'bias');
  return [...(bias?.variable.dataSync() ?? [])];
}

describe('Encoder.encodeUsers', () => {
  const encoder = () => randomEncoder();

  it('gives each user the same vector wherever and beside whomever it stands', () => {
    const one = encoder();
    fc.assert(
      fc.property(users, fc.nat(), edgesTo(NUM_SUBREDDITS), (rows, seed, unrelated) => {
        const order = new Random(seed).shuffle([...rows.keys()]);
        const straight = encodeUsers(one, rows);
        const permuted = encodeUsers(one, [...order.map((u) => rows[u]), unrelated]);
        order.forEach((u, at) => {
          expectClose(permuted[at], straight[u], FORWARD);
        });
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it('does not care for the order of links', () => {
    const one = encoder();
    fc.assert(
      fc.property(users, fc.nat(), (rows, seed) => {
        const random = new Random(seed);
        const shuffled = encodeUsers(
          one,
          rows.map((row) => random.shuffle([...row])),
        );
        const straight = encodeUsers(one, rows);
        rows.forEach((_, u) => {
          expectClose(shuffled[u], straight[u], FORWARD);
        });
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  it('gives the bias to a user without links', () => {
    const one = encoder();
    const [vector] = encodeUsers(one, [[]]);
    expect(biasOf(one).every((b) => b !== 0)).toBe(true);
    expect(vector).toEqual(biasOf(one));
  });

  it('scales what a user shows by the root of its number of links, and by the factor learned for such numbers', () => {
    const one = encoder();
    const factors =
      one
        .variables()
        .find(({ name }) => name === 'degree_factor')
        ?.variable.dataSync() ?? [];
    const row = [{ to: 1, features: [1, 0, -1] }];
    const vectors = (degree: number) =>
      tf.tidy(
        () => one.encodeUsers(table(11), table(12), blockOf([row]), Float32Array.of(degree)).vectors.arraySync()[0],
      );
    const bias = biasOf(one);
    const shown = (degree: number) => vectors(degree).map((x, d) => x - bias[d]);
    for (const [degree, bucket] of [
      [2, 8],
      [9, 25],
      [10, 26],
      [200, 61],
      [100_000, 63],
    ])
      expectClose(
        shown(degree).map((x) => x * factors[0]),
        shown(1).map((x) => Math.sqrt(degree) * factors[bucket] * x),
        FORWARD,
      );
  });

  it('says how much each user attends to each link: everything, once per head', () => {
    const one = encoder();
    fc.assert(
      fc.property(users, (rows) => {
        const attention = tf.tidy(() => {
          const degree = Float32Array.from(rows, (row) => row.length);
          return one.encodeUsers(table(11), table(12), blockOf(rows), degree).attention.arraySync();
        });
        let at = 0;
        for (const row of rows) {
          const mine = attention.slice(at, at + row.length);
          at += row.length;
          if (row.length === 0) continue;
          for (let h = 0; h < CONFIG.numHeads; h++)
            expect(mine.reduce((sum, heads) => sum + heads[h], 0)).toBeCloseTo(1, 5);
        }
      }),
      { seed: 3, numRuns: 30 },
    );
  });
});

describe('Encoder.encodeSubreddits', () => {
  it('leaves a subreddit that nobody visits as its input row', () => {
    const encoder = randomEncoder();
    const states = tf.tidy(() => {
      const noUsers = float2d(normals(new Random(1), dim), [1, dim]);
      const rows = Array.from({ length: NUM_SUBREDDITS }, (_, s) => (s === 2 ? [{ to: 0, features: [1, 1, 1] }] : []));
      return encoder.encodeSubreddits(table(11), noUsers, blockOf(rows)).arraySync();
    });
    const rows = table(11).arraySync();
    states.forEach((state, s) => {
      if (s === 2) expect(state).not.toEqual(rows[s]);
      else expect(state).toEqual(rows[s]);
    });
  });
});

describe('Encoder.userFeatures', () => {
  it('are the mean of the rows of a user', () => {
    const encoder = randomEncoder();
    const bag = { rowPtr: int1d([0, 2, 2]), colIndex: int1d([0, 3]) };
    const rows = table(11).arraySync();
    const [mean, none] = encoder.userFeatures(table(11), bag).arraySync();
    expectClose(
      mean,
      rows[0].map((x, d) => (x + rows[3][d]) / 2),
      FORWARD,
    );
    expect(none).toEqual(new Array(dim).fill(0));
  });
});

describe('Encoder.variables', () => {
  const names = [
    'users_to_subreddits/source',
    'users_to_subreddits/target',
    'users_to_subreddits/edge',
    'users_to_subreddits/attn',
    'users_to_subreddits/bias',
    'subreddits_to_users/source',
    'subreddits_to_users/target',
    'subreddits_to_users/edge',
    'subreddits_to_users/attn',
    'subreddits_to_users/bias',
    'degree_factor',
    'bias',
  ];

  it('keep their names, order and shapes, however many encoders there were before', () => {
    for (let i = 0; i < 3; i++) {
      const encoder = new Encoder(CONFIG);
      expect(encoder.variables().map(({ name }) => name)).toEqual(names);
      expect(encoder.variables().map(({ variable }) => variable.shape)).toEqual(
        ['layer', 'layer', 'own'].flatMap((of) =>
          of === 'own' ? [[64], [dim]] : [[dim, dim], [dim, dim], [numEdgeFeatures, dim], [dim], [dim]],
        ),
      );
    }
  });

  it('all take part in the loss', () => {
    const encoder = randomEncoder();
    const variables = encoder.variables();
    const rows = fc
      .sample(users, { seed: 4, numRuns: 20 })
      .find((all) => all.filter((row) => row.length > 1).length > 2);
    const listeners = Array.from({ length: NUM_SUBREDDITS }, (_, s) => [
      { to: 0, features: [s, 1, -1] },
      { to: 1, features: [1, -s, 2] },
    ]);
    const { grads } = tf.variableGrads(
      () => {
        const hopUsers = encoder.userFeatures(table(11), { rowPtr: int1d([0, 1, 3]), colIndex: int1d([0, 1, 2]) });
        const states = encoder.encodeSubreddits(table(11), hopUsers, blockOf(listeners));
        const degree = Float32Array.from(rows ?? [], (row) => row.length);
        const { vectors } = encoder.encodeUsers(table(11), states, blockOf(rows ?? []), degree);
        return tf.sum(tf.square(vectors));
      },
      variables.map(({ variable }) => variable),
    );
    for (const { name, variable } of variables)
      expect([name, grads[variable.name].dataSync().some((g) => g !== 0)]).toEqual([name, true]);
  });
});

describe('Encoder.dispose', () => {
  it('frees every tensor that the encoder holds', () => {
    new Encoder(CONFIG).dispose(); // first use may set something up for good
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) new Encoder(CONFIG).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
