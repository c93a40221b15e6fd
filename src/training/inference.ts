import * as tf from '@tensorflow/tfjs-core';
import type { Random } from '../core/random.js';
import { type BipartiteGraph, gatherFeatures } from '../graph/bipartite.js';
import { Relabeler, sampleNeighbors } from '../graph/neighbor-sampler.js';
import { cores } from '../kernels/register.js';
import type { Encoder } from '../nn/encoder.js';
import { edgesOfBlock } from './batch.js';
import { bagTensors, blockTensors } from './blocks.js';

/** Subreddits encoded in one go, and edges of users in one go: bounds of memory, not of meaning. */
const SUBREDDITS_AT_ONCE = 2048;
const EDGES_AT_ONCE = 1 << 16;
/** Subreddits that a hop user is averaged over. */
const HOP_LINKS = 64;

/** Vectors of some users, with the attention behind them. */
export interface EncodedUsers {
  readonly users: Uint32Array; // [B]
  readonly vectors: Float32Array; // [B, D]
  readonly rowPtr: Int32Array; // [B + 1] into attention
  readonly attention: Float32Array; // mean over heads, in the order of a user's links; sums to 1 per user with links
}

/**
 * States of every subreddit: the first layer of two, or with one layer its input rows.
 *
 * @param inTable float32 [S, D] input rows
 * @param fanout users a subreddit listens to; more than a training step samples, for steadier states
 * @returns float32 [S, D]
 */
export function encodeAllSubreddits(
  graph: BipartiteGraph,
  encoder: Encoder,
  inTable: Float32Array,
  fanout: number,
  random: Random,
): Float32Array {
  const { userToSubreddit, subredditToUser, edgeFeatures } = graph;
  const { dim, numLayers } = encoder.config;
  if (numLayers === 1) return inTable;
  const numSubreddits = userToSubreddit.numCols;
  const users = new Relabeler(userToSubreddit.numRows);
  const subreddits = new Relabeler(numSubreddits);
  const states = new Float32Array(numSubreddits * dim);
  for (let begin = 0; begin < numSubreddits; begin += SUBREDDITS_AT_ONCE) {
    const end = Math.min(numSubreddits, begin + SUBREDDITS_AT_ONCE);
    const draws = random.fork('subreddits', begin);
    const targets = Int32Array.from({ length: end - begin }, (_, i) => begin + i);
    const inner = sampleNeighbors(subredditToUser, targets, fanout, draws, users);
    const hop = sampleNeighbors(userToSubreddit, inner.nodeIds, HOP_LINKS, draws, subreddits);
    const features = gatherFeatures(edgeFeatures, edgesOfBlock(graph, targets, inner));
    const encoded = tf.tidy(() => {
      const hopUsers = encoder.userFeatures(tableRows(inTable, dim, hop.nodeIds), bagTensors(hop));
      const rows = tf.tensor2d(inTable.slice(begin * dim, end * dim), [end - begin, dim]);
      const block = blockTensors({ ...inner, edgeFeatures: features }, edgeFeatures.numFeatures);
      return encoder.encodeSubreddits(rows, hopUsers, block);
    });
    states.set(takeValues(encoded), begin * dim);
  }
  return states;
}

/**
 * Layer 2 for some users, from all of their links; yields some thousands at a time.
 *
 * @param states float32 [S, D] of `encodeAllSubreddits`
 */
export function* encodeUsers(
  graph: BipartiteGraph,
  encoder: Encoder,
  inTable: Float32Array,
  states: Float32Array,
  users: Uint32Array,
): Generator<EncodedUsers> {
  const { rowPtr } = graph.userToSubreddit;
  for (let begin = 0; begin < users.length; ) {
    let end = begin;
    let numEdges = 0;
    while (end < users.length && (end === begin || numEdges < EDGES_AT_ONCE)) {
      numEdges += rowPtr[users[end] + 1] - rowPtr[users[end]];
      end++;
    }
    yield encodeTogether(graph, encoder, inTable, states, users.subarray(begin, end), numEdges);
    begin = end;
  }
}

function encodeTogether(
  graph: BipartiteGraph,
  encoder: Encoder,
  inTable: Float32Array,
  states: Float32Array,
  users: Uint32Array,
  numEdges: number,
): EncodedUsers {
  const { userToSubreddit, edgeFeatures } = graph;
  const { dim, numHeads } = encoder.config;
  const relabeler = new Relabeler(userToSubreddit.numCols);
  relabeler.begin();
  const rowPtr = new Int32Array(users.length + 1);
  const colIndex = new Int32Array(numEdges);
  const edges = new Uint32Array(numEdges);
  let at = 0;
  for (let b = 0; b < users.length; b++) {
    for (let e = userToSubreddit.rowPtr[users[b]]; e < userToSubreddit.rowPtr[users[b] + 1]; e++) {
      colIndex[at] = relabeler.localId(userToSubreddit.colIndex[e]);
      edges[at++] = e;
    }
    rowPtr[b + 1] = at;
  }
  const degree = Float32Array.from(users, (_, b) => rowPtr[b + 1] - rowPtr[b]);
  const block = { rowPtr, colIndex, edgeFeatures: gatherFeatures(edgeFeatures, edges) };
  const ids = relabeler.nodeIds();
  const encoded = tf.tidy(() =>
    encoder.encodeUsers(
      tableRows(inTable, dim, ids),
      tableRows(states, dim, ids),
      blockTensors(block, edgeFeatures.numFeatures),
      degree,
    ),
  );
  const vectors = takeValues(encoded.vectors);
  const perHead = takeValues(encoded.attention);
  const attention = new Float32Array(numEdges);
  for (let e = 0; e < numEdges; e++) {
    let sum = 0;
    for (let h = 0; h < numHeads; h++) sum += perHead[e * numHeads + h];
    attention[e] = sum / numHeads;
  }
  return { users, vectors, rowPtr, attention };
}

/** The values of a tensor, which is disposed of. An array returned from `tf.tidy` would be searched for tensors, entry by entry. */
export function takeValues(tensor: tf.Tensor): Float32Array {
  const values = tensor.dataSync<'float32'>();
  const own = values.slice(); // an engine may use the memory of a disposed tensor again
  tensor.dispose();
  return own;
}

/** Some rows of a table [V, D] as a tensor [N, D]. */
export function tableRows(table: Float32Array, dim: number, rows: Int32Array): tf.Tensor2D {
  const out = new Float32Array(rows.length * dim);
  cores().gatherRows(table, dim, rows, out);
  return tf.tensor2d(out, [rows.length, dim]);
}
