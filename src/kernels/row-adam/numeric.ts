import { InputError } from '../../core/errors.js';
import { assertIndex } from '../checks.js';

/** Adam (Kingma & Ba, arXiv 1412.6980) with decoupled weight decay (Loshchilov & Hutter, arXiv 1711.05101). */
export interface AdamOptions {
  readonly learningRate: number;
  readonly beta1: number; // in [0, 1)
  readonly beta2: number; // in [0, 1)
  readonly epsilon: number; // > 0, added to the root of the second moment
  readonly weightDecay: number; // per step, times the learning rate; 0 for none
}

/** One Adam step of a plain parameter. All arrays have the same length; param, m and v are updated in place. */
export interface AdamStep extends AdamOptions {
  readonly param: Float32Array;
  readonly m: Float32Array; // first moment, zeros before step 1
  readonly v: Float32Array; // second moment, zeros before step 1
  readonly grad: Float32Array;
  readonly step: number; // counts from 1
}

export function adam({ param, m, v, grad, step, ...options }: AdamStep): void {
  assertStep('adam', step);
  assertLength('adam', 'm', m, param.length);
  assertLength('adam', 'v', v, param.length);
  assertLength('adam', 'grad', grad, param.length);
  updateRange(param, m, v, 0, grad, 0, param.length, stepSizes(options, step));
}

/** One lazy Adam step of a table [V, D]. table, m and v are updated in place. */
export interface RowAdamStep extends AdamOptions {
  readonly table: Float32Array; // [V, D]
  readonly m: Float32Array; // [V, D]
  readonly v: Float32Array; // [V, D]
  readonly dim: number; // D
  readonly rows: Int32Array; // [N], in [0, V), each at most once
  readonly grad: Float32Array; // [N, D], one row for each of `rows`
  readonly step: number; // global step, counts from 1
}

/**
 * Adam on the rows of a table that this step touched. The bias correction takes the global step; a row that is not
 * touched keeps its value and moments. This is not dense Adam, which would move every row on its old momentum (and,
 * with weight decay, shrink every row): cost here is in N, there in V.
 */
export function rowAdam({ table, m, v, dim, rows, grad, step, ...options }: RowAdamStep): void {
  assertStep('rowAdam', step);
  assertLength('rowAdam', 'm', m, table.length);
  assertLength('rowAdam', 'v', v, table.length);
  assertLength('rowAdam', 'grad', grad, rows.length * dim);
  assertIndex('rowAdam', 'rows', rows, table.length / dim);
  const sizes = stepSizes(options, step);
  for (let i = 0; i < rows.length; i++) updateRange(table, m, v, rows[i] * dim, grad, i * dim, dim, sizes);
}

/** Copies rows of a table [V, D] into out [N, D]; rows in [0, V). */
export function gatherRows(table: Float32Array, dim: number, rows: Int32Array, out: Float32Array): void {
  assertLength('gatherRows', 'out', out, rows.length * dim);
  assertIndex('gatherRows', 'rows', rows, table.length / dim);
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

function assertStep(name: string, step: number): void {
  if (Number.isInteger(step) && step >= 1) return;
  throw new InputError('ERR_RANGE', `${name}: step is ${step}, expected an integer from 1 on.`, { name, step });
}

function assertLength(name: string, what: string, array: Float32Array, length: number): void {
  if (array.length === length) return;
  throw new InputError('ERR_SHAPE', `${name}: ${what} has ${array.length} entries, expected ${length}.`, {
    name,
    what,
    expected: length,
    got: array.length,
  });
}
