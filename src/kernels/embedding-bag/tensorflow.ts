import * as tf from '@tensorflow/tfjs-core';
import { rowOfEdge, segmentSum, tensorflowKernel } from '../tensorflow-kernel.js';
import { EMBEDDING_BAG, EMBEDDING_BAG_GRAD } from './op.js';

export const embeddingBagTensorflow = [
  tensorflowKernel(EMBEDDING_BAG, ({ x, rowPtr, colIndex, weights }) => {
    const bagOfEdge = rowOfEdge(rowPtr);
    const share = shareOfEdge(weights, bagOfEdge, rowPtr.size - 1);
    return segmentSum(tf.mul(tf.gather(x, colIndex), share), bagOfEdge, rowPtr.size - 1);
  }),
  tensorflowKernel(EMBEDDING_BAG_GRAD, ({ dOut, rowPtr, colIndex, weights }, attribute) => {
    const bagOfEdge = rowOfEdge(rowPtr);
    const share = shareOfEdge(weights, bagOfEdge, rowPtr.size - 1);
    const dRows = tf.mul(tf.gather(dOut, bagOfEdge), share);
    return segmentSum(dRows, colIndex as tf.Tensor1D, attribute('numRows'));
  }),
];

/** Part of its bag's weight that each edge has [E, 1]; 0 where the bag weighs nothing. */
function shareOfEdge(weights: tf.Tensor, bagOfEdge: tf.Tensor1D, numBags: number): tf.Tensor {
  const weight = weights.size === 0 ? tf.ones([bagOfEdge.size]) : weights;
  const total = tf.gather(segmentSum(weight, bagOfEdge, numBags), bagOfEdge);
  return tf.expandDims(tf.divNoNan(weight, total), 1);
}
