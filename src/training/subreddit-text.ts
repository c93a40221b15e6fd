import * as tf from '@tensorflow/tfjs-core';
import type { NamedVariable } from '../nn/encoder.js';
import { tableRows, takeValues } from './inference.js';

/** What is known of subreddits beside who visits them: S subreddits, K dimensions. */
export interface SubredditFeatures {
  readonly vectors: Float32Array; // [S, K]; zeros where nothing is known
  readonly dim: number; // K
}

type Side = 'input' | 'output';

/**
 * Feeds features of subreddits to the encoder: what a subreddit has learned from its own users, plus what its features say.
 *
 *     x_s = input row_s + t_s P        o_s = output row_s + t_s Q        P, Q [K, D], zero at first
 *
 * A subreddit with few users, whose rows have hardly moved, so starts from those of subreddits that describe themselves
 * alike. Once trained, the products are folded into the tables: nobody who reads them needs the features.
 */
export class SubredditText {
  private readonly kernels: Readonly<Record<Side, tf.Variable<tf.Rank.R2>>>;

  constructor(
    private readonly features: SubredditFeatures,
    private readonly dim: number,
  ) {
    const kernel = () => tf.tidy(() => tf.variable(tf.zeros<tf.Rank.R2>([features.dim, dim])));
    this.kernels = { input: kernel(), output: kernel() };
  }

  variables(): NamedVariable[] {
    return (['input', 'output'] as const).map((side) => ({
      name: `subreddit_text/${side}`,
      variable: this.kernels[side] as tf.Variable,
    }));
  }

  /** @param rows float32 [N, D] of the table, those of the subreddits `ids` */
  add(side: Side, rows: tf.Tensor2D, ids: Int32Array): tf.Tensor2D {
    return tf.add(rows, tf.matMul(tableRows(this.features.vectors, this.features.dim, ids), this.kernels[side]));
  }

  /** The whole table [S, D] with what the features say in it. */
  fold(side: Side, table: Float32Array): Float32Array {
    const { vectors, dim } = this.features;
    const numRows = table.length / this.dim;
    const product = takeValues(tf.tidy(() => tf.matMul(tf.tensor2d(vectors, [numRows, dim]), this.kernels[side])));
    return product.map((value, i) => value + table[i]);
  }

  dispose(): void {
    for (const kernel of Object.values(this.kernels)) kernel.dispose();
  }
}
