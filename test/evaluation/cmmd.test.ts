import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { CMMD_DEFAULTS, cmmd, cmmdAtSize, unitRows, type VectorSet } from '../../src/evaluation/cmmd.js';

/** Unit vectors around a common direction: `pull` sets how alike they are, as CLIP vectors of photographs are. */
function vectors(rows: number, dim: number, pull: number, random: Random, shift = 0): VectorSet {
  const values = Float32Array.from({ length: rows * dim }, (_, at) => {
    const d = at % dim;
    return random.normal() + pull * (d % 3 === 0 ? 1 : -0.5) + (d < dim / 4 ? shift : 0);
  });
  return unitRows({ values, dim });
}

/** The definition, in float64, pair by pair. */
function byDefinition(x: VectorSet, y: VectorSet, sigma: number): { unbiased: number; biased: number } {
  const rows = ({ values, dim }: VectorSet) =>
    Array.from({ length: values.length / dim }, (_, i) => Array.from(values.subarray(i * dim, (i + 1) * dim)));
  const kernel = (a: number[], b: number[]) =>
    Math.exp(-a.reduce((sum, v, d) => sum + (v - b[d]) ** 2, 0) / (2 * sigma * sigma));
  const sum = (a: number[][], b: number[][], self: boolean) =>
    a.reduce((total, p, i) => total + b.reduce((row, q, j) => row + (self && i === j ? 0 : kernel(p, q)), 0), 0);
  const [a, b] = [rows(x), rows(y)];
  const [m, n] = [a.length, b.length];
  const cross = (2 * sum(a, b, false)) / (m * n);
  return {
    unbiased: 1000 * (sum(a, a, true) / (m * (m - 1)) + sum(b, b, true) / (n * (n - 1)) - cross),
    biased: 1000 * ((sum(a, a, true) + m) / m ** 2 + (sum(b, b, true) + n) / n ** 2 - cross),
  };
}

describe('CMMD', () => {
  it.each([
    [2, 3, 10],
    [27, 40, 10],
    [60, 33, 0.5], // a narrow kernel, whose values leave the series
  ])('is what the definition gives in float64 (%i against %i rows, σ = %d)', (m, n, sigma) => {
    const random = new Random(m);
    const [x, y] = [vectors(m, 48, 0.8, random), vectors(n, 48, 0.8, random, 0.3)];
    const ours = cmmd(x, y, { ...CMMD_DEFAULTS, sigma });
    const wanted = byDefinition(x, y, sigma);
    expect(ours.unbiased).toBeCloseTo(wanted.unbiased, 5); // inner products are rounded to float32 once
    expect(ours.biased).toBeCloseTo(wanted.biased, 5);
  });

  it('does not depend on where the blocks end', () => {
    const random = new Random(3);
    const [x, y] = [vectors(1500, 8, 0.5, random), vectors(1100, 8, 0.5, random, 0.2)];
    const order = random.shuffle(Uint32Array.from({ length: 1500 }, (_, i) => i));
    const shuffled = {
      dim: 8,
      values: Float32Array.from({ length: 1500 * 8 }, (_, at) => x.values[order[Math.floor(at / 8)] * 8 + (at % 8)]),
    };
    const [a, b] = [cmmd(x, y), cmmd(shuffled, y)];
    expect(b.unbiased).toBeCloseTo(a.unbiased, 6);
    expect(b.standardError).toBeCloseTo(a.standardError, 6);
    const self = byDefinition(
      { dim: 8, values: x.values.subarray(0, 1030 * 8) },
      { dim: 8, values: y.values.subarray(0, 10 * 8) },
      10,
    );
    const ours = cmmd(
      { dim: 8, values: x.values.subarray(0, 1030 * 8) },
      { dim: 8, values: y.values.subarray(0, 10 * 8) },
    );
    expect(ours.unbiased).toBeCloseTo(self.unbiased, 5);
  });

  // the bias of the published implementation is 10 · (1 − c̄) · (1/m + 1/n), c̄ the mean cosine
  it.each([
    [10, 40],
    [27, 40],
    [100, 12],
    [1000, 2],
  ])('is 0 on average for equal distributions at n = %i, where the biased form is not', (n, repeats) => {
    const random = new Random(n);
    const values = Array.from({ length: repeats }, () => cmmd(vectors(n, 96, 1, random), vectors(n, 96, 1, random)));
    const mean = (xs: number[]) => xs.reduce((a, b) => a + b) / xs.length;
    const unbiased = values.map((value) => value.unbiased);
    const sd = Math.sqrt(mean(unbiased.map((u) => u ** 2)));
    expect(Math.abs(mean(unbiased))).toBeLessThan((3.5 * sd) / Math.sqrt(repeats));
    const meanCosine = 1 / 3; // pull 1: |mean|² / (1 + |mean|²) with mean square ½ a dimension
    const expected = (10 * (1 - meanCosine) * 2) / n;
    const bias = mean(values.map((value) => value.biased - value.unbiased)); // free of what both share by chance
    expect(bias / expected).toBeGreaterThan(0.97);
    expect(bias / expected).toBeLessThan(1.03);
  });

  it('has a standard error that matches the spread over samples', () => {
    const random = new Random(17);
    const values = Array.from({ length: 60 }, () => cmmd(vectors(50, 24, 1, random), vectors(60, 24, 1, random, 0.6)));
    const mean = values.reduce((sum, value) => sum + value.unbiased, 0) / values.length;
    const sd = Math.sqrt(values.reduce((sum, value) => sum + (value.unbiased - mean) ** 2, 0) / (values.length - 1));
    const said = values.reduce((sum, value) => sum + value.standardError, 0) / values.length;
    expect(said / sd).toBeGreaterThan(0.75);
    expect(said / sd).toBeLessThan(1.35);
  });

  it('tells a difference from the floor, and no difference from one', () => {
    const random = new Random(9);
    const reference = vectors(200, 32, 1, random);
    const same = cmmdAtSize(vectors(120, 32, 1, random), reference, 50, 20, random);
    const other = cmmdAtSize(vectors(120, 32, 1, random, 1), reference, 50, 20, random);
    expect(same.floorUnbiased.low).toBeLessThan(0);
    expect(same.floorUnbiased.high).toBeGreaterThan(0);
    expect(other.unbiased.low).toBeGreaterThan(other.floorUnbiased.high);
    expect(other.shareBelowFloor).toBe(0);
    expect(same.shareBelowFloor).toBeGreaterThan(0.5);
    expect(same.biased.value).toBeGreaterThan(same.unbiased.value + 0.1);
  });

  it('says what is missing when there are too few vectors, or vectors without direction', () => {
    const random = new Random(1);
    const few = vectors(5, 8, 1, random);
    expect(() => cmmdAtSize(few, few, 4, 2, random)).toThrow(/--size 2 or fewer/);
    expect(() => cmmd({ dim: 8, values: few.values.subarray(0, 8) }, few)).toThrow(/at least two/);
    expect(() => unitRows({ dim: 2, values: Float32Array.of(1, 0, 0, 0) })).toThrow(/Vector 2 has no direction/);
    expect(() => cmmd(few, vectors(5, 9, 1, random))).toThrow(/8 and of 9/);
  });
});
