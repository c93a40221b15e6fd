import type * as tf from '@tensorflow/tfjs-core';
import { type Parameter, parameterOf, type Table } from '../kernels/row-adam/parameter.js';
import type { NamedVariable } from '../nn/encoder.js';

const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

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
  private readonly parameters: ReadonlyMap<string, Parameter>;

  constructor(
    variables: readonly NamedVariable[],
    private readonly weightDecay: number,
  ) {
    this.parameters = new Map(variables.map(({ name, variable }) => [name, parameterOf(variable)]));
  }

  /** Moves one weight of the encoder against its gradient. */
  updateVariable({ name, variable }: NamedVariable, grad: tf.Tensor, step: number, learningRate: number): void {
    // no decay on biases and attention vectors: shrinking them means nothing
    const weightDecay = variable.rank > 1 ? this.weightDecay : 0;
    this.parameter(name).update(grad, { ...ADAM, step, learningRate, weightDecay });
  }

  /** Moves the rows of a table that the step read. `rows` are distinct. */
  updateRows(table: Table, rows: Int32Array, grad: tf.Tensor, step: number, learningRate: number): void {
    table.updateRows(rows, grad, { ...ADAM, step, learningRate, weightDecay: this.weightDecay });
  }

  /** A weight with its moments, for a checkpoint. */
  parameter(name: string): Parameter {
    const parameter = this.parameters.get(name);
    if (!parameter) throw new Error(`no weight is called ${name}`);
    return parameter;
  }

  dispose(): void {
    for (const parameter of this.parameters.values()) parameter.dispose();
  }
}
