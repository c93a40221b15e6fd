import type { Random } from '../../core/random.js';

/** A mean with its 95 % interval. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Percentile bootstrap of a mean over users.
 *
 * @param values [N], one a user; N = 0 gives zeros
 */
export function bootstrapMean(values: Float64Array, random: Random, numResamples = 1000): Interval {
  const n = values.length;
  if (n === 0) return { mean: 0, low: 0, high: 0 };
  const means = new Float64Array(numResamples);
  for (let r = 0; r < numResamples; r++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[Math.floor(random.float() * n)];
    means[r] = sum / n;
  }
  means.sort();
  let total = 0;
  for (const value of values) total += value;
  const at = (share: number) => means[Math.min(numResamples - 1, Math.floor(share * numResamples))];
  return { mean: total / n, low: at(0.025), high: at(0.975) };
}
