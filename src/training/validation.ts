import * as tf from '@tensorflow/tfjs-core';
import type { Random } from '../core/random.js';
import { type BipartiteGraph, withoutEdges } from '../graph/bipartite.js';
import type { Encoder } from '../nn/encoder.js';
import type { ImageAlign } from './image-align.js';
import { encodeAllSubreddits, encodeUsers, takeValues } from './inference.js';
import { RankingMeter, type RankingQuality } from './ranking.js';
import { type Holdout, holdOut } from './split.js';

/** An encoder with its tables of subreddits. */
export interface Model {
  readonly encoder: Encoder;
  readonly inTable: Float32Array; // [S, D]
  readonly outTable: Float32Array; // [S, D]
}

/** Users a subreddit listens to while validating. */
const VALIDATION_FANOUT = 16;

/** Users ranked in one go: their scores for all subreddits are in memory. */
const USERS_AT_ONCE = 256;

/** Links kept back from training, and how well a model ranks them. */
export class Validation {
  readonly visible: BipartiteGraph; // what training may see
  private readonly holdout: Holdout;

  constructor(
    private readonly graph: BipartiteGraph,
    maxUsers: number,
    private readonly random: Random,
  ) {
    this.holdout = holdOut(graph.userToSubreddit, maxUsers, random.fork('holdout'));
    this.visible = withoutEdges(graph, this.holdout.edges);
  }

  /** Users of whom links are hidden [V], ascending. */
  get users(): Uint32Array {
    return this.holdout.users;
  }

  /**
   * Ranks all subreddits for each validation user by the dot product of their vectors.
   *
   * @param align finds them by their pictures too
   */
  rank({ encoder, inTable, outTable }: Model, align?: ImageAlign): RankingQuality {
    const meter = new RankingMeter();
    const { users } = this.holdout;
    if (users.length === 0) return meter.result();
    const { visible } = this;
    const { dim } = encoder.config;
    const states = encodeAllSubreddits(visible, encoder, inTable, VALIDATION_FANOUT, this.random.fork('fanout'));
    const numSubreddits = visible.userToSubreddit.numCols;
    const all = new Float32Array(align ? users.length * dim : 0);
    let numEncoded = 0;
    const output = tf.tensor2d(outTable, [numSubreddits, dim]);
    for (const encoded of encodeUsers(visible, encoder, inTable, states, users)) {
      if (align) all.set(encoded.vectors, numEncoded * dim);
      numEncoded += encoded.users.length;
      for (let begin = 0; begin < encoded.users.length; begin += USERS_AT_ONCE) {
        const some = encoded.users.subarray(begin, begin + USERS_AT_ONCE);
        const vectors = encoded.vectors.slice(begin * dim, (begin + some.length) * dim);
        const scores = takeValues(
          tf.tidy(() => tf.matMul(tf.tensor2d(vectors, [some.length, dim]), output, false, true)),
        );
        some.forEach((u, b) => {
          meter.add(scores.subarray(b * numSubreddits, (b + 1) * numSubreddits), this.known(u), this.hidden(u));
        });
      }
    }
    output.dispose();
    return { ...meter.result(), ...(align && { images: align.retrieve(users, all) }) };
  }

  /** What recommending the most popular subreddits to everybody gives: any model must beat it. */
  popularity(): RankingQuality {
    const { numRows, rowPtr } = this.visible.subredditToUser;
    const popularity = Float32Array.from({ length: numRows }, (_, s) => rowPtr[s + 1] - rowPtr[s]);
    const meter = new RankingMeter();
    for (const u of this.holdout.users) meter.add(popularity.slice(), this.known(u), this.hidden(u));
    return meter.result();
  }

  private known(user: number): Uint32Array {
    const { rowPtr, colIndex } = this.visible.userToSubreddit;
    return colIndex.subarray(rowPtr[user], rowPtr[user + 1]);
  }

  private hidden(user: number): number[] {
    const { rowPtr, colIndex } = this.graph.userToSubreddit;
    const { edges } = this.holdout;
    const hidden: number[] = [];
    for (let at = lowerBound(edges, rowPtr[user]); at < edges.length && edges[at] < rowPtr[user + 1]; at++)
      hidden.push(colIndex[edges[at]]);
    return hidden;
  }
}

/** First position whose value is not below `value`. */
function lowerBound(sorted: Uint32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
