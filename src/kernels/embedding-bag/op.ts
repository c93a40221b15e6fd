import * as tf from '@tensorflow/tfjs-core';
import { InputError } from '../../core/errors.js';
import { assertIndex, assertRank, assertRowPtr, assertTensor, noGradient } from '../checks.js';

export const EMBEDDING_BAG = 'EmbeddingBag';
export const EMBEDDING_BAG_GRAD = 'EmbeddingBagGrad';

/**
 * Mean of each bag's rows of x, weighted where `weights` are given. A bag whose weights sum to 0, such as the empty
 * one, gives zeros.
 *
 * Shapes: U rows, D dimensions, B bags, E edges.
 *
 * @param x        float32 [U, D]; the only input with a gradient
 * @param rowPtr   int32 [B + 1]; bag b holds edges rowPtr[b] to rowPtr[b + 1], end excluded
 * @param colIndex int32 [E], in [0, U)
 * @param weights  float32 [E], finite and ≥ 0
 * @returns float32 [B, D]
 */
export function embeddingBag(
  x: tf.Tensor2D,
  rowPtr: tf.Tensor1D,
  colIndex: tf.Tensor1D,
  weights?: tf.Tensor1D,
): tf.Tensor2D {
  assertRank('embeddingBag', 'x', x, 2, 'U, D');
  assertTensor('embeddingBag', 'x', x, 'float32', x.shape);
  assertTensor('embeddingBag', 'rowPtr', rowPtr, 'int32', [rowPtr.size]);
  assertTensor('embeddingBag', 'colIndex', colIndex, 'int32', [colIndex.size]);
  assertRowPtr('embeddingBag', 'rowPtr', rowPtr.dataSync(), colIndex.size);
  assertIndex('embeddingBag', 'colIndex', colIndex.dataSync(), x.shape[0]);
  if (weights !== undefined) {
    assertTensor('embeddingBag', 'weights', weights, 'float32', [colIndex.size]);
    assertWeights(weights.dataSync());
  }
  // an input of a kernel cannot be absent: no weights are weights of length 0
  return tf.tidy(() =>
    tf.engine().runKernel(EMBEDDING_BAG, { x, rowPtr, colIndex, weights: weights ?? tf.zeros([0]) }),
  );
}

function assertWeights(weights: ArrayLike<number>): void {
  for (let e = 0; e < weights.length; e++)
    if (!(weights[e] >= 0 && weights[e] < Infinity))
      throw new InputError('ERR_RANGE', `embeddingBag: weights[${e}] is ${weights[e]}, expected finite and ≥ 0.`, {
        at: e,
        got: weights[e],
      });
}

export const embeddingBagGradConfig: tf.GradConfig = {
  kernelName: EMBEDDING_BAG,
  inputsToSave: ['x', 'rowPtr', 'colIndex', 'weights'],
  gradFunc(dOut, [x, rowPtr, colIndex, weights]) {
    const inputs = { dOut: dOut as tf.Tensor, rowPtr, colIndex, weights };
    const dX: tf.Tensor = tf.engine().runKernel(EMBEDDING_BAG_GRAD, inputs, { numRows: x.shape[0] });
    return {
      x: () => dX,
      rowPtr: () => tf.zeros(rowPtr.shape),
      colIndex: () => tf.zeros(colIndex.shape),
      weights: noGradient('embeddingBag', 'weights'),
    };
  },
};
