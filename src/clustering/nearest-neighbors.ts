import type { Random } from '../core/random.js';
import type { Cores } from '../kernels/cores.js';
import { assignToCentroids, kMeans } from './k-means.js';
import { sampleIndices } from './sample-indices.js';

/** For each of N points its nearest others by dot product, nearest first; ties to the smaller id. */
export interface Neighbors {
  readonly count: number; // K a point
  readonly ids: Uint32Array; // [N, K]
  readonly similarity: Float32Array; // [N, K] dot products; −Infinity where there are fewer than K others
}

export interface NeighborOptions {
  readonly random: Random; // not advanced
  readonly cores: Pick<Cores, 'matMul' | 'nearestCentroid'>;
  readonly probes?: number; // default 12 lists a point is compared with: more is nearer to exact, and slower
}

const EXACT_BELOW = 2000; // points: one list holds them all
const SCORES_AT_ONCE = 1 << 22; // 16 MB

/**
 * Nearest neighbors of unit vectors through an inverted file: k-means cuts the points into about √N lists, and the
 * members of a list are compared with those of the lists whose centroids are nearest to its own, by matrix products.
 *
 * Neighbors across a far border are missed: measured recall stands in `test/bench/runs`.
 *
 * @param points float32 [N, D], rows of unit length
 */
export function nearestNeighbors(
  points: Float32Array,
  numPoints: number,
  dim: number,
  count: number,
  { random, cores, probes = 12 }: NeighborOptions,
): Neighbors {
  const numLists = numPoints < EXACT_BELOW ? 1 : Math.round(Math.sqrt(numPoints));
  const { members, listPtr, centroids } = makeLists(points, numPoints, dim, numLists, random, cores);
  const nearby = nearbyLists(centroids, numLists, dim, Math.min(probes, numLists), cores);

  const ids = new Uint32Array(numPoints * count);
  const similarity = new Float32Array(numPoints * count).fill(Number.NEGATIVE_INFINITY);
  for (let list = 0; list < numLists; list++) {
    const own = members.subarray(listPtr[list], listPtr[list + 1]);
    if (own.length === 0) continue;
    const others = Uint32Array.from(
      nearby[list].flatMap((l) => [...members.subarray(listPtr[l], listPtr[l + 1])]),
    ).sort();
    const right = gather(points, dim, others);
    const rowsAtOnce = Math.max(1, Math.floor(SCORES_AT_ONCE / others.length));
    for (let begin = 0; begin < own.length; begin += rowsAtOnce) {
      const some = own.subarray(begin, begin + rowsAtOnce);
      const scores = new Float32Array(some.length * others.length);
      const shape = { m: some.length, n: others.length, k: dim, transposeB: true };
      cores.matMul(shape, gather(points, dim, some), right, scores);
      for (let i = 0; i < some.length; i++) {
        const row = scores.subarray(i * others.length, (i + 1) * others.length);
        keepNearest(row, others, some[i], ids, similarity, some[i] * count, count);
      }
    }
  }
  return { count, ids, similarity };
}

function makeLists(
  points: Float32Array,
  numPoints: number,
  dim: number,
  numLists: number,
  random: Random,
  { nearestCentroid }: NeighborOptions['cores'],
): { members: Uint32Array; listPtr: Uint32Array; centroids: Float32Array } {
  const sample = sampleIndices(numPoints, 50 * numLists, random.fork('lists'));
  const { centroids } =
    numLists === 1
      ? { centroids: new Float32Array(dim) }
      : kMeans(gather(points, dim, sample), sample.length, dim, numLists, {
          random,
          maxIterations: 8,
          restarts: 1,
          nearest: nearestCentroid,
        });
  const listOf = assignToCentroids(points, numPoints, dim, centroids, { nearest: nearestCentroid });
  const listPtr = new Uint32Array(numLists + 1);
  for (const l of listOf) listPtr[l + 1]++;
  for (let l = 0; l < numLists; l++) listPtr[l + 1] += listPtr[l];
  const members = new Uint32Array(numPoints);
  const next = listPtr.slice(0, numLists);
  listOf.forEach((l, i) => {
    members[next[l]++] = i;
  });
  return { members, listPtr, centroids };
}

/** For each list those nearest to it, itself among them. */
function nearbyLists(
  centroids: Float32Array,
  numLists: number,
  dim: number,
  probes: number,
  { matMul }: NeighborOptions['cores'],
): number[][] {
  const products = new Float32Array(numLists * numLists);
  matMul({ m: numLists, n: numLists, k: dim, transposeB: true }, centroids, centroids, products);
  const lists = Array.from({ length: numLists }, (_, l) => l);
  return lists.map((a) => {
    const gap = (b: number) => products[b * numLists + b] - 2 * products[a * numLists + b]; // ‖b − a‖² − ‖a‖²
    const others = lists.filter((b) => b !== a).sort((b, c) => gap(b) - gap(c) || b - c);
    return [a, ...others.slice(0, probes - 1)];
  });
}

/** Puts the largest scores, but that of the point itself, into `count` places from `at` on, in descending order. */
function keepNearest(
  scores: Float32Array,
  others: Uint32Array,
  self: number,
  ids: Uint32Array,
  similarity: Float32Array,
  at: number,
  count: number,
): void {
  let worst = Number.NEGATIVE_INFINITY;
  for (let o = 0; o < others.length; o++) {
    const score = scores[o];
    if (score <= worst || others[o] === self) continue; // `others` ascend: of equal ones the first stays
    let place = at + count - 1;
    while (place > at && similarity[place - 1] < score) {
      similarity[place] = similarity[place - 1];
      ids[place] = ids[place - 1];
      place--;
    }
    similarity[place] = score;
    ids[place] = others[o];
    worst = similarity[at + count - 1];
  }
}

/** Rows of a table [length, D]. */
export function gather(points: Float32Array, dim: number, rows: Uint32Array): Float32Array {
  const out = new Float32Array(rows.length * dim);
  for (let at = 0; at < rows.length; at++) out.set(points.subarray(rows[at] * dim, (rows[at] + 1) * dim), at * dim);
  return out;
}
