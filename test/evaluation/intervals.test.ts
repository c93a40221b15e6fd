import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import {
  betaCdf,
  binomialInterval,
  binomialTest,
  bootstrap,
  logGamma,
  quantile,
} from '../../src/evaluation/intervals.js';

const golden = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../golden/evaluation/intervals.json'), 'utf8'),
) as {
  binomial: { successes: number; trials: number; low: number; high: number; p: number; p03: number }[];
  beta: { x: number; a: number; b: number; cdf: number }[];
};

describe('exact binomial intervals', () => {
  it.each(golden.binomial)(
    'are those of SciPy for $successes of $trials',
    ({ successes, trials, low, high, p, p03 }) => {
      const interval = binomialInterval(successes, trials);
      expect(Math.abs(interval.low - low)).toBeLessThan(1e-10);
      expect(Math.abs(interval.high - high)).toBeLessThan(1e-10);
      expect(binomialTest(successes, trials)).toBeCloseTo(p, 9);
      expect(binomialTest(successes, trials, 0.3)).toBeCloseTo(p03, 9);
    },
  );

  it('rest on an incomplete beta function that agrees with SciPy', () => {
    for (const { x, a, b, cdf } of golden.beta) expect(Math.abs(betaCdf(x, a, b) - cdf)).toBeLessThan(1e-11);
    expect(logGamma(1)).toBeCloseTo(0, 13);
    expect(logGamma(11)).toBeCloseTo(Math.log(3_628_800), 12);
  });
});

describe('the bootstrap', () => {
  it('gives the interval of a mean that theory gives', () => {
    const random = new Random(4);
    const values = Float64Array.from({ length: 400 }, () => random.normal());
    const mean = (times: Uint32Array) => [values.reduce((sum, v, i) => sum + times[i] * v, 0) / 400];
    const { estimates, failed } = bootstrap(400, mean, { replicates: 2000, random });
    expect(failed).toBe(0);
    expect(estimates[0].high - estimates[0].low).toBeCloseTo((2 * 1.96) / 20, 1);
  });

  it('is the same for one seed, and counts what could not be computed', () => {
    const run = (seed: number) =>
      bootstrap(10, (times) => (times[0] === 0 ? undefined : [times[0]]), {
        replicates: 500,
        random: new Random(seed),
      });
    expect(run(1)).toEqual(run(1));
    expect(run(1).failed / 500).toBeCloseTo(0.9 ** 10, 1);
  });

  it('interpolates between order statistics', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([7], 0.9)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });
});
