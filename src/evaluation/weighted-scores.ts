import { InputError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { bootstrap, type Estimate } from './intervals.js';
import { type Collapse, cellCounts, type RakingDesign, type RakingOptions, rake, rakedMean } from './raking.js';

/** Scores of N records, and the units that are resampled together. */
export interface ScoredRecords {
  readonly scores: Readonly<Record<string, Float64Array>>; // by metric, [N]
  readonly unitOf: Int32Array; // [N] in [0, numUnits): records of one user count as one draw
  readonly numUnits: number;
}

/** One metric before and after raking. */
export interface WeightedScore {
  readonly metric: string;
  readonly raw: Estimate;
  readonly raked: Estimate;
  readonly changePercent: Estimate; // 100 · (raked − raw) / raw
}

export interface WeightedScores {
  readonly scores: readonly WeightedScore[];
  readonly records: number;
  readonly units: number;
  readonly iterations: number;
  readonly worstError: number;
  readonly effectiveSize: number;
  readonly designEffect: number;
  readonly largestWeight: number;
  readonly collapsed: readonly Collapse[];
  readonly replicates: number;
  readonly failedReplicates: number; // resamples that could not be raked; their part of the interval is missing
}

/** Raw and raked means of every metric; intervals by resampling units, raking anew in each replicate. */
export function weightedScores(
  design: RakingDesign,
  records: ScoredRecords,
  options: RakingOptions & { readonly replicates: number; readonly level?: number; readonly random: Random },
): WeightedScores {
  const metrics = Object.keys(records.scores);
  const raking = rake(design, cellCounts(design), options); // refuses here what cannot be raked at all
  const { cellOf, numCells } = design;
  const numRecords = cellOf.length;
  // replicates are raked more coarsely: their error is far below the spread of the interval
  const coarse = { ...options, tolerance: Math.max(options.tolerance, 1e-7), maxIterations: 2000 };

  const statistic = (times: Uint32Array): number[] | undefined => {
    const counts = new Float64Array(numCells);
    const totals = metrics.map(() => new Float64Array(numCells));
    for (let i = 0; i < numRecords; i++) {
      const n = times[records.unitOf[i]];
      if (n === 0) continue;
      counts[cellOf[i]] += n;
      for (let s = 0; s < metrics.length; s++) totals[s][cellOf[i]] += n * records.scores[metrics[s]][i];
    }
    const replicate = tryRake(design, counts, coarse);
    if (!replicate) return undefined;
    const mass = counts.reduce((sum, n) => sum + n, 0);
    return totals.flatMap((total) => {
      const raw = total.reduce((sum, one) => sum + one, 0) / mass;
      const raked = rakedMean(replicate, counts, total);
      return [raw, raked, (100 * (raked - raw)) / raw];
    });
  };
  const { estimates, failed } = bootstrap(records.numUnits, statistic, options);
  return {
    scores: metrics.map((metric, s) => ({
      metric,
      raw: estimates[3 * s],
      raked: estimates[3 * s + 1],
      changePercent: estimates[3 * s + 2],
    })),
    records: numRecords,
    units: records.numUnits,
    iterations: raking.iterations,
    worstError: raking.worstError,
    effectiveSize: raking.effectiveSize,
    designEffect: raking.designEffect,
    largestWeight: raking.largestWeight,
    collapsed: raking.collapsed,
    replicates: options.replicates,
    failedReplicates: failed,
  };
}

function tryRake(design: RakingDesign, counts: Float64Array, options: RakingOptions) {
  try {
    return rake(design, counts, options);
  } catch (thrown) {
    if (thrown instanceof InputError) return undefined; // counted: a resample may lack a category that the sample has
    throw thrown;
  }
}
