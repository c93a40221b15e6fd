import * as tf from '@tensorflow/tfjs-core';
import { CUDA } from '../cuda/backend.js';
import { DeviceParameter } from '../cuda/parameter.js';
import { peek, tensorOf } from '../host-backend.js';
import { cores } from '../register.js';
import type { AdamOptions } from './step.js';

export interface Step extends AdamOptions {
  readonly step: number; // counts from 1
}

/**
 * What AdamW moves, with its two moments, kept where the engine in use computes: in the memory of this process, or on the
 * device. `values`, `m` and `v` are float32 of one length; on a device they are copies.
 */
export interface Parameter {
  readonly values: Float32Array;
  readonly m: Float32Array;
  readonly v: Float32Array;
  /** Overwrites one of them. */
  restore(part: 'values' | 'm' | 'v', values: Float32Array): void;
  /** One step against a gradient of the same shape. */
  update(grad: tf.Tensor, step: Step): void;
  dispose(): void;
}

/** A table [V, D] outside the tape, of which a step reads and moves some rows. */
export interface Table extends Parameter {
  /** Rows [N, D], each in [0, V). */
  gather(rows: Int32Array): tf.Tensor2D;
  /** One lazy step of rows, each at most once, against their gradient [N, D]. */
  updateRows(rows: Int32Array, grad: tf.Tensor, step: Step): void;
}

/** A table with moments of zero. Keeps `values` [V, D] where they lie already. */
export function createTable(values: Float32Array, dim: number): Table {
  if (tf.getBackend() !== CUDA) return new HostTable(values, dim);
  return new DeviceParameter(tf.keep(tf.tensor2d(values, [values.length / dim, dim])));
}

/** A variable, moved in place or assigned anew. */
export function parameterOf(variable: tf.Variable): Parameter {
  return tf.getBackend() === CUDA ? new DeviceParameter(variable) : new HostVariable(variable);
}

abstract class HostParameter {
  readonly m: Float32Array;
  readonly v: Float32Array;

  constructor(length: number) {
    this.m = new Float32Array(length);
    this.v = new Float32Array(length);
  }

  dispose(): void {}
}

class HostTable extends HostParameter implements Table {
  constructor(
    readonly values: Float32Array,
    private readonly dim: number,
  ) {
    super(values.length);
  }

  restore(part: 'values' | 'm' | 'v', values: Float32Array): void {
    this[part].set(values);
  }

  gather(rows: Int32Array): tf.Tensor2D {
    return tensorOf<tf.Rank.R2>([rows.length, this.dim], (out) => {
      cores().gatherRows(this.values, this.dim, rows, out);
    });
  }

  update(grad: tf.Tensor, step: Step): void {
    const { values: param, m, v } = this;
    cores().adam({ ...step, param, m, v, grad: peek(grad) });
  }

  updateRows(rows: Int32Array, grad: tf.Tensor, step: Step): void {
    const { values: table, m, v, dim } = this;
    cores().rowAdam({ ...step, table, m, v, dim, rows, grad: peek(grad) });
  }
}

class HostVariable extends HostParameter implements Parameter {
  constructor(private readonly variable: tf.Variable) {
    super(variable.size);
  }

  get values(): Float32Array {
    return Float32Array.from(this.variable.dataSync());
  }

  restore(part: 'values' | 'm' | 'v', values: Float32Array): void {
    if (part === 'values') assign(this.variable, values);
    else this[part].set(values);
  }

  update(grad: tf.Tensor, step: Step): void {
    const { values: param, m, v } = this;
    cores().adam({ ...step, param, m, v, grad: peek(grad) });
    assign(this.variable, param);
  }
}

/** Overwrites a variable. */
export function assign(variable: tf.Variable, values: Float32Array): void {
  const tensor = tf.tensor(values, variable.shape);
  variable.assign(tensor);
  tensor.dispose();
}
