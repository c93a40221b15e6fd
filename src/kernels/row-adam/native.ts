import { nativeKernel } from '../native.js';
import {
  type AdamOptions,
  type AdamStep,
  assertAdamStep,
  assertGather,
  assertRowAdamStep,
  type RowAdamStep,
} from './step.js';

/** As `adam` of numeric.ts, in float32. */
export function adam(adamStep: AdamStep): void {
  assertAdamStep(adamStep);
  const { param, m, v, grad, step } = adamStep;
  nativeKernel('adam')(param, m, v, grad, ...numbersOf(adamStep), step);
}

/** As `rowAdam` of numeric.ts, in float32. */
export function rowAdam(rowStep: RowAdamStep): void {
  assertRowAdamStep(rowStep);
  const { table, m, v, dim, rows, grad, step } = rowStep;
  nativeKernel('rowAdam')(table, m, v, rows, grad, dim, ...numbersOf(rowStep), step);
}

/** As `gatherRows` of numeric.ts. */
export function gatherRows(table: Float32Array, dim: number, rows: Int32Array, out: Float32Array): void {
  assertGather(table, dim, rows, out);
  nativeKernel('gatherRows')(table, rows, out, dim);
}

function numbersOf({ learningRate, beta1, beta2, epsilon, weightDecay }: AdamOptions) {
  return [learningRate, beta1, beta2, epsilon, weightDecay] as const;
}
