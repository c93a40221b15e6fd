import { describe, expect, it } from 'vitest';
import { centerAndNormalize } from '../../src/clustering/k-means.js';
import { nearestNeighbors } from '../../src/clustering/nearest-neighbors.js';
import { Random } from '../../src/core/random.js';
import { coresOf } from '../../src/kernels/cores.js';
import { normalPoints, plantOnSphere } from './points.js';

const cores = coresOf('reference');

/** All others of a point by dot product, descending. */
function ranked(points: Float32Array, numPoints: number, dim: number, i: number): { id: number; dot: number }[] {
  return Array.from({ length: numPoints }, (_, id) => {
    let dot = 0;
    for (let d = 0; d < dim; d++) dot += points[i * dim + d] * points[id * dim + d];
    return { id, dot };
  })
    .filter(({ id }) => id !== i)
    .sort((a, b) => b.dot - a.dot || a.id - b.id);
}

describe('nearestNeighbors', () => {
  it('is exact where one list holds all points', () => {
    const [numPoints, dim, count] = [120, 5, 7];
    const points = normalPoints(numPoints, dim, new Random(1));
    centerAndNormalize(points, numPoints, dim);
    const { ids, similarity } = nearestNeighbors(points, numPoints, dim, count, { random: new Random(2), cores });
    for (let i = 0; i < numPoints; i++) {
      const expected = ranked(points, numPoints, dim, i).slice(0, count);
      expect([...ids.subarray(i * count, (i + 1) * count)]).toEqual(expected.map(({ id }) => id));
      expected.forEach(({ dot }, at) => {
        expect(similarity[i * count + at]).toBeCloseTo(dot, 5);
      });
    }
  });

  it('finds nearly all neighbors where there are many lists, and the same ones each time', () => {
    const numPoints = 2500;
    const { points } = plantOnSphere(6, numPoints, 12, { noise: 0.1, spread: 0.6, random: new Random(3) });
    const find = () => nearestNeighbors(points, numPoints, 12, 10, { random: new Random(4), cores });
    const { ids } = find();
    let found = 0;
    for (let i = 0; i < numPoints; i += 25) {
      const truth = new Set(
        ranked(points, numPoints, 12, i)
          .slice(0, 10)
          .map(({ id }) => id),
      );
      for (const id of ids.subarray(i * 10, (i + 1) * 10)) if (truth.has(id)) found++;
    }
    expect(found / (10 * Math.ceil(numPoints / 25))).toBeGreaterThan(0.9);
    expect(find().ids).toEqual(ids);
  });

  it('leaves places empty where there are too few points', () => {
    const { ids, similarity } = nearestNeighbors(Float32Array.of(1, 0, 0, 1), 2, 2, 3, {
      random: new Random(1),
      cores,
    });
    expect([ids[0], ids[3]]).toEqual([1, 0]);
    expect([...similarity].map((s) => s === Number.NEGATIVE_INFINITY)).toEqual([false, true, true, false, true, true]);
  });
});
