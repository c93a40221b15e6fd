import type { Random } from '../core/random.js';
import { sampleIndices } from './sample-indices.js';

/** A mean over points and the mean of each cluster; a cluster without points has NaN. */
export interface Silhouette {
  readonly mean: number; // [-1, 1] over points; 0 where no point counts
  readonly perCluster: Float64Array; // [k]
}

/** Rows drawn from points, with all distances between them; made once and used for every k. */
export interface DistanceSample {
  readonly ids: Uint32Array; // [m] ascending rows of points
  readonly distance: Float32Array; // [m, m] Euclidean
}

/** Draws at most `size` rows (default 2,000: 16 MB) and measures all distances between them. O(size² D). */
export function sampleDistances(
  points: Float32Array,
  numPoints: number,
  dim: number,
  random: Random,
  size = 2000,
): DistanceSample {
  const ids = sampleIndices(numPoints, size, random);
  const m = ids.length;
  const distance = new Float32Array(m * m);
  for (let a = 0; a < m; a++)
    for (let b = a + 1; b < m; b++) {
      const value = euclidean(points, ids[a] * dim, points, ids[b] * dim, dim);
      distance[a * m + b] = value;
      distance[b * m + a] = value;
    }
  return { ids, distance };
}

/**
 * Silhouette by its definition (Rousseeuw, 1987) among the sampled points. O(m²).
 *
 * A point that is alone in its cluster has 0, as has every point where there is only one cluster. −1 = left out.
 *
 * @param assignment int32 [N] in [0, k); looked up at `sample.ids`
 */
export function silhouette(sample: DistanceSample, assignment: Int32Array, k: number): Silhouette {
  const values = silhouetteValues(sample, assignment, k);
  const means = new ClusterMeans(k);
  for (let a = 0; a < values.length; a++)
    if (assignment[sample.ids[a]] >= 0) means.add(assignment[sample.ids[a]], values[a]);
  return means.result();
}

/** The silhouette of each sampled point, float64 [m]; NaN where it has no cluster. */
export function silhouetteValues(sample: DistanceSample, assignment: Int32Array, k: number): Float64Array {
  const { ids, distance } = sample;
  const m = ids.length;
  const sizes = new Uint32Array(k);
  for (const id of ids) if (assignment[id] >= 0) sizes[assignment[id]]++;

  const values = new Float64Array(m).fill(Number.NaN);
  const total = new Float64Array(k);
  for (let a = 0; a < m; a++) {
    const own = assignment[ids[a]];
    if (own < 0) continue;
    total.fill(0);
    for (let b = 0; b < m; b++) {
      const c = assignment[ids[b]];
      if (c >= 0) total[c] += distance[a * m + b];
    }
    let nearestOther = Infinity;
    for (let c = 0; c < k; c++)
      if (c !== own && sizes[c] > 0) nearestOther = Math.min(nearestOther, total[c] / sizes[c]);
    const within = total[own] / (sizes[own] - 1); // the distance to itself is 0
    const undefinedHere = sizes[own] < 2 || nearestOther === Infinity || within === nearestOther;
    values[a] = undefinedHere ? 0 : (nearestOther - within) / Math.max(within, nearestOther);
  }
  return values;
}

/** Measures the mean cosine between the members of each cluster and its centroid. */
export class CohesionMeter {
  private readonly means: ClusterMeans;

  /** @param centroids float32 [k, D] */
  constructor(
    private readonly centroids: Float32Array,
    private readonly dim: number,
  ) {
    this.means = new ClusterMeans(centroids.length / dim);
  }

  /** @param points float32 [n, D] @param assignment int32 [n] in [0, k), −1 = no cluster */
  add(points: Float32Array, assignment: Int32Array): void {
    const { centroids, dim } = this;
    for (let i = 0; i < assignment.length; i++) {
      const c = assignment[i];
      if (c < 0) continue;
      let [dot, pointSquared, centroidSquared] = [0, 0, 0];
      for (let d = 0; d < dim; d++) {
        const x = points[i * dim + d];
        const y = centroids[c * dim + d];
        dot += x * y;
        pointSquared += x * x;
        centroidSquared += y * y;
      }
      const length = Math.sqrt(pointSquared * centroidSquared);
      this.means.add(c, length === 0 ? 0 : dot / length);
    }
  }

  /** float64 [k]; NaN for an empty cluster. */
  result(): Float64Array {
    return this.means.result().perCluster;
  }
}

/**
 * Adjusted Rand index (Hubert & Arabie, 1985): 1 = same partition, 0 = what chance gives.
 *
 * 1 where both sides put every point together, or every point alone.
 *
 * @param a, b labels of the same points
 * @param ignoreNegative leaves out points that are negative on either side
 */
export function adjustedRandIndex(a: Int32Array, b: Int32Array, ignoreNegative = false): number {
  const { cells, rows, columns, total } = contingency(a, b, ignoreNegative);
  const pairs = (counts: Iterable<number>): number => {
    let sum = 0;
    for (const count of counts) sum += (count * (count - 1)) / 2;
    return sum;
  };
  const together = pairs(cells.values());
  const inA = pairs(rows.values());
  const inB = pairs(columns.values());
  const all = (total * (total - 1)) / 2;
  const expected = all === 0 ? 0 : (inA * inB) / all;
  const largest = (inA + inB) / 2;
  return largest === expected ? 1 : (together - expected) / (largest - expected);
}

/**
 * Mutual information over the mean of both entropies, [0, 1].
 *
 * 1 where both sides have one cluster; 0 where only one of them does.
 */
export function normalizedMutualInformation(a: Int32Array, b: Int32Array, ignoreNegative = false): number {
  const { cells, rows, columns, total, cellOf } = contingency(a, b, ignoreNegative);
  const entropy = (counts: Iterable<number>): number => {
    let sum = 0;
    for (const count of counts) sum -= (count / total) * Math.log(count / total);
    return sum;
  };
  const meanEntropy = (entropy(rows.values()) + entropy(columns.values())) / 2;
  if (meanEntropy === 0) return 1;
  let information = 0;
  for (const [cell, count] of cells) {
    const [row, column] = cellOf(cell);
    information += (count / total) * Math.log((count * total) / (rows.get(row)! * columns.get(column)!));
  }
  return Math.min(1, Math.max(0, information / meanEntropy)); // rounding can leave the interval
}

/** How often each pair of labels meets. A cell is one number that `cellOf` splits again. */
function contingency(a: Int32Array, b: Int32Array, ignoreNegative: boolean) {
  const cells = new Map<number, number>();
  const rows = new Map<number, number>();
  const columns = new Map<number, number>();
  const count = (map: Map<number, number>, key: number): void => void map.set(key, (map.get(key) ?? 0) + 1);
  let total = 0;
  for (let i = 0; i < a.length; i++) {
    if (ignoreNegative && (a[i] < 0 || b[i] < 0)) continue;
    count(cells, a[i] * 2 ** 26 + b[i]); // exact in a double for labels below 2^25
    count(rows, a[i]);
    count(columns, b[i]);
    total++;
  }
  const cellOf = (cell: number): [number, number] => {
    const row = Math.round(cell / 2 ** 26);
    return [row, cell - row * 2 ** 26];
  };
  return { cells, rows, columns, total, cellOf };
}

function euclidean(x: Float32Array, beginX: number, y: Float32Array, beginY: number, dim: number): number {
  let squared = 0;
  for (let d = 0; d < dim; d++) {
    const difference = x[beginX + d] - y[beginY + d];
    squared += difference * difference;
  }
  return Math.sqrt(squared);
}

/** Means of values by cluster. */
class ClusterMeans {
  private readonly total: Float64Array;
  private readonly count: Uint32Array;

  constructor(k: number) {
    this.total = new Float64Array(k);
    this.count = new Uint32Array(k);
  }

  add(cluster: number, value: number): void {
    this.total[cluster] += value;
    this.count[cluster]++;
  }

  result(): Silhouette {
    let total = 0;
    let count = 0;
    for (let c = 0; c < this.total.length; c++) {
      total += this.total[c];
      count += this.count[c];
    }
    return { mean: count === 0 ? 0 : total / count, perCluster: this.total.map((sum, c) => sum / this.count[c]) };
  }
}
