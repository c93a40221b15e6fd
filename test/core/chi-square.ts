/** Pearson's statistic of counts that should all be equal. */
export function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

/**
 * What a fair draw exceeds once in ten thousand times (Wilson & Hilferty's approximation). Tests draw from fixed seeds,
 * so a test that passes once passes always; a biased sampler lies far above.
 */
export function chiSquareLimit(degreesOfFreedom: number): number {
  const spread = 2 / (9 * degreesOfFreedom);
  return degreesOfFreedom * (1 - spread + 3.719 * Math.sqrt(spread)) ** 3;
}
