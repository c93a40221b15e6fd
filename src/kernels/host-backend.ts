import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';

type Values = tf.backend_util.BackendValues;

/** Smaller arrays are cheaper to make than to keep. */
const MIN_BYTES = 1 << 14;
/** Bytes that wait for their next use at the most. */
const MAX_WAITING_BYTES = 1 << 29;

/**
 * The cpu backend, with memory of disposed tensors used again: a training step makes and drops tens of megabytes, and
 * fresh pages cost as much as the arithmetic in them.
 *
 * Memory is only used again if nobody outside can still see it. Values that were read (`dataSync`) belong to the reader
 * from then on, and values that a stock kernel put into a second tensor, such as a slice, are left to the collector.
 */
export class HostBackend extends MathBackendCPU {
  private readonly ours = new WeakSet<ArrayBufferLike>(); // made here, seen by one tensor alone
  private readonly waiting = new Map<number, ArrayBuffer[]>(); // by size
  private waitingBytes = 0;

  /** A float32 tensor; what stands in it is undefined until its values are written. */
  allocate(shape: readonly number[]): { info: tf.TensorInfo; values: Float32Array } {
    const length = shape.reduce((size, n) => size * n, 1);
    const bytes = sizeClass(length * 4);
    const reused = this.waiting.get(bytes)?.pop();
    if (reused) this.waitingBytes -= bytes;
    const buffer = reused ?? new ArrayBuffer(bytes);
    const values = new Float32Array(buffer, 0, length);
    const info = this.makeTensorInfo([...shape], 'float32', values);
    if (bytes >= MIN_BYTES) this.ours.add(buffer);
    return { info, values };
  }

  /** The values of a tensor, to be looked at only while the tensor lives. */
  peek(dataId: tf.DataId): Values {
    return this.data.get(dataId).values as Values;
  }

  override readSync(dataId: tf.DataId): Values {
    this.release(this.data.get(dataId).values);
    return super.readSync(dataId);
  }

  override write(values: Values, shape: number[], dtype: tf.DataType): tf.DataId {
    this.release(values); // a second tensor with the same memory
    return super.write(values, shape, dtype);
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    const values = this.data.has(dataId) ? this.data.get(dataId).values : undefined;
    const disposed = super.disposeData(dataId, force);
    if (disposed && values instanceof Float32Array && this.ours.delete(values.buffer)) this.keep(values.buffer);
    return disposed;
  }

  private keep(buffer: ArrayBufferLike): void {
    if (this.waitingBytes + buffer.byteLength > MAX_WAITING_BYTES) return;
    this.waitingBytes += buffer.byteLength;
    const same = this.waiting.get(buffer.byteLength);
    if (same) same.push(buffer as ArrayBuffer);
    else this.waiting.set(buffer.byteLength, [buffer as ArrayBuffer]);
  }

  private release(values: unknown): void {
    if (ArrayBuffer.isView(values)) this.ours.delete(values.buffer);
  }
}

/** The next size with four significant bits: batches differ a little in size, and at most an eighth is wasted. */
function sizeClass(bytes: number): number {
  if (bytes < MIN_BYTES) return bytes;
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 3);
  return Math.ceil(bytes / step) * step;
}

/**
 * The values of a tensor without taking them: valid until the tensor is disposed. `dataSync` hands them over for good,
 * and the engine has to make new memory for the next tensor of that size.
 */
export function peek(tensor: tf.Tensor): Float32Array {
  const backend = tf.backend();
  return (backend instanceof HostBackend ? backend.peek(tensor.dataId) : tensor.dataSync()) as Float32Array;
}

/** A tensor whose values `fill` writes, in memory of the engine where it is a host engine. */
export function tensorOf<R extends tf.Rank>(shape: tf.ShapeMap[R], fill: (values: Float32Array) => void): tf.Tensor<R> {
  const backend = tf.backend();
  if (backend instanceof HostBackend) {
    const { info, values } = backend.allocate(shape);
    fill(values);
    return tf.engine().makeTensorFromTensorInfo(info) as tf.Tensor<R>;
  }
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  fill(values);
  return tf.tensor(values, shape);
}
