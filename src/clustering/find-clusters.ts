import type { Random } from '../core/random.js';
import type { Cores } from '../kernels/cores.js';
import type { NearestCentroid } from './block-lloyd.js';
import { chooseK } from './choose-k.js';
import { kMeans, nonZeroRows } from './k-means.js';
import { knnCommunities, prototypesOf } from './knn-communities.js';
import { gather } from './nearest-neighbors.js';

export interface FindClustersOptions {
  readonly method: 'kmeans' | 'leiden-knn';
  readonly clusters: number | 'auto';
  readonly minClusterSize: number; // among the points
  readonly random: Random; // not advanced
  /** Kernels; `nearest` where measuring every distance is faster than bounds that save most of them. */
  readonly cores: Pick<Cores, 'matMul' | 'nearestCentroid'> & { readonly nearest?: NearestCentroid };
}

/** Clusters as points that stand for them: whoever is nearest to one of the prototypes belongs to its cluster. */
export interface FoundClusters {
  readonly k: number;
  readonly centroids: Float32Array; // [k, D] unit length
  readonly prototypes: Float32Array; // [P, D] unit length
  readonly clusterOf: Int32Array; // [P]
  readonly structure: string;
  readonly reason: string; // one sentence for people
  readonly table: readonly object[]; // what was tried, with its quality
}

/**
 * Finds clusters of directions by the method asked for.
 *
 * @param points float32 [N, D], rows of unit length or zero (`centerAndNormalize`)
 */
export function findClusters(
  points: Float32Array,
  numPoints: number,
  dim: number,
  options: FindClustersOptions,
): FoundClusters {
  return options.method === 'kmeans'
    ? byKMeans(points, numPoints, dim, options)
    : byCommunities(points, numPoints, dim, options);
}

function byKMeans(
  points: Float32Array,
  numPoints: number,
  dim: number,
  { clusters, minClusterSize, random, cores: { nearest } }: FindClustersOptions,
): FoundClusters {
  const { k, structure, reason, table } =
    clusters === 'auto'
      ? chooseK(points, numPoints, dim, {
          random: random.fork('choose k'),
          minClusterSize,
          ...(nearest && { nearest }),
        })
      : { k: Math.min(clusters, numPoints), structure: 'given', reason: `k = ${clusters} as asked for.`, table: [] };
  const { centroids } = kMeans(points, numPoints, dim, k, {
    random: random.fork('k-means'),
    spherical: true,
    ...(nearest && { nearest }),
  });
  const clusterOf = Int32Array.from({ length: k }, (_, c) => c);
  return { k, centroids, prototypes: centroids, clusterOf, structure, reason, table };
}

function byCommunities(
  points: Float32Array,
  numPoints: number,
  dim: number,
  { clusters, minClusterSize, random, cores }: FindClustersOptions,
): FoundClusters {
  const rows = nonZeroRows(points, numPoints, dim);
  const usable = gather(points, dim, rows);
  const found = knnCommunities(usable, rows.length, dim, {
    random: random.fork('communities'),
    cores,
    minClusterSize,
    ...(clusters !== 'auto' && { clusters }),
  });
  const { k, table } = found;
  if (k === 0) {
    const reason = `1 cluster: no community of the neighbor graph has ${minClusterSize} users.`;
    const one = kMeans(usable, rows.length, dim, 1, { random, spherical: true, restarts: 1 });
    return {
      k: 1,
      centroids: one.centroids,
      prototypes: one.centroids,
      clusterOf: Int32Array.of(0),
      structure: 'none',
      reason,
      table,
    };
  }
  const partsOf = (members: Float32Array, count: number, parts: number, c: number) =>
    kMeans(members, count, dim, parts, {
      random: random.fork('parts', parts, c),
      spherical: true,
      restarts: 1,
      maxIterations: 10,
      ...(cores.nearest && { nearest: cores.nearest }),
    }).centroids;
  const { vectors, clusterOf } = prototypesOf(usable, dim, found, partsOf);
  const centroids = new Float32Array(k * dim);
  for (let c = 0; c < k; c++) {
    const members = Uint32Array.from(found.assignment.keys()).filter((i) => found.assignment[i] === c);
    centroids.set(partsOf(gather(usable, dim, members), members.length, 1, c), c * dim);
  }
  return { k, centroids, prototypes: vectors, clusterOf, structure: 'communities', reason: found.reason, table };
}
