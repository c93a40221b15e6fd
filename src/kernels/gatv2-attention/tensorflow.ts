import * as tf from '@tensorflow/tfjs-core';
import { rowOfEdge, segmentMax, segmentSum, tensorflowKernel } from '../tensorflow-kernel.js';
import { GATV2_ATTENTION, GATV2_ATTENTION_GRAD } from './op.js';

type Inputs = Readonly<Record<string, tf.Tensor>>;

/** The formulas of numeric.ts for all edges at a time: E · C floats are held where numeric.ts holds one row. */
export const gatV2AttentionTensorflow = [
  tensorflowKernel(GATV2_ATTENTION, (inputs, attribute) => {
    const { z, t, attn, rowPtr, colIndex } = inputs;
    const [numTargets, channels] = t.shape;
    const numHeads = attribute('numHeads');
    const targetOfEdge = rowOfEdge(rowPtr);

    const u = preActivation(inputs, targetOfEdge);
    const logits = sumHeads(tf.mul(tf.leakyRelu(u, attribute('negativeSlope')), attn), numHeads);
    const largest = tf.gather(segmentMax(logits, targetOfEdge, numTargets), targetOfEdge);
    const weight = tf.exp(tf.sub(logits, largest));
    const attention = tf.div(weight, tf.gather(segmentSum(weight, targetOfEdge, numTargets), targetOfEdge));
    const values = tf.mul(spreadHeads(attention, channels), tf.gather(z, colIndex));
    return [segmentSum(values, targetOfEdge, numTargets), attention];
  }),
  tensorflowKernel(GATV2_ATTENTION_GRAD, (inputs, attribute) => {
    const { z, t, edgeFeatures, attn, rowPtr, colIndex, attention, dOut } = inputs;
    const [numTargets, channels] = t.shape;
    const numHeads = attribute('numHeads');
    const targetOfEdge = rowOfEdge(rowPtr);

    const dOutOfEdge = tf.gather(dOut, targetOfEdge);
    const dAttention = sumHeads(tf.mul(dOutOfEdge, tf.gather(z, colIndex)), numHeads);
    const mean = segmentSum(tf.mul(attention, dAttention), targetOfEdge, numTargets);
    const dLogits = tf.mul(attention, tf.sub(dAttention, tf.gather(mean, targetOfEdge)));

    const u = preActivation(inputs, targetOfEdge);
    const isPositive = tf.cast(tf.greater(u, 0), 'float32');
    const negativeSlope = attribute('negativeSlope');
    const slope = tf.add(tf.mul(isPositive, 1 - negativeSlope), negativeSlope);
    const dActivation = tf.mul(spreadHeads(dLogits, channels), slope);
    const du = tf.mul(dActivation, attn);
    const dSource = tf.add(tf.mul(spreadHeads(attention, channels), dOutOfEdge), du);
    return [
      segmentSum(dSource, colIndex as tf.Tensor1D, z.shape[0]),
      segmentSum(du, targetOfEdge, numTargets),
      tf.matMul(edgeFeatures, du, true),
      tf.sum(tf.mul(dActivation, u), 0),
    ];
  }),
];

/** u of every edge [E, C]. */
function preActivation({ z, t, edgeFeatures, edgeWeight, colIndex }: Inputs, targetOfEdge: tf.Tensor1D): tf.Tensor {
  const nodes = tf.add(tf.gather(z, colIndex), tf.gather(t, targetOfEdge));
  return tf.add(nodes, tf.matMul(edgeFeatures, edgeWeight));
}

/** [E, C] → [E, H]: the channels of each head summed. */
function sumHeads(x: tf.Tensor, numHeads: number): tf.Tensor {
  const [numEdges, channels] = x.shape;
  return tf.sum(tf.reshape(x, [numEdges, numHeads, channels / numHeads]), 2);
}

/** [E, H] → [E, C]: each head's number for all of its channels. */
function spreadHeads(x: tf.Tensor, channels: number): tf.Tensor {
  const [numEdges, numHeads] = x.shape;
  const spread = tf.tile(tf.expandDims(x, 2), [1, 1, channels / numHeads]);
  return tf.reshape(spread, [numEdges, channels]);
}
