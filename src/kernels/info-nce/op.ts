import * as tf from '@tensorflow/tfjs-core';
import { InputError } from '../../core/errors.js';
import { assertIndex, assertRank, assertRowPtr, assertTensor } from '../checks.js';

export const INFO_NCE = 'InfoNce';

/** Which candidates are what to which user: B users, M candidates, P positives, K masked pairs. All of it is data. */
export interface InfoNceTargets {
  readonly posPtr: tf.Tensor1D; // int32 [B + 1]; user b holds positives posPtr[b] to posPtr[b + 1], end excluded
  readonly posIndex: tf.Tensor1D; // int32 [P], in [0, M); a repeated positive counts twice
  readonly maskPtr: tf.Tensor1D; // int32 [B + 1], like posPtr
  readonly maskIndex: tf.Tensor1D; // int32 [K], in [0, M): known links, no negatives; a positive among them stays in
  readonly logQ: tf.Tensor1D; // float32 [M], finite: log of a candidate's expected sampling probability
}

/**
 * Sampled-softmax contrastive loss with several positives per user and logQ correction:
 *
 *     logits_bm = y_b · c_m / temperature − logQ_m, without logQ where m is a positive of b
 *     loss_b    = −Σ over p in pos(b) of log softmax(logits_b)[p] / √|pos(b)|, the softmax over all m not masked
 *
 * The gradient is computed together with the loss, whether or not it is asked for: both need the same exponentials.
 *
 * @param y float32 [B, D], users; gets a gradient
 * @param c float32 [M, D], candidates; gets a gradient
 * @returns float32 scalar: the mean of loss_b over the users with a positive, 0 if there are none
 */
export function infoNce(
  y: tf.Tensor2D,
  c: tf.Tensor2D,
  targets: InfoNceTargets,
  { temperature }: { temperature: number },
): tf.Scalar {
  assertInputs(y, c, targets, temperature);
  return tf.tidy(() => lossOf(y, c, targets, temperature));
}

/** Not a gradient of the engine's registry: that would be handed arrays of zeros for dY and dC at each step. */
function lossOf(y: tf.Tensor2D, c: tf.Tensor2D, targets: InfoNceTargets, temperature: number): tf.Scalar {
  const withGradient = tf.customGrad((...args: unknown[]) => {
    const [users, candidates, save] = args as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    const inputs = { y: users, c: candidates, ...targets };
    const [value, dY, dC]: tf.Tensor[] = tf.engine().runKernel(INFO_NCE, inputs, { temperature });
    save([dY, dC]);
    return {
      value: value as tf.Scalar,
      gradFunc: (dLoss: tf.Scalar, saved: tf.Tensor[]) => saved.map((d) => tf.mul(dLoss, d)),
    };
  });
  return withGradient(y, c) as tf.Scalar;
}

function assertInputs(y: tf.Tensor2D, c: tf.Tensor2D, targets: InfoNceTargets, temperature: number): void {
  const op = 'infoNce';
  const { posPtr, posIndex, maskPtr, maskIndex, logQ } = targets;
  assertRank(op, 'y', y, 2, 'B, D');
  assertRank(op, 'c', c, 2, 'M, D');
  const [numUsers, dim] = y.shape;
  const [numCandidates] = c.shape;
  assertTensor(op, 'y', y, 'float32', y.shape);
  assertTensor(op, 'c', c, 'float32', [numCandidates, dim]);
  assertTensor(op, 'posPtr', posPtr, 'int32', [numUsers + 1]);
  assertTensor(op, 'posIndex', posIndex, 'int32', [posIndex.size]);
  assertTensor(op, 'maskPtr', maskPtr, 'int32', [numUsers + 1]);
  assertTensor(op, 'maskIndex', maskIndex, 'int32', [maskIndex.size]);
  assertTensor(op, 'logQ', logQ, 'float32', [numCandidates]);
  assertRowPtr(op, 'posPtr', posPtr.dataSync(), posIndex.size);
  assertIndex(op, 'posIndex', posIndex.dataSync(), numCandidates);
  assertRowPtr(op, 'maskPtr', maskPtr.dataSync(), maskIndex.size);
  assertIndex(op, 'maskIndex', maskIndex.dataSync(), numCandidates);
  if (!(temperature > 0 && temperature < Infinity))
    throw new InputError('ERR_RANGE', `${op}: temperature is ${temperature}, expected a finite number above 0.`, {
      temperature,
    });
  const unlikely = logQ.dataSync().findIndex((value) => !Number.isFinite(value));
  if (unlikely >= 0)
    throw new InputError(
      'ERR_RANGE',
      `${op}: logQ[${unlikely}] is ${logQ.dataSync()[unlikely]}, expected a finite number; a candidate that cannot be drawn does not belong in the list.`,
      { at: unlikely },
    );
}
