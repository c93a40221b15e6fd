import { describe, expect, it } from 'vitest';
import { chooseK, K_CANDIDATES } from '../../src/clustering/choose-k.js';
import { centerAndNormalize } from '../../src/clustering/k-means.js';
import { Random } from '../../src/core/random.js';
import { plantOnSphere } from './points.js';

const numPoints = 800;
const options = { minClusterSize: 40, silhouetteSize: 500 };

function planted(k: number, dim: number, noise: number, seed: number): Float32Array {
  const { points } = plantOnSphere(k, numPoints, dim, { noise, spread: 0.6, random: new Random(seed) });
  centerAndNormalize(points, numPoints, dim);
  return points;
}

/** `k` overlapping groups, every other one leaning to the same side. */
function twoHalvesOf(k: number, numPoints: number, dim: number, random: Random): Float32Array {
  const centers = Array.from({ length: k }, (_, c) =>
    Array.from({ length: dim }, (_, d) => random.normal() / Math.sqrt(dim) + (d > 0 ? 0 : c % 2 === 0 ? 0.9 : -0.9)),
  );
  const points = Float32Array.from({ length: numPoints * dim }, (_, at) => {
    const center = centers[Math.floor(at / dim) % k];
    return center[at % dim] + 0.3 * random.normal();
  });
  centerAndNormalize(points, numPoints, dim);
  return points;
}

describe('chooseK', () => {
  it.each([
    { k: 3, dim: 32, noise: 0.2, seed: 1 },
    { k: 8, dim: 32, noise: 0.15, seed: 3 },
    { k: 8, dim: 64, noise: 0.2, seed: 4 },
    { k: 15, dim: 64, noise: 0.1, seed: 5 },
  ])('finds $k planted clusters among noise ($noise), give or take one', ({ k, dim, noise, seed }) => {
    const choice = chooseK(planted(k, dim, noise, seed), numPoints, dim, { ...options, random: new Random(seed) });
    expect(Math.abs(choice.k - k)).toBeLessThanOrEqual(1);
    expect(choice.structure).toBe('clear');
    expect(choice.reason).toContain(`k = ${choice.k}:`);
    expect(choice.table.map((score) => score.k)).toContain(choice.k);
  });

  it('takes the second peak, at a finer grain, where two loose halves are made of many small groups', () => {
    const points = twoHalvesOf(24, 2400, 32, new Random(3));
    const choice = chooseK(points, 2400, 32, { ...options, random: new Random(1) });
    expect(choice.structure).toBe('weak');
    expect(choice.k).toBeGreaterThanOrEqual(16);
    expect(choice.k).toBeLessThanOrEqual(32);
    expect(choice.reason).toContain('at k = 2');
  });

  it('says that there is no structure where there is none', () => {
    const seed = 1;
    const choice = chooseK(planted(0, 32, 1, seed), numPoints, 32, { ...options, random: new Random(seed) });
    expect(choice).toMatchObject({ k: 2, structure: 'none' });
    expect(choice.reason).toContain('no k from 2 to 20 splits');
    expect(choice.table.map((score) => score.k)).toEqual(K_CANDIDATES.filter((k) => k <= 20));
  });

  it('gives the same choice and table for the same seed', () => {
    const points = planted(4, 16, 0.1, 7);
    const run = () => chooseK(points, numPoints, 16, { ...options, candidates: [3, 4], random: new Random(1) });
    expect(run()).toEqual(run());
  });

  it('tries the neighbors of a candidate that wins', () => {
    const points = planted(5, 32, 0, 8);
    const choice = chooseK(points, numPoints, 32, { ...options, candidates: [2, 6], random: new Random(1) });
    expect(choice.k).toBe(5);
  });

  it('leaves zero rows out and gives one cluster to too few points', () => {
    const points = new Float32Array(200 * 8);
    points.set(planted(2, 8, 0, 9).subarray(0, 60 * 8));
    const choice = chooseK(points, 200, 8, { random: new Random(1) });
    expect(choice).toMatchObject({ k: 1, structure: 'none', table: [] });
    expect(choice.reason).toContain('60 points are too few');
    expect(chooseK(new Float32Array(0), 0, 8, { random: new Random(1) }).k).toBe(1);
  });
});
