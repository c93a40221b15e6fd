import { nativeKernel } from '../native.js';
import type { InfoNceInputs } from './numeric.js';

/** As `infoNce` of numeric.ts, in float32. */
export function infoNce(inputs: InfoNceInputs, logSumExp: Float32Array): number {
  const loss = new Float64Array(1);
  nativeKernel('infoNce')(...arraysOf(inputs), logSumExp, loss, inputs.dim, inputs.temperature);
  return loss[0];
}

/** As `infoNceGrad` of numeric.ts, in float32. */
export function infoNceGrad(
  inputs: InfoNceInputs,
  logSumExp: Float32Array,
  dLoss: number,
  dY: Float32Array,
  dC: Float32Array,
): void {
  nativeKernel('infoNceGrad')(...arraysOf(inputs), logSumExp, dY, dC, inputs.dim, inputs.temperature, dLoss);
}

function arraysOf({ y, c, posPtr, posIndex, maskPtr, maskIndex, logQ }: InfoNceInputs) {
  return [y, c, posPtr, posIndex, maskPtr, maskIndex, logQ] as const;
}
