import { nativeKernel } from '../native.js';
import type { GatV2Gradients, GatV2Inputs, GatV2Shape } from './numeric.js';

/** As `gatV2Attention` of numeric.ts, in float32. */
export function gatV2Attention(
  shape: GatV2Shape,
  inputs: GatV2Inputs,
  out: Float32Array,
  attention: Float32Array,
): void {
  nativeKernel('gatV2Attention')(...arraysOf(inputs), out, attention, ...sizesOf(shape));
}

/** As `gatV2AttentionGrad` of numeric.ts, in float32. */
export function gatV2AttentionGrad(
  shape: GatV2Shape,
  inputs: GatV2Inputs,
  attention: Float32Array,
  dOut: Float32Array,
  { dZ, dT, dEdgeWeight, dAttn }: GatV2Gradients,
): void {
  const kernel = nativeKernel('gatV2AttentionGrad');
  kernel(...arraysOf(inputs), attention, dOut, dZ, dT, dEdgeWeight, dAttn, ...sizesOf(shape));
}

function arraysOf({ z, t, edgeFeatures, edgeWeight, attn, rowPtr, colIndex }: GatV2Inputs) {
  return [z, t, edgeFeatures, edgeWeight, attn, rowPtr, colIndex] as const;
}

function sizesOf({ channels, edgeDim, numHeads, negativeSlope }: GatV2Shape) {
  return [channels, edgeDim, numHeads, negativeSlope] as const;
}
