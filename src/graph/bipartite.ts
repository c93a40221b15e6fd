import { IntegrityError } from '../core/errors.js';
import { type Adjacency, transpose } from './csr.js';

/**
 * The user–subreddit graph in both directions: N users, M subreddits, E edges, F features an edge.
 *
 * Twelve bytes an edge with four features, and four a user: 22 million users with 300 million edges take 3.7 GB. The
 * position of an edge in `userToSubreddit` is its id; from the other side `edgeIdOf` finds it in the user's short row,
 * which costs what reading a stored id would and saves four bytes. Loaded graphs lie in shared memory: a worker thread
 * that is sent one reads the same bytes.
 */
export interface BipartiteGraph {
  readonly userToSubreddit: Adjacency; // [N × M]
  readonly subredditToUser: Adjacency; // [M × N]
  readonly edgeFeatures: EdgeFeatures;
}

/** Features of edges, one byte each. */
export interface EdgeFeatures {
  readonly numFeatures: number; // F
  readonly codes: readonly Uint8Array[]; // F times [E], by edge id
  readonly values: Float32Array; // [F, 256] the number each code stands for
}

/** Both directions of a graph given by user. Keeps its arguments, copies neither. O(E). */
export function createBipartite(userToSubreddit: Adjacency, edgeFeatures: EdgeFeatures): BipartiteGraph {
  const numEdges = userToSubreddit.colIndex.length;
  const { numFeatures, codes, values } = edgeFeatures;
  if (
    codes.length !== numFeatures ||
    values.length !== 256 * numFeatures ||
    codes.some(({ length }) => length !== numEdges)
  )
    throw new IntegrityError(
      'ERR_EDGE_FEATURES',
      `Edge features hold ${codes.map(({ length }) => length).join(' + ')} codes of ${values.length} values, expected ${numFeatures} × ${numEdges} of ${256 * numFeatures}.`,
      { numEdges, numFeatures },
    );
  return { userToSubreddit, subredditToUser: transpose(userToSubreddit), edgeFeatures };
}

/** Id of the edge between a user and a subreddit; the edge must exist. O(log of the user's degree). */
export function edgeIdOf({ rowPtr, colIndex }: Adjacency, user: number, subreddit: number): number {
  let low = rowPtr[user];
  let high = rowPtr[user + 1] - 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2); // not >> 1: ids pass 2^31
    if (colIndex[middle] < subreddit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Writes the features of one edge into `out` from `at` on, F entries. */
export function readFeatures(features: EdgeFeatures, edge: number, out: Float32Array, at: number): void {
  const { numFeatures, codes, values } = features;
  for (let f = 0; f < numFeatures; f++) out[at + f] = values[256 * f + codes[f][edge]];
}

/** Feature rows [length, F] of some edges, by id. */
export function gatherFeatures(features: EdgeFeatures, edges: ArrayLike<number>): Float32Array {
  const out = new Float32Array(edges.length * features.numFeatures);
  for (let i = 0; i < edges.length; i++) readFeatures(features, edges[i], out, i * features.numFeatures);
  return out;
}

/**
 * The graph without some edges, in arrays of its own.
 *
 * @param edges ids, ascending
 */
export function withoutEdges(graph: BipartiteGraph, edges: Uint32Array): BipartiteGraph {
  const { numRows, numCols, rowPtr, colIndex } = graph.userToSubreddit;
  const { numFeatures, codes, values } = graph.edgeFeatures;
  const outPtr = new Uint32Array(numRows + 1);
  let next = 0;
  for (let u = 0; u < numRows; u++) {
    while (next < edges.length && edges[next] < rowPtr[u + 1]) next++;
    outPtr[u + 1] = rowPtr[u + 1] - next;
  }
  const userToSubreddit = { numRows, numCols, rowPtr: outPtr, colIndex: dropAt(colIndex, edges) };
  return createBipartite(userToSubreddit, {
    numFeatures,
    codes: codes.map((column) => dropAt(column, edges)),
    values,
  });
}

/** A copy of `array` without the entries at `positions`, which ascend. */
function dropAt<T extends Uint32Array | Uint8Array>(array: T, positions: Uint32Array): T {
  const length = array.length - positions.length;
  const buffer = new SharedArrayBuffer(length * array.BYTES_PER_ELEMENT);
  const out = (array instanceof Uint8Array ? new Uint8Array(buffer) : new Uint32Array(buffer)) as T;
  let begin = 0;
  for (let p = 0; p <= positions.length; p++) {
    const end = p < positions.length ? positions[p] : array.length;
    out.set(array.subarray(begin, end), begin - p);
    begin = end + 1;
  }
  return out;
}
