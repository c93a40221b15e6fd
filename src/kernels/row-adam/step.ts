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

export function assertAdamStep({ param, m, v, grad, step }: AdamStep): void {
  assertStep('adam', step);
  assertLength('adam', 'm', m, param.length);
  assertLength('adam', 'v', v, param.length);
  assertLength('adam', 'grad', grad, param.length);
}

export function assertRowAdamStep({ table, m, v, dim, rows, grad, step }: RowAdamStep): void {
  assertStep('rowAdam', step);
  assertLength('rowAdam', 'm', m, table.length);
  assertLength('rowAdam', 'v', v, table.length);
  assertLength('rowAdam', 'grad', grad, rows.length * dim);
  assertIndex('rowAdam', 'rows', rows, table.length / dim);
}

export function assertGather(table: Float32Array, dim: number, rows: Int32Array, out: Float32Array): void {
  assertLength('gatherRows', 'out', out, rows.length * dim);
  assertIndex('gatherRows', 'rows', rows, table.length / dim);
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
