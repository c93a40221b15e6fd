import * as tf from '@tensorflow/tfjs-core';
import { cores } from '../kernels/register.js';
import type { NamedVariable } from '../nn/encoder.js';

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** A table of rows [V, D] outside the tape, with its moments. */
export interface Table {
  readonly values: Float32Array; // [V, D]
  readonly m: Float32Array; // [V, D]
  readonly v: Float32Array; // [V, D]
}

export function createTable(values: Float32Array): Table {
  return { values, m: new Float32Array(values.length), v: new Float32Array(values.length) };
}

/** Learning rate of a step: a linear warm-up, then a cosine down to a twentieth of the peak. */
export function learningRateAt(step: number, peak: number, warmupSteps: number, totalSteps: number): number {
  if (step <= warmupSteps) return (peak * step) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return peak * (0.05 + 0.95 * 0.5 * (1 + Math.cos(Math.PI * progress)));
}

/**
 * AdamW for everything that is trained: row-wise (lazy) for the tables, dense for the weights of the encoder.
 *
 * Row-wise Adam touches only rows that were in the step; it is not dense Adam, and the manifest names it.
 */
export class Optimizer {
  private readonly moments = new Map<string, { m: Float32Array; v: Float32Array }>();

  constructor(
    variables: readonly NamedVariable[],
    private readonly weightDecay: number,
  ) {
    for (const { name, variable } of variables)
      this.moments.set(name, { m: new Float32Array(variable.size), v: new Float32Array(variable.size) });
  }

  /** Moves one weight of the encoder against its gradient. */
  updateVariable({ name, variable }: NamedVariable, grad: tf.Tensor, step: number, learningRate: number): void {
    const param = Float32Array.from(variable.dataSync());
    const moments = this.momentsOf(name);
    // no decay on biases and attention vectors: shrinking them means nothing
    const weightDecay = variable.rank > 1 ? this.weightDecay : 0;
    cores().adam({
      param,
      ...moments,
      grad: grad.dataSync() as Float32Array,
      step,
      learningRate,
      weightDecay,
      ...ADAM,
    });
    assign(variable, param);
  }

  /** Moves the rows of a table that the step read. `rows` are distinct. */
  updateRows(table: Table, dim: number, rows: Int32Array, grad: tf.Tensor, step: number, learningRate: number): void {
    const { values, m, v } = table;
    const gradient = grad.dataSync() as Float32Array;
    cores().rowAdam({
      table: values,
      m,
      v,
      dim,
      rows,
      grad: gradient,
      step,
      learningRate,
      weightDecay: this.weightDecay,
      ...ADAM,
    });
  }

  /** The moments of a weight, for a checkpoint. */
  momentsOf(name: string): { m: Float32Array; v: Float32Array } {
    const moments = this.moments.get(name);
    if (!moments) throw new Error(`no weight is called ${name}`);
    return moments;
  }
}

/** Overwrites a variable. */
export function assign(variable: tf.Variable, values: Float32Array): void {
  const tensor = tf.tensor(values, variable.shape);
  variable.assign(tensor);
  tensor.dispose();
}
