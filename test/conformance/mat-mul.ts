import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { expectClose, expectNoLeak, FORWARD, float1d, float2d, normals } from './numbers.js';

/** op(a) · op(b) in float64. */
function oracle(a: number[], b: number[], m: number, n: number, k: number, transposeA: boolean, transposeB: boolean) {
  const out = new Array<number>(m * n).fill(0);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++)
      for (let p = 0; p < k; p++)
        out[i * n + j] += a[transposeA ? p * m + i : i * k + p] * b[transposeB ? j * k + p : p * n + j];
  return out;
}

export function describeMatMul(): void {
  it('multiplies matrices of any size in every combination of transposes', () => {
    const size = fc.integer({ min: 1, max: 19 });
    fc.assert(
      fc.property(size, size, size, fc.boolean(), fc.boolean(), fc.nat(), (m, n, k, transposeA, transposeB, seed) => {
        const random = new Random(seed);
        const a = normals(random, m * k);
        const b = normals(random, k * n);
        tf.tidy(() => {
          const left = float2d(a, transposeA ? [k, m] : [m, k]);
          const right = float2d(b, transposeB ? [n, k] : [k, n]);
          const out = tf.matMul(left, right, transposeA, transposeB);
          expect(out.shape).toEqual([m, n]);
          expectClose(out.dataSync(), oracle(a, b, m, n, k, transposeA, transposeB), FORWARD);
        });
      }),
      { seed: 1, numRuns: 80 },
    );
  });

  it('multiplies matrices that need several blocks', () => {
    const [m, n, k] = [301, 6, 301];
    const random = new Random(2);
    const a = normals(random, m * k);
    const b = normals(random, k * n, k ** -0.5); // sums of about 1: a float32 sum of many terms is as exact as its terms
    const out = tf.matMul(float2d(a, [m, k]), float2d(b, [k, n]));
    expectClose(out.dataSync(), oracle(a, b, m, n, k, false, false), FORWARD);
  });

  it('takes empty matrices', () => {
    expect(tf.matMul(tf.zeros([0, 3]), tf.ones([3, 2])).shape).toEqual([0, 2]);
    expect([...tf.matMul(tf.ones([2, 0]), tf.ones([0, 2])).dataSync()]).toEqual([0, 0, 0, 0]);
  });

  it('takes batches of one, of several and of integers', () => {
    const a = tf.tensor3d([1, 2, 3, 4], [1, 2, 2]);
    const one = tf.matMul(a, tf.tensor2d([1, 0, 0, 2], [2, 2]));
    expect(one.shape).toEqual([1, 2, 2]);
    expect([...one.dataSync()]).toEqual([1, 4, 3, 8]);
    const several = tf.matMul(tf.tile(a, [2, 1, 1]), tf.ones([2, 2, 1]));
    expect([...several.dataSync()]).toEqual([3, 7, 3, 7]);
    const integers = tf.matMul(tf.tensor2d([2, 3], [1, 2], 'int32'), tf.tensor2d([4, 5], [2, 1], 'int32'));
    expect([...integers.dataSync()]).toEqual([23]);
  });

  it('refuses inner sizes that differ', () => {
    expect(() => tf.matMul(tf.ones([2, 3]), tf.ones([2, 3]))).toThrow(/inner|shapes|size/i);
  });

  it('adds a bias and applies an activation where asked to fuse them', () => {
    const product = { a: float2d([1, 2, 3, 4], [2, 2]), b: float2d([1, 0, 0, -1], [2, 2]) };
    expect([...tf.fused.matMul(product).dataSync()]).toEqual([1, -2, 3, -4]);
    const bias = float1d([10, 1]);
    expect([...tf.fused.matMul({ ...product, bias }).dataSync()]).toEqual([11, -1, 13, -3]);
    expect([...tf.fused.matMul({ ...product, bias, activation: 'relu' }).dataSync()]).toEqual([11, 0, 13, 0]);
  });

  it('leaves no tensors behind', () => {
    const w = tf.variable(float2d([1, 2, 3, 4], [2, 2]));
    const x = float2d([1, 2], [1, 2]);
    const bias = float1d([1, 1]);
    expectNoLeak(() => {
      const loss = () => tf.sum<tf.Scalar>(tf.matMul(tf.fused.matMul({ a: x, b: w as tf.Tensor2D, bias }), w));
      const { value, grads } = tf.variableGrads(loss, [w]);
      tf.dispose([value, grads]);
    });
  });
}
