import type { Adjacency } from '../graph/csr.js';
import type { EncodedUsers } from '../training/inference.js';

/** Links up to which sorting them in one by one is fastest. */
const INSERTION_SORT = 64;

/** Each user's subreddits by attention, descending; ties to the smaller id. */
export function rankAttention(graph: Adjacency, { users, rowPtr, attention }: EncodedUsers) {
  const numEdges = attention.length;
  const columns = {
    user: new Uint32Array(numEdges),
    subreddit: new Uint32Array(numEdges),
    attention: new Float32Array(numEdges),
  };
  for (let b = 0; b < users.length; b++) {
    const begin = rowPtr[b];
    const end = rowPtr[b + 1];
    const first = graph.rowPtr[users[b]] - begin;
    columns.user.fill(users[b], begin, end);
    if (end - begin > INSERTION_SORT) {
      const order = Uint32Array.from({ length: end - begin }, (_, i) => begin + i);
      order.sort((i, j) => attention[j] - attention[i] || i - j);
      order.forEach((e, rank) => {
        columns.subreddit[begin + rank] = graph.colIndex[first + e];
        columns.attention[begin + rank] = attention[e];
      });
      continue;
    }
    for (let e = begin; e < end; e++) {
      let to = e;
      for (; to > begin && columns.attention[to - 1] < attention[e]; to--) {
        columns.attention[to] = columns.attention[to - 1];
        columns.subreddit[to] = columns.subreddit[to - 1];
      }
      columns.attention[to] = attention[e];
      columns.subreddit[to] = graph.colIndex[first + e];
    }
  }
  return columns;
}
