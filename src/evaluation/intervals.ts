import type { Random } from '../core/random.js';

/** A value with its interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Exact interval of a binomial proportion (Clopper & Pearson 1934): covers at least `level` whatever the true rate.
 *
 * @param successes integer in [0, trials]
 * @param trials    integer ≥ 1
 */
export function binomialInterval(successes: number, trials: number, level = 0.95): Estimate {
  const tail = (1 - level) / 2;
  return {
    value: successes / trials,
    low: successes === 0 ? 0 : betaQuantile(tail, successes, trials - successes + 1),
    high: successes === trials ? 1 : betaQuantile(1 - tail, successes + 1, trials - successes),
  };
}

/** Two-sided exact p-value of `successes` under `rate`: the chance of all outcomes at most as likely as this one. */
export function binomialTest(successes: number, trials: number, rate = 0.5): number {
  const logChance = (k: number) =>
    logGamma(trials + 1) -
    logGamma(k + 1) -
    logGamma(trials - k + 1) +
    (k === 0 ? 0 : k * Math.log(rate)) +
    (k === trials ? 0 : (trials - k) * Math.log1p(-rate));
  const seen = logChance(successes) + 1e-7; // ties count, though rounding may put them apart
  let p = 0;
  for (let k = 0; k <= trials; k++) if (logChance(k) <= seen) p += Math.exp(logChance(k));
  return Math.min(1, p);
}

/**
 * Percentile intervals of several statistics at once, by resampling whole units with replacement.
 *
 * @param numUnits  what is drawn: users, prompts; records of one unit stay together
 * @param statistic values for given multiplicities uint32 [numUnits]; undefined where they cannot be computed
 * @returns the values on the sample itself with their intervals, and how many replicates could not be computed
 */
export function bootstrap(
  numUnits: number,
  statistic: (times: Uint32Array) => readonly number[] | undefined,
  options: { readonly replicates: number; readonly level?: number; readonly random: Random },
): { estimates: Estimate[]; failed: number } {
  const { replicates, level = 0.95, random } = options;
  const times = new Uint32Array(numUnits).fill(1);
  const values = statistic(times) ?? [];
  const drawn = values.map(() => new Float64Array(replicates));
  let done = 0;
  for (let r = 0; r < replicates; r++) {
    times.fill(0);
    for (let i = 0; i < numUnits; i++) times[random.below(numUnits)]++;
    const replicate = statistic(times);
    if (!replicate) continue;
    for (let s = 0; s < values.length; s++) drawn[s][done] = replicate[s];
    done++;
  }
  const tail = (1 - level) / 2;
  const estimates = values.map((value, s) => {
    const sorted = drawn[s].subarray(0, done).sort();
    return { value, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
  });
  return { estimates, failed: replicates - done };
}

/** Linear interpolation between order statistics (Hyndman & Fan's type 7); NaN of nothing. */
export function quantile(sorted: ArrayLike<number>, p: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = p * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/** x with I_x(a, b) = p, by bisection to the last bit. */
export function betaQuantile(p: number, a: number, b: number): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (betaCdf(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Regularised incomplete beta function I_x(a, b): continued fraction DLMF 8.17.22, evaluated by Lentz's method. */
export function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - betaCdf(1 - x, b, a); // where the fraction converges fast
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x) - Math.log(a),
  );
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1) || tiny);
  let fraction = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / (1 + even * d || tiny);
    c = 1 + even / c || tiny;
    fraction *= c * d;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / (1 + odd * d || tiny);
    c = 1 + odd / c || tiny;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  return front * fraction;
}

/** log Γ(x) for x > 0: Stirling's series (DLMF 5.11.1) above 15, recurrence below. */
export function logGamma(x: number): number {
  let shift = 0;
  for (; x < 15; x++) shift -= Math.log(x);
  const i = 1 / x;
  const i2 = i * i;
  const series = i * (1 / 12 - i2 * (1 / 360 - i2 * (1 / 1260 - i2 * (1 / 1680 - i2 * (1 / 1188)))));
  return shift + (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series;
}
