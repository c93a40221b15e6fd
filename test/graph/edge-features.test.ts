import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EDGE_FEATURES, type EdgeCounts, edgeFeatures, NUM_EDGE_FEATURES } from '../../src/graph/edge-features.js';

const NOW = 1_700_000_000; // s
const DAY = 86_400; // s
const once: EdgeCounts = { posts: 0, comments: 1, score: 1, lastUtc: NOW };

function featuresOf(counts: Partial<EdgeCounts>, halfLifeDays = 365) {
  const out = new Float32Array(NUM_EDGE_FEATURES);
  const weight = edgeFeatures({ ...once, ...counts }, NOW, halfLifeDays, out, 0);
  const [logPosts, logComments, recency, meanScore] = out;
  return { logPosts, logComments, recency, meanScore, weight };
}

describe('edgeFeatures', () => {
  it('follows the formulas', () => {
    const { logPosts, logComments, recency, meanScore, weight } = featuresOf({
      posts: 3,
      comments: 7,
      score: 45,
      lastUtc: NOW - 730 * DAY,
    });
    expect(logPosts).toBeCloseTo(Math.log(4), 6);
    expect(logComments).toBeCloseTo(Math.log(8), 6);
    expect(recency).toBeCloseTo(0.25, 6);
    expect(meanScore).toBeCloseTo(Math.log(1 + 4.5), 6);
    expect(weight).toBeCloseTo(Math.log(11) / 4, 6);
  });

  it('keeps the sign of the score', () => {
    expect(featuresOf({ comments: 2, score: -6 }).meanScore).toBeCloseTo(-Math.log(4), 6);
    expect(featuresOf({ score: 0 }).meanScore).toBe(0);
  });

  it('takes an unknown time as now', () => {
    expect(featuresOf({ lastUtc: 0 }).recency).toBe(1);
  });

  it('halves with every half-life', () => {
    for (const halfLife of [1, 30, 365])
      for (const lives of [0, 1, 2, 5])
        expect(featuresOf({ lastUtc: NOW - lives * halfLife * DAY }, halfLife).recency).toBeCloseTo(0.5 ** lives, 6);
  });

  it('keeps the weight of a tie of forty years ago above zero, in float32 too', () => {
    const { recency, weight } = featuresOf({ lastUtc: NOW - 40 * 365 * DAY }, 1);
    expect(recency).toBeGreaterThan(0);
    expect(Math.fround(weight)).toBeGreaterThan(0);
  });

  it('writes finite features and a weight that a graph accepts for everything that an edge can hold', () => {
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
        const out = new Float32Array(NUM_EDGE_FEATURES + 2).fill(-7);
        const weight = Math.fround(edgeFeatures(counts, NOW, halfLifeDays, out, 1));
        expect(weight > 0 && weight < Infinity).toBe(true);
        expect(out.every(Number.isFinite)).toBe(true);
        expect(out[3]).toBeGreaterThan(0);
        expect(out[3]).toBeLessThanOrEqual(1);
        expect([out[0], out[NUM_EDGE_FEATURES + 1]]).toEqual([-7, -7]); // nothing beside its own entries
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('grows with activity and with recency', () => {
    expect(featuresOf({ comments: 5 }).weight).toBeGreaterThan(featuresOf({ comments: 4 }).weight);
    expect(featuresOf({ posts: 1 }).weight).toBe(featuresOf({ comments: 2 }).weight);
    expect(featuresOf({}).weight).toBeGreaterThan(featuresOf({ lastUtc: NOW - DAY }).weight);
  });

  it('has a name for each feature', () => {
    expect(EDGE_FEATURES).toHaveLength(NUM_EDGE_FEATURES);
  });
});
