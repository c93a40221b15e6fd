import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RankingMeter, topIndices } from '../../src/training/ranking.js';

/** Scores with many ties. */
const scores = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.float({ noNaN: true })), { maxLength: 60 });

/** All positions by score, largest first, ties to the smaller position. */
const sorted = (values: ArrayLike<number>) =>
  [...Array.from(values).keys()].sort((a, b) => values[b] - values[a] || a - b);

describe('topIndices', () => {
  it('are the head of a full sort, ties to the smaller position', () => {
    fc.assert(
      fc.property(scores, fc.integer({ min: 1, max: 30 }), (values, count) => {
        const array = Float32Array.from(values.map((value) => (Number.isFinite(value) ? value : 0)));
        expect(topIndices(array, count)).toEqual(sorted(array).slice(0, count));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('put −∞ last', () => {
    expect(topIndices(Float32Array.of(-Infinity, 1, -Infinity, 2), 3)).toEqual([3, 1, 0]);
  });

  it('are all positions where there are fewer than asked for, and none of nothing', () => {
    expect(topIndices(Float32Array.of(1, 3, 2), 20)).toEqual([1, 2, 0]);
    expect(topIndices(new Float32Array(0), 20)).toEqual([]);
  });
});

describe('RankingMeter', () => {
  /** Recall and NDCG at 20 of one user by their definitions. */
  function naive(values: readonly number[], known: readonly number[], hidden: readonly number[]) {
    const ranked = sorted(values)
      .filter((s) => !known.includes(s))
      .slice(0, 20);
    const gains = ranked.map((s, rank) => (hidden.includes(s) ? 1 / Math.log2(rank + 2) : 0));
    const ideal = hidden.slice(0, 20).reduce((sum, _, rank) => sum + 1 / Math.log2(rank + 2), 0);
    return {
      recall: ranked.filter((s) => hidden.includes(s)).length / hidden.length,
      ndcg: gains.reduce((sum, gain) => sum + gain, 0) / ideal,
    };
  }

  const user = fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 50 }).chain((links) =>
    fc.record({
      scores: fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 60, maxLength: 60 }),
      hidden: fc.constant(links.slice(0, Math.ceil(links.length / 2))),
      known: fc.constant(links.slice(Math.ceil(links.length / 2))),
    }),
  );

  it('agrees with the definitions, averaged over users', () => {
    fc.assert(
      fc.property(fc.array(user, { minLength: 1, maxLength: 4 }), (users) => {
        const meter = new RankingMeter();
        for (const one of users) meter.add(Float32Array.from(one.scores), one.known, one.hidden);
        const expected = users.map((one) => naive(one.scores, one.known, one.hidden));
        const mean = (key: 'recall' | 'ndcg') => expected.reduce((sum, one) => sum + one[key], 0) / users.length;
        const { users: count, recallAt20, ndcgAt20 } = meter.result();
        expect(count).toBe(users.length);
        expect(recallAt20).toBeCloseTo(mean('recall'), 10);
        expect(ndcgAt20).toBeCloseTo(mean('ndcg'), 10);
        expect(ndcgAt20).toBeLessThanOrEqual(1 + 1e-12);
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it('is 1 for a perfect ranking, however good the known links score', () => {
    const meter = new RankingMeter();
    meter.add(Float32Array.of(9, 8, 3, 2, 1), [0, 1], [2, 3]);
    expect(meter.result()).toEqual({ users: 1, recallAt20: 1, ndcgAt20: 1 });
  });

  it('is 0 where nothing is found, and where nobody was asked', () => {
    const meter = new RankingMeter();
    expect(meter.result()).toEqual({ users: 0, recallAt20: 0, ndcgAt20: 0 });
    meter.add(
      Float32Array.from({ length: 40 }, (_, s) => -s),
      [],
      [30, 39],
    );
    expect(meter.result()).toEqual({ users: 1, recallAt20: 0, ndcgAt20: 0 });
  });

  it('finds everything where there are fewer than twenty subreddits', () => {
    const meter = new RankingMeter();
    meter.add(Float32Array.of(1, 2, 3), [2], [0]);
    expect(meter.result().recallAt20).toBe(1);
    expect(meter.result().ndcgAt20).toBeCloseTo(1 / Math.log2(3), 12);
  });
});
