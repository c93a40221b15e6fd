import * as tf from '@tensorflow/tfjs-core';
import type { Address, CudaDevice } from './device.js';

/** Name under which TensorFlow.js knows the engine. */
export const CUDA = 'cuda';

/** What stands behind a tensor: on the host, on the device, or both. */
interface Entry {
  readonly dtype: tf.DataType;
  readonly size: number;
  values: tf.BackendValues | undefined; // as they came from the host, until the device writes to them
  address: Address | undefined;
  refCount: number;
}

/**
 * Tensors in the memory of a CUDA device. They go there at their first use and come back when somebody reads them. What
 * came from the host stays readable there without waiting for the device: index arrays are checked so.
 */
export class CudaBackend extends tf.KernelBackend {
  private readonly data: tf.DataStorage<Entry> = new tf.DataStorage(this, tf.engine());
  /** Stock operations that have no kernel here and ran on the host, with their number of calls: they cost a wait each. */
  readonly hostCalls = new Map<string, number>();

  constructor(readonly device: CudaDevice) {
    super();
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    const dataId = {};
    this.data.set(dataId, entryOf(shape, dtype, values));
    return dataId;
  }

  override move(
    dataId: tf.DataId,
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    this.data.set(dataId, { ...entryOf(shape, dtype, values), refCount });
  }

  /** A tensor whose values a kernel is about to write. */
  output(shape: readonly number[], dtype: tf.DataType = 'float32'): tf.TensorInfo {
    const dataId = {};
    const entry = { ...entryOf(shape, dtype, undefined), address: 0 };
    entry.address = this.device.allocate(4 * entry.size);
    this.data.set(dataId, entry);
    return { dataId, shape: [...shape], dtype };
  }

  /** Where the values of a tensor lie on the device; they are taken there if they are not yet. */
  address(tensor: tf.TensorInfo): Address {
    const entry = this.data.get(tensor.dataId);
    if (entry.address === undefined) {
      const address = this.device.allocate(4 * entry.size);
      this.device.upload(address, asWords(entry));
      entry.address = address;
    }
    return entry.address;
  }

  /** As `address`, for a kernel that changes the values in place. */
  addressToWrite(tensor: tf.TensorInfo): Address {
    const address = this.address(tensor);
    this.data.get(tensor.dataId).values = undefined;
    return address;
  }

  /** Whether a value of the tensor can be read without waiting for the device. */
  isOnHost(tensor: tf.TensorInfo): boolean {
    return this.data.get(tensor.dataId).values !== undefined;
  }

  override readSync(dataId: tf.DataId): tf.BackendValues {
    const entry = this.data.get(dataId);
    if (entry.values !== undefined) return entry.values;
    const words = entry.dtype === 'float32' ? new Float32Array(entry.size) : new Int32Array(entry.size);
    this.device.download(entry.address as Address, words);
    return entry.dtype === 'bool' ? Uint8Array.from(words) : words;
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    return this.readSync(dataId);
  }

  override incRef(dataId: tf.DataId): void {
    this.data.get(dataId).refCount++;
  }

  decRef(dataId: tf.DataId): void {
    this.data.get(dataId).refCount--;
  }

  override refCount(dataId: tf.DataId): number {
    return this.data.has(dataId) ? this.data.get(dataId).refCount : 0;
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.data.has(dataId)) return true;
    const entry = this.data.get(dataId);
    entry.refCount--;
    if (!force && entry.refCount > 0) return false;
    if (entry.address !== undefined) this.device.free(entry.address);
    this.data.delete(dataId);
    return true;
  }

  disposeIntermediate(tensor: tf.TensorInfo): void {
    this.disposeData(tensor.dataId);
  }

  override numDataIds(): number {
    return this.data.numDataIds();
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override async time(work: () => void): Promise<tf.BackendTimingInfo> {
    return { kernelMs: this.device.time(work) };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override dispose(): void {}
}

function entryOf(shape: readonly number[], dtype: tf.DataType, values: tf.BackendValues | undefined): Entry {
  return { dtype, size: shape.reduce((size, n) => size * n, 1), values, address: undefined, refCount: 1 };
}

/** Values as the device holds them: four bytes each. */
function asWords({ dtype, values }: Entry): Float32Array | Int32Array {
  const numbers = values as ArrayLike<number>;
  if (dtype === 'float32') return numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
  if (dtype === 'int32' || dtype === 'bool')
    return numbers instanceof Int32Array ? numbers : Int32Array.from(numbers, Number);
  throw new Error(`Tensors of type ${dtype} cannot go to the device.`);
}
