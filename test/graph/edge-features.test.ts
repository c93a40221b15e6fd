import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  COUNT_OF_CODE,
  EDGE_FEATURE_VALUES,
  EDGE_FEATURES,
  type EdgeCounts,
  edgeWeight,
  encodeEdgeFeatures,
  NUM_EDGE_FEATURES,
} from '../../src/graph/edge-features.js';

const NOW = 1_700_000_000; // s
const DAY = 86_400; // s
const once: EdgeCounts = { posts: 0, comments: 1, score: 1, lastUtc: NOW };

function featuresOf(counts: Partial<EdgeCounts>, halfLifeDays = 365) {
  const codes = EDGE_FEATURES.map(() => new Uint8Array(1));
  encodeEdgeFeatures({ ...once, ...counts }, NOW, halfLifeDays, codes, 0);
  const [logPosts, logComments, recency, meanScore] = codes.map(([code], f) => EDGE_FEATURE_VALUES[256 * f + code]);
  const weight = edgeWeight({ numFeatures: NUM_EDGE_FEATURES, codes, values: EDGE_FEATURE_VALUES }, 0);
  return { logPosts, logComments, recency, meanScore, weight, codes };
}

describe('encodeEdgeFeatures', () => {
  it('follows the formulas: counts to 64 exactly, the others as fine as their codes', () => {
    const { logPosts, logComments, recency, meanScore, weight } = featuresOf({
      posts: 3,
      comments: 64,
      score: 4.5 * 67,
      lastUtc: NOW - 730 * DAY,
    });
    expect(logPosts).toBeCloseTo(Math.log(4), 6);
    expect(logComments).toBeCloseTo(Math.log(65), 6);
    expect(recency).toBeCloseTo(0.25, 2);
    expect(meanScore).toBeCloseTo(Math.log(1 + 4.5), 1);
    expect(weight).toBeCloseTo(Math.log(68) * recency, 5);
  });

  it('stays as near to the formulas as its scale promises', () => {
    const edge = fc
      .record({ posts: fc.nat(2 ** 32 - 1), comments: fc.nat(200), score: fc.integer(), age: fc.nat(4000) })
      .filter(({ posts, comments }) => posts + comments > 0);
    fc.assert(
      fc.property(edge, ({ posts, comments, score, age }) => {
        const { logPosts, logComments, recency, meanScore } = featuresOf({
          posts,
          comments,
          score,
          lastUtc: NOW - age * DAY,
        });
        for (const [log, count] of [
          [logPosts, posts],
          [logComments, comments],
        ])
          expect(Math.abs(Math.expm1(log) - count)).toBeLessThanOrEqual(count <= 64 ? 1e-4 * count : 0.05 * count);
        expect(Math.abs(recency - 2 ** (-age / 365))).toBeLessThan(0.004);
        const mean = score / (posts + comments);
        const exact = Math.sign(mean) * Math.log1p(Math.abs(mean));
        if (Math.abs(exact) <= 16) expect(Math.abs(meanScore - exact)).toBeLessThan(0.127);
        if (Math.abs(exact) <= 2.5) expect(Math.abs(meanScore - exact)).toBeLessThan(0.051);
      }),
      { seed: 2, numRuns: 500 },
    );
  });

  it('never orders two edges the wrong way round', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1), fc.nat(4000), fc.nat(4000), (a, b, ageA, ageB) => {
        const [first, second] = [
          featuresOf({ posts: Math.min(a, b), lastUtc: NOW - Math.max(ageA, ageB) * DAY }),
          featuresOf({ posts: Math.max(a, b), lastUtc: NOW - Math.min(ageA, ageB) * DAY }),
        ];
        expect(first.logPosts).toBeLessThanOrEqual(second.logPosts);
        expect(first.recency).toBeLessThanOrEqual(second.recency);
        expect(first.weight).toBeLessThanOrEqual(second.weight);
      }),
      { seed: 3 },
    );
  });

  it('keeps the sign of the score', () => {
    expect(featuresOf({ comments: 2, score: -6 }).meanScore).toBeCloseTo(-Math.log(4), 1);
    expect(featuresOf({ score: 0 }).meanScore).toBe(0);
  });

  it('takes an unknown time as now', () => {
    expect(featuresOf({ lastUtc: 0 }).recency).toBe(1);
  });

  it('halves with every half-life', () => {
    for (const halfLife of [1, 30, 365])
      for (const lives of [0, 1, 2, 5])
        expect(featuresOf({ lastUtc: NOW - lives * halfLife * DAY }, halfLife).recency).toBeCloseTo(0.5 ** lives, 2);
  });

  it('gives finite features and a weight that a graph accepts for everything that an edge can hold', () => {
    const count = fc.oneof(fc.nat(20), fc.nat(2 ** 32 - 1));
    const edge = fc
      .record({
        posts: count,
        comments: count,
        score: fc.oneof(fc.constantFrom(1e9, -1e9, 0), fc.maxSafeInteger()),
        lastUtc: fc.nat(NOW),
      })
      .filter(({ posts, comments }) => posts + comments > 0);
    fc.assert(
      fc.property(edge, fc.double({ min: 1e-9, max: 1e9, noNaN: true }), (counts, halfLifeDays) => {
        const { codes: _, ...features } = featuresOf(counts, halfLifeDays);
        expect(Object.values(features).every(Number.isFinite)).toBe(true);
        const weight = Math.fround(features.weight);
        expect(weight > 0 && weight < Infinity).toBe(true);
        expect(features.recency).toBeGreaterThan(0);
        expect(features.recency).toBeLessThanOrEqual(1);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('grows with activity and with recency', () => {
    expect(featuresOf({ comments: 5 }).weight).toBeGreaterThan(featuresOf({ comments: 4 }).weight);
    expect(featuresOf({ posts: 1 }).weight).toBe(featuresOf({ comments: 2 }).weight);
    expect(featuresOf({}).weight).toBeGreaterThan(featuresOf({ lastUtc: NOW - 30 * DAY }).weight);
  });

  it('writes its own edge alone', () => {
    const codes = EDGE_FEATURES.map(() => new Uint8Array(3).fill(7));
    encodeEdgeFeatures(once, NOW, 365, codes, 1);
    for (const column of codes) expect([column[0], column[2]]).toEqual([7, 7]);
  });
});

describe('codes', () => {
  it('grow with what they stand for', () => {
    for (let f = 0; f < NUM_EDGE_FEATURES; f++)
      for (let code = 1; code < 256; code++)
        expect(EDGE_FEATURE_VALUES[256 * f + code]).toBeGreaterThan(EDGE_FEATURE_VALUES[256 * f + code - 1]);
  });

  it('of counts are whole to 64', () => {
    expect([...COUNT_OF_CODE.subarray(0, 65)]).toEqual([...Array(65).keys()]);
  });
});
