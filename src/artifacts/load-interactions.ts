import { IntegrityError } from '../core/errors.js';
import { type Adjacency, assertEdgeCount, shared } from '../graph/csr.js';
import { EDGE_FEATURES, encodeEdgeFeatures } from '../graph/edge-features.js';
import { readBatches } from './arrow.js';
import { INTERACTIONS } from './tables.js';

/** All interactions as a graph with the codes of its features, F times [E]; users and subreddits as ingested. */
export interface InteractionGraph {
  readonly graph: Adjacency;
  readonly codes: readonly Uint8Array[];
}

/**
 * Reads the interactions that the stage ingest left in `folder`: eight bytes an edge and four a user stay in memory.
 *
 * Twice, because ages count from the last action of all.
 */
export async function loadInteractions(
  folder: string,
  numSubreddits: number,
  halfLifeDays: number,
  signal: AbortSignal,
): Promise<InteractionGraph> {
  const { numEdges, numUsers, lastUtc } = await measure(folder, signal);
  assertEdgeCount(numEdges);
  const rowPtr = new Uint32Array(numUsers + 1);
  const colIndex = shared(Uint32Array, numEdges);
  const codes = EDGE_FEATURES.map(() => shared(Uint8Array, numEdges));
  let e = 0;
  let lastUser = -1;
  let lastSubreddit = -1;
  for await (const { user, subreddit, posts, comments, ...batch } of readBatches(folder, INTERACTIONS)) {
    signal.throwIfAborted();
    const score = numbersOf(batch.score);
    const times = numbersOf(batch.last_utc);
    for (let i = 0; i < user.length; i++, e++) {
      const follows = user[i] > lastUser || (user[i] === lastUser && subreddit[i] > lastSubreddit);
      if (!follows || subreddit[i] >= numSubreddits) failAt(folder, e, user[i], subreddit[i]);
      lastUser = user[i];
      lastSubreddit = subreddit[i];
      rowPtr[user[i] + 1]++;
      colIndex[e] = subreddit[i];
      const counts = { posts: posts[i], comments: comments[i], score: score[i], lastUtc: times[i] };
      encodeEdgeFeatures(counts, lastUtc, halfLifeDays, codes, e);
    }
  }
  for (let u = 0; u < numUsers; u++) rowPtr[u + 1] += rowPtr[u];
  return { graph: { numRows: numUsers, numCols: numSubreddits, rowPtr, colIndex }, codes };
}

async function measure(
  folder: string,
  signal: AbortSignal,
): Promise<{ numEdges: number; numUsers: number; lastUtc: number }> {
  let numEdges = 0;
  let numUsers = 0;
  let lastUtc = 0; // of all
  for await (const { user, last_utc } of readBatches(folder, INTERACTIONS)) {
    signal.throwIfAborted();
    numEdges += user.length;
    numUsers = Math.max(numUsers, user[user.length - 1] + 1);
    for (const utc of numbersOf(last_utc)) if (utc > lastUtc) lastUtc = utc;
  }
  return { numEdges, numUsers, lastUtc };
}

function failAt(folder: string, edge: number, user: number, subreddit: number): never {
  const path = `${folder}/${INTERACTIONS.file}`;
  throw new IntegrityError(
    'ERR_GRAPH',
    `${path}: row ${edge}, user ${user} and subreddit ${subreddit}, is out of order or out of range. Run ingest again with --force.`,
    { path, edge, user, subreddit },
  );
}

/** 64-bit integers as doubles, without a BigInt for each: rounded beyond ±2^53. */
function numbersOf(values: BigInt64Array): Float64Array {
  const words = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  const out = new Float64Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = words[2 * i + 1] * 2 ** 32 + (words[2 * i] >>> 0);
  return out;
}
