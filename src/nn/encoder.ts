import * as tf from '@tensorflow/tfjs-core';
import { embeddingBag } from '../kernels/embedding-bag/op.js';
import { type AttentionBlock, GatV2Conv } from './gatv2-conv.js';

export interface EncoderConfig {
  readonly dim: number; // D, length of embeddings
  readonly numHeads: number; // H, divides D
  readonly numEdgeFeatures: number; // F
  readonly numLayers: 1 | 2;
}

/** A weight of the encoder by its published name. */
export interface NamedVariable {
  readonly name: string;
  readonly variable: tf.Variable;
}

/** Degrees up to 2^8 have a factor of their own for each eighth of an octave; larger ones share the last. */
const DEGREE_FACTORS = 64;

/** Index arrays of a block as tensors. */
export interface Bag {
  readonly rowPtr: tf.Tensor1D; // int32 [B + 1]
  readonly colIndex: tf.Tensor1D; // int32 [E]
}

/**
 * Edge-aware GATv2 encoder of users, of one layer or two.
 *
 * Nothing in it belongs to a single user: a user is what attention makes of its subreddits and edges, so a user never
 * seen is encoded like any other. Subreddits have an input row x_s each (and an output row, which stays outside).
 *
 *     user features   x_u = mean of the input rows of its subreddits
 *     of two layers   h_s = x_s + ELU(GATv2(target x_s ← sources x_u))      a subreddit listens to its users
 *     of one          h_s = x_s
 *     last layer      c_u = GATv2(target x_u ← sources h_s)                  a user listens to its subreddits
 *     user vector     y_u = g(degree_u) · √degree_u · (c_u + x_u) / 2 + b
 *
 * √degree lets users with many links be certain about them: measured on link prediction, a mean without it ranks worse.
 * The factors g, one for every eighth of an octave of degrees, are learned from 1 on: people of one link and of a hundred
 * are not equally sure of what their mean says. The link score is y_u · o_s with the output row o_s.
 */
export class Encoder {
  private readonly toSubreddits: GatV2Conv | undefined; // of two layers only
  private readonly toUsers: GatV2Conv;
  private readonly degreeFactor: tf.Variable<tf.Rank.R1>; // [DEGREE_FACTORS]
  private readonly bias: tf.Variable<tf.Rank.R1>;

  constructor(readonly config: EncoderConfig) {
    const { dim, numHeads, numEdgeFeatures, numLayers } = config;
    const headDim = dim / numHeads;
    if (numLayers === 2) this.toSubreddits = new GatV2Conv({ name: 'users_to_subreddits', numHeads, headDim });
    this.toUsers = new GatV2Conv({ name: 'subreddits_to_users', numHeads, headDim });
    for (const layer of this.layers()) {
      layer.build([[null, dim], [null, dim], [null, numEdgeFeatures], [null], [null]]);
      layer.built = true;
    }
    this.degreeFactor = tf.tidy(() => tf.variable(tf.ones<tf.Rank.R1>([DEGREE_FACTORS])));
    this.bias = tf.tidy(() => tf.variable(tf.zeros<tf.Rank.R1>([dim])));
  }

  /** Input features of users [B, D]: the mean of the rows of their subreddits. */
  userFeatures(rows: tf.Tensor2D, bag: Bag): tf.Tensor2D {
    return embeddingBag(rows, bag.rowPtr, bag.colIndex);
  }

  /**
   * First layer of two: states of subreddits. With one layer they are the input rows.
   *
   * @param rows  float32 [S, D] input rows
   * @param users float32 [U, D] features of the users they listen to
   * @param block edges from users to subreddits
   * @returns float32 [S, D]
   */
  encodeSubreddits(rows: tf.Tensor2D, users: tf.Tensor2D, block: AttentionBlock): tf.Tensor2D {
    return this.toSubreddits ? tf.add(rows, tf.elu(this.toSubreddits.attend(users, rows, block).out)) : rows;
  }

  /**
   * Last layer: vectors of users.
   *
   * @param rows   float32 [S, D] input rows of subreddits
   * @param states float32 [S, D] of `encodeSubreddits`
   * @param block  edges from subreddits to users
   * @param degree [B] number of links a user has, sampled or not
   * @returns vectors [B, D] and attention [E, H]
   */
  encodeUsers(
    rows: tf.Tensor2D,
    states: tf.Tensor2D,
    block: AttentionBlock,
    degree: Float32Array,
  ): { vectors: tf.Tensor2D; attention: tf.Tensor2D } {
    const features = this.userFeatures(rows, block);
    const { out, attention } = this.toUsers.attend(states, features, block);
    const scale = tf.mul(
      this.factorsOf(degree),
      tf.tensor2d(
        degree.map((n) => 0.5 * Math.sqrt(n)),
        [degree.length, 1],
      ),
    );
    const vectors = tf.add(tf.mul(scale, tf.add(out, features)), this.bias) as tf.Tensor2D;
    return { vectors, attention };
  }

  /** The factor g of each user [B, 1]: a bag of one row, as that has a gradient on every engine. */
  private factorsOf(degree: Float32Array): tf.Tensor2D {
    const rowPtr = Int32Array.from({ length: degree.length + 1 }, (_, b) => b);
    const bucket = Int32Array.from(degree, (n) =>
      Math.min(DEGREE_FACTORS - 1, Math.floor(8 * Math.log2(Math.max(1, n)))),
    );
    const table = tf.reshape<tf.Rank.R2>(this.degreeFactor, [DEGREE_FACTORS, 1]);
    return embeddingBag(table, tf.tensor1d(rowPtr, 'int32'), tf.tensor1d(bucket, 'int32'));
  }

  /** Every trainable weight, in a fixed order. */
  variables(): NamedVariable[] {
    const ofLayer = (layer: GatV2Conv) =>
      layer.trainableWeights.map((weight) => ({
        name: `${layer.name}/${weight.originalName.split('/').at(-1)}`,
        variable: weight.read() as tf.Variable,
      }));
    return [
      ...this.layers().flatMap(ofLayer),
      { name: 'degree_factor', variable: this.degreeFactor as tf.Variable },
      { name: 'bias', variable: this.bias as tf.Variable },
    ];
  }

  private layers(): GatV2Conv[] {
    return this.toSubreddits ? [this.toSubreddits, this.toUsers] : [this.toUsers];
  }

  dispose(): void {
    for (const { variable } of this.variables()) variable.dispose();
  }
}
