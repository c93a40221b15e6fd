import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as module from '../../src/clustering/k-means.js';
import { adjustedRandIndex } from '../../src/clustering/quality.js';
import { Random } from '../../src/core/random.js';
import { nearestCentroid } from '../../src/kernels/nearest-centroid/numeric.js';
import { normalPoints, plantOnSphere } from './points.js';

function squaredDistance(points: Float32Array, i: number, centroids: Float32Array, c: number, dim: number): number {
  let total = 0;
  for (let d = 0; d < dim; d++) total += (points[i * dim + d] - centroids[c * dim + d]) ** 2;
  return total;
}

/** Points on a small grid, so that equal points, ties and zero rows occur. */
const gridPoints = fc.integer({ min: 1, max: 3 }).chain((dim) =>
  fc
    .array(fc.array(fc.integer({ min: -2, max: 2 }), { minLength: dim, maxLength: dim }), {
      minLength: 1,
      maxLength: 30,
    })
    .map((rows) => ({ dim, numPoints: rows.length, points: Float32Array.from(rows.flat()) })),
);

const { centerAndNormalize } = module;

/** With the bounds of the module, and with a kernel that measures every distance. */
const ways = [
  { name: 'bounds', nearest: undefined },
  { name: 'kernel', nearest: nearestCentroid },
];

describe.each(ways)('kMeans by $name', ({ nearest }) => {
  const given = nearest && { nearest };
  const kMeans: typeof module.kMeans = (points, numPoints, dim, k, options) =>
    module.kMeans(points, numPoints, dim, k, { ...options, ...given });

  it('assigns each point to a nearest centroid and reports their distances as inertia', () => {
    fc.assert(
      fc.property(gridPoints, fc.integer({ min: 1, max: 6 }), fc.nat(), ({ points, numPoints, dim }, wanted, seed) => {
        const k = Math.min(wanted, numPoints);
        const { assignment, centroids, inertia } = kMeans(points, numPoints, dim, k, { random: new Random(seed) });
        let total = 0;
        assignment.forEach((c, i) => {
          const own = squaredDistance(points, i, centroids, c, dim);
          for (let other = 0; other < k; other++)
            expect(own).toBeLessThanOrEqual(squaredDistance(points, i, centroids, other, dim) + 1e-9);
          total += own;
        });
        expect(inertia).toBeCloseTo(total, 9);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('leaves centroids that are the means of their members when it has converged', () => {
    const [numPoints, dim, k] = [400, 5, 7];
    const points = normalPoints(numPoints, dim, new Random(1));
    const options = { random: new Random(2), maxIterations: 500, tolerance: 0 };
    const { assignment, centroids } = kMeans(points, numPoints, dim, k, options);
    for (let c = 0; c < k; c++) {
      const members = [...assignment.keys()].filter((i) => assignment[i] === c);
      for (let d = 0; d < dim; d++) {
        const mean = members.reduce((sum, i) => sum + points[i * dim + d], 0) / members.length;
        expect(centroids[c * dim + d]).toBeCloseTo(mean, 6);
      }
    }
  });

  it.each([false, true])('never lets inertia rise from one iteration to the next (spherical: %s)', (spherical) => {
    for (const seed of [1, 2, 3]) {
      const [numPoints, dim, k] = [600, 6, 12];
      const points = normalPoints(numPoints, dim, new Random(seed));
      if (spherical) centerAndNormalize(points, numPoints, dim);
      const run = (maxIterations: number) =>
        kMeans(points, numPoints, dim, k, {
          random: new Random(seed),
          restarts: 1,
          tolerance: 0,
          maxIterations,
          spherical,
        });
      let before = Infinity;
      for (let m = 0; m <= 25; m++) {
        const { inertia } = run(m);
        expect(inertia).toBeLessThanOrEqual(before * (1 + 1e-6)); // centroids are rounded to float32
        before = inertia;
      }
    }
  });

  it('takes the same steps as the plain algorithm, so the bounds skip nothing that matters', () => {
    const [numPoints, dim, k] = [500, 4, 9];
    const points = normalPoints(numPoints, dim, new Random(4));
    const options = { random: new Random(4), restarts: 1, tolerance: 0 };
    let { centroids } = kMeans(points, numPoints, dim, k, { ...options, maxIterations: 0 });
    for (let m = 1; m <= 15; m++) {
      const assignment = module.assignToCentroids(points, numPoints, dim, centroids);
      const next = new Float64Array(k * dim);
      const sizes = new Float64Array(k);
      assignment.forEach((c, i) => {
        sizes[c]++;
        for (let d = 0; d < dim; d++) next[c * dim + d] += points[i * dim + d];
      });
      centroids = Float32Array.from(next, (sum, at) => sum / sizes[Math.floor(at / dim)]);
      expect(kMeans(points, numPoints, dim, k, { ...options, maxIterations: m }).centroids).toEqual(centroids);
    }
  });

  it('finds planted clusters, unequal in size, in plain and in spherical form', () => {
    const [numPoints, dim, k] = [1200, 32, 8];
    const { points, label } = plantOnSphere(k, numPoints, dim, { noise: 0, spread: 0.5, random: new Random(3) });
    for (const spherical of [false, true]) {
      const { assignment } = kMeans(points, numPoints, dim, k, { random: new Random(1), spherical });
      expect(adjustedRandIndex(assignment, label)).toBeGreaterThan(0.99);
    }
  });

  it('gives the same bytes for the same seed, and does not advance the generator', () => {
    const points = normalPoints(300, 8, new Random(1));
    const random = new Random(9);
    const once = kMeans(points, 300, 8, 10, { random });
    expect(kMeans(points, 300, 8, 10, { random })).toEqual(once);
    expect(kMeans(points, 300, 8, 10, { random: new Random(10) }).centroids).not.toEqual(once.centroids);
  });

  it('gives unit centroids and no cluster to zero rows in spherical mode', () => {
    const points = normalPoints(50, 3, new Random(1));
    centerAndNormalize(points, 50, 3);
    points.fill(0, 0, 6); // rows 0 and 1
    const { assignment, centroids, inertia } = kMeans(points, 50, 3, 4, { random: new Random(1), spherical: true });
    expect([...assignment.subarray(0, 2)]).toEqual([-1, -1]);
    expect(Math.min(...assignment.subarray(2))).toBe(0);
    for (let c = 0; c < 4; c++) expect(Math.hypot(...centroids.subarray(c * 3, c * 3 + 3))).toBeCloseTo(1, 6);
    expect(inertia).toBeGreaterThan(0);
  });

  it('fills every cluster when enough points differ', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 12 }), (seed, k) => {
        const points = normalPoints(12, 2, new Random(seed));
        const { assignment } = kMeans(points, 12, 2, k, { random: new Random(seed), maxIterations: 200, tolerance: 0 });
        expect(new Set(assignment).size).toBe(k);
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  it('takes one point, one cluster, equal points, and fewer different points than clusters', () => {
    const one = kMeans(Float32Array.of(1, 2), 1, 2, 1, { random: new Random(1) });
    expect(one).toMatchObject({ inertia: 0, centroids: Float32Array.of(1, 2) });
    const equal = kMeans(new Float32Array(20).fill(3), 10, 2, 3, { random: new Random(1) });
    expect(equal.inertia).toBe(0);
    expect(new Set(equal.assignment)).toEqual(new Set([0]));
    const two = kMeans(Float32Array.of(0, 0, 0, 5, 5), 5, 1, 4, { random: new Random(1) });
    expect(two.inertia).toBe(0);
    expect(new Set(two.assignment).size).toBe(2);
  });

  it('refuses more clusters than points, a wrong shape and numbers that are none', () => {
    const random = new Random(1);
    const withCode = (code: string) => expect.objectContaining({ code });
    expect(() => kMeans(new Float32Array(4), 2, 2, 3, { random })).toThrow(withCode('ERR_TOO_FEW_POINTS'));
    expect(() => kMeans(new Float32Array(4), 2, 2, 1, { random, spherical: true })).toThrow(
      withCode('ERR_TOO_FEW_POINTS'),
    );
    expect(() => kMeans(new Float32Array(4), 2, 2, 0, { random })).toThrow(withCode('ERR_TOO_FEW_POINTS'));
    expect(() => kMeans(new Float32Array(5), 2, 2, 1, { random })).toThrow(withCode('ERR_POINTS'));
    expect(() => kMeans(Float32Array.of(1, Number.NaN), 2, 1, 1, { random })).toThrow(withCode('ERR_POINTS'));
  });
});

describe.each(ways)('assignToCentroids by $name', ({ nearest }) => {
  const given = nearest && { nearest };
  const assignToCentroids: typeof module.assignToCentroids = (points, numPoints, dim, centroids, options) =>
    module.assignToCentroids(points, numPoints, dim, centroids, { ...options, ...given });

  it('agrees with the plain loop for any number of points and centroids', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 7 }), fc.nat(), (numPoints, k, seed) => {
        const points = normalPoints(numPoints, 3, new Random(seed));
        const centroids = normalPoints(k, 3, new Random(seed + 1));
        const naive = Array.from({ length: numPoints }, (_, i) => {
          const distances = Array.from({ length: k }, (_, c) => squaredDistance(points, i, centroids, c, 3));
          return distances.indexOf(Math.min(...distances));
        });
        expect([...assignToCentroids(points, numPoints, 3, centroids)]).toEqual(naive);
      }),
      { seed: 1 },
    );
  });
});

describe('centerAndNormalize', () => {
  it('gives unit rows around the mean it returns, and leaves zero rows zero', () => {
    const points = normalPoints(40, 5, new Random(1)).map((x) => x + 3);
    points.fill(0, 10, 15); // row 2
    const before = points.slice();
    const mean = centerAndNormalize(points, 40, 5);
    for (let i = 0; i < 40; i++) {
      const row = points.subarray(i * 5, i * 5 + 5);
      expect(Math.hypot(...row)).toBeCloseTo(i === 2 ? 0 : 1, 5);
      if (i === 2) continue;
      const shifted = before.subarray(i * 5, i * 5 + 5).map((x, d) => x - mean[d]);
      for (let d = 0; d < 5; d++) expect(row[d]).toBeCloseTo(shifted[d] / Math.hypot(...shifted), 5);
    }
    expect(mean[0]).toBeCloseTo(3, 0); // the zero row is not in it
  });

  it('makes rows without a direction zero instead of scaling up rounding', () => {
    const points = new Float32Array(21).map((_, at) => [0.1, 0.7, 1e-3][at % 3]);
    centerAndNormalize(points, 7, 3);
    expect([...points]).toEqual(new Array(21).fill(0));
    expect(centerAndNormalize(new Float32Array(0), 0, 3)).toEqual(new Float64Array(3));
  });
});
