import * as tf from '@tensorflow/tfjs-core';
import { rowOfEdge, tensorflowKernel } from '../tensorflow-kernel.js';
import { INFO_NCE } from './op.js';

type Inputs = Readonly<Record<string, tf.Tensor>>;

/** The formulas of numeric.ts for all users at a time: B · M logits are held whole. */
export const infoNceTensorflow = [
  tensorflowKernel(INFO_NCE, (inputs, attribute) => {
    const { y, c, posPtr } = inputs;
    const temperature = attribute('temperature');
    const { logits, positives } = logitsOf(inputs, temperature);
    const { hasPositive, root, numAnchors } = anchorsOf(posPtr);
    const logSumExp = tf.logSumExp(logits, 1);
    const sumOfPositives = tf.unsortedSegmentSum(tf.gatherND(logits, positives), rowOfEdge(posPtr), root.size);
    const ofNormalisers = tf.mul(root, tf.where(hasPositive, logSumExp, tf.zerosLike(root)));
    const losses = tf.sub(ofNormalisers, tf.divNoNan(sumOfPositives, root));

    const normaliser = tf.where(hasPositive, logSumExp, tf.fill([root.size], Infinity)); // nothing is left of other users
    const softmax = tf.exp(tf.sub(logits, tf.expandDims(normaliser, 1)));
    const ofPositives = tf.gather(tf.divNoNan(1, root), rowOfEdge(posPtr));
    const wanted = tf.scatterND(positives, ofPositives, logits.shape);
    const dLogits = tf.div(tf.sub(tf.mul(softmax, tf.expandDims(root, 1)), wanted), numAnchors * temperature);
    return [tf.div(tf.sum(losses), numAnchors), tf.matMul(dLogits, c), tf.matMul(dLogits, y, true)];
  }),
];

/** Logits [B, M], masked pairs at −∞, with the places of the positives int32 [P, 2] in them. */
function logitsOf(inputs: Inputs, temperature: number): { logits: tf.Tensor; positives: tf.Tensor2D } {
  const { y, c, posPtr, posIndex, maskPtr, maskIndex, logQ } = inputs;
  const scores = tf.div(tf.matMul(y, c, false, true), temperature);
  const positives = pairs(posPtr, posIndex);
  const masked = pairs(maskPtr, maskIndex);
  const corrected = tf.sub(scores, logQ);
  const open = tf.tensorScatterUpdate(corrected, masked, tf.fill([masked.shape[0]], -Infinity));
  return { logits: tf.tensorScatterUpdate(open, positives, tf.gatherND(scores, positives)), positives };
}

/** Pairs of user and candidate, int32 [P, 2]. */
function pairs(ptr: tf.Tensor, index: tf.Tensor): tf.Tensor2D {
  return tf.stack([rowOfEdge(ptr), index], 1) as tf.Tensor2D;
}

/** Which users have positives, bool [B], the roots of their numbers [B], and how many users have any, at least 1. */
function anchorsOf(posPtr: tf.Tensor): { hasPositive: tf.Tensor1D; root: tf.Tensor1D; numAnchors: number } {
  const offsets = posPtr.dataSync<'int32'>();
  const counts = Array.from({ length: offsets.length - 1 }, (_, b) => offsets[b + 1] - offsets[b]);
  return {
    hasPositive: tf.tensor1d(
      counts.map((count) => count > 0),
      'bool',
    ),
    root: tf.tensor1d(counts.map(Math.sqrt), 'float32'),
    numAnchors: Math.max(1, counts.filter((count) => count > 0).length),
  };
}
