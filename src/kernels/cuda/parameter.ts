import * as tf from '@tensorflow/tfjs-core';
import { assertIndex } from '../checks.js';
import type { AdamOptions } from '../row-adam/step.js';
import type { CudaBackend } from './backend.js';
import { float } from './device.js';

type Part = 'values' | 'm' | 'v';
type Step = AdamOptions & { readonly step: number };

/** A tensor on the device that AdamW moves in place, with its moments there. Its methods wait for nothing but reads. */
export class DeviceParameter {
  private readonly parts: Readonly<Record<Part, tf.Tensor>>;
  private readonly backend = tf.backend() as CudaBackend;
  private readonly dim: number; // of a row

  /** @param tensor of any shape; rows are those of its first axis */
  constructor(tensor: tf.Tensor) {
    const zeros = () => tf.keep(tf.zerosLike(tensor));
    this.parts = { values: tensor, m: zeros(), v: zeros() };
    this.dim = tensor.shape.slice(1).reduce((size, n) => size * n, 1);
  }

  get values(): Float32Array {
    return this.read('values');
  }

  get m(): Float32Array {
    return this.read('m');
  }

  get v(): Float32Array {
    return this.read('v');
  }

  restore(part: Part, values: Float32Array): void {
    this.backend.device.upload(this.backend.addressToWrite(this.parts[part]), values);
  }

  gather(rows: Int32Array): tf.Tensor2D {
    const { backend, dim } = this;
    assertIndex('gatherRows', 'rows', rows, this.parts.values.shape[0]);
    const info = backend.output([rows.length, dim]);
    const index = this.upload(rows);
    const addresses = [backend.address(this.parts.values), index, backend.address(info)];
    backend.device.launchThreads('gather_rows', rows.length * dim, addresses, [rows.length, dim]);
    backend.device.free(index);
    return tf.engine().makeTensorFromTensorInfo(info) as tf.Tensor2D;
  }

  update(grad: tf.Tensor, step: Step): void {
    this.launch(this.parts.values.shape[0] ?? 1, 0, grad, step);
  }

  updateRows(rows: Int32Array, grad: tf.Tensor, step: Step): void {
    assertIndex('rowAdam', 'rows', rows, this.parts.values.shape[0]);
    const index = this.upload(rows);
    this.launch(rows.length, index, grad, step);
    this.backend.device.free(index);
  }

  dispose(): void {
    const { values, m, v } = this.parts;
    tf.dispose(values instanceof tf.Variable ? [m, v] : [values, m, v]); // a variable belongs to whoever made it
  }

  private launch(numRows: number, rows: number, grad: tf.Tensor, options: Step): void {
    const { backend, dim, parts } = this;
    const { learningRate, beta1, beta2, epsilon, weightDecay, step } = options;
    const rate = learningRate / (1 - beta1 ** step);
    const rootCorrection = Math.sqrt(1 - beta2 ** step);
    backend.device.launchThreads(
      'row_adam',
      numRows * dim,
      [...[parts.values, parts.m, parts.v].map((part) => backend.addressToWrite(part)), rows, backend.address(grad)],
      [numRows, dim, ...[beta1, beta2, epsilon, 1 - learningRate * weightDecay, rate, rootCorrection].map(float)],
    );
  }

  /** Indices on the device; to be freed after the launch that reads them. */
  private upload(rows: Int32Array): number {
    const address = this.backend.device.allocate(4 * rows.length);
    this.backend.device.upload(address, rows);
    return address;
  }

  private read(part: Part): Float32Array {
    return Float32Array.from(this.parts[part].dataSync());
  }
}
