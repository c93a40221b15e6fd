import { readBatches, writeTable } from '../artifacts/arrow.js';
import { loadGraph } from '../artifacts/load-graph.js';
import type { Manifest } from '../artifacts/manifest.js';
import { ASSIGNMENTS, ATTENTION, CLUSTER_SUBREDDITS, CLUSTERS, USER_EMBEDDINGS } from '../artifacts/tables.js';
import { chooseK } from '../clustering/choose-k.js';
import { findDistinguishingSubreddits, findMedoids } from '../clustering/distinguishing.js';
import { centerAndNormalize, kMeans } from '../clustering/k-means.js';
import { clusterCohesion } from '../clustering/quality.js';
import { pick } from './config.js';
import type { Stage } from './stage.js';

/** Subreddits kept per cluster in the table of distinguishing ones. */
const DISTINGUISHING = 50;

/** User vectors in; groups of users, and what sets each apart, out. */
export const cluster: Stage = {
  name: 'cluster',
  version: 1,
  inputs: ['build-graph', 'embed'],
  config: (config) => pick(config, 'clusters', 'minUsers'),
  async run({ input, folder, config, random, log }) {
    const { folder: graphFolder, manifest } = input('build-graph');
    const { userToSubreddit } = await loadGraph(graphFolder, manifest);
    const { folder: embedFolder, manifest: embedded } = input('embed');
    const { points, dim } = await readPoints(embedFolder, embedded);
    const numUsers = points.length / dim;

    log.info(`cluster: ${numUsers} users`);
    const choice =
      config.clusters === 'auto'
        ? chooseK(points, numUsers, dim, { random: random.fork('choose k'), minClusterSize: config.minUsers })
        : {
            k: Math.min(config.clusters, numUsers),
            structure: 'given',
            reason: `k = ${config.clusters} as asked for.`,
            table: [],
          };
    log.info(`cluster: ${choice.reason}`);
    const found = kMeans(points, numUsers, dim, choice.k, { random: random.fork('k-means'), spherical: true });
    const { assignment, centroids } = largestFirst(found.assignment, found.centroids, choice.k, dim);
    const sizes = new Uint32Array(choice.k);
    for (const c of assignment) if (c >= 0) sizes[c]++;

    const medoids = findMedoids(points, dim, assignment, centroids);
    const cohesion = clusterCohesion(points, dim, assignment, centroids);
    const attention = await attentionShares(embedFolder, assignment, choice.k, userToSubreddit.numCols);
    const rows = findDistinguishingSubreddits(userToSubreddit, assignment, choice.k, { topN: DISTINGUISHING }).flatMap(
      (list, c) =>
        list.map((found) => ({
          cluster: c,
          ...found,
          attention: attention[c * userToSubreddit.numCols + found.subreddit],
        })),
    );
    const written = {
      assignments: writeTable(folder, ASSIGNMENTS, {
        user: Uint32Array.from(assignment, (_, u) => u),
        cluster: assignment,
      }),
      clusters: writeTable(
        folder,
        CLUSTERS,
        {
          id: Uint32Array.from(sizes, (_, c) => c),
          users: sizes,
          cohesion: Float32Array.from(cohesion, (value) => (Number.isNaN(value) ? 0 : value)),
          medoids: medoids.map((users) => JSON.stringify([...users])),
          centroid: centroids,
        },
        dim,
      ),
      subreddits: writeTable(folder, CLUSTER_SUBREDDITS, {
        cluster: Uint32Array.from(rows, (row) => row.cluster),
        subreddit: Uint32Array.from(rows, (row) => row.subreddit),
        users: Uint32Array.from(rows, (row) => row.users),
        share: Float32Array.from(rows, (row) => row.share),
        lift: Float32Array.from(rows, (row) => row.lift),
        log_odds: Float32Array.from(rows, (row) => row.zScore),
        attention: Float32Array.from(rows, (row) => row.attention),
      }),
    };
    const unassigned = assignment.reduce((n, c) => n + (c < 0 ? 1 : 0), 0);
    return {
      rows: {
        [ASSIGNMENTS.file]: written.assignments.rows,
        [CLUSTERS.file]: written.clusters.rows,
        [CLUSTER_SUBREDDITS.file]: written.subreddits.rows,
      },
      accounting: [
        { unit: 'users', read: numUsers, kept: numUsers - unassigned, dropped: { 'no-direction': unassigned } },
      ],
      counts: { clusters: choice.k, structure: choice.structure, sizes: [...sizes], scores: choice.table },
      notes: [choice.reason],
    };
  },
};

/**
 * User vectors as directions from their mean [N, D]. What all users share, above all the pull of popular subreddits,
 * would otherwise make everybody look alike.
 */
async function readPoints(folder: string, manifest: Manifest): Promise<{ points: Float32Array; dim: number }> {
  const numUsers = manifest.outputs[USER_EMBEDDINGS.file]?.rows ?? 0;
  const { dim } = manifest.counts as { dim: number };
  const vectors = new Float32Array(numUsers * dim);
  let at = 0;
  for await (const { embedding } of readBatches(folder, USER_EMBEDDINGS)) {
    vectors.set(embedding, at);
    at += embedding.length;
  }
  centerAndNormalize(vectors, numUsers, dim);
  return { points: vectors, dim };
}

/** Renumbers clusters by size, ties by their first member. */
function largestFirst(
  assignment: Int32Array,
  centroids: Float32Array,
  k: number,
  dim: number,
): { assignment: Int32Array; centroids: Float32Array } {
  const size = new Uint32Array(k);
  const firstMember = new Uint32Array(k).fill(assignment.length);
  assignment.forEach((c, u) => {
    if (c < 0) return;
    if (size[c]++ === 0) firstMember[c] = u;
  });
  const order = Array.from({ length: k }, (_, c) => c).sort(
    (a, b) => size[b] - size[a] || firstMember[a] - firstMember[b],
  );
  const rank = new Int32Array(k);
  const sorted = new Float32Array(k * dim);
  order.forEach((c, r) => {
    rank[c] = r;
    sorted.set(centroids.subarray(c * dim, (c + 1) * dim), r * dim);
  });
  return { assignment: assignment.map((c) => (c < 0 ? c : rank[c])), centroids: sorted };
}

/** Part of each cluster's attention that each subreddit gets [k, S]. */
async function attentionShares(
  folder: string,
  assignment: Int32Array,
  k: number,
  numSubreddits: number,
): Promise<Float32Array> {
  const mass = new Float64Array(k * numSubreddits);
  const total = new Float64Array(k);
  for await (const { user, subreddit, attention } of readBatches(folder, ATTENTION))
    for (let i = 0; i < user.length; i++) {
      const c = assignment[user[i]];
      if (c < 0) continue;
      mass[c * numSubreddits + subreddit[i]] += attention[i];
      total[c] += attention[i];
    }
  return Float32Array.from(mass, (value, at) => value / (total[Math.floor(at / numSubreddits)] || 1));
}
