import { type Adjacency, transpose } from './csr.js';

/** Bounds that every kept user and subreddit meets inside the pruned graph. */
export interface PruneOptions {
  readonly minSubredditsPerUser?: number; // default 2: one subreddit says nothing about a mixture of interests
  readonly minUsersPerSubreddit?: number; // default 10
  /** Users above it in the given graph go first, before anything else is counted: they are bots or crawlers. */
  readonly maxSubredditsPerUser?: number; // default none
}

/** What pruning leaves. */
export interface PrunedNodes {
  readonly userIds: Uint32Array; // [kept users] ids in the given graph, ascending
  readonly subredditIds: Uint32Array; // [kept subreddits] ids in the given graph, ascending
  readonly counts: PruneCounts;
}

/** Row accounting: in each line `read` is the sum of all others. An edge counts under the end that went first. */
export interface PruneCounts {
  readonly users: { read: number; kept: number; aboveMax: number; belowMin: number };
  readonly subreddits: { read: number; kept: number; belowMin: number };
  readonly edges: {
    read: number;
    kept: number;
    userAboveMax: number;
    userBelowMin: number;
    subredditBelowMin: number;
  };
}

/**
 * Drops users and subreddits with too few edges until none is left to drop (the (α, β)-core).
 *
 * What remains does not depend on the order of removal. One queue holds each node at most once, so the whole takes
 * O(N + M + E) however many rounds the avalanche has.
 *
 * @param graph users × subreddits
 */
export function pruneBipartite(graph: Adjacency, options: PruneOptions = {}): PrunedNodes {
  const { minSubredditsPerUser = 2, minUsersPerSubreddit = 10, maxSubredditsPerUser = Infinity } = options;
  const { numRows: numUsers, numCols: numSubreddits, rowPtr, colIndex } = graph;
  const bySubreddit = transpose(graph);

  const userDegree = degreesOf(graph);
  const subredditDegree = degreesOf(bySubreddit);
  const userGone = new Uint8Array(numUsers);
  const subredditGone = new Uint8Array(numSubreddits);
  const users = { read: numUsers, kept: 0, aboveMax: 0, belowMin: 0 };
  const subreddits = { read: numSubreddits, kept: 0, belowMin: 0 };
  const edges = { read: colIndex.length, kept: 0, userAboveMax: 0, userBelowMin: 0, subredditBelowMin: 0 };

  for (let i = 0; i < numUsers; i++) {
    if (userDegree[i] <= maxSubredditsPerUser) continue;
    userGone[i] = 1;
    users.aboveMax++;
    edges.userAboveMax += userDegree[i];
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) subredditDegree[colIndex[e]]--;
  }

  // A user waits as its id, a subreddit as numUsers + id. A node enters when its degree first falls below the bound.
  const queue = new Uint32Array(numUsers + numSubreddits);
  let tail = 0;
  for (let i = 0; i < numUsers; i++) if (!userGone[i] && userDegree[i] < minSubredditsPerUser) queue[tail++] = i;
  for (let j = 0; j < numSubreddits; j++) if (subredditDegree[j] < minUsersPerSubreddit) queue[tail++] = numUsers + j;

  for (let head = 0; head < tail; head++) {
    const node = queue[head];
    if (node < numUsers) {
      userGone[node] = 1;
      users.belowMin++;
      edges.userBelowMin += userDegree[node];
      for (let e = rowPtr[node]; e < rowPtr[node + 1]; e++) {
        const j = colIndex[e];
        if (!subredditGone[j] && subredditDegree[j]-- === minUsersPerSubreddit) queue[tail++] = numUsers + j;
      }
    } else {
      const j = node - numUsers;
      subredditGone[j] = 1;
      subreddits.belowMin++;
      edges.subredditBelowMin += subredditDegree[j];
      for (let e = bySubreddit.rowPtr[j]; e < bySubreddit.rowPtr[j + 1]; e++) {
        const i = bySubreddit.colIndex[e];
        if (!userGone[i] && userDegree[i]-- === minSubredditsPerUser) queue[tail++] = i;
      }
    }
  }

  const userIds = survivors(userGone);
  const subredditIds = survivors(subredditGone);
  users.kept = userIds.length;
  subreddits.kept = subredditIds.length;
  edges.kept = edges.read - edges.userAboveMax - edges.userBelowMin - edges.subredditBelowMin;
  return { userIds, subredditIds, counts: { users, subreddits, edges } };
}

/**
 * The graph of the kept nodes; ids count from 0 in their order.
 *
 * In place: edges only move forward, so the result lies in the arrays of `graph` and `codes`, which lose what they held.
 * At hundreds of millions of edges a copy is what would not fit.
 *
 * @param codes columns [E] that go with the edges
 */
export function keepNodes(
  graph: Adjacency,
  codes: readonly Uint8Array[],
  { userIds, subredditIds }: Pick<PrunedNodes, 'userIds' | 'subredditIds'>,
): { graph: Adjacency; codes: Uint8Array[] } {
  const { rowPtr, colIndex } = graph;
  const localSubreddit = new Uint32Array(graph.numCols); // + 1, 0 = gone
  for (let j = 0; j < subredditIds.length; j++) localSubreddit[subredditIds[j]] = j + 1;
  const outPtr = new Uint32Array(userIds.length + 1);
  let at = 0;
  for (let i = 0; i < userIds.length; i++) {
    for (let e = rowPtr[userIds[i]]; e < rowPtr[userIds[i] + 1]; e++) {
      const local = localSubreddit[colIndex[e]];
      if (local === 0) continue;
      colIndex[at] = local - 1;
      for (const column of codes) column[at] = column[e];
      at++;
    }
    outPtr[i + 1] = at;
  }
  return {
    graph: {
      numRows: userIds.length,
      numCols: subredditIds.length,
      rowPtr: outPtr,
      colIndex: colIndex.subarray(0, at),
    },
    codes: codes.map((column) => column.subarray(0, at)),
  };
}

function degreesOf(graph: Adjacency): Uint32Array {
  const degree = new Uint32Array(graph.numRows);
  for (let i = 0; i < graph.numRows; i++) degree[i] = graph.rowPtr[i + 1] - graph.rowPtr[i];
  return degree;
}

function survivors(gone: Uint8Array): Uint32Array {
  let numKept = 0;
  for (let i = 0; i < gone.length; i++) numKept += 1 - gone[i];
  const kept = new Uint32Array(numKept);
  for (let i = 0, at = 0; i < gone.length; i++) if (!gone[i]) kept[at++] = i;
  return kept;
}
