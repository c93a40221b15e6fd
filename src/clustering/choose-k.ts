import type { Random } from '../core/random.js';
import type { NearestCentroid } from './block-lloyd.js';
import { assignToCentroids, kMeans, nonZeroRows } from './k-means.js';
import { adjustedRandIndex, type DistanceSample, sampleDistances, silhouetteValues } from './quality.js';
import { sampleIndices } from './sample-indices.js';

export interface ChooseKOptions {
  readonly random: Random; // not advanced
  readonly spherical?: boolean; // default true: rows as of `centerAndNormalize`, zero rows left out
  readonly candidates?: readonly number[]; // default K_CANDIDATES
  readonly minClusterSize?: number; // default 50: no k above (number of points) / minClusterSize is tried
  readonly sampleSize?: number; // default 10,000 points are clustered: half a minute at 64 dimensions
  readonly nearest?: NearestCentroid; // as in `kMeans`
  readonly silhouetteSize?: number; // default 2,000 of them are compared in pairs
}

/** How well one k fits. */
export interface KScore {
  readonly k: number;
  /**
   * Mean over clusters of the median silhouette of their points: a small cluster counts as much as a large one, and
   * scattered points that every cluster has to take do not hide how well its core stands apart.
   */
  readonly silhouette: number; // [-1, 1]
  /** Adjusted Rand index between the clusters of two halves of the points, each applied to all points. */
  readonly stability: number; // about 0 (chance) to 1
}

export interface KChoice {
  readonly k: number; // 1 where there are too few points for two clusters
  /** none: no k splits the points reproducibly; k is then the smallest tried and means little. */
  readonly structure: 'none' | 'weak' | 'clear';
  readonly reason: string; // one sentence for people
  readonly table: readonly KScore[]; // every k that was tried, ascending
}

export const K_CANDIDATES: readonly number[] = [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 24, 28, 32, 40, 50, 64];

/** Silhouettes closer than this share of the best are noise of the sample; a superfluous cluster costs 1 / (k + 1). */
const SILHOUETTE_TOLERANCE = 0.03;
/** Halves of points without structure agree to less than 0.1, of planted clusters with 20 % noise to 0.75 and more. */
const STABLE = 0.6;
/** Points spread evenly over a sphere of 32 or more dimensions have about 0.02. */
const MIN_SILHOUETTE = 0.05;
const CLEAR = { silhouette: 0.2, stability: 0.8 };
/** Where structure is weak, a second peak of the silhouette at a finer grain stands this much above the valley before it. */
const FINE = { rise: 1.2, stability: 0.3 };
const RESTARTS = 6; // a poor local optimum at one k makes its neighbor look better
const RESTARTS_OF_HALVES = 3;
const MAX_ITERATIONS = 30;

/**
 * Chooses the number of clusters: the largest k that is stable and whose silhouette is within 3 % of the best stable
 * one; where even that one is weak, the second peak at a finer grain. After the grid of candidates the neighbors of the
 * choice are tried, as long as one of them is better.
 *
 * Works on a seeded sample. Meant for 16 dimensions and more: in two or three, an even spread also looks clustered.
 *
 * @param points float32 [N, D], finite
 */
export function chooseK(points: Float32Array, numPoints: number, dim: number, options: ChooseKOptions): KChoice {
  const { random, spherical = true, candidates = K_CANDIDATES, minClusterSize = 50 } = options;
  const { sampleSize = 10_000, silhouetteSize = 2000, nearest } = options;

  const usable = spherical ? nonZeroRows(points, numPoints, dim) : new Uint32Array(numPoints).map((_, i) => i);
  const drawn = sampleIndices(usable.length, sampleSize, random.fork('sample'));
  const sample = gatherRows(
    points,
    dim,
    drawn.map((at) => usable[at]),
  );
  // Each half must be able to hold k clusters of at least two.
  const largestK = Math.floor(Math.min(usable.length / minClusterSize, drawn.length / 4));
  const grid = candidates.filter((k) => k >= 2 && k <= largestK).sort((a, b) => a - b);
  if (grid.length === 0) {
    const reason = `k = 1: ${usable.length} points are too few for two clusters of at least ${minClusterSize}.`;
    return { k: 1, structure: 'none', reason, table: [] };
  }

  const distances = sampleDistances(sample, drawn.length, dim, random.fork('silhouette'), silhouetteSize);
  const halves = halve(sample, drawn.length, dim, random.fork('halves'));
  const scores = new Map<number, KScore>();
  const score = (k: number): void => {
    if (!scores.has(k))
      scores.set(
        k,
        scoreK(sample, drawn.length, dim, k, {
          distances,
          halves,
          spherical,
          random: random.fork('k', k),
          ...(nearest && { nearest }),
        }),
      );
  };
  for (const k of grid) score(k);
  let choice = choose(scores);
  for (let previous = 0; choice !== undefined && previous !== choice.k; ) {
    previous = choice.k;
    if (previous > 2) score(previous - 1);
    if (previous < largestK) score(previous + 1);
    choice = choose(scores);
  }
  return explain(choice, scores);
}

function choose(scores: ReadonlyMap<number, KScore>): KScore | undefined {
  const sound = [...scores.values()].filter((s) => s.stability >= STABLE && s.silhouette >= MIN_SILHOUETTE);
  const best = Math.max(...sound.map((s) => s.silhouette));
  const near = sound.filter((s) => s.silhouette >= best * (1 - SILHOUETTE_TOLERANCE));
  return near.sort((a, b) => b.k - a.k)[0];
}

function explain(choice: KScore | undefined, scores: ReadonlyMap<number, KScore>): KChoice {
  const table = [...scores.values()].sort((a, b) => a.k - b.k);
  if (choice === undefined) {
    const best = table.reduce((a, b) => (b.silhouette > a.silhouette ? b : a));
    const reason =
      `k = ${table[0].k}, the smallest tried, because no k from ${table[0].k} to ${table[table.length - 1].k} splits the ` +
      `points reproducibly: the best silhouette is ${best.silhouette.toFixed(3)} (at least ${MIN_SILHOUETTE} wanted), ` +
      `with an agreement between halves of ${best.stability.toFixed(2)} (at least ${STABLE} wanted).`;
    return { k: table[0].k, structure: 'none', reason, table };
  }
  const best = Math.max(...table.filter((s) => s.stability >= STABLE).map((s) => s.silhouette));
  if (choice.silhouette >= CLEAR.silhouette && choice.stability >= CLEAR.stability)
    return { k: choice.k, structure: 'clear', reason: reasonOf(choice, best), table };
  const fine = findFiner(choice, table);
  if (fine === undefined) return { k: choice.k, structure: 'weak', reason: reasonOf(choice, best), table };
  const reason =
    `k = ${fine.k}: the points form a continuum (best silhouette ${choice.silhouette.toFixed(3)}, at k = ${choice.k}), so no ` +
    `number is right; this is the second peak, at a finer grain (silhouette ${fine.silhouette.toFixed(3)}, two halves of the points ` +
    `agree to ${fine.stability.toFixed(2)}). Take another with --clusters.`;
  return { k: fine.k, structure: 'weak', reason, table };
}

/**
 * In a continuum two halves are the most reproducible split and say the least; summaries of it want a finer grain. That
 * is the second peak of the silhouette, if there is one: k at least four times the coarse one, above the valley between.
 */
function findFiner(coarse: KScore, table: readonly KScore[]): KScore | undefined {
  const finer = table.filter((s) => s.k >= 4 * coarse.k && s.stability >= FINE.stability);
  const peak = finer.sort((a, b) => b.silhouette - a.silhouette || b.k - a.k)[0];
  if (peak === undefined || peak.silhouette < MIN_SILHOUETTE) return undefined;
  const between = table.filter(({ k }) => k > coarse.k && k < peak.k).map(({ silhouette }) => silhouette);
  return peak.silhouette >= FINE.rise * Math.min(...between) ? peak : undefined;
}

function reasonOf(choice: KScore, best: number): string {
  return (
    `k = ${choice.k}: the largest k whose silhouette (${choice.silhouette.toFixed(3)}) is within ` +
    `${SILHOUETTE_TOLERANCE * 100} % of the best (${best.toFixed(3)}) among those on which two halves of the points agree ` +
    `(${choice.stability.toFixed(2)}, at least ${STABLE} wanted).`
  );
}

interface ScoringContext {
  readonly distances: DistanceSample;
  readonly halves: readonly Float32Array[];
  readonly spherical: boolean;
  readonly random: Random;
  readonly nearest?: NearestCentroid;
}

function scoreK(sample: Float32Array, numPoints: number, dim: number, k: number, context: ScoringContext): KScore {
  const { distances, halves, spherical, random, nearest } = context;
  const common = { maxIterations: MAX_ITERATIONS, spherical, ...(nearest && { nearest }) };
  const { assignment } = kMeans(sample, numPoints, dim, k, { ...common, restarts: RESTARTS, random });
  const [first, second] = halves.map((half, at) => {
    const options = { ...common, restarts: RESTARTS_OF_HALVES, random: random.fork('half', at) };
    const { centroids } = kMeans(half, half.length / dim, dim, k, options);
    return assignToCentroids(sample, numPoints, dim, centroids, common);
  });
  return {
    k,
    silhouette: medianSilhouette(distances, assignment, k),
    stability: adjustedRandIndex(first, second, true),
  };
}

function medianSilhouette(distances: DistanceSample, assignment: Int32Array, k: number): number {
  const values = silhouetteValues(distances, assignment, k);
  const byCluster: number[][] = Array.from({ length: k }, () => []);
  distances.ids.forEach((id, at) => {
    if (assignment[id] >= 0) byCluster[assignment[id]].push(values[at]);
  });
  let total = 0; // a cluster without sampled points adds nothing
  for (const cluster of byCluster) if (cluster.length > 0) total += cluster.sort((a, b) => a - b)[cluster.length >> 1];
  return total / k;
}

function halve(sample: Float32Array, numPoints: number, dim: number, random: Random): Float32Array[] {
  const order = random.shuffle(new Uint32Array(numPoints).map((_, at) => at));
  const middle = numPoints >> 1;
  return [gatherRows(sample, dim, order.subarray(0, middle)), gatherRows(sample, dim, order.subarray(middle))];
}

function gatherRows(points: Float32Array, dim: number, rows: Uint32Array): Float32Array {
  const out = new Float32Array(rows.length * dim);
  for (let at = 0; at < rows.length; at++) {
    out.set(points.subarray(rows[at] * dim, (rows[at] + 1) * dim), at * dim);
  }
  return out;
}
