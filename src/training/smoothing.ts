import * as tf from '@tensorflow/tfjs-core';
import type { Csr } from '../graph/csr.js';
import { Relabeler } from '../graph/neighbor-sampler.js';
import { embeddingBag } from '../kernels/embedding-bag/op.js';
import { cores } from '../kernels/register.js';
import { bagTensors } from './blocks.js';

/** What the mean of the neighbors counts against a row's own value. Learned, it stayed between 0.5 and 0.65. */
const SHARE = 0.5;

/** Rows of a table that are wanted, and those they lean on. */
export interface SmoothingBlock {
  readonly rows: Int32Array; // [L] distinct; the first N are the rows wanted, in their order
  readonly numWanted: number; // N
  readonly rowPtr: Int32Array; // [N + 1]
  readonly colIndex: Int32Array; // [E] into `rows`
  readonly weights: Float32Array; // [E]
}

/**
 * Lets the rows of subreddits lean on those of the nearest subreddits, so that rare ones need not be learned from their
 * few users alone:
 *
 *     x'_s = x_s + ½ Σ_t w_st x_t / Σ_t w_st      t the neighbors of s, w_st the cosine of their sets of users
 *
 * What is trained are the x, what everybody else reads are the x'. It is linear and fixed, so it is gone once training has
 * ended: weights hold x' alone. S subreddits; one without neighbors keeps its own row.
 */
export class Smoothing {
  private readonly relabeler: Relabeler;
  private readonly bags: { rowPtr: Int32Array; colIndex: Int32Array; weights: Float32Array }; // of all subreddits
  private whole: SmoothingBlock | undefined; // of all rows: a full softmax asks for it at each step

  /** @param neighbors [S × S], no diagonal; weights above 0 */
  constructor(private readonly neighbors: Csr) {
    this.relabeler = new Relabeler(neighbors.numRows);
    const { rowPtr, colIndex, weight } = neighbors;
    this.bags = { rowPtr: Int32Array.from(rowPtr), colIndex: Int32Array.from(colIndex), weights: weight };
  }

  /** The block of some distinct rows. */
  blockOf(wanted: Int32Array): SmoothingBlock {
    const isWhole = wanted.length === this.neighbors.numRows && wanted.every((s, at) => s === at);
    if (!isWhole) return this.gather(wanted);
    this.whole ??= this.gather(wanted.slice());
    return this.whole;
  }

  /**
   * @param raw float32 [L, D], the rows of a block
   * @returns float32 [N, D]
   */
  smooth(raw: tf.Tensor2D, block: SmoothingBlock): tf.Tensor2D {
    const { rowPtr, colIndex } = bagTensors(block);
    const own = tf.slice(raw, [0, 0], [block.numWanted, raw.shape[1]]);
    if (block.colIndex.length === 0) return own;
    return tf.add(own, tf.mul(SHARE, embeddingBag(raw, rowPtr, colIndex, tf.tensor1d(block.weights))));
  }

  /** A whole table [S, D], smoothed. */
  smoothTable(table: Float32Array, dim: number): Float32Array {
    const out = table.slice();
    this.addMeans(table, dim, SHARE, out);
    return out;
  }

  /** The column [S] that `smoothTable` turns into this one. */
  inverseOf(column: Float32Array): Float32Array {
    // Neumann series: the means have norm 1, so each round leaves at most half of the error
    let out = column;
    for (let round = 0; round < 30; round++) {
      const next = column.slice();
      this.addMeans(out, 1, -SHARE, next);
      out = next;
    }
    return out;
  }

  private gather(wanted: Int32Array): SmoothingBlock {
    const { rowPtr: from, colIndex: neighbor, weight } = this.neighbors;
    const { relabeler } = this;
    relabeler.begin();
    const rowPtr = new Int32Array(wanted.length + 1);
    for (let i = 0; i < wanted.length; i++) {
      relabeler.localId(wanted[i]);
      rowPtr[i + 1] = rowPtr[i] + from[wanted[i] + 1] - from[wanted[i]];
    }
    const colIndex = new Int32Array(rowPtr[wanted.length]);
    const weights = new Float32Array(colIndex.length);
    for (let i = 0; i < wanted.length; i++)
      for (let at = rowPtr[i], e = from[wanted[i]]; at < rowPtr[i + 1]; at++, e++) {
        colIndex[at] = relabeler.localId(neighbor[e]);
        weights[at] = weight[e];
      }
    return { rows: relabeler.nodeIds(), numWanted: wanted.length, rowPtr, colIndex, weights };
  }

  /** Adds `share` times the mean of each row's neighbors to `out`. */
  private addMeans(table: Float32Array, dim: number, share: number, out: Float32Array): void {
    const { rowPtr, colIndex, weights } = this.bags;
    const means = new Float32Array(table.length);
    cores().embeddingBag(table, { rowPtr, colIndex, weights }, dim, means);
    for (let i = 0; i < means.length; i++) out[i] += share * means[i];
  }
}
