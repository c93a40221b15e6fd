import { nativeKernel } from '../native.js';
import type { InfoNceInputs } from './numeric.js';

/** As `infoNce` of numeric.ts, in float32. */
export function infoNce(inputs: InfoNceInputs, dY: Float32Array, dC: Float32Array): number {
  const { y, c, posPtr, posIndex, maskPtr, maskIndex, logQ, dim, temperature } = inputs;
  const loss = new Float64Array(1);
  nativeKernel('infoNce')(y, c, posPtr, posIndex, maskPtr, maskIndex, logQ, dY, dC, loss, dim, temperature);
  return loss[0];
}
