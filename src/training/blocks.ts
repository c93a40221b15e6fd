import * as tf from '@tensorflow/tfjs-core';
import type { AttentionBlock } from '../nn/gatv2-conv.js';
import type { EdgeBlock } from './batch.js';

/** Moves a block of edges to the engine; its tensors belong to the enclosing tidy. F features an edge. */
export function blockTensors(block: EdgeBlock, numEdgeFeatures: number): AttentionBlock {
  return {
    ...bagTensors(block),
    edgeFeatures: tf.tensor2d(block.edgeFeatures, [block.colIndex.length, numEdgeFeatures]),
  };
}

/** Moves index arrays to the engine. */
export function bagTensors({ rowPtr, colIndex }: { rowPtr: Int32Array; colIndex: Int32Array }): {
  rowPtr: tf.Tensor1D;
  colIndex: tf.Tensor1D;
} {
  return { rowPtr: tf.tensor1d(rowPtr, 'int32'), colIndex: tf.tensor1d(colIndex, 'int32') };
}
