import { nativeKernel } from '../native.js';
import type { MatMulShape } from './numeric.js';

/** As `matMul` of numeric.ts; sums in float32, in an order that depends on the sizes alone. */
export function matMul(shape: MatMulShape, a: Float32Array, b: Float32Array, out: Float32Array): void {
  const { m, n, k, transposeA = false, transposeB = false, accumulate = false } = shape;
  nativeKernel('matMul')(a, b, out, m, n, k, Number(transposeA), Number(transposeB), Number(accumulate));
}
