import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { bootstrapMean } from '../../../src/evaluation/links/bootstrap.js';
import { drawNegatives, measureLinks } from '../../../src/evaluation/links/metrics.js';
import { randomSplit } from '../../../src/evaluation/links/protocols.js';
import { plantedGraph } from '../../training/planted.js';

const graph = plantedGraph(120, 60, 4, 3);
const all = Uint32Array.from({ length: 60 }, (_, s) => s);
const asked = randomSplit(graph, 1e9, () => true, new Random(1)).cases[0].case;
const popularity = Uint32Array.from(all, (s) => graph.subredditToUser.rowPtr[s + 1] - graph.subredditToUser.rowPtr[s]);
const negatives = drawNegatives(asked, all, popularity, new Random(4));
const measure = (score: (user: number, subreddit: number) => number, ranked = all) =>
  measureLinks(
    asked,
    (begin, end) =>
      Float32Array.from({ length: (end - begin) * 60 }, (_, i) => score(begin + Math.floor(i / 60), i % 60)),
    ranked,
    negatives,
    popularity,
  );
const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
const isHidden = (u: number, s: number) =>
  asked.truth.colIndex.subarray(asked.truth.rowPtr[u], asked.truth.rowPtr[u + 1]).includes(s);

describe('measureLinks', () => {
  it('gives one to who knows the truth, zero to who ranks it last', () => {
    const { perUser } = measure((u, s) => (isHidden(u, s) ? 1 : 0));
    for (const values of Object.values(perUser)) expect(mean(values)).toBe(1);
    const worst = measure((u, s) => (isHidden(u, s) ? -1 : 0));
    expect(mean(worst.perUser.recallAt20)).toBe(0);
    expect(mean(worst.perUser.accuracy)).toBe(0);
    expect(mean(worst.perUser.mrr)).toBeLessThan(0.05);
  });

  it('has half the accuracy where scores say nothing', () => {
    const { perUser } = measure(() => 0);
    expect(mean(perUser.accuracy)).toBe(0.5);
    expect(mean(perUser.accuracyMatched)).toBe(0.5);
  });

  it('is the textbook on any scores', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const table = Array.from({ length: 60 * asked.truth.numRows }, () => new Random(seed).float());
        const random = new Random(seed).fork('scores');
        table.forEach((_, i) => {
          table[i] = Math.fround(random.float());
        });
        const { perUser } = measure((u, s) => table[60 * u + s]);
        const u = seed % asked.truth.numRows;
        const known = asked.given.links.colIndex.subarray(asked.given.links.rowPtr[u], asked.given.links.rowPtr[u + 1]);
        const order = [...all].filter((s) => !known.includes(s)).sort((a, b) => table[60 * u + b] - table[60 * u + a]);
        const hits = order.map((s) => isHidden(u, s));
        const numHidden = hits.filter(Boolean).length;
        expect(perUser.recallAt20[u]).toBeCloseTo(hits.slice(0, 20).filter(Boolean).length / numHidden, 12);
        expect(perUser.mrr[u]).toBeCloseTo(1 / (hits.indexOf(true) + 1), 12);
        expect(perUser.hitsAt10[u]).toBe(hits.slice(0, 10).some(Boolean) ? 1 : 0);
      }),
      { numRuns: 20 },
    );
  });

  it('sees how much and how popular what is shown is', () => {
    const popular = measure((_, s) => popularity[s]);
    const shy = measure((_, s) => -popularity[s]);
    expect(popular.popularityBias).toBeGreaterThan(shy.popularityBias);
    expect(measure((u, s) => (u * 31 + s * 17) % 60).coverage).toBeGreaterThan(popular.coverage);
  });
});

describe('drawNegatives', () => {
  it('never draws a link, and draws popularity alike where asked to', () => {
    let difference = { uniform: 0, matched: 0 };
    for (let u = 0; u < asked.truth.numRows; u++)
      for (let p = asked.truth.rowPtr[u]; p < asked.truth.rowPtr[u + 1]; p++) {
        const links = asked.given.links.colIndex.subarray(asked.given.links.rowPtr[u], asked.given.links.rowPtr[u + 1]);
        for (const kind of ['uniform', 'matched'] as const) {
          const drawn = negatives[kind][p];
          expect(isHidden(u, drawn) || links.includes(drawn)).toBe(false);
          const gap = Math.abs(popularity[drawn] - popularity[asked.truth.colIndex[p]]);
          difference = { ...difference, [kind]: difference[kind] + gap };
        }
      }
    expect(difference.matched).toBeLessThanOrEqual(difference.uniform);
  });
});

describe('bootstrapMean', () => {
  it('covers the mean it stands for about as often as it says', () => {
    let covered = 0;
    for (let trial = 0; trial < 200; trial++) {
      const random = new Random(trial);
      const {
        low,
        high,
        mean: middle,
      } = bootstrapMean(
        Float64Array.from({ length: 50 }, () => random.normal()),
        random,
        200,
      );
      expect(low).toBeLessThanOrEqual(middle);
      if (low <= 0 && high >= 0) covered++;
    }
    expect(covered).toBeGreaterThan(175);
    expect(covered).toBeLessThan(200);
  });

  it('is zero of nobody', () => {
    expect(bootstrapMean(new Float64Array(0), new Random(1))).toEqual({ mean: 0, low: 0, high: 0 });
  });
});
