import { InputError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { lloydByKernel, type NearestCentroid } from './block-lloyd.js';
import { sampleIndices } from './sample-indices.js';

export interface KMeansOptions {
  readonly random: Random; // not advanced: the same generator gives the same clusters
  readonly maxIterations?: number; // default 50
  readonly restarts?: number; // default 3; the one with the least inertia is returned
  /** Centroids of unit length. Rows are unit vectors or all zero (`centerAndNormalize`); zero rows get no cluster. */
  readonly spherical?: boolean; // default false
  /** Stop when Σ ‖move of a centroid‖² is at most this share of the mean variance of a dimension. */
  readonly tolerance?: number; // default 1e-4
  /** A fast kernel measures all distances of a pass. Default: none, and bounds that save most of them. */
  readonly nearest?: NearestCentroid;
  readonly initial?: Float32Array; // [k, D] start from these centroids, once, instead of seeding
}

/** k clusters of N points in D dimensions. */
export interface KMeansResult {
  readonly assignment: Int32Array; // [N] nearest centroid, ties to the smaller; −1: a zero row in spherical mode
  readonly centroids: Float32Array; // [k, D]; a cluster can be empty only where fewer than k points differ
  readonly inertia: number; // Σ ‖x − centroid‖² over the assigned points
  readonly iterations: number;
}

const SEEDS_A_STEP = 4; // greedy k-means++ tries as many as the kernel scores in one pass
const MAX_SEEDING_SAMPLE = 50_000;

/**
 * k-means by Lloyd's iteration with Hamerly's bounds (2010), which skip a point where the triangle inequality shows
 * that no other centroid can be nearer; seeded by greedy k-means++ (Arthur & Vassilvitskii, 2007) on a sample.
 *
 * An empty cluster restarts at the point that is farthest from its centroid.
 *
 * @param points float32 [N, D], finite
 * @param k      [1, number of points that get a cluster]
 */
export function kMeans(
  points: Float32Array,
  numPoints: number,
  dim: number,
  k: number,
  options: KMeansOptions,
): KMeansResult {
  const { random, maxIterations = 50, spherical = false, tolerance = 1e-4, nearest, initial } = options;
  const restarts = initial ? 1 : (options.restarts ?? 3);
  assertPoints(points, numPoints, dim);
  const usable = spherical ? nonZeroRows(points, numPoints, dim) : new Uint32Array(numPoints).map((_, i) => i);
  if (!Number.isInteger(k) || k < 1 || k > usable.length) {
    throw new InputError(
      'ERR_TOO_FEW_POINTS',
      `Cannot make ${k} clusters of ${usable.length} points${spherical ? ' that are not zero' : ''}; choose k from 1 to ${usable.length}.`,
      { k, numPoints, usable: usable.length },
    );
  }
  const stopAt = tolerance * meanVariance(points, usable, dim);

  let best: { centroids: Centroids; inertia: number; iterations: number } | undefined;
  for (let restart = 0; restart < restarts; restart++) {
    const centroids = initial
      ? centroidsOf(initial, k, dim)
      : seedCentroids(points, usable, dim, k, random.fork('k-means', restart));
    const { inertia, iterations } = nearest
      ? lloydOnFlat(points, usable, centroids, { nearest, maxIterations, spherical, stopAt })
      : lloyd(points, usable, centroids, { maxIterations, spherical, stopAt });
    if (best === undefined || inertia < best.inertia) best = { centroids, inertia, iterations };
  }
  const { centroids, iterations } = best!;
  const flat = Float32Array.from(centroids.rows.subarray(0, k * dim)); // exact: `setCentroid` rounds to float32
  const assignment = assignToCentroids(points, numPoints, dim, flat, { spherical, ...(nearest && { nearest }) });
  return { assignment, centroids: flat, inertia: inertiaOf(points, usable, assignment, centroids), iterations };
}

/**
 * The nearest of k centroids for each of N points; ties to the smaller.
 *
 * @param centroids float32 [k, D]
 * @returns int32 [N]; −1 for a zero row in spherical mode
 */
export function assignToCentroids(
  points: Float32Array,
  numPoints: number,
  dim: number,
  centroids: Float32Array,
  { spherical = false, nearest }: { spherical?: boolean; nearest?: NearestCentroid } = {},
): Int32Array {
  assertPoints(points, numPoints, dim);
  if (nearest) {
    const assignment = new Int32Array(numPoints);
    nearest(points, dim, centroids, assignment, new Float32Array(numPoints));
    if (spherical) for (let i = 0; i < numPoints; i++) if (isZeroRow(points, dim, i)) assignment[i] = -1;
    return assignment;
  }
  const usable = spherical ? nonZeroRows(points, numPoints, dim) : undefined;
  const numUsable = usable?.length ?? numPoints;
  const table = new Centroids(centroids.length / dim, dim);
  for (let c = 0; c < table.k; c++) table.setCentroid(c, centroids, c * dim);

  const assignment = new Int32Array(numPoints).fill(-1);
  const scan = new FourPointScan(points, table);
  for (let at = 0; at < numUsable; at++) {
    scan.add(usable ? usable[at] : at);
    if (scan.size === 4 || at === numUsable - 1)
      scan.flush((point, nearest) => {
        assignment[point] = nearest;
      });
  }
  return assignment;
}

function centroidsOf(flat: Float32Array, k: number, dim: number): Centroids {
  const centroids = new Centroids(k, dim);
  for (let c = 0; c < k; c++) centroids.setCentroid(c, flat, c * dim);
  return centroids;
}

function lloydOnFlat(
  points: Float32Array,
  usable: Uint32Array,
  centroids: Centroids,
  options: Parameters<typeof lloydByKernel>[4],
): { inertia: number; iterations: number } {
  const { k, dim } = centroids;
  const flat = Float32Array.from(centroids.rows.subarray(0, k * dim));
  const result = lloydByKernel(points, dim, usable, flat, options);
  for (let c = 0; c < k; c++) centroids.setCentroid(c, flat, c * dim);
  return result;
}

/**
 * Subtracts the mean and scales each row to unit length, in place, so that k-means compares directions.
 *
 * All-zero rows have no direction: they stay out of the mean and stay zero. So does a row equal to the mean.
 *
 * @param points float32 [N, D], finite, overwritten
 * @param given  float64 [D], a mean to subtract instead of that of the points
 * @returns float64 [D], the mean that was subtracted
 */
export function centerAndNormalize(
  points: Float32Array,
  numPoints: number,
  dim: number,
  given?: Float64Array,
): Float64Array {
  assertPoints(points, numPoints, dim);
  const rows = nonZeroRows(points, numPoints, dim);
  const mean = given ?? meanOf(points, rows, dim);
  const meanLength = Math.hypot(...mean);

  for (const i of rows) {
    let before = 0;
    let after = 0;
    for (let d = 0; d < dim; d++) {
      const x = points[i * dim + d];
      before += x * x;
      after += (x - mean[d]) ** 2;
    }
    // Below float32 resolution of its terms the difference is rounding, and its direction means nothing.
    const isRounding = Math.sqrt(after) <= 1e-6 * (Math.sqrt(before) + meanLength);
    const scale = isRounding ? 0 : 1 / Math.sqrt(after);
    for (let d = 0; d < dim; d++) points[i * dim + d] = (points[i * dim + d] - mean[d]) * scale;
  }
  return mean;
}

function meanOf(points: Float32Array, rows: Uint32Array, dim: number): Float64Array {
  const total = new Float64Array(dim);
  for (const i of rows) for (let d = 0; d < dim; d++) total[d] += points[i * dim + d];
  return total.map((sum) => sum / Math.max(1, rows.length));
}

/** k centroids as the kernel wants them: float64 (no conversion in the loop), an even number of rows, ‖c‖² / 2 beside. */
class Centroids {
  readonly numRows: number; // k rounded up to even; the extra row is infinitely far
  readonly rows: Float64Array; // [numRows, D]
  readonly bias: Float64Array; // [numRows] ‖c‖² / 2

  constructor(
    readonly k: number,
    readonly dim: number,
  ) {
    this.numRows = k + (k % 2);
    this.rows = new Float64Array(this.numRows * dim);
    this.bias = new Float64Array(this.numRows).fill(Infinity);
  }

  /** Takes D numbers at `begin` as centroid c, rounded to float32; returns how far the centroid moved. */
  setCentroid(c: number, source: Float32Array | Float64Array, begin: number): number {
    let moved = 0;
    let length = 0;
    for (let d = 0; d < this.dim; d++) {
      const value = Math.fround(source[begin + d]);
      moved += (value - this.rows[c * this.dim + d]) ** 2;
      length += value * value;
      this.rows[c * this.dim + d] = value;
    }
    this.bias[c] = length / 2;
    return Math.sqrt(moved);
  }

  /** ‖x − c‖² for the point that begins at `begin`. */
  squaredDistance(points: Float32Array, begin: number, c: number): number {
    const { rows, dim } = this;
    let total = 0;
    for (let d = 0, o = c * dim; d < dim; d++, o++) {
      const difference = points[begin + d] - rows[o];
      total += difference * difference;
    }
    return total;
  }
}

/**
 * scores[p, r] = bias[r] − four[p] · rows[r], for four vectors p against an even number R of rows.
 *
 * Two rows a pass give eight sums that do not wait for each other and six loads for eight products: 1.5 to 2.0 · 10⁹
 * multiply–adds a second where the plain loop has 0.55.
 *
 * @param four   [D, 4] the vectors, interleaved
 * @param rows   [R, D]
 * @param bias   [R]
 * @param scores [4, R], overwritten
 */
function scoreFour(
  four: Float64Array,
  rows: Float64Array,
  bias: Float64Array,
  dim: number,
  scores: Float64Array,
): void {
  const numRows = bias.length;
  for (let r = 0; r < numRows; r += 2) {
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    let b0 = 0;
    let b1 = 0;
    let b2 = 0;
    let b3 = 0;
    for (let d = 0, a = r * dim, b = a + dim, p = 0; d < dim; d++, a++, b++, p += 4) {
      const x0 = four[p];
      const x1 = four[p + 1];
      const x2 = four[p + 2];
      const x3 = four[p + 3];
      const rowA = rows[a];
      const rowB = rows[b];
      a0 += rowA * x0;
      a1 += rowA * x1;
      a2 += rowA * x2;
      a3 += rowA * x3;
      b0 += rowB * x0;
      b1 += rowB * x1;
      b2 += rowB * x2;
      b3 += rowB * x3;
    }
    scores[r] = bias[r] - a0;
    scores[numRows + r] = bias[r] - a1;
    scores[2 * numRows + r] = bias[r] - a2;
    scores[3 * numRows + r] = bias[r] - a3;
    scores[r + 1] = bias[r + 1] - b0;
    scores[numRows + r + 1] = bias[r + 1] - b1;
    scores[2 * numRows + r + 1] = bias[r + 1] - b2;
    scores[3 * numRows + r + 1] = bias[r + 1] - b3;
  }
}

/** Collects points until there are four, then finds the nearest and second nearest centroid of each. */
class FourPointScan {
  size = 0;
  private readonly ids = new Float64Array(4);
  private readonly squaredLength = new Float64Array(4);
  private readonly four: Float64Array; // [D, 4]
  private readonly scores: Float64Array; // [4, R]

  constructor(
    private readonly points: Float32Array,
    private readonly centroids: Centroids,
  ) {
    this.four = new Float64Array(4 * centroids.dim);
    this.scores = new Float64Array(4 * centroids.numRows);
  }

  add(point: number): void {
    const { dim } = this.centroids;
    let length = 0;
    for (let d = 0, o = point * dim; d < dim; d++, o++) {
      const x = this.points[o];
      this.four[4 * d + this.size] = x;
      length += x * x;
    }
    this.squaredLength[this.size] = length;
    this.ids[this.size++] = point;
  }

  /** Calls `take` for each point collected, with distances; the second one is Infinity where k is 1. */
  flush(take: (point: number, nearest: number, distance: number, secondDistance: number) => void): void {
    const { numRows, rows, bias, dim } = this.centroids;
    scoreFour(this.four, rows, bias, dim, this.scores);
    for (let p = 0; p < this.size; p++) {
      let nearest = 0;
      let first = Infinity;
      let second = Infinity;
      for (let c = 0, o = p * numRows; c < numRows; c++, o++) {
        const score = this.scores[o];
        if (score < first) {
          second = first;
          first = score;
          nearest = c;
        } else if (score < second) second = score;
      }
      const length = this.squaredLength[p];
      const distance = Math.sqrt(Math.max(0, length + 2 * first)); // rounding can fall below zero
      take(this.ids[p], nearest, distance, Math.sqrt(Math.max(0, length + 2 * second)));
    }
    this.size = 0;
  }
}

/** Greedy k-means++: each next seed is the best of four points drawn by squared distance to the seeds so far. */
function seedCentroids(points: Float32Array, usable: Uint32Array, dim: number, k: number, random: Random): Centroids {
  const wanted = Math.max(k, Math.min(MAX_SEEDING_SAMPLE, Math.max(10_000, 100 * k)));
  const sample = sampleIndices(usable.length, wanted, random.fork('sample'));
  const table = new Centroids(sample.length, dim);
  for (let s = 0; s < sample.length; s++) table.setCentroid(s, points, usable[sample[s]] * dim);

  const centroids = new Centroids(k, dim);
  const closest = new Float64Array(sample.length).fill(Infinity); // squared distance to the nearest seed
  const cumulative = new Float64Array(sample.length);
  const four = new Float64Array(SEEDS_A_STEP * dim);
  const scores = new Float64Array(SEEDS_A_STEP * table.numRows);
  const candidates = new Uint32Array(SEEDS_A_STEP);
  for (let c = 0; c < k; c++) {
    let total = 0;
    for (let s = 0; s < sample.length; s++) {
      total += closest[s];
      cumulative[s] = total;
    }
    for (let t = 0; t < SEEDS_A_STEP; t++) {
      const uniform = c === 0 || total === 0; // total 0: fewer points differ than clusters were asked for
      candidates[t] = uniform ? random.below(sample.length) : drawByWeight(cumulative, random.float() * total);
      for (let d = 0; d < dim; d++) four[4 * d + t] = table.rows[candidates[t] * dim + d];
    }
    scoreFour(four, table.rows, table.bias, dim, scores);
    let best = 0;
    let leastTotal = Infinity;
    for (let t = 0; t < (c === 0 ? 1 : SEEDS_A_STEP); t++) {
      let after = 0;
      for (let s = 0; s < sample.length; s++)
        after += Math.min(closest[s], seedDistance(table, scores, candidates[t], t, s));
      if (after < leastTotal) {
        leastTotal = after;
        best = t;
      }
    }
    for (let s = 0; s < sample.length; s++)
      closest[s] = Math.min(closest[s], seedDistance(table, scores, candidates[best], best, s));
    centroids.setCentroid(c, table.rows, candidates[best] * dim);
  }
  return centroids;
}

/** Squared distance of candidate t (row `candidate`) to row s; exactly 0 to itself, whatever the rounding. */
function seedDistance(table: Centroids, scores: Float64Array, candidate: number, t: number, s: number): number {
  if (s === candidate) return 0;
  const squared = 2 * (table.bias[candidate] + scores[t * table.numRows + s]);
  return squared > 1e-12 * table.bias[candidate] ? squared : 0; // an equal point, up to rounding
}

/** The first position whose cumulative weight is above `target`: never one of weight 0. */
function drawByWeight(cumulative: Float64Array, target: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (cumulative[middle] > target) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Moves `centroids` until nothing changes. */
function lloyd(
  points: Float32Array,
  usable: Uint32Array,
  centroids: Centroids,
  options: { maxIterations: number; spherical: boolean; stopAt: number },
): { inertia: number; iterations: number } {
  const { k, dim } = centroids;
  const assignment = new Int32Array(points.length / dim).fill(-1);
  const upper = new Float64Array(assignment.length); // >= distance to the own centroid
  const lower = new Float64Array(assignment.length); // <= distance to every other centroid
  const moved = new Float64Array(k);
  const sums = new Float64Array(k * dim);
  const sizes = new Uint32Array(k);
  const scan = new FourPointScan(points, centroids);

  /** One assignment step; returns how many points changed their cluster. */
  const assign = (): number => {
    const halfGap = halfGaps(centroids);
    let [farthest, mostMoved, secondMoved] = [0, 0, 0];
    for (let c = 0; c < k; c++) {
      if (moved[c] > mostMoved) [farthest, secondMoved, mostMoved] = [c, mostMoved, moved[c]];
      else if (moved[c] > secondMoved) secondMoved = moved[c];
    }
    let numChanged = 0;
    const take = (i: number, nearest: number, distance: number, secondDistance: number): void => {
      if (assignment[i] !== nearest) numChanged++;
      assignment[i] = nearest;
      upper[i] = distance;
      lower[i] = secondDistance;
    };
    for (let at = 0; at < usable.length; at++) {
      const i = usable[at];
      const own = assignment[i];
      if (own >= 0) {
        upper[i] += moved[own];
        lower[i] -= own === farthest ? secondMoved : mostMoved;
        const bound = Math.max(halfGap[own], lower[i]);
        if (upper[i] <= bound) continue;
        upper[i] = Math.sqrt(centroids.squaredDistance(points, i * dim, own));
        if (upper[i] <= bound) continue;
      }
      scan.add(i);
      if (scan.size === 4) scan.flush(take);
    }
    if (scan.size > 0) scan.flush(take);
    return numChanged;
  };

  /** Centroids become the means of their members; returns Σ ‖move‖². */
  const update = (): number => {
    sums.fill(0);
    sizes.fill(0);
    for (let at = 0; at < usable.length; at++) {
      const i = usable[at];
      const c = assignment[i];
      sizes[c]++;
      for (let d = 0, o = i * dim, s = c * dim; d < dim; d++, o++, s++) sums[s] += points[o];
    }
    let totalMoved = 0;
    for (let c = 0; c < k; c++) {
      let divisor = sizes[c];
      if (options.spherical) {
        let squared = 0;
        for (let d = 0; d < dim; d++) squared += sums[c * dim + d] ** 2;
        divisor = Math.sqrt(squared);
      }
      moved[c] = 0;
      if (divisor === 0) continue; // no members, or members that cancel out: stays where it is
      for (let d = 0; d < dim; d++) sums[c * dim + d] /= divisor;
      moved[c] = centroids.setCentroid(c, sums, c * dim);
      totalMoved += moved[c] ** 2;
    }
    return totalMoved;
  };

  let iterations = 0;
  while (iterations < options.maxIterations) {
    if (assign() + fillEmptyClusters(points, usable, centroids, assignment, upper, lower) === 0) break;
    iterations++;
    if (update() <= options.stopAt) break;
  }
  assign();
  return { inertia: inertiaOf(points, usable, assignment, centroids), iterations };
}

/** Half the distance from each centroid to its nearest other one: a point nearer than that has found its cluster. */
function halfGaps(centroids: Centroids): Float64Array {
  const { k, dim, rows } = centroids;
  const gap = new Float64Array(k).fill(Infinity);
  for (let a = 0; a < k; a++)
    for (let b = a + 1; b < k; b++) {
      let squared = 0;
      for (let d = 0; d < dim; d++) squared += (rows[a * dim + d] - rows[b * dim + d]) ** 2;
      const half = Math.sqrt(squared) / 2;
      if (half < gap[a]) gap[a] = half;
      if (half < gap[b]) gap[b] = half;
    }
  return gap;
}

/** Gives each empty cluster the point farthest from its centroid (ties to the smaller id); returns how many it moved. */
function fillEmptyClusters(
  points: Float32Array,
  usable: Uint32Array,
  centroids: Centroids,
  assignment: Int32Array,
  upper: Float64Array,
  lower: Float64Array,
): number {
  const { k, dim } = centroids;
  const sizes = new Uint32Array(k);
  for (let at = 0; at < usable.length; at++) sizes[assignment[usable[at]]]++;
  if (!sizes.includes(0)) return 0;

  const distance = Float64Array.from(usable, (i) => centroids.squaredDistance(points, i * dim, assignment[i]));
  const byDistance = usable.map((_, at) => at).sort((a, b) => distance[b] - distance[a] || a - b);
  let next = 0;
  let numMoved = 0;
  for (let c = 0; c < k; c++) {
    if (sizes[c] > 0) continue;
    while (next < byDistance.length && sizes[assignment[usable[byDistance[next]]]] < 2) next++;
    if (next === byDistance.length || distance[byDistance[next]] === 0) break; // no other point differs from its centroid
    const i = usable[byDistance[next++]];
    sizes[assignment[i]]--;
    sizes[c]++;
    assignment[i] = c;
    upper[i] = Infinity; // unknown until the next step measures it
    lower[i] = 0;
    numMoved++;
  }
  return numMoved;
}

function inertiaOf(points: Float32Array, usable: Uint32Array, assignment: Int32Array, centroids: Centroids): number {
  let inertia = 0;
  for (let at = 0; at < usable.length; at++) {
    const i = usable[at];
    inertia += centroids.squaredDistance(points, i * centroids.dim, assignment[i]);
  }
  return inertia;
}

/** Variance of a dimension, averaged over dimensions. */
function meanVariance(points: Float32Array, usable: Uint32Array, dim: number): number {
  const mean = new Float64Array(dim);
  for (const i of usable) for (let d = 0; d < dim; d++) mean[d] += points[i * dim + d] / usable.length;
  let total = 0;
  for (const i of usable) for (let d = 0; d < dim; d++) total += (points[i * dim + d] - mean[d]) ** 2;
  return total / (usable.length * dim);
}

/** Ids of the rows that have a direction, ascending. */
export function nonZeroRows(points: Float32Array, numPoints: number, dim: number): Uint32Array {
  const rows = new Uint32Array(numPoints);
  let numRows = 0;
  for (let i = 0; i < numPoints; i++) {
    if (!isZeroRow(points, dim, i)) rows[numRows++] = i;
  }
  return rows.slice(0, numRows);
}

function isZeroRow(points: Float32Array, dim: number, i: number): boolean {
  let d = 0;
  while (d < dim && points[i * dim + d] === 0) d++;
  return d === dim;
}

function assertPoints(points: Float32Array, numPoints: number, dim: number): void {
  if (points.length !== numPoints * dim) {
    throw new InputError(
      'ERR_POINTS',
      `Points hold ${points.length} numbers, expected ${numPoints} rows × ${dim} dimensions.`,
      { numPoints, dim, got: points.length },
    );
  }
  for (let o = 0; o < points.length; o++) {
    if (Number.isFinite(points[o])) continue;
    throw new InputError(
      'ERR_POINTS',
      `Point ${Math.floor(o / dim)} is ${points[o]} in dimension ${o % dim}, expected finite numbers. The training that made these embeddings has diverged.`,
      { point: Math.floor(o / dim), dimension: o % dim },
    );
  }
}
