import { nativeKernel } from '../native.js';
import type { Bags } from './numeric.js';

const NO_WEIGHTS = new Float32Array(0);

/** As `embeddingBag` of numeric.ts, in float32. */
export function embeddingBag(x: Float32Array, bags: Bags, dim: number, out: Float32Array): void {
  nativeKernel('embeddingBag')(x, bags.rowPtr, bags.colIndex, bags.weights ?? NO_WEIGHTS, out, dim);
}

/** As `embeddingBagGrad` of numeric.ts, in float32. */
export function embeddingBagGrad(dOut: Float32Array, bags: Bags, dim: number, dX: Float32Array): void {
  nativeKernel('embeddingBagGrad')(dOut, bags.rowPtr, bags.colIndex, bags.weights ?? NO_WEIGHTS, dX, dim);
}
