import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  adjustedRandIndex,
  CohesionMeter,
  normalizedMutualInformation,
  sampleDistances,
  silhouette,
  silhouetteValues,
} from '../../src/clustering/quality.js';
import { Random } from '../../src/core/random.js';
import { normalPoints } from './points.js';

const twoLabelings = fc
  .array(fc.tuple(fc.integer({ min: -1, max: 3 }), fc.integer({ min: -1, max: 4 })), { minLength: 2, maxLength: 14 })
  .map((pairs) => ({ a: Int32Array.from(pairs, ([x]) => x), b: Int32Array.from(pairs, ([, y]) => y) }));

/** The definition, from agreements over all pairs of points. */
function ariByPairs(a: Int32Array, b: Int32Array): number {
  let [both, inA, inB, all] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++)
    for (let j = i + 1; j < a.length; j++) {
      all++;
      if (a[i] === a[j]) inA++;
      if (b[i] === b[j]) inB++;
      if (a[i] === a[j] && b[i] === b[j]) both++;
    }
  const expected = (inA * inB) / all;
  return (inA + inB) / 2 === expected ? 1 : (both - expected) / ((inA + inB) / 2 - expected);
}

describe('adjustedRandIndex', () => {
  it('agrees with its definition over pairs', () => {
    fc.assert(
      fc.property(twoLabelings, ({ a, b }) => {
        expect(adjustedRandIndex(a, b)).toBeCloseTo(ariByPairs(a, b), 10);
        expect(adjustedRandIndex(b, a)).toBeCloseTo(adjustedRandIndex(a, b), 10);
        expect(adjustedRandIndex(a, a)).toBe(1);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('does not care what clusters are called', () => {
    const a = Int32Array.of(0, 0, 1, 1, 2, 2);
    expect(adjustedRandIndex(a, Int32Array.of(5, 5, 9, 9, 1, 1))).toBe(1);
  });

  it('leaves out points without cluster when asked to', () => {
    const a = Int32Array.of(0, 0, 1, 1, -1, 0);
    const b = Int32Array.of(1, 1, 0, 0, 0, -1);
    expect(adjustedRandIndex(a, b, true)).toBe(1);
    expect(adjustedRandIndex(a, b)).toBeLessThan(1);
    expect(adjustedRandIndex(Int32Array.of(-1), Int32Array.of(0), true)).toBe(1); // nothing left: nothing differs
  });

  it('is near 0 for unrelated labels', () => {
    const random = new Random(1);
    const draw = () => new Int32Array(5000).map(() => random.below(6));
    expect(Math.abs(adjustedRandIndex(draw(), draw()))).toBeLessThan(0.01);
  });
});

describe('normalizedMutualInformation', () => {
  it('agrees with entropies over the joint distribution', () => {
    fc.assert(
      fc.property(twoLabelings, ({ a, b }) => {
        const entropy = (labels: readonly string[]): number => {
          const counts = new Map<string, number>();
          for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
          return [...counts.values()].reduce((sum, n) => sum - (n / labels.length) * Math.log(n / labels.length), 0);
        };
        const [left, right] = [Array.from(a, String), Array.from(b, String)];
        const [hA, hB, hAB] = [entropy(left), entropy(right), entropy(left.map((x, i) => `${x},${right[i]}`))];
        const expected = hA + hB === 0 ? 1 : (2 * (hA + hB - hAB)) / (hA + hB);
        expect(normalizedMutualInformation(a, b)).toBeCloseTo(expected, 10);
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('is 1 for renamed clusters and 0 against a single one', () => {
    const a = Int32Array.of(0, 0, 1, 1, -1);
    expect(normalizedMutualInformation(a, Int32Array.of(3, 3, 2, 2, 2), true)).toBeCloseTo(1, 12);
    expect(normalizedMutualInformation(a, new Int32Array(5))).toBe(0);
    expect(normalizedMutualInformation(new Int32Array(3), new Int32Array(3))).toBe(1);
  });
});

describe('silhouette', () => {
  const clustered = fc.record({
    seed: fc.nat(),
    k: fc.integer({ min: 1, max: 4 }),
    numPoints: fc.integer({ min: 0, max: 15 }),
  });

  it('agrees with its definition, point by point', () => {
    fc.assert(
      fc.property(clustered, ({ seed, k, numPoints }) => {
        const random = new Random(seed);
        const points = normalPoints(numPoints, 2, random);
        const assignment = new Int32Array(numPoints).map(() => random.below(k + 1) - 1);
        const distance = (i: number, j: number): number =>
          Math.hypot(points[2 * i] - points[2 * j], points[2 * i + 1] - points[2 * j + 1]);
        const values = silhouetteValues(sampleDistances(points, numPoints, 2, random), assignment, k);
        for (let i = 0; i < numPoints; i++) {
          const meanTo = (c: number): number => {
            const others = [...assignment.keys()].filter((j) => j !== i && assignment[j] === c);
            return others.reduce((sum, j) => sum + distance(i, j), 0) / others.length; // NaN where there is none
          };
          const others = Array.from({ length: k }, (_, c) => c).filter((c) => c !== assignment[i]);
          const b = Math.min(...others.map(meanTo).filter((mean) => !Number.isNaN(mean)));
          const a = meanTo(assignment[i]);
          const expected = Number.isNaN(a) || b === Infinity ? 0 : (b - a) / Math.max(a, b);
          if (assignment[i] < 0) expect(values[i]).toBeNaN();
          else expect(values[i]).toBeCloseTo(expected, 5);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('averages over points and over clusters, and a sample comes near the whole', () => {
    const random = new Random(1);
    const points = normalPoints(1000, 3, random).map((x, at) => x + (at < 900 ? 0 : 8));
    const assignment = new Int32Array(1000).map((_, i) => (i < 300 ? 0 : 1)); // rows 300 and above are the far ones
    const whole = silhouette(sampleDistances(points, 1000, 3, random), assignment, 2);
    expect(whole.mean).toBeCloseTo(0.3 * whole.perCluster[0] + 0.7 * whole.perCluster[1], 10);
    expect(whole.mean).toBeGreaterThan(0.7);
    const part = silhouette(sampleDistances(points, 1000, 3, random, 300), assignment, 2);
    expect(Math.abs(part.mean - whole.mean)).toBeLessThan(0.03);
  });
});

describe('CohesionMeter', () => {
  it('is the mean cosine to the centroid', () => {
    const points = Float32Array.of(3, 0, 0, 2, -1, 0);
    const meter = new CohesionMeter(Float32Array.of(1, 0, 5, 0, 1, 1), 2);
    meter.add(points.subarray(0, 2), Int32Array.of(0));
    meter.add(points.subarray(2), Int32Array.of(0, 1));
    const cohesion = meter.result();
    expect([...cohesion]).toEqual([0.5, -1, Number.NaN]);
  });
});
