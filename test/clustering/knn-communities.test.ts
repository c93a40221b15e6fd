import { describe, expect, it } from 'vitest';
import { findClusters } from '../../src/clustering/find-clusters.js';
import { assignToCentroids, centerAndNormalize } from '../../src/clustering/k-means.js';
import { knnCommunities, neighborGraph, RESOLUTIONS } from '../../src/clustering/knn-communities.js';
import { nearestNeighbors } from '../../src/clustering/nearest-neighbors.js';
import { adjustedRandIndex } from '../../src/clustering/quality.js';
import { Random } from '../../src/core/random.js';
import { assertCsr, transposeWeighted } from '../../src/graph/csr.js';
import { coresOf } from '../../src/kernels/cores.js';
import { normalPoints } from './points.js';

const cores = coresOf('reference');
const DIM = 8;

/** Two long bows that reach around each other: no ball holds one without the other. */
function bows(perBow: number, seed: number): { points: Float32Array; truth: Int32Array } {
  const random = new Random(seed);
  const points = new Float32Array(2 * perBow * DIM);
  const truth = new Int32Array(2 * perBow);
  for (let i = 0; i < 2 * perBow; i++) {
    const bow = i % 2;
    const angle = Math.PI * random.float() + (bow === 1 ? Math.PI : 0);
    truth[i] = bow;
    points[i * DIM] = Math.cos(angle) + (bow === 1 ? 0.5 : -0.5);
    points[i * DIM + 1] = Math.sin(angle) + (bow === 1 ? 0.3 : -0.3);
    points[i * DIM + 2] = 1.5;
    for (let d = 3; d < DIM; d++) points[i * DIM + d] = 0.02 * random.normal();
  }
  return { points, truth };
}

function normalize(points: Float32Array): Float32Array {
  for (let i = 0; i < points.length; i += DIM) {
    const length = Math.hypot(...points.subarray(i, i + DIM));
    for (let d = 0; d < DIM; d++) points[i + d] /= length;
  }
  return points;
}

describe('neighborGraph', () => {
  it('is symmetric and keeps the promises of a graph', () => {
    const points = normalPoints(150, DIM, new Random(1));
    centerAndNormalize(points, 150, DIM);
    const neighbors = nearestNeighbors(points, 150, DIM, 6, { random: new Random(2), cores });
    const graph = neighborGraph(neighbors, 150);
    assertCsr(graph);
    expect(transposeWeighted(graph).transposed).toEqual(graph);
    for (let i = 0; i < 150; i++) expect(graph.rowPtr[i + 1] - graph.rowPtr[i]).toBeGreaterThanOrEqual(1);
  });
});

describe('knnCommunities', () => {
  it('keeps bows apart that k-means mixes, once asked for two clusters', () => {
    const { points, truth } = bows(700, 1);
    normalize(points);
    const options = { minClusterSize: 100, random: new Random(1), cores, clusters: 2 };
    const communities = findClusters(points, truth.length, DIM, { ...options, method: 'leiden-knn' });
    const balls = findClusters(points, truth.length, DIM, { ...options, method: 'kmeans' });
    const agreement = ({ prototypes, clusterOf }: typeof balls) =>
      adjustedRandIndex(
        assignToCentroids(points, truth.length, DIM, prototypes).map((p) => clusterOf[p]),
        truth,
      );
    expect(agreement(communities)).toBeGreaterThan(0.95);
    expect(agreement(balls)).toBeLessThan(0.9);
  });

  it('drops communities that are too small, explains its choice and tells what it tried', () => {
    const { points } = bows(300, 2);
    const { assignment, k, reason, table } = knnCommunities(normalize(points), 600, DIM, {
      minClusterSize: 40,
      random: new Random(1),
      cores,
    });
    const sizes = new Uint32Array(k);
    for (const c of assignment) if (c >= 0) sizes[c]++;
    for (const size of sizes) expect(size).toBeGreaterThanOrEqual(40);
    expect(reason).toMatch(/clusters, at/);
    expect(table.map(({ resolution }) => resolution)).toEqual(RESOLUTIONS);
  });

  it('makes one cluster where no community is large enough', () => {
    const { points } = bows(30, 3);
    const found = findClusters(normalize(points), 60, DIM, {
      method: 'leiden-knn',
      clusters: 'auto',
      minClusterSize: 61,
      random: new Random(1),
      cores,
    });
    expect(found.k).toBe(1);
    expect(found.centroids).toHaveLength(DIM);
  });
});
