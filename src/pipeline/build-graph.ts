import { ROWS_PER_BATCH, readTable, TableWriter, type WrittenFile, writeTable } from '../artifacts/arrow.js';
import { loadInteractions } from '../artifacts/load-interactions.js';
import { DEGREES, EDGES, GRAPH_SUBREDDITS, GRAPH_USERS, INGESTED_SUBREDDITS, PROJECTION } from '../artifacts/tables.js';
import { InputError } from '../core/errors.js';
import { type BipartiteGraph, createBipartite } from '../graph/bipartite.js';
import type { Adjacency } from '../graph/csr.js';
import { EDGE_FEATURE_VALUES, edgeWeight, NUM_EDGE_FEATURES } from '../graph/edge-features.js';
import { louvainCommunities } from '../graph/graphology.js';
import { leidenCommunities } from '../graph/leiden.js';
import { projectSubreddits } from '../graph/projection.js';
import { keepNodes, type PrunedNodes, pruneBipartite } from '../graph/pruning.js';
import { countDegrees, describeGraph } from '../graph/statistics.js';
import { pick } from './config.js';
import type { Stage } from './stage.js';

/** Pairs of subreddits up to which graphology's Louvain looks at the projection too, for the manifest. */
const CROSS_CHECKED_PAIRS = 100_000;

/** Interactions in; the pruned, weighted graph, its projection and the communities of that out. */
export const buildGraph: Stage = {
  name: 'build-graph',
  version: 2,
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
      'communityResolution',
    ),
  async run({ input, folder, config, random, log, signal }) {
    const { folder: ingested, manifest } = input('ingest');
    const { name: names } = await readTable(ingested, INGESTED_SUBREDDITS);
    const interactions = await loadInteractions(ingested, names.length, config.recencyHalfLifeDays, signal);
    const pruned = pruneBipartite(interactions.graph, config);
    assertLargeEnough(pruned, manifest.counts, config);

    const { userIds, subredditIds, counts } = pruned;
    const { graph, codes } = keepNodes(interactions.graph, interactions.codes, pruned);
    const bipartite = createBipartite(graph, { numFeatures: NUM_EDGE_FEATURES, codes, values: EDGE_FEATURE_VALUES });
    log.info(`build-graph: ${graph.numRows} users, ${graph.numCols} subreddits, ${graph.colIndex.length} edges`);
    const edges = await writeEdges(folder, bipartite, signal);
    const projection = await projectSubreddits(bipartite, {
      maxUserDegree: config.maxProjectionDegree,
      minShared: config.minSharedUsers,
      topK: config.projectionNeighbors,
      async onProgress(done) {
        log.progress({ task: 'build-graph: projection', done, total: graph.numCols, unit: 'subreddits' });
        await new Promise(setImmediate);
        signal.throwIfAborted();
      },
    });
    const found = leidenCommunities(projection.graph, random.fork('communities'), {
      resolution: config.communityResolution,
    });

    const users = writeTable(folder, GRAPH_USERS, { id: count(userIds.length), ingested_user: userIds });
    const { rowPtr } = bipartite.subredditToUser;
    const subreddits = writeTable(folder, GRAPH_SUBREDDITS, {
      id: count(subredditIds.length),
      name: Array.from(subredditIds, (id) => names[id]),
      users: subredditIds.map((_, s) => rowPtr[s + 1] - rowPtr[s]),
      community: found.community.map((community, s) =>
        projection.graph.rowPtr[s + 1] > projection.graph.rowPtr[s] ? community : -1,
      ),
    });
    const degrees = writeTable(folder, DEGREES, degreeColumns(bipartite));
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
        [DEGREES.file]: degrees.rows,
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
        communities: {
          count: found.numCommunities,
          modularity: found.modularity,
          ...(pairs.rows / 2 <= CROSS_CHECKED_PAIRS && {
            louvainModularity: louvainCommunities(projection.graph, random.fork('louvain'), config.communityResolution)
              .modularity,
          }),
        },
      },
    };
  },
};

/** What is left must hold at least one group that a persona may describe. */
function assertLargeEnough(
  { userIds, subredditIds, counts }: PrunedNodes,
  ingested: Readonly<Record<string, unknown>>,
  {
    minUsers,
    minUsersPerSubreddit,
    minSubredditsPerUser,
  }: { minUsers: number; minUsersPerSubreddit: number; minSubredditsPerUser: number },
): void {
  if (userIds.length >= minUsers && subredditIds.length >= 2) return;
  throw new InputError(
    'ERR_DATA_TOO_SMALL',
    `Too little data for personas: of ${counts.users.read} users in ${ingested['subreddits']} subreddits, ${userIds.length} users and ${subredditIds.length} subreddits are left ` +
      `once users need ${minSubredditsPerUser} subreddits and subreddits ${minUsersPerSubreddit} users; ${minUsers} users and 2 subreddits are needed. ` +
      'Add more input, or lower --min-users, --min-users-per-subreddit or --min-subreddits-per-user.',
    { users: userIds.length, subreddits: subredditIds.length, minUsers },
  );
}

/** The degree distributions of both sides, users first. */
function degreeColumns({ userToSubreddit, subredditToUser }: BipartiteGraph) {
  const [users, subreddits] = [countDegrees(userToSubreddit), countDegrees(subredditToUser)];
  const both = [...users, ...subreddits];
  return {
    side: both.map((_, i) => (i < users.length ? 'user' : 'subreddit')),
    degree: Uint32Array.from(both, ({ degree }) => degree),
    nodes: Uint32Array.from(both, ({ nodes }) => nodes),
    at_least: Float32Array.from(both, ({ atLeast }) => atLeast),
  };
}

/** Writes the graph batch by batch. */
export async function writeEdges(
  folder: string,
  { userToSubreddit: { rowPtr, colIndex }, edgeFeatures }: BipartiteGraph,
  signal: AbortSignal,
): Promise<WrittenFile> {
  const writer = new TableWriter(folder, EDGES);
  const [posts, comments, recency, meanScore] = edgeFeatures.codes;
  let u = 0;
  for (let begin = 0; begin < colIndex.length; begin += ROWS_PER_BATCH) {
    const end = Math.min(colIndex.length, begin + ROWS_PER_BATCH);
    const user = new Uint32Array(end - begin);
    const weight = new Float32Array(end - begin);
    for (let e = begin; e < end; e++) {
      while (rowPtr[u + 1] <= e) u++;
      user[e - begin] = u;
      weight[e - begin] = edgeWeight(edgeFeatures, e);
    }
    writer.append({
      user,
      subreddit: colIndex.slice(begin, end),
      weight,
      log_posts: posts.slice(begin, end),
      log_comments: comments.slice(begin, end),
      recency: recency.slice(begin, end),
      mean_score: meanScore.slice(begin, end),
    });
    await new Promise(setImmediate);
    signal.throwIfAborted();
  }
  return writer.close();
}

function rowOfEdge({ numRows, rowPtr, colIndex }: Adjacency): Uint32Array {
  const rows = new Uint32Array(colIndex.length);
  for (let i = 0; i < numRows; i++) rows.fill(i, rowPtr[i], rowPtr[i + 1]);
  return rows;
}

function count(length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, i) => i);
}
