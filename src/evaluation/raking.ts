import { InputError } from '../core/errors.js';

/**
 * Raking (iterative proportional fitting) of records to known margins.
 *
 * Deming & Stephan 1940: weights start at 1; for each variable d and category c in turn, the weights of the records in c
 * are multiplied by T_dc / (Σ_{i∈c} w_i / Σ w_i), until every margin matches. Records with the same categories get the
 * same weight, so the work is done on the distinct combinations ("cells") and their counts.
 */

/** One margin to match: a variable, or several joined (`sex*age`), and the share of each category in the population. */
export interface Margin {
  readonly variable: string;
  readonly categories: readonly string[]; // in the order of the file, which is the order for collapsing
  readonly shares: Float64Array; // [categories], ≥ 0, sum 1
  readonly source: string; // where the shares come from
}

/** Records by their categories: N records, D margins, C cells. */
export interface RakingDesign {
  readonly margins: readonly Margin[];
  readonly cellOf: Int32Array; // [N] cell of each record
  readonly codes: Int32Array; // [C, D] category of each cell in each margin
  readonly numCells: number;
}

export interface RakingOptions {
  readonly tolerance: number; // largest margin error (a share) at which the weights count as fitted
  readonly maxIterations: number; // cycles over all margins
  readonly cap: number; // largest weight, in mean weights; Infinity = none
  readonly emptyCells: 'refuse' | 'collapse'; // what to do with a category that no record has
}

export const RAKING_DEFAULTS: RakingOptions = {
  tolerance: 1e-10,
  maxIterations: 10_000,
  cap: Number.POSITIVE_INFINITY,
  emptyCells: 'refuse',
};

/** A category without records whose share went to another one. */
export interface Collapse {
  readonly variable: string;
  readonly category: string;
  readonly into: string;
  readonly share: number;
}

export interface Raking {
  readonly cellWeights: Float64Array; // [C], weight of one record of the cell; the mean over records is 1
  readonly iterations: number;
  readonly worstError: number; // largest |weighted share − target| over all margins and categories
  readonly collapsed: readonly Collapse[];
  readonly effectiveSize: number; // (Σw)² / Σw² (Kish 1965)
  readonly designEffect: number; // N / effectiveSize
  readonly largestWeight: number; // in mean weights
}

/** The distinct combinations of categories. `codes` is [N, D], row by row, each in [0, categories of the margin). */
export function rakingDesign(margins: readonly Margin[], codes: Int32Array): RakingDesign {
  const width = margins.length;
  const numRecords = width === 0 ? 0 : codes.length / width;
  const cells = new Map<string, number>();
  const cellOf = new Int32Array(numRecords);
  const cellCodes: number[] = [];
  for (let i = 0; i < numRecords; i++) {
    const row = codes.subarray(i * width, (i + 1) * width);
    const key = row.join();
    let cell = cells.get(key);
    if (cell === undefined) {
      cell = cells.size;
      cells.set(key, cell);
      cellCodes.push(...row);
    }
    cellOf[i] = cell;
  }
  return { margins, cellOf, codes: Int32Array.from(cellCodes), numCells: cells.size };
}

/** Records in each cell, each counted `times` (all once where absent). */
export function cellCounts(design: RakingDesign, times?: ArrayLike<number>): Float64Array {
  const counts = new Float64Array(design.numCells);
  for (let i = 0; i < design.cellOf.length; i++) counts[design.cellOf[i]] += times ? times[i] : 1;
  return counts;
}

/**
 * Fits the weights. Throws `ERR_MARGIN_EMPTY` where a category with a share has no record and may not be collapsed, and
 * `ERR_RAKING` where no weights reach the margins (zeros in the table that contradict them, or too tight a cap).
 *
 * With a cap, clipping alternates with the margins: the result meets both, but it is not the closest such table.
 *
 * @param counts [C] records in each cell, ≥ 0
 */
export function rake(design: RakingDesign, counts: Float64Array, options: RakingOptions = RAKING_DEFAULTS): Raking {
  const { codes, numCells, margins } = design;
  const width = margins.length;
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0 || width === 0)
    throw new InputError(
      'ERR_RAKING',
      `Raking needs records and margins, got ${total} records and ${width} margins. Check the names of attributes in both files.`,
      { records: total, margins: width },
    );
  const { targets, collapsed } = reachableTargets(design, counts, options.emptyCells);
  const weights = new Float64Array(numCells).fill(1);
  const sums = margins.map((margin) => new Float64Array(margin.categories.length));

  let worst = { error: Number.POSITIVE_INFINITY, margin: 0, category: 0 };
  let iterations = 0;
  while (iterations < options.maxIterations && worst.error > options.tolerance) {
    iterations++;
    for (let d = 0; d < width; d++) {
      const mass = marginSums(design, counts, weights, d, sums[d]);
      const factor = sums[d]; // overwritten in place: what the weights of a category are multiplied by
      for (let c = 0; c < factor.length; c++) factor[c] = factor[c] === 0 ? 0 : (targets[d][c] * mass) / factor[c];
      for (let cell = 0; cell < numCells; cell++) weights[cell] *= factor[codes[cell * width + d]];
    }
    clip(weights, counts, total, options.cap);
    worst = worstMargin(design, counts, weights, targets, sums);
  }
  if (!(worst.error <= options.tolerance)) throw notFitted(design, worst, iterations, options);

  let sum = 0;
  for (let cell = 0; cell < numCells; cell++) sum += counts[cell] * weights[cell];
  const scale = total / sum;
  let squares = 0;
  let largest = 0;
  for (let cell = 0; cell < numCells; cell++) {
    weights[cell] *= scale;
    squares += counts[cell] * weights[cell] ** 2;
    if (counts[cell] > 0) largest = Math.max(largest, weights[cell]);
  }
  const effectiveSize = total ** 2 / squares;
  return {
    cellWeights: weights,
    iterations,
    worstError: worst.error,
    collapsed,
    effectiveSize,
    designEffect: total / effectiveSize,
    largestWeight: largest,
  };
}

/** Weighted mean of what each cell's records sum to. */
export function rakedMean(raking: Raking, counts: Float64Array, cellTotals: Float64Array): number {
  let weighted = 0;
  let mass = 0;
  for (let cell = 0; cell < counts.length; cell++) {
    weighted += raking.cellWeights[cell] * cellTotals[cell];
    mass += raking.cellWeights[cell] * counts[cell];
  }
  return weighted / mass;
}

/** Targets after collapsing: a category without records gives its share to the nearest one that has some. */
function reachableTargets(
  { margins, codes, numCells }: RakingDesign,
  counts: Float64Array,
  policy: RakingOptions['emptyCells'],
): { targets: Float64Array[]; collapsed: Collapse[] } {
  const collapsed: Collapse[] = [];
  const targets = margins.map(({ variable, categories, shares }, d) => {
    const present = new Uint8Array(categories.length);
    for (let cell = 0; cell < numCells; cell++) if (counts[cell] > 0) present[codes[cell * margins.length + d]] = 1;
    const target = Float64Array.from(shares);
    for (let c = 0; c < categories.length; c++) {
      if (present[c] || shares[c] === 0) continue;
      const into = nearest(present, shares, c);
      if (policy === 'refuse' || into === -1)
        throw new InputError(
          'ERR_MARGIN_EMPTY',
          `No record has ${variable} = "${categories[c]}", which is ${(100 * shares[c]).toPrecision(3)} % of the population: no weights can stand in for it. ` +
            'Add such records, take a coarser margin, or say --empty-cells collapse to give its share to the neighbouring category.',
          { variable, category: categories[c], share: shares[c] },
        );
      target[into] += target[c];
      target[c] = 0;
      collapsed.push({ variable, category: categories[c], into: categories[into], share: shares[c] });
    }
    return target;
  });
  return { targets, collapsed };
}

/** The nearest category with records and a share of its own, the earlier one of two; −1 where there is none. */
function nearest(present: Uint8Array, shares: Float64Array, from: number): number {
  for (let distance = 1; distance < present.length; distance++)
    for (const c of [from - distance, from + distance]) if (present[c] && shares[c] > 0) return c;
  return -1;
}

/** Sums the weights of each category of margin d into `out`; returns the sum of all. */
function marginSums(
  { margins, codes, numCells }: RakingDesign,
  counts: Float64Array,
  weights: Float64Array,
  d: number,
  out: Float64Array,
): number {
  out.fill(0);
  let mass = 0;
  for (let cell = 0; cell < numCells; cell++) {
    const w = counts[cell] * weights[cell];
    out[codes[cell * margins.length + d]] += w;
    mass += w;
  }
  return mass;
}

function clip(weights: Float64Array, counts: Float64Array, total: number, cap: number): void {
  if (cap === Number.POSITIVE_INFINITY) return;
  let mass = 0;
  for (let cell = 0; cell < weights.length; cell++) mass += counts[cell] * weights[cell];
  const limit = (cap * mass) / total;
  for (let cell = 0; cell < weights.length; cell++) weights[cell] = Math.min(weights[cell], limit);
}

interface WorstMargin {
  readonly error: number;
  readonly margin: number;
  readonly category: number;
}

function worstMargin(
  design: RakingDesign,
  counts: Float64Array,
  weights: Float64Array,
  targets: readonly Float64Array[],
  sums: readonly Float64Array[],
): WorstMargin {
  let worst: WorstMargin = { error: 0, margin: 0, category: 0 };
  for (let d = 0; d < targets.length; d++) {
    const mass = marginSums(design, counts, weights, d, sums[d]);
    for (let c = 0; c < targets[d].length; c++) {
      const error = Math.abs(sums[d][c] / mass - targets[d][c]);
      if (!(error <= worst.error)) worst = { error, margin: d, category: c }; // NaN: all weights died
    }
  }
  return worst;
}

function notFitted({ margins }: RakingDesign, worst: WorstMargin, iterations: number, options: RakingOptions): Error {
  const { variable, categories } = margins[worst.margin];
  const capped = options.cap < Number.POSITIVE_INFINITY;
  return new InputError(
    'ERR_RAKING',
    `No weights${capped ? ` up to ${options.cap} times the mean` : ''} fit the margins: after ${iterations} cycles ${variable} = "${categories[worst.category]}" is still off by ${worst.error.toExponential(2)} (at most ${options.tolerance.toExponential(0)} wanted). ` +
      `Combinations that no record has contradict the margins. ${capped ? 'Raise --cap, or take' : 'Take'} fewer or coarser margins, or add records.`,
    { variable, category: categories[worst.category], error: worst.error, iterations, cap: options.cap },
  );
}
