import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { nearestSubreddits } from '../../src/graph/projection.js';
import { useEngine } from '../../src/kernels/register.js';
import { Smoothing } from '../../src/training/smoothing.js';
import { expectClose, expectNoLeak, FORWARD, normals } from '../conformance/numbers.js';
import { anyGraph } from './planted.js';

beforeAll(async () => await useEngine('reference'));

const DIM = 3;

/** Three rows: 0 leans on 1 and, three times as much, on 2; 1 on 0; 2 on nobody. */
const THREE = {
  numRows: 3,
  numCols: 3,
  rowPtr: Uint32Array.of(0, 2, 3, 3),
  colIndex: Uint32Array.of(1, 2, 0),
  weight: Float32Array.of(0.1, 0.3, 0.5),
};

const smoothingOf = async (graph: Parameters<typeof nearestSubreddits>[0]) =>
  new Smoothing((await nearestSubreddits(graph, { minShared: 1, topK: 4 })).graph);

describe('Smoothing', () => {
  it('adds half the weighted mean of the neighbors, and leaves a row without any as it is', () => {
    const table = Float32Array.of(1, 0, 10, 20, 100, 200);
    const expected = [1 + 0.5 * (0.25 * 10 + 0.75 * 100), 0.5 * (0.25 * 20 + 0.75 * 200), 10.5, 20, 100, 200];
    expectClose(new Smoothing(THREE).smoothTable(table, 2), expected, FORWARD);
  });

  it('gives a block the rows that the whole table has, whichever are wanted', async () => {
    await fc.assert(
      fc.asyncProperty(anyGraph, fc.nat(), async (graph, seed) => {
        const { numCols } = graph.userToSubreddit;
        const random = new Random(seed);
        const smoothing = await smoothingOf(graph);
        const table = Float32Array.from(normals(random, numCols * DIM));
        const whole = smoothing.smoothTable(table, DIM);
        const everything = Int32Array.from({ length: numCols }, (_, s) => s);
        const some = random.shuffle(everything.slice()).subarray(0, Math.ceil(numCols / 2));
        for (const wanted of [some, everything, everything]) {
          const block = smoothing.blockOf(wanted);
          expect([...block.rows.subarray(0, block.numWanted)]).toEqual([...wanted]);
          expect(new Set(block.rows).size).toBe(block.rows.length);
          const smoothed = tf.tidy(() => {
            const raw = Array.from(block.rows, (s) => [...table.subarray(s * DIM, (s + 1) * DIM)]);
            return smoothing.smooth(tf.tensor2d(raw, [block.rows.length, DIM]), block).dataSync();
          });
          const expected = Array.from(wanted, (s) => [...whole.subarray(s * DIM, (s + 1) * DIM)]).flat();
          expectClose(smoothed, expected, FORWARD);
        }
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  it('passes gradients on to the neighbors', () => {
    const smoothing = new Smoothing(THREE);
    const block = smoothing.blockOf(Int32Array.of(0));
    expect([...block.rows]).toEqual([0, 1, 2]);
    const gradient = tf.tidy(() =>
      tf
        .grad((raw) => tf.sum(smoothing.smooth(raw as tf.Tensor2D, block)))(tf.ones([3, 1]))
        .dataSync(),
    );
    expectClose(gradient, [1, 0.125, 0.375], FORWARD);
    expectNoLeak(() => {
      tf.tidy(() => void smoothing.smooth(tf.ones([3, 1]), block));
    });
  });

  it('finds the column that smoothing turns into a given one', async () => {
    await fc.assert(
      fc.asyncProperty(anyGraph, fc.nat(), async (graph, seed) => {
        const smoothing = await smoothingOf(graph);
        const column = Float32Array.from(normals(new Random(seed), graph.userToSubreddit.numCols));
        expectClose(smoothing.smoothTable(smoothing.inverseOf(column), 1), [...column], FORWARD);
      }),
      { seed: 2, numRuns: 30 },
    );
  });
});
