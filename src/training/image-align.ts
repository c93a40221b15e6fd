import * as tf from '@tensorflow/tfjs-core';
import type { Random } from '../core/random.js';
import { embeddingBag } from '../kernels/embedding-bag/op.js';
import { infoNce } from '../kernels/info-nce/op.js';
import { assign } from '../kernels/row-adam/parameter.js';
import type { NamedVariable } from '../nn/encoder.js';

/** What users posted as pictures, pooled: I of N users have some, K dimensions. */
export interface UserImages {
  readonly rowOf: Int32Array; // [N] row of `vectors`, −1 = posted none
  readonly vectors: Float32Array; // [I, K] of unit length
  readonly dim: number; // K
}

/** The same without those of some users. */
export function withoutImagesOf(images: UserImages, users: Uint32Array): UserImages {
  const rowOf = images.rowOf.slice();
  for (const u of users) rowOf[u] = -1;
  return { ...images, rowOf };
}

/** How well a user is found by its pictures among all users asked about. */
export interface ImageRetrieval {
  readonly users: number; // asked about
  readonly recallAt10: number; // share of them who are among the first ten for their own pictures
  readonly chance: number; // what any order gives
}

const FIRST = 10;

/**
 * ImageAlign, the second objective of ZIPP: users whose pictures are alike get vectors that are alike.
 *
 *     p_u    = (y_u W + b) / |y_u W + b|               user vector y_u, projected to the space of pictures
 *     loss   = (InfoNCE(p → v) + InfoNCE(v → p)) / 2    v_u the pooled pictures; the others of the batch are the negatives
 *
 * Only users with pictures enter, and nobody that links are validated on: the pictures of those tell whether what was
 * learned holds for others. The projection belongs to training; vectors of users stay in their own space.
 */
export class ImageAlign {
  private readonly kernel: tf.Variable<tf.Rank.R2>; // [D, K]
  private readonly bias: tf.Variable<tf.Rank.R1>; // [K]
  private readonly isHeldOut: Uint8Array; // [N]

  /**
   * @param heldOut users whose pictures training must not see
   */
  constructor(
    private readonly images: UserImages,
    heldOut: Uint32Array,
    private readonly options: { readonly dim: number; readonly temperature: number },
    random: Random,
  ) {
    const shape: [number, number] = [options.dim, images.dim];
    const limit = Math.sqrt(6 / (shape[0] + shape[1]));
    this.kernel = tf.tidy(() => tf.variable(tf.zeros<tf.Rank.R2>(shape)));
    this.bias = tf.tidy(() => tf.variable(tf.zeros<tf.Rank.R1>([images.dim])));
    // nothing of the first column, in which all users carry the same popularity
    assign(
      this.kernel,
      Float32Array.from({ length: shape[0] * shape[1] }, (_, i) =>
        i < images.dim ? 0 : limit * (2 * random.float() - 1),
      ),
    );
    this.isHeldOut = new Uint8Array(images.rowOf.length);
    for (const u of heldOut) this.isHeldOut[u] = 1;
  }

  variables(): NamedVariable[] {
    return [
      { name: 'image_head/kernel', variable: this.kernel as tf.Variable },
      { name: 'image_head/bias', variable: this.bias as tf.Variable },
    ];
  }

  /** Positions in a batch of the users who enter the loss. */
  entering(users: Uint32Array): Int32Array {
    const { rowOf } = this.images;
    return Int32Array.from([...users.keys()].filter((b) => rowOf[users[b]] >= 0 && !this.isHeldOut[users[b]]));
  }

  /**
   * @param vectors float32 [B, D] of the users of a batch
   * @returns float32 scalar; undefined where fewer than two of them enter, as there is nothing to tell apart
   */
  loss(vectors: tf.Tensor2D, users: Uint32Array): tf.Scalar | undefined {
    const positions = this.entering(users);
    const { length } = positions;
    if (length < 2) return undefined;
    const counting = tf.tensor1d(
      Int32Array.from({ length: length + 1 }, (_, i) => i),
      'int32',
    );
    const own = embeddingBag(vectors, counting, tf.tensor1d(positions, 'int32')); // a row a bag: gathers, with a gradient
    const projected = this.project(own);
    const pooled = tf.tensor2d(this.rowsOf(positions, users), [length, this.images.dim]);
    const targets = {
      posPtr: counting,
      posIndex: tf.slice(counting, 0, length),
      maskPtr: tf.zeros<tf.Rank.R1>([length + 1], 'int32'),
      maskIndex: tf.tensor1d([], 'int32'),
      logQ: tf.zeros<tf.Rank.R1>([length]),
    };
    const { temperature } = this.options;
    const toPictures = infoNce(projected, pooled, targets, { temperature });
    const toUsers = infoNce(pooled, projected, targets, { temperature });
    return tf.mul(0.5, tf.add(toPictures, toUsers)) as tf.Scalar;
  }

  /** Users in the space of pictures: float32 [B, K] of unit length from [B, D]. */
  private project(vectors: tf.Tensor2D): tf.Tensor2D {
    const projected = tf.add(tf.matMul(vectors, this.kernel), this.bias);
    const squares = tf.sum(tf.square(projected), 1, true);
    return tf.mul(projected, tf.rsqrt(tf.add(squares, 1e-12))) as tf.Tensor2D;
  }

  private rowsOf(positions: ArrayLike<number>, users: Uint32Array): Float32Array {
    const { rowOf, vectors, dim } = this.images;
    const rows = new Float32Array(positions.length * dim);
    for (let i = 0; i < positions.length; i++) {
      const row = rowOf[users[positions[i]]];
      rows.set(vectors.subarray(row * dim, (row + 1) * dim), i * dim);
    }
    return rows;
  }

  /**
   * Finds users by their pictures, among those of `users` who posted some.
   *
   * @param vectors float32 [B, D] of `users`
   */
  retrieve(users: Uint32Array, vectors: Float32Array): ImageRetrieval {
    const { dim } = this.options;
    const positions = [...users.keys()].filter((b) => this.images.rowOf[users[b]] >= 0);
    const { length } = positions;
    if (length === 0) return { users: 0, recallAt10: 0, chance: 0 };
    const scores = tf.tidy(() => {
      const own = new Float32Array(length * dim);
      for (let i = 0; i < length; i++) own.set(vectors.subarray(positions[i] * dim, (positions[i] + 1) * dim), i * dim);
      const projected = this.project(tf.tensor2d(own, [length, dim]));
      return tf.matMul(tf.tensor2d(this.rowsOf(positions, users), [length, this.images.dim]), projected, false, true);
    });
    const values = scores.dataSync<'float32'>();
    let found = 0;
    for (let i = 0; i < length; i++) {
      let better = 0;
      for (let j = 0; j < length; j++) if (j !== i && values[i * length + j] >= values[i * length + i]) better++; // equal ones count against it
      if (better < FIRST) found++;
    }
    scores.dispose();
    return { users: length, recallAt10: found / length, chance: Math.min(1, FIRST / length) };
  }

  dispose(): void {
    this.kernel.dispose();
    this.bias.dispose();
  }
}
