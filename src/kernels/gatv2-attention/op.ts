import * as tf from '@tensorflow/tfjs-core';
import { InputError } from '../../core/errors.js';
import { assertIndex, assertRank, assertRowPtr, assertTensor, noGradient } from '../checks.js';

export const GATV2_ATTENTION = 'GatV2Attention';
export const GATV2_ATTENTION_GRAD = 'GatV2AttentionGrad';

export interface GatV2Options {
  readonly numHeads: number; // H, divides C
  readonly negativeSlope: number; // of LeakyReLU, usually 0.2
}

/**
 * GATv2 attention of targets over the sources their edges point at:
 *
 *     u = z_r + t_b + e · edgeWeight      s_h = attn_h · LeakyReLU(u_h)      α = softmax over the row      out_h = Σ α_h z_r,h
 *
 * Shapes: U sources, B targets, E edges, C channels in H heads, F edge features.
 *
 * @param z            float32 [U, C], projected sources
 * @param t            float32 [B, C], projected targets
 * @param edgeFeatures float32 [E, F]; null for none (F = 0). Data: has no gradient
 * @param edgeWeight   float32 [F, C]; null exactly if edgeFeatures is
 * @param attn         float32 [C], head after head
 * @param rowPtr       int32 [B + 1]; target b holds edges rowPtr[b] to rowPtr[b + 1], end excluded
 * @param colIndex     int32 [E], in [0, U)
 * @returns out float32 [B, C], zeros for a target without edges; attention float32 [E, H], every non-empty row summing
 *   to 1 per head. Attention is evidence to read: a loss that depends on it throws `ERR_GRADIENT` when differentiated.
 */
export function gatV2Attention(
  z: tf.Tensor2D,
  t: tf.Tensor2D,
  edgeFeatures: tf.Tensor2D | null,
  edgeWeight: tf.Tensor2D | null,
  attn: tf.Tensor1D,
  rowPtr: tf.Tensor1D,
  colIndex: tf.Tensor1D,
  { numHeads, negativeSlope }: GatV2Options,
): { out: tf.Tensor2D; attention: tf.Tensor2D } {
  return tf.tidy(() => {
    const inputs = {
      z,
      t,
      edgeFeatures: edgeFeatures ?? tf.zeros<tf.Rank.R2>([colIndex.size, 0]),
      edgeWeight: edgeWeight ?? tf.zeros<tf.Rank.R2>([0, attn.size]),
      attn,
      rowPtr,
      colIndex,
    };
    assertInputs(inputs, numHeads);
    const [out, attention]: tf.Tensor2D[] = tf.engine().runKernel(GATV2_ATTENTION, inputs, { numHeads, negativeSlope });
    return { out, attention: evidenceOnly(attention) };
  });
}

function assertInputs(
  inputs: {
    z: tf.Tensor2D;
    t: tf.Tensor2D;
    edgeFeatures: tf.Tensor2D;
    edgeWeight: tf.Tensor2D;
    attn: tf.Tensor1D;
    rowPtr: tf.Tensor1D;
    colIndex: tf.Tensor1D;
  },
  numHeads: number,
): void {
  const op = 'gatV2Attention';
  const { z, t, edgeFeatures, edgeWeight, attn, rowPtr, colIndex } = inputs;
  assertRank(op, 'z', z, 2, 'U, C');
  assertRank(op, 'edgeFeatures', edgeFeatures, 2, 'E, F');
  const [numSources, channels] = z.shape;
  const edgeDim = edgeFeatures.shape[1];
  if (!(Number.isInteger(numHeads) && numHeads >= 1 && channels % numHeads === 0))
    throw new InputError(
      'ERR_SHAPE',
      `${op}: ${channels} channels do not split into ${numHeads} heads; choose a number of heads that divides them.`,
      { op, channels, numHeads },
    );
  assertTensor(op, 'z', z, 'float32', z.shape);
  assertTensor(op, 'rowPtr', rowPtr, 'int32', [rowPtr.size]);
  assertTensor(op, 'colIndex', colIndex, 'int32', [colIndex.size]);
  assertTensor(op, 't', t, 'float32', [rowPtr.size - 1, channels]);
  assertTensor(op, 'edgeFeatures', edgeFeatures, 'float32', [colIndex.size, edgeDim]);
  assertTensor(op, 'edgeWeight', edgeWeight, 'float32', [edgeDim, channels]);
  assertTensor(op, 'attn', attn, 'float32', [channels]);
  assertRowPtr(op, 'rowPtr', rowPtr.dataSync(), colIndex.size);
  assertIndex(op, 'colIndex', colIndex.dataSync(), numSources);
}

/** The same tensor, from which no gradient leads back: the backward kernel would silently leave its part out. */
function evidenceOnly(attention: tf.Tensor2D): tf.Tensor2D {
  const identity = tf.customGrad((x) => ({
    value: (x as tf.Tensor2D).clone(),
    gradFunc: noGradient('gatV2Attention', 'attention'),
  }));
  return identity(attention) as tf.Tensor2D;
}

export const gatV2AttentionGradConfig: tf.GradConfig = {
  kernelName: GATV2_ATTENTION,
  inputsToSave: ['z', 't', 'edgeFeatures', 'edgeWeight', 'attn', 'rowPtr', 'colIndex'],
  outputsToSave: [true, true], // some engines read `out`, which spares them a walk over the edges
  gradFunc(dOuts, [z, t, edgeFeatures, edgeWeight, attn, rowPtr, colIndex, out, attention], attributes) {
    const [dOut] = dOuts as tf.Tensor[];
    const inputs = { z, t, edgeFeatures, edgeWeight, attn, rowPtr, colIndex, out, attention, dOut };
    const gradients: tf.Tensor[] = tf.engine().runKernel(GATV2_ATTENTION_GRAD, inputs, attributes);
    const [dZ, dT, dEdgeWeight, dAttn] = gradients;
    return {
      z: () => dZ,
      t: () => dT,
      edgeFeatures: noGradient('gatV2Attention', 'edgeFeatures'),
      edgeWeight: () => dEdgeWeight,
      attn: () => dAttn,
      rowPtr: () => tf.zeros(rowPtr.shape),
      colIndex: () => tf.zeros(colIndex.shape),
    };
  },
};
