import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { parseMargins } from '../../src/evaluation/margins.js';
import { cellCounts, type Margin, RAKING_DEFAULTS, rake, rakingDesign } from '../../src/evaluation/raking.js';
import { weightedScores } from '../../src/evaluation/weighted-scores.js';
import { temporaryFolders } from '../artifacts/folders.js';
import { sharedFile } from '../shared-data.js';

interface GoldenCase {
  readonly sizes: number[];
  readonly codes: number[][];
  readonly shares: number[][];
  readonly weights: number[];
}

const ROOT = resolve(import.meta.dirname, '../..');
const golden = JSON.parse(readFileSync(join(ROOT, 'test/golden/evaluation/raking.json'), 'utf8')) as {
  cases: GoldenCase[];
};
const newFolder = temporaryFolders();

function marginsOf(shares: readonly (readonly number[])[]): Margin[] {
  return shares.map((share, d) => ({
    variable: `v${d}`,
    categories: share.map((_, c) => String(c)),
    shares: Float64Array.from(share),
    source: 'test',
  }));
}

function weightsOf(margins: readonly Margin[], codes: readonly number[][], options = RAKING_DEFAULTS): number[] {
  const design = rakingDesign(margins, Int32Array.from(codes.flat()));
  const { cellWeights } = rake(design, cellCounts(design), options);
  return Array.from(design.cellOf, (cell) => cellWeights[cell]);
}

describe('raking', () => {
  golden.cases.forEach(({ sizes, codes, shares, weights }, n) => {
    it(`gives the weights of R's survey to 1e-9 (case ${n + 1}: ${sizes.join(' × ')})`, () => {
      const ours = weightsOf(marginsOf(shares), codes, { ...RAKING_DEFAULTS, tolerance: 1e-13 });
      ours.forEach((w, i) => {
        expect(Math.abs(w - weights[i])).toBeLessThan(1e-9);
      });
    });
  });

  it('meets every margin and keeps the odds ratios of the table', () => {
    const table = fc.record({
      counts: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 6, maxLength: 6 }),
      rows: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 2 }),
      cols: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 3, maxLength: 3 }),
    });
    fc.assert(
      fc.property(table, ({ counts, rows, cols }) => {
        const share = (xs: number[]) => xs.map((x) => x / xs.reduce((a, b) => a + b));
        const margins = marginsOf([share(rows), share(cols)]);
        const codes = counts.flatMap((count, k) => Array.from({ length: count }, () => [Math.floor(k / 3), k % 3]));
        const design = rakingDesign(margins, Int32Array.from(codes.flat()));
        const { cellWeights, worstError, effectiveSize, designEffect } = rake(design, cellCounts(design));
        expect(worstError).toBeLessThanOrEqual(1e-10);
        expect(effectiveSize).toBeLessThanOrEqual(codes.length * (1 + 1e-12));
        expect(designEffect).toBeGreaterThanOrEqual(1 - 1e-12);
        // weights are a product of row and column factors: w00 w11 = w01 w10
        const w = (r: number, c: number) =>
          cellWeights[design.cellOf[codes.findIndex(([row, col]) => row === r && col === c)]];
        expect(w(0, 0) * w(1, 1)).toBeCloseTo(w(0, 1) * w(1, 0), 6);
        expect(w(0, 0) * w(1, 2)).toBeCloseTo(w(0, 2) * w(1, 0), 6);
      }),
      { seed: 8, numRuns: 50 },
    );
  });

  it('refuses a category that no record has, and names it', () => {
    const margins = marginsOf([[0.2, 0.3, 0.5]]);
    expect(() => weightsOf(margins, [[0], [2], [2]])).toThrow(/v0 = "1", which is 30.0 %/);
  });

  it('collapses such a category into its neighbour when asked, and says so', () => {
    const margins = marginsOf([[0.2, 0.3, 0.5]]);
    const design = rakingDesign(margins, Int32Array.of(0, 0, 2, 2));
    const raking = rake(design, cellCounts(design), { ...RAKING_DEFAULTS, emptyCells: 'collapse' });
    expect(raking.collapsed).toEqual([{ variable: 'v0', category: '1', into: '0', share: 0.3 }]);
    expect(raking.cellWeights[design.cellOf[0]]).toBeCloseTo(1, 12);
  });

  it('refuses margins that contradict the zeros of the table', () => {
    // all of row 0 is in column 0, and yet row 0 should hold more than column 0
    const margins = marginsOf([
      [0.6, 0.4],
      [0.3, 0.7],
    ]);
    const codes = [...Array(20).fill([0, 0]), ...Array(20).fill([1, 0]), ...Array(20).fill([1, 1])];
    expect(() => weightsOf(margins, codes)).toThrow(/No weights fit the margins/);
    try {
      weightsOf(margins, codes);
    } catch (thrown) {
      expect(thrown).toMatchObject({ code: 'ERR_RAKING', fields: { iterations: 10_000 } });
    }
  });

  it('keeps weights below the cap, or refuses where the margins need more', () => {
    const margins = marginsOf([
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
    const codes = [
      ...Array(45).fill([0, 0]),
      ...Array(30).fill([0, 1]),
      ...Array(5).fill([1, 0]),
      ...Array(20).fill([1, 1]),
    ];
    const free = weightsOf(margins, codes);
    const cap = Math.max(...free) * 0.97;
    const design = rakingDesign(margins, Int32Array.from(codes.flat()));
    const capped = rake(design, cellCounts(design), { ...RAKING_DEFAULTS, cap, tolerance: 1e-8 });
    expect(capped.largestWeight).toBeLessThanOrEqual(cap * (1 + 1e-6));
    expect(capped.worstError).toBeLessThanOrEqual(1e-8);
    expect(() => weightsOf(margins, codes, { ...RAKING_DEFAULTS, cap: 1.2, maxIterations: 500 })).toThrow(/--cap/);
  });

  it('refuses to rake nothing', () => {
    expect(() => weightsOf(marginsOf([[0.5, 0.5]]), [])).toThrow(/0 records/);
  });

  const margins = sharedFile('margins/us_adults_acs2017.tsv');
  const rscript = spawnSync('Rscript', ['-e', 'library(survey)'], { stdio: 'ignore' }).status === 0;
  const missing = margins === undefined ? 'the shared data is not here' : rscript ? '' : 'R with survey is not here';
  it.skipIf(missing !== '')(
    `agrees with R's survey to 1e-9 on real census margins${missing && ` (${missing})`}`,
    () => {
      const table = parseMargins(readFileSync(margins as string, 'utf8'), 'us_adults_acs2017.tsv', [
        'sex',
        'age',
        'education',
      ]);
      const random = new Random(11);
      const codes = Array.from({ length: 1500 }, () =>
        table.map(({ categories }) => Math.min(random.below(categories.length), random.below(categories.length + 1))),
      );
      const folder = newFolder();
      const rows = table.flatMap(({ shares }, d) => Array.from(shares, (share, c) => `${d},${c},${share}`));
      writeFileSync(join(folder, 'codes.csv'), `v0,v1,v2\n${codes.join('\n')}\n`);
      writeFileSync(join(folder, 'margins.csv'), `margin,category,share\n${rows.join('\n')}\n`);
      const script = join(ROOT, 'scripts/goldens/raking.R');
      expect(existsSync(script)).toBe(true);
      const theirs = execFileSync('Rscript', [script, join(folder, 'codes.csv'), join(folder, 'margins.csv')], {
        encoding: 'utf8',
      });
      const ours = weightsOf(table, codes, { ...RAKING_DEFAULTS, tolerance: 1e-13 });
      const weights = theirs.trim().split('\n').map(Number);
      expect(weights).toHaveLength(codes.length);
      ours.forEach((w, i) => {
        expect(Math.abs(w - weights[i])).toBeLessThan(1e-9);
      });
    },
  );
});

describe('weighted scores', () => {
  const margins = marginsOf([[0.5, 0.5]]);
  const codes = Int32Array.from({ length: 400 }, (_, i) => (i < 300 ? 0 : 1)); // three quarters are of group 0
  const random = new Random(5);
  const score = Float64Array.from({ length: 400 }, (_, i) => (i < 300 ? 0.7 : 0.5) + 0.05 * random.normal());
  const design = rakingDesign(margins, codes);

  it('moves the mean to what the population would score, with intervals around it', () => {
    const records = { scores: { clip: score }, unitOf: Int32Array.from(codes.keys()), numUnits: 400 };
    const result = weightedScores(design, records, { ...RAKING_DEFAULTS, replicates: 300, random: new Random(6) });
    const [{ raw, raked, changePercent }] = result.scores;
    expect(raw.value).toBeCloseTo(0.65, 1);
    expect(raked.value).toBeCloseTo(0.6, 2);
    expect(changePercent.value).toBeCloseTo((100 * (raked.value - raw.value)) / raw.value, 9);
    expect(raked.low).toBeLessThan(raked.value);
    expect(raked.high).toBeGreaterThan(raked.value);
    expect(raked.high - raked.low).toBeLessThan(0.02);
    expect(result.effectiveSize).toBeCloseTo(300, 6); // 400² / (300 · (2/3)² + 100 · 2²)
    expect(result.failedReplicates).toBe(0);
  });

  it('covers the true value in about 95 of 100 samples', () => {
    let covered = 0;
    for (let s = 0; s < 100; s++) {
      const draw = new Random(1000 + s);
      const values = Float64Array.from(codes, (group) => (group === 0 ? 0.7 : 0.5) + 0.1 * draw.normal());
      const records = { scores: { clip: values }, unitOf: Int32Array.from(codes.keys()), numUnits: 400 };
      const [{ raked }] = weightedScores(design, records, { ...RAKING_DEFAULTS, replicates: 200, random: draw }).scores;
      if (raked.low <= 0.6 && 0.6 <= raked.high) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(88);
  });

  it('counts resamples that lack a category instead of hiding them', () => {
    const few = rakingDesign(margins, Int32Array.of(0, 0, 0, 1));
    const records = { scores: { clip: Float64Array.of(1, 2, 3, 4) }, unitOf: Int32Array.of(0, 1, 2, 3), numUnits: 4 };
    const result = weightedScores(few, records, { ...RAKING_DEFAULTS, replicates: 200, random: new Random(1) });
    expect(result.failedReplicates).toBeGreaterThan(20); // (3/4)⁴ of them, one in three
    expect(result.failedReplicates).toBeLessThan(120);
  });
});
