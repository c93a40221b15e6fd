import * as tf from '@tensorflow/tfjs-core';

/** Name under which TensorFlow.js knows the backend of tfjs-node and tfjs-node-gpu. */
export const TENSORFLOW = 'tensorflow';

/** The part of tfjs-node's backend that our kernels call: any op of TensorFlow by its name. */
interface NodeBackend extends tf.KernelBackend {
  readonly binding: { readonly TF_ATTR_TYPE: number; readonly TF_FLOAT: number; readonly TF_INT32: number };
  executeSingleOutput(
    name: string,
    attributes: readonly { name: string; type: number; value: number }[],
    inputs: readonly tf.Tensor[],
  ): tf.Tensor;
}

type Compute = (
  inputs: Readonly<Record<string, tf.Tensor>>,
  attribute: (name: string) => number,
) => tf.Tensor | tf.Tensor[];

/** A kernel of the engine `tensorflow`, put together from stock ops; what they leave in between is disposed of. */
export function tensorflowKernel(kernelName: string, compute: Compute): tf.KernelConfig {
  return {
    kernelName,
    backendName: TENSORFLOW,
    kernelFunc: ({ inputs, attrs }) =>
      tf.tidy(() => compute(inputs as Record<string, tf.Tensor>, (name) => attrs?.[name] as number)),
  };
}

/** Row of each edge, int32 [E], of offsets rowPtr [B + 1]. */
export function rowOfEdge(rowPtr: tf.Tensor): tf.Tensor1D {
  const offsets = rowPtr.dataSync<'int32'>();
  const rows = new Int32Array(offsets[offsets.length - 1]);
  for (let b = 0; b + 1 < offsets.length; b++) rows.fill(b, offsets[b], offsets[b + 1]);
  return tf.tensor1d(rows, 'int32');
}

/** Sums rows of x [E, …] by segment; segments without a row are zeros. */
export function segmentSum<T extends tf.Tensor>(x: T, segmentIds: tf.Tensor1D, numSegments: number): T {
  return tf.unsortedSegmentSum(x, segmentIds, numSegments) as T;
}

/** Largest entries of rows of x [E, …] by segment; segments without a row are the lowest float. */
export function segmentMax<T extends tf.Tensor>(x: T, segmentIds: tf.Tensor1D, numSegments: number): T {
  const backend = tf.backend() as NodeBackend;
  const { TF_ATTR_TYPE: type, TF_FLOAT, TF_INT32 } = backend.binding;
  const attributes = [
    { name: 'T', type, value: TF_FLOAT },
    { name: 'Tindices', type, value: TF_INT32 },
    { name: 'Tnumsegments', type, value: TF_INT32 },
  ];
  const inputs = [x, segmentIds, tf.scalar(numSegments, 'int32')];
  return backend.executeSingleOutput('UnsortedSegmentMax', attributes, inputs) as T;
}
