import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitFacets } from '../../src/clustering/facets.js';
import { Random } from '../../src/core/random.js';

const DIM = 8;

/** Unit vectors around `numTastes` directions that have nothing in common: row r is of taste r % numTastes. */
function vectorsOf(numRows: number, numTastes: number, noise = 0.2, seed = 1): Float32Array {
  const draws = new Random(seed);
  const vectors = new Float32Array(numRows * DIM);
  for (let r = 0; r < numRows; r++) {
    const row = Float32Array.from({ length: DIM }, (_, d) => (d === r % numTastes ? 1 : 0) + noise * draws.normal());
    const length = Math.hypot(...row);
    vectors.set(
      row.map((value) => value / length),
      r * DIM,
    );
  }
  return vectors;
}

const split = (rows: readonly number[], vectors: Float32Array, weights: readonly number[], maxFacets = 4) =>
  splitFacets(rows, vectors, DIM, weights, { maxFacets });

describe('splitFacets', () => {
  it('finds the two tastes of a person who has two, the heavier first', () => {
    const vectors = vectorsOf(40, 4);
    const rows = [0, 4, 8, 12, 1, 5, 9]; // four of taste 0, three of taste 1
    const weights = [0.05, 0.05, 0.05, 0.05, 0.3, 0.3, 0.2]; // taste 1 has more of the attention
    expect([...split(rows, vectors, weights)]).toEqual([1, 1, 1, 1, 0, 0, 0]);
  });

  it('leaves a person of one taste whole, and one of a single item', () => {
    const vectors = vectorsOf(40, 4);
    expect([...split([0, 4, 8, 12, 16], vectors, [1, 1, 1, 1, 1])]).toEqual([0, 0, 0, 0, 0]);
    expect([...split([3], vectors, [1])]).toEqual([0]);
    expect([...split([], vectors, [])]).toEqual([]);
    expect([...split([0, 1, 4, 5], vectors, [1, 1, 1, 1], 1)]).toEqual([0, 0, 0, 0]);
  });

  it('makes no side of a stray item or of one that hardly counts', () => {
    const vectors = vectorsOf(40, 4);
    expect(new Set(split([0, 4, 8, 12, 2], vectors, [1, 1, 1, 1, 1])).size).toBe(1); // one of taste 2
    expect(new Set(split([0, 4, 8, 12, 2, 6], vectors, [1, 1, 1, 1, 0.1, 0.1])).size).toBe(1);
  });

  it('recovers planted tastes over many people, whatever the order of their items', () => {
    const vectors = vectorsOf(400, 5, 0.25, 3);
    let pairs = 0;
    let right = 0;
    for (let person = 0; person < 200; person++) {
      const draws = new Random(person).fork('person');
      const tastes = [draws.below(5), draws.below(5)];
      const rows = [
        ...new Set(tastes.flatMap((taste) => Array.from({ length: 6 }, () => 5 * draws.below(80) + taste))),
      ];
      const weights = rows.map(() => 0.5 + draws.float());
      const facet = split(rows, vectors, weights);
      const order = draws.shuffle([...rows.keys()]);
      const again = split(
        order.map((i) => rows[i]),
        vectors,
        order.map((i) => weights[i]),
      );
      expect([...again]).toEqual(order.map((i) => facet[i]));
      for (let i = 0; i < rows.length; i++)
        for (let j = 0; j < i; j++, pairs++) if ((rows[i] % 5 === rows[j] % 5) === (facet[i] === facet[j])) right++;
    }
    expect(right / pairs).toBeGreaterThan(0.95);
  });

  it('numbers facets from 0 by weight, none of them empty, on any items', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(399), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 100 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 8 }),
        (items, maxFacets, numTastes) => {
          const vectors = vectorsOf(400, numTastes);
          vectors.fill(0, 0, DIM * 20); // rows without a direction
          const facet = splitFacets(
            items.map(([row]) => row),
            vectors,
            DIM,
            items.map(([, weight]) => weight),
            { maxFacets },
          );
          const total: number[] = [];
          facet.forEach((f, i) => {
            total[f] = (total[f] ?? 0) + items[i][1];
          });
          expect(total.length).toBeLessThanOrEqual(maxFacets);
          for (let f = 0; f < total.length; f++) {
            expect(total[f]).toBeDefined();
            if (f > 0) expect(total[f]).toBeLessThanOrEqual(total[f - 1] + 1e-9);
          }
        },
      ),
      { seed: 1, numRuns: 100 },
    );
  });
});
