/** As `nearestCentroid` in `kernels/nearest-centroid`, of whichever engine. */
export type NearestCentroid = (
  points: Float32Array, // [N, D]
  dim: number,
  centroids: Float32Array, // [k, D]
  assignment: Int32Array, // [N], overwritten
  scores: Float32Array, // [N], overwritten: (‖x − c‖² − ‖x‖²) / 2
) => void;

export interface BlockLloydOptions {
  readonly nearest: NearestCentroid;
  readonly maxIterations: number;
  readonly spherical: boolean; // centroids of unit length
  readonly stopAt: number; // Σ ‖move of a centroid‖²
}

/**
 * Lloyd's iteration (1982) with all distances of a pass from one kernel.
 *
 * After the first pass only points that change their cluster touch the sums. An empty cluster takes the point that is
 * farthest from its centroid, of a cluster that has others.
 *
 * @param points    float32 [N, D]
 * @param usable    ids of the rows to cluster, ascending
 * @param centroids float32 [k, D], overwritten
 */
export function lloydByKernel(
  points: Float32Array,
  dim: number,
  usable: Uint32Array,
  centroids: Float32Array,
  { nearest, maxIterations, spherical, stopAt }: BlockLloydOptions,
): { inertia: number; iterations: number } {
  const k = centroids.length / dim;
  const numPoints = points.length / dim;
  let squaredLengths = 0;
  for (const i of usable) for (let d = 0; d < dim; d++) squaredLengths += points[i * dim + d] ** 2;

  const assignment = new Int32Array(numPoints);
  const scores = new Float32Array(numPoints);
  const previous = new Int32Array(numPoints).fill(-1);
  const sums = new Float64Array(k * dim);
  const sizes = new Uint32Array(k);
  const move = (i: number, c: number, sign: 1 | -1): void => {
    sizes[c] += sign;
    for (let d = 0, o = i * dim, s = c * dim; d < dim; d++, o++, s++) sums[s] += sign * points[o];
  };

  let iterations = 0;
  while (iterations < maxIterations) {
    nearest(points, dim, centroids, assignment, scores);
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
  nearest(points, dim, centroids, assignment, scores);
  let least = 0;
  for (const i of usable) least += scores[i];
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
