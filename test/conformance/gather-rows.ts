import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { gatherRows } from '../../src/kernels/gather-rows/op.js';
import { expectClose, expectNoLeak, FORWARD, float1d, float2d, int1d, normals } from './numbers.js';

export function describeGatherRows(): void {
  it('copies rows, and adds up what comes back to each', () => {
    const cases = fc.record({
      numRows: fc.integer({ min: 1, max: 6 }),
      dim: fc.integer({ min: 1, max: 5 }),
      numPicks: fc.nat(12),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ numRows, dim, numPicks, seed }) => {
        const random = new Random(seed);
        const x = normals(random, numRows * dim);
        const index = Array.from({ length: numPicks }, () => random.below(numRows));
        const dOut = normals(random, numPicks * dim);
        const dX = new Array<number>(x.length).fill(0);
        index.forEach((row, i) => {
          for (let d = 0; d < dim; d++) dX[row * dim + d] += dOut[i * dim + d];
        });
        tf.tidy(() => {
          const rows = float2d(x, [numRows, dim]);
          const out = gatherRows(rows, int1d(index)).dataSync();
          expect([...out]).toEqual(index.flatMap((row) => x.slice(row * dim, (row + 1) * dim)));
          const gather = tf.grad((r) => gatherRows(r as tf.Tensor2D, int1d(index)));
          expectClose(gather(rows, float2d(dOut, [numPicks, dim])).dataSync(), dX, FORWARD);
        });
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('leaves no tensors behind', () => {
    const x = tf.variable(float2d([1, 2, 3, 4], [2, 2]));
    const index = int1d([1, 1, 0]);
    expectNoLeak(() => {
      const { value, grads } = tf.variableGrads(() => tf.sum<tf.Scalar>(gatherRows(x as tf.Tensor2D, index)), [x]);
      tf.dispose([value, grads]);
    });
  });

  it('refuses rows that do not exist and indices that are no integers', () => {
    const x = float2d([1, 2, 3, 4], [2, 2]);
    expect(() => gatherRows(x, int1d([0, 2]))).toThrow(expect.objectContaining({ code: 'ERR_INDEX' }));
    expect(() => gatherRows(x, int1d([-1]))).toThrow(expect.objectContaining({ code: 'ERR_INDEX' }));
    expect(() => gatherRows(x, float1d([1]))).toThrow(expect.objectContaining({ code: 'ERR_SHAPE' }));
    expect(() => gatherRows(float1d([1]) as unknown as tf.Tensor2D, int1d([0]))).toThrow(
      expect.objectContaining({ code: 'ERR_SHAPE' }),
    );
  });
}
