import { readBatches, readTable, writeTable } from '../artifacts/arrow.js';
import {
  EDGES,
  GRAPH_SUBREDDITS,
  GRAPH_USERS,
  INGESTED_SUBREDDITS,
  INTERACTIONS,
  PROJECTION,
} from '../artifacts/tables.js';
import { InputError } from '../core/errors.js';
import { createBipartite } from '../graph/bipartite.js';
import type { Csr } from '../graph/csr.js';
import { edgeFeatures, NUM_EDGE_FEATURES } from '../graph/edge-features.js';
import { louvainCommunities } from '../graph/graphology.js';
import { projectSubreddits } from '../graph/projection.js';
import { type PrunedGraph, pruneBipartite } from '../graph/pruning.js';
import { describeGraph } from '../graph/statistics.js';
import { pick } from './config.js';
import type { Stage } from './stage.js';

/** Interactions in; the pruned, weighted graph, its projection and the communities of that out. */
export const buildGraph: Stage = {
  name: 'build-graph',
  version: 1,
  inputs: ['ingest'],
  config: (config) =>
    pick(
      config,
      'minSubredditsPerUser',
      'minUsersPerSubreddit',
      'recencyHalfLifeDays',
      'minSharedUsers',
      'projectionNeighbors',
      'maxProjectionDegree',
      'louvainResolution',
    ),
  async run({ input, folder, config, random, log, signal }) {
    const { folder: ingested, manifest } = input('ingest');
    const { name: names } = await readTable(ingested, INGESTED_SUBREDDITS);
    const interactions = await readInteractions(ingested, names.length, config.recencyHalfLifeDays, signal);
    const pruned = pruneBipartite(interactions.graph, config);
    assertLargeEnough(pruned, manifest.counts, config);

    const { graph, userIds, subredditIds, edgeIds, counts } = pruned;
    const features = gatherEdgeFeatures(interactions.features, edgeIds);
    const bipartite = createBipartite(graph, features, NUM_EDGE_FEATURES);
    log.info(`build-graph: ${graph.numRows} users, ${graph.numCols} subreddits, ${graph.colIndex.length} edges`);
    const projection = projectSubreddits(bipartite, {
      maxUserDegree: config.maxProjectionDegree,
      minShared: config.minSharedUsers,
      topK: config.projectionNeighbors,
    });
    const louvain = louvainCommunities(projection.graph, random.fork('louvain'), config.louvainResolution);

    const column = (f: number) => Float32Array.from(edgeIds, (_, e) => features[e * NUM_EDGE_FEATURES + f]);
    const edges = writeTable(folder, EDGES, {
      user: rowOfEdge(graph),
      subreddit: graph.colIndex,
      weight: graph.weight,
      log_posts: column(0),
      log_comments: column(1),
      recency: column(2),
      mean_score: column(3),
    });
    const users = writeTable(folder, GRAPH_USERS, { id: count(userIds.length), ingested_user: userIds });
    const { rowPtr } = bipartite.subredditToUser;
    const subreddits = writeTable(folder, GRAPH_SUBREDDITS, {
      id: count(subredditIds.length),
      name: Array.from(subredditIds, (id) => names[id]),
      users: subredditIds.map((_, s) => rowPtr[s + 1] - rowPtr[s]),
      community: louvain.community.map((community, s) =>
        projection.graph.rowPtr[s + 1] > projection.graph.rowPtr[s] ? community : -1,
      ),
    });
    const pairs = writeTable(folder, PROJECTION, {
      source: rowOfEdge(projection.graph),
      target: projection.graph.colIndex,
      cosine: projection.graph.weight,
      shared_users: projection.shared,
    });
    const { users: u, subreddits: s, edges: e } = counts;
    return {
      rows: {
        [EDGES.file]: edges.rows,
        [GRAPH_USERS.file]: users.rows,
        [GRAPH_SUBREDDITS.file]: subreddits.rows,
        [PROJECTION.file]: pairs.rows,
      },
      accounting: [
        {
          unit: 'interactions',
          read: e.read,
          kept: e.kept,
          dropped: { 'user-below-min': e.userBelowMin, 'subreddit-below-min': e.subredditBelowMin },
        },
        { unit: 'users', read: u.read, kept: u.kept, dropped: { 'below-min-subreddits': u.belowMin } },
        { unit: 'subreddits', read: s.read, kept: s.kept, dropped: { 'below-min-users': s.belowMin } },
      ],
      counts: {
        ...describeGraph(graph),
        projection: { pairs: pairs.rows / 2, usersSkipped: projection.numUsersSkipped },
        communities: { count: louvain.numCommunities, modularity: louvain.modularity },
      },
    };
  },
};

/** All interactions as a graph with the features of its edges [E, F]; users and subreddits as ingested. */
async function readInteractions(
  folder: string,
  numSubreddits: number,
  halfLifeDays: number,
  signal: AbortSignal,
): Promise<{ graph: Csr; features: Float32Array }> {
  let numEdges = 0;
  let numUsers = 0;
  let datasetLastUtc = 0;
  for await (const { user, last_utc } of readBatches(folder, INTERACTIONS)) {
    signal.throwIfAborted();
    numEdges += user.length;
    numUsers = user[user.length - 1] + 1;
    for (const utc of last_utc) datasetLastUtc = Math.max(datasetLastUtc, Number(utc));
  }
  const rowPtr = new Uint32Array(numUsers + 1);
  const colIndex = new Uint32Array(numEdges);
  const weight = new Float32Array(numEdges);
  const features = new Float32Array(numEdges * NUM_EDGE_FEATURES);
  let e = 0;
  for await (const batch of readBatches(folder, INTERACTIONS)) {
    signal.throwIfAborted();
    for (let i = 0; i < batch.user.length; i++, e++) {
      rowPtr[batch.user[i] + 1]++;
      colIndex[e] = batch.subreddit[i];
      const counts = {
        posts: batch.posts[i],
        comments: batch.comments[i],
        score: Number(batch.score[i]),
        lastUtc: Number(batch.last_utc[i]),
      };
      weight[e] = edgeFeatures(counts, datasetLastUtc, halfLifeDays, features, e * NUM_EDGE_FEATURES);
    }
  }
  for (let u = 0; u < numUsers; u++) rowPtr[u + 1] += rowPtr[u];
  return { graph: { numRows: numUsers, numCols: numSubreddits, rowPtr, colIndex, weight }, features };
}

/** What is left must hold at least one group that a persona may describe. */
function assertLargeEnough(
  { graph, counts }: PrunedGraph,
  ingested: Readonly<Record<string, unknown>>,
  {
    minUsers,
    minUsersPerSubreddit,
    minSubredditsPerUser,
  }: { minUsers: number; minUsersPerSubreddit: number; minSubredditsPerUser: number },
): void {
  if (graph.numRows >= minUsers && graph.numCols >= 2) return;
  throw new InputError(
    'ERR_DATA_TOO_SMALL',
    `Too little data for personas: of ${counts.users.read} users in ${ingested['subreddits']} subreddits, ${graph.numRows} users and ${graph.numCols} subreddits are left ` +
      `once users need ${minSubredditsPerUser} subreddits and subreddits ${minUsersPerSubreddit} users; ${minUsers} users and 2 subreddits are needed. ` +
      'Add more input, or lower --min-users, --min-users-per-subreddit or --min-subreddits-per-user.',
    { users: graph.numRows, subreddits: graph.numCols, minUsers },
  );
}

function gatherEdgeFeatures(features: Float32Array, edgeIds: Uint32Array): Float32Array {
  const out = new Float32Array(edgeIds.length * NUM_EDGE_FEATURES);
  for (let e = 0; e < edgeIds.length; e++)
    for (let f = 0; f < NUM_EDGE_FEATURES; f++)
      out[e * NUM_EDGE_FEATURES + f] = features[edgeIds[e] * NUM_EDGE_FEATURES + f];
  return out;
}

function rowOfEdge({ numRows, rowPtr, colIndex }: Csr): Uint32Array {
  const rows = new Uint32Array(colIndex.length);
  for (let i = 0; i < numRows; i++) rows.fill(i, rowPtr[i], rowPtr[i + 1]);
  return rows;
}

function count(length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, i) => i);
}
