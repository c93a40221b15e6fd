import {
  type Columns,
  ROWS_PER_BATCH,
  readBatches,
  TableWriter,
  type WrittenFile,
  writeTable,
} from '../artifacts/arrow.js';
import {
  ASSIGNMENTS,
  ATTENTION,
  CLUSTER_SUBREDDITS,
  CLUSTERS,
  EDGES,
  GRAPH_SUBREDDITS,
  USER_EMBEDDINGS,
} from '../artifacts/tables.js';
import { findDistinguishingSubreddits, MedoidFinder, MembershipCounter } from '../clustering/distinguishing.js';
import { type FindClustersOptions, findClusters } from '../clustering/find-clusters.js';
import { assignToCentroids, centerAndNormalize } from '../clustering/k-means.js';
import { CohesionMeter } from '../clustering/quality.js';
import { sampleIndices } from '../clustering/sample-indices.js';
import { pick } from './config.js';
import type { Stage, StageContext } from './stage.js';

/** Subreddits kept per cluster in the table of distinguishing ones. */
const DISTINGUISHING = 50;
/** Users that the clusters are found on; the others join the nearest. Bounds memory and time, not who is clustered. */
const MAX_SAMPLE = { kmeans: 1_000_000, 'leiden-knn': 100_000 };

/**
 * User vectors in; groups of users, and what sets each apart, out.
 *
 * Streams the vectors: the clusters are found on a sample that fits memory (everybody, up to a million), then each user
 * joins the nearest. What stays in memory grows with users by four bytes each.
 */
export const cluster: Stage = {
  name: 'cluster',
  version: 2,
  inputs: ['build-graph', 'embed'],
  config: (config) => pick(config, 'clustering', 'clusters', 'minUsers'),
  async run({ input, folder, config, random, log, signal }) {
    const { folder: graphFolder, manifest } = input('build-graph');
    const { folder: embedFolder, manifest: embedded } = input('embed');
    const numUsers = embedded.outputs[USER_EMBEDDINGS.file]?.rows ?? 0;
    const numSubreddits = manifest.outputs[GRAPH_SUBREDDITS.file]?.rows ?? 0;
    const { dim } = embedded.counts as { dim: number };

    const sampled = sampleIndices(numUsers, MAX_SAMPLE[config.clustering], random.fork('sample'));
    const sample = await readSample(embedFolder, sampled, dim, signal);
    const mean = centerAndNormalize(sample, sampled.length, dim);
    const isAll = sampled.length === numUsers;
    log.info(`cluster: ${numUsers} users${isAll ? '' : `, clusters from ${sampled.length} of them`}`);
    const cores = await clusteringCores(config.device, config.threads);
    const found = findClusters(sample, sampled.length, dim, {
      method: config.clustering,
      clusters: config.clusters,
      minClusterSize: Math.max(2, Math.round((config.minUsers * sampled.length) / numUsers)),
      random,
      cores,
    });
    log.info(`cluster: ${found.reason}`);

    const { k, centroids, clusterOf, prototypes } = found;
    const assignment = new Int32Array(numUsers);
    const medoidFinder = new MedoidFinder(centroids, dim);
    const cohesionMeter = new CohesionMeter(centroids, dim);
    let done = 0;
    for await (const { embedding } of readBatches(embedFolder, USER_EMBEDDINGS)) {
      signal.throwIfAborted();
      const count = embedding.length / dim;
      const points = embedding.slice(); // the batch may lie in the file's own memory
      centerAndNormalize(points, count, dim, mean);
      const nearest = assignToCentroids(points, count, dim, prototypes, {
        spherical: true,
        ...(cores.nearest && { nearest: cores.nearest }),
      });
      const own = assignment.subarray(done, done + count);
      own.set(nearest.map((p) => (p < 0 ? p : clusterOf[p])));
      medoidFinder.add(points, own, done);
      cohesionMeter.add(points, own);
      done += count;
      log.progress({ task: 'cluster: users', done, total: numUsers, unit: 'users' });
    }

    const { order, sizes } = largestFirst(assignment, k);
    const medoids = medoidFinder.result();
    const cohesion = cohesionMeter.result();
    const attention = await attentionShares(embedFolder, assignment, k, numSubreddits);
    const counter = new MembershipCounter(assignment, k, numSubreddits);
    for await (const { user, subreddit } of readBatches(graphFolder, EDGES)) counter.add(user, subreddit);
    const rows = findDistinguishingSubreddits(counter, { topN: DISTINGUISHING }).flatMap((list, c) =>
      list.map((row) => ({ cluster: c, ...row, attention: attention[c * numSubreddits + row.subreddit] })),
    );
    const written = {
      assignments: await writeAssignments(folder, assignment),
      clusters: writeTable(
        folder,
        CLUSTERS,
        {
          id: Uint32Array.from(sizes, (_, c) => c),
          users: sizes,
          cohesion: Float32Array.from(order, (c) => (Number.isNaN(cohesion[c]) ? 0 : cohesion[c])),
          medoids: Array.from(order, (c) => JSON.stringify([...medoids[c]])),
          centroid: Float32Array.from(
            { length: k * dim },
            (_, at) => centroids[order[Math.floor(at / dim)] * dim + (at % dim)],
          ),
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
      counts: {
        clusters: k,
        structure: found.structure,
        sizes: [...sizes],
        sampledUsers: sampled.length,
        scores: found.table,
      },
      notes: [
        found.reason,
        ...(isAll
          ? []
          : [`clusters were found on ${sampled.length} users, drawn at random; everybody joined the nearest`]),
      ],
    };
  },
};

/** Vectors of some users [length, D], ids ascending. */
export async function readSample(
  folder: string,
  users: Uint32Array,
  dim: number,
  signal: AbortSignal,
): Promise<Float32Array> {
  const vectors = new Float32Array(users.length * dim);
  let first = 0;
  let at = 0;
  for await (const { embedding } of readBatches(folder, USER_EMBEDDINGS)) {
    signal.throwIfAborted();
    const end = first + embedding.length / dim;
    for (; at < users.length && users[at] < end; at++) {
      const row = (users[at] - first) * dim;
      vectors.set(embedding.subarray(row, row + dim), at * dim);
    }
    first = end;
  }
  return vectors;
}

/** Kernels for clustering: native where they are there and nobody asked for the reference. */
async function clusteringCores(
  device: StageContext['config']['device'],
  threads: number,
): Promise<FindClustersOptions['cores']> {
  const { coresOf } = await import('../kernels/cores.js');
  const { nativeAddon, setNativeThreads } = await import('../kernels/native.js');
  if (device === 'reference' || nativeAddon() === undefined) return coresOf('reference');
  setNativeThreads(threads);
  const cores = coresOf('native');
  return { ...cores, nearest: cores.nearestCentroid };
}

/** Renumbers clusters by size, ties by their first member, in place; says which each was, and how large. */
function largestFirst(assignment: Int32Array, k: number): { order: Uint32Array; sizes: Uint32Array } {
  const size = new Uint32Array(k);
  const firstMember = new Uint32Array(k).fill(assignment.length);
  for (let u = 0; u < assignment.length; u++) {
    const c = assignment[u];
    if (c >= 0 && size[c]++ === 0) firstMember[c] = u;
  }
  const order = Uint32Array.from({ length: k }, (_, c) => c).sort(
    (a, b) => size[b] - size[a] || firstMember[a] - firstMember[b],
  );
  const rank = new Int32Array(k);
  order.forEach((c, r) => {
    rank[c] = r;
  });
  for (let u = 0; u < assignment.length; u++) if (assignment[u] >= 0) assignment[u] = rank[assignment[u]];
  return { order, sizes: order.map((c) => size[c]) };
}

async function writeAssignments(folder: string, assignment: Int32Array): Promise<WrittenFile> {
  const writer = new TableWriter(folder, ASSIGNMENTS);
  for (let begin = 0; begin < assignment.length; begin += ROWS_PER_BATCH) {
    const some = assignment.slice(begin, begin + ROWS_PER_BATCH);
    const columns: Columns<typeof ASSIGNMENTS> = { user: Uint32Array.from(some, (_, i) => begin + i), cluster: some };
    writer.append(columns);
    await new Promise(setImmediate);
  }
  return writer.close();
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
