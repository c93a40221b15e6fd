import type { Random } from '../core/random.js';
import type { Csr } from '../graph/csr.js';
import { leidenCommunities } from '../graph/leiden.js';
import { gather, type NeighborOptions, type Neighbors, nearestNeighbors } from './nearest-neighbors.js';
import { adjustedRandIndex, sampleDistances, silhouette } from './quality.js';

/** How well one resolution cuts the neighbor graph. */
export interface ResolutionScore {
  readonly resolution: number;
  readonly clusters: number; // of at least minClusterSize points
  readonly modularity: number; // [-0.5, 1]
  readonly stability: number; // adjusted Rand index with the communities of a random half of the edges
  readonly silhouette: number; // [-1, 1], of the sample
  readonly left: number; // share of points in communities that are too small
}

export interface KnnCommunities {
  readonly assignment: Int32Array; // [N] 0 = largest; −1 in a community that is too small
  readonly k: number;
  readonly reason: string; // one sentence for people
  readonly table: readonly ResolutionScore[]; // every resolution that was tried, ascending
}

export interface KnnCommunitiesOptions extends NeighborOptions {
  readonly minClusterSize: number;
  readonly clusters?: number; // take the resolution that comes nearest to it; default: choose
  readonly neighbors?: number; // default 15 a point
}

export const RESOLUTIONS: readonly number[] = [0.01, 0.03, 0.1, 0.3, 1, 2, 4, 8, 16];

/** A resolution is stable enough within this share of the most stable one, and above this. */
const STABILITY_SHARE = 0.9;
const STABLE = 0.6;
/** Share of points that may be left in communities that are too small; they join the nearest cluster. */
const MAX_LEFT = 0.2;

/**
 * Clusters that need not be balls: Leiden communities of the nearest-neighbor graph, whose edges weigh the cosine.
 *
 * The resolution is the finest whose communities a random half of the edges still shows: stability within a tenth of
 * the best, and at most a fifth of the points in communities that are too small. Modularity and silhouette stand beside it in the table; neither chooses, since the first grows with
 * coarseness by its construction and the second asks for balls.
 *
 * @param points float32 [N, D], rows of unit length
 */
export function knnCommunities(
  points: Float32Array,
  numPoints: number,
  dim: number,
  options: KnnCommunitiesOptions,
): KnnCommunities {
  const { random, minClusterSize, clusters, neighbors = 15 } = options;
  const graph = neighborGraph(nearestNeighbors(points, numPoints, dim, neighbors, options), numPoints);
  const half = halfOfEdges(graph, random.fork('half'));
  const distances = sampleDistances(points, numPoints, dim, random.fork('silhouette'));

  const tried = RESOLUTIONS.map((resolution) => {
    const whole = leidenCommunities(graph, random.fork('leiden'), { resolution });
    const other = leidenCommunities(half, random.fork('leiden of half'), { resolution });
    const { assignment, k } = withoutSmall(whole.community, minClusterSize);
    const left = assignment.reduce((n, c) => n + (c < 0 ? 1 : 0), 0) / Math.max(1, numPoints);
    const score: ResolutionScore = {
      resolution,
      clusters: k,
      modularity: whole.modularity,
      stability: adjustedRandIndex(whole.community, other.community),
      silhouette: silhouette(distances, assignment, k).mean,
      left,
    };
    return { assignment, score };
  });
  const table = tried.map(({ score }) => score);
  const { score, reason } = clusters === undefined ? choose(table, minClusterSize) : nearestTo(table, clusters);
  const { assignment } = tried[table.indexOf(score)];
  return { assignment, k: score.clusters, reason, table };
}

function choose(table: readonly ResolutionScore[], minClusterSize: number): { score: ResolutionScore; reason: string } {
  const possible = table.filter(({ clusters, left }) => clusters >= 2 && left <= MAX_LEFT);
  const best = Math.max(...possible.map(({ stability }) => stability));
  const stable = possible.filter(({ stability }) => stability >= Math.max(STABLE, STABILITY_SHARE * best));
  const score = stable.at(-1);
  if (score)
    return {
      score,
      reason:
        `${score.clusters} clusters, at resolution ${score.resolution}: the finest communities of the neighbor graph that a ` +
        `random half of its edges still shows (agreement ${score.stability.toFixed(2)}, best ${best.toFixed(2)}).`,
    };
  const coarsest = possible[0] ?? table[0];
  return {
    score: coarsest,
    reason:
      `${coarsest.clusters} clusters, at the coarsest resolution that gives two of at least ${minClusterSize} points, because a ` +
      `random half of the edges shows others (agreement at best ${possible.length > 0 ? best.toFixed(2) : 'unknown'}, at least ${STABLE} wanted).`,
  };
}

function nearestTo(table: readonly ResolutionScore[], clusters: number): { score: ResolutionScore; reason: string } {
  const gap = (score: ResolutionScore) => Math.abs(Math.log(Math.max(1, score.clusters) / clusters));
  const whole = table.filter(({ left }) => left <= MAX_LEFT);
  const score = (whole.length > 0 ? whole : table).reduce((a, b) => (gap(b) < gap(a) ? b : a));
  const reason = `${score.clusters} clusters, at resolution ${score.resolution}, which comes nearest to the ${clusters} asked for.`;
  return { score, reason };
}

/** Drops communities, which are numbered by size, below a size. */
function withoutSmall(community: Int32Array, minSize: number): { assignment: Int32Array; k: number } {
  const size: number[] = [];
  for (const c of community) size[c] = (size[c] ?? 0) + 1;
  const tooSmall = size.findIndex((n) => n < minSize);
  const k = tooSmall < 0 ? size.length : tooSmall;
  return { assignment: community.map((c) => (c < k ? c : -1)), k };
}

/** The symmetric graph of all pairs of which one is a neighbor of the other; weight = cosine, pairs at or below 0 left out. */
export function neighborGraph({ count, ids, similarity }: Neighbors, numPoints: number): Csr {
  const rowPtr = new Uint32Array(numPoints + 1);
  const isEdge = (at: number) => similarity[at] > 0;
  for (let i = 0; i < numPoints; i++)
    for (let at = i * count; at < (i + 1) * count; at++)
      if (isEdge(at)) {
        rowPtr[i + 1]++;
        rowPtr[ids[at] + 1]++;
      }
  for (let i = 0; i < numPoints; i++) rowPtr[i + 1] += rowPtr[i];
  const next = rowPtr.slice(0, numPoints);
  const columns = new Uint32Array(rowPtr[numPoints]);
  const weights = new Float32Array(columns.length);
  const put = (row: number, column: number, weight: number): void => {
    columns[next[row]] = column;
    weights[next[row]++] = weight;
  };
  for (let i = 0; i < numPoints; i++)
    for (let at = i * count; at < (i + 1) * count; at++)
      if (isEdge(at)) {
        put(i, ids[at], similarity[at]);
        put(ids[at], i, similarity[at]);
      }

  const outPtr = new Uint32Array(numPoints + 1);
  const colIndex = new Uint32Array(columns.length);
  const weight = new Float32Array(columns.length);
  let at = 0;
  for (let i = 0; i < numPoints; i++) {
    const row = Array.from({ length: rowPtr[i + 1] - rowPtr[i] }, (_, e) => rowPtr[i] + e);
    row.sort((a, b) => columns[a] - columns[b]);
    for (const e of row) {
      if (at > outPtr[i] && colIndex[at - 1] === columns[e]) continue; // each is a neighbor of the other
      colIndex[at] = columns[e];
      weight[at++] = Math.max(weights[e], 1e-6);
    }
    outPtr[i + 1] = at;
  }
  const graph = { numRows: numPoints, numCols: numPoints, rowPtr: outPtr };
  return { ...graph, colIndex: colIndex.slice(0, at), weight: weight.slice(0, at) };
}

/** Each edge with probability ½, the same in both directions. */
function halfOfEdges({ numRows, numCols, rowPtr, colIndex, weight }: Csr, random: Random): Csr {
  const salt = random.uint32();
  const isKept = (a: number, b: number) => {
    let h = Math.imul(Math.min(a, b) ^ salt, 0x85ebca6b) ^ Math.imul(Math.max(a, b), 0xc2b2ae35);
    h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f);
    return ((h ^ (h >>> 13)) & 1) === 1;
  };
  const outPtr = new Uint32Array(numRows + 1);
  const outIndex = new Uint32Array(colIndex.length);
  const outWeight = new Float32Array(colIndex.length);
  let at = 0;
  for (let i = 0; i < numRows; i++) {
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) {
      if (!isKept(i, colIndex[e])) continue;
      outIndex[at] = colIndex[e];
      outWeight[at++] = weight[e];
    }
    outPtr[i + 1] = at;
  }
  return { numRows, numCols, rowPtr: outPtr, colIndex: outIndex.slice(0, at), weight: outWeight.slice(0, at) };
}

/** Points that stand for clusters: what lies nearest to one belongs to its cluster. */
export interface Prototypes {
  readonly vectors: Float32Array; // [P, D]
  readonly clusterOf: Int32Array; // [P]
}

/**
 * Several points for each cluster, so that the nearest one also finds clusters that are no balls: the members are cut
 * by k-means into parts of about 50, at most 64.
 */
export function prototypesOf(
  points: Float32Array,
  dim: number,
  { assignment, k }: Pick<KnnCommunities, 'assignment' | 'k'>,
  kMeansOf: (points: Float32Array, numPoints: number, k: number, cluster: number) => Float32Array,
): Prototypes {
  const vectors: Float32Array[] = [];
  const clusterOf: number[] = [];
  for (let c = 0; c < k; c++) {
    const members = Uint32Array.from(assignment.keys()).filter((i) => assignment[i] === c);
    const parts = Math.max(1, Math.min(64, Math.floor(members.length / 50)));
    vectors.push(kMeansOf(gather(points, dim, members), members.length, parts, c));
    for (let p = 0; p < parts; p++) clusterOf.push(c);
  }
  const flat = new Float32Array(clusterOf.length * dim);
  let at = 0;
  for (const part of vectors) {
    flat.set(part, at);
    at += part.length;
  }
  return { vectors: flat, clusterOf: Int32Array.from(clusterOf) };
}
