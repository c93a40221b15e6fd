import type { MatMulShape } from '../kernels/mat-mul/numeric.js';

/** A matrix product as in `kernels/mat-mul`, of whichever engine. */
export type MatMul = (shape: MatMulShape, a: Float32Array, b: Float32Array, out: Float32Array) => void;

const ROWS_AT_ONCE = 512; // with 100 centroids their scores are 200 kB: they stay in the second-level cache

/**
 * The nearest of k centroids for each of N points, by minimising ‖c‖² / 2 − x · c; ties to the smaller.
 *
 * The products are one matrix product a block, so this runs as fast as the engine multiplies. In float32 the nearest of
 * two centroids that are equally far to seven digits is a matter of rounding.
 *
 * @param points    float32 [N, D]
 * @param centroids float32 [k, D]
 * @param assignment int32 [N], overwritten
 * @param isPoint    where given, rows for which it is 0 get −1
 * @returns Σ over the assigned points of the least ‖c‖² / 2 − x · c
 */
export function assignByProduct(
  points: Float32Array,
  dim: number,
  centroids: Float32Array,
  matMul: MatMul,
  assignment: Int32Array,
  isPoint?: Uint8Array,
): number {
  const k = centroids.length / dim;
  const numPoints = assignment.length;
  const bias = new Float32Array(k);
  for (let c = 0; c < k; c++) {
    let squared = 0;
    for (let d = 0; d < dim; d++) squared += centroids[c * dim + d] ** 2;
    bias[c] = squared / 2;
  }
  const products = new Float32Array(ROWS_AT_ONCE * k);
  let total = 0;
  for (let begin = 0; begin < numPoints; begin += ROWS_AT_ONCE) {
    const rows = Math.min(ROWS_AT_ONCE, numPoints - begin);
    const block = points.subarray(begin * dim, (begin + rows) * dim);
    matMul({ m: rows, n: k, k: dim, transposeB: true }, block, centroids, products.subarray(0, rows * k));
    for (let i = 0; i < rows; i++) {
      if (isPoint && isPoint[begin + i] === 0) {
        assignment[begin + i] = -1;
        continue;
      }
      let nearest = 0;
      let least = Infinity;
      for (let c = 0, o = i * k; c < k; c++, o++) {
        const score = bias[c] - products[o];
        if (score < least) {
          least = score;
          nearest = c;
        }
      }
      assignment[begin + i] = nearest;
      total += least;
    }
  }
  return total;
}

export interface BlockLloydOptions {
  readonly matMul: MatMul;
  readonly maxIterations: number;
  readonly spherical: boolean; // centroids of unit length
  readonly stopAt: number; // Σ ‖move of a centroid‖²
}

/**
 * Lloyd's iteration (1982) with all distances of a pass from matrix products.
 *
 * After the first pass only points that change their cluster touch the sums. An empty cluster takes the point that is
 * farthest from its centroid, of a cluster that has others.
 *
 * @param points    float32 [N, D]
 * @param usable    ids of the rows to cluster, ascending
 * @param centroids float32 [k, D], overwritten
 */
export function lloydByProduct(
  points: Float32Array,
  dim: number,
  usable: Uint32Array,
  centroids: Float32Array,
  { matMul, maxIterations, spherical, stopAt }: BlockLloydOptions,
): { inertia: number; iterations: number } {
  const k = centroids.length / dim;
  const numPoints = points.length / dim;
  const isPoint = usable.length === numPoints ? undefined : new Uint8Array(numPoints);
  if (isPoint) for (const i of usable) isPoint[i] = 1;
  let squaredLengths = 0;
  for (const i of usable) for (let d = 0; d < dim; d++) squaredLengths += points[i * dim + d] ** 2;

  const assignment = new Int32Array(numPoints);
  const previous = new Int32Array(numPoints).fill(-1);
  const sums = new Float64Array(k * dim);
  const sizes = new Uint32Array(k);
  const move = (i: number, c: number, sign: 1 | -1): void => {
    sizes[c] += sign;
    for (let d = 0, o = i * dim, s = c * dim; d < dim; d++, o++, s++) sums[s] += sign * points[o];
  };

  let iterations = 0;
  let least = 0;
  while (iterations < maxIterations) {
    least = assignByProduct(points, dim, centroids, matMul, assignment, isPoint);
    let changed = 0;
    for (const i of usable) {
      if (assignment[i] === previous[i]) continue;
      changed++;
      if (previous[i] >= 0) move(i, previous[i], -1);
      move(i, assignment[i], 1);
      previous[i] = assignment[i];
    }
    changed += fillEmpty(points, dim, usable, centroids, previous, sizes, move);
    if (changed === 0) break;
    iterations++;
    if (moveCentroids(sums, sizes, centroids, dim, spherical) <= stopAt) break;
  }
  least = assignByProduct(points, dim, centroids, matMul, assignment, isPoint);
  return { inertia: Math.max(0, squaredLengths + 2 * least), iterations };
}

/** Centroids become the means of their members; returns Σ ‖move‖². */
function moveCentroids(
  sums: Float64Array,
  sizes: Uint32Array,
  centroids: Float32Array,
  dim: number,
  spherical: boolean,
): number {
  let total = 0;
  for (let c = 0; c < sizes.length; c++) {
    let divisor = sizes[c];
    if (spherical) {
      let squared = 0;
      for (let d = 0; d < dim; d++) squared += sums[c * dim + d] ** 2;
      divisor = Math.sqrt(squared);
    }
    if (sizes[c] === 0 || divisor === 0) continue; // no members, or members that cancel out: stays where it is
    for (let d = 0, o = c * dim; d < dim; d++, o++) {
      const value = Math.fround(sums[o] / divisor);
      total += (value - centroids[o]) ** 2;
      centroids[o] = value;
    }
  }
  return total;
}

/** Gives each empty cluster the point farthest from its centroid, ties to the smaller id; returns how many it moved. */
function fillEmpty(
  points: Float32Array,
  dim: number,
  usable: Uint32Array,
  centroids: Float32Array,
  assignment: Int32Array,
  sizes: Uint32Array,
  move: (i: number, c: number, sign: 1 | -1) => void,
): number {
  let moved = 0;
  for (let empty = sizes.indexOf(0); empty >= 0; empty = sizes.indexOf(0, empty + 1)) {
    let farthest = -1;
    let most = 0;
    for (const i of usable) {
      if (sizes[assignment[i]] < 2) continue;
      let squared = 0;
      for (let d = 0; d < dim; d++) squared += (points[i * dim + d] - centroids[assignment[i] * dim + d]) ** 2;
      if (squared > most) {
        most = squared;
        farthest = i;
      }
    }
    if (farthest < 0) break; // no other point differs from its centroid
    move(farthest, assignment[farthest], -1);
    move(farthest, empty, 1);
    assignment[farthest] = empty;
    moved++;
  }
  return moved;
}
