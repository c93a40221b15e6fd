import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { nativeAddon, setNativeThreads, whyNoNative } from '../../../src/kernels/native.js';
import * as native from '../../../src/kernels/nearest-centroid/native.js';
import * as reference from '../../../src/kernels/nearest-centroid/numeric.js';

const shapes = fc.record({ n: fc.nat(600), k: fc.integer({ min: 1, max: 70 }), dim: fc.integer({ min: 1, max: 40 }) });

function problem(n: number, k: number, dim: number, seed: number) {
  const random = new Random(seed);
  const normals = (length: number) => Float32Array.from({ length }, () => random.normal());
  return { points: normals(n * dim), centroids: normals(k * dim) };
}

function run(kernel: typeof reference, { points, centroids }: ReturnType<typeof problem>, dim: number) {
  const assignment = new Int32Array(points.length / dim).fill(-7);
  const scores = new Float32Array(assignment.length);
  kernel.nearestCentroid(points, dim, centroids, assignment, scores);
  return { assignment, scores };
}

const squared = (a: Float32Array, i: number, b: Float32Array, j: number, dim: number) => {
  let total = 0;
  for (let d = 0; d < dim; d++) total += (a[i * dim + d] - b[j * dim + d]) ** 2;
  return total;
};

describe.each([
  { name: 'reference', kernel: reference, missing: undefined },
  { name: 'native', kernel: native, missing: whyNoNative() },
])('nearestCentroid of $name', ({ kernel, missing }) => {
  it.skipIf(missing)(
    `finds a centroid than which none is nearer, and its distance${missing ? `: ${missing}` : ''}`,
    () => {
      fc.assert(
        fc.property(shapes, fc.nat(), ({ n, k, dim }, seed) => {
          const given = problem(n, k, dim, seed);
          const { points, centroids } = given;
          const { assignment, scores } = run(kernel, given, dim);
          for (let i = 0; i < n; i++) {
            const found = squared(points, i, centroids, assignment[i], dim);
            let nearest = Infinity;
            for (let c = 0; c < k; c++) nearest = Math.min(nearest, squared(points, i, centroids, c, dim));
            expect(found).toBeLessThanOrEqual(nearest + 1e-3);
            let length = 0;
            for (let d = 0; d < dim; d++) length += points[i * dim + d] ** 2;
            expect(Math.abs(length + 2 * scores[i] - found)).toBeLessThan(1e-3);
          }
        }),
        { seed: 1, numRuns: 25 },
      );
    },
  );

  it.skipIf(missing)('gives exact ties to the smaller centroid, in every lane', () => {
    for (const k of [1, 2, 15, 16, 17, 33, 64]) {
      const same = new Float32Array(k * 3).fill(0.5);
      expect([...run(kernel, { points: new Float32Array(9).fill(2), centroids: same }, 3).assignment]).toEqual([
        0, 0, 0,
      ]);
      const last = same.slice();
      for (let d = 0; d < 3; d++) last[(k - 1) * 3 + d] = 2;
      expect(run(kernel, { points: new Float32Array(3).fill(2), centroids: last }, 3).assignment[0]).toBe(k - 1);
    }
  });
});

describe.skipIf(!nativeAddon())('nearestCentroid of native', () => {
  it('does not depend on the number of threads', () => {
    const given = problem(5000, 37, 24, 1);
    setNativeThreads(1);
    const one = run(native, given, 24);
    setNativeThreads(2);
    expect(run(native, given, 24)).toEqual(one);
  });
});
