import {
  type AdamOptions,
  type AdamStep,
  assertAdamStep,
  assertGather,
  assertRowAdamStep,
  type RowAdamStep,
} from './step.js';

/** One step of a plain parameter. */
export function adam(adamStep: AdamStep): void {
  assertAdamStep(adamStep);
  const { param, m, v, grad, step, ...options } = adamStep;
  updateRange(param, m, v, 0, grad, 0, param.length, stepSizes(options, step));
}

/**
 * Adam on the rows of a table that this step touched. The bias correction takes the global step; a row that is not
 * touched keeps its value and moments. This is not dense Adam, which would move every row on its old momentum (and,
 * with weight decay, shrink every row): cost here is in N, there in V.
 */
export function rowAdam(rowStep: RowAdamStep): void {
  assertRowAdamStep(rowStep);
  const { table, m, v, dim, rows, grad, step, ...options } = rowStep;
  const sizes = stepSizes(options, step);
  for (let i = 0; i < rows.length; i++) updateRange(table, m, v, rows[i] * dim, grad, i * dim, dim, sizes);
}

/** Copies rows of a table [V, D] into out [N, D]; rows in [0, V). */
export function gatherRows(table: Float32Array, dim: number, rows: Int32Array, out: Float32Array): void {
  assertGather(table, dim, rows, out);
  for (let i = 0; i < rows.length; i++) {
    const at = rows[i] * dim;
    for (let d = 0; d < dim; d++) out[i * dim + d] = table[at + d];
  }
}

interface StepSizes extends AdamOptions {
  readonly rate: number; // learning rate over the first moment's bias correction
  readonly rootCorrection: number; // root of the second moment's bias correction
}

function stepSizes(options: AdamOptions, step: number): StepSizes {
  return {
    ...options,
    rate: options.learningRate / (1 - options.beta1 ** step),
    rootCorrection: Math.sqrt(1 - options.beta2 ** step),
  };
}

function updateRange(
  param: Float32Array,
  m: Float32Array,
  v: Float32Array,
  at: number,
  grad: Float32Array,
  gradAt: number,
  length: number,
  { learningRate, beta1, beta2, epsilon, weightDecay, rate, rootCorrection }: StepSizes,
): void {
  const keep = 1 - learningRate * weightDecay;
  for (let d = 0; d < length; d++) {
    const g = grad[gradAt + d];
    const first = beta1 * m[at + d] + (1 - beta1) * g;
    const second = beta2 * v[at + d] + (1 - beta2) * g * g;
    m[at + d] = first;
    v[at + d] = second;
    param[at + d] = keep * param[at + d] - (rate * first) / (Math.sqrt(second) / rootCorrection + epsilon);
  }
}
