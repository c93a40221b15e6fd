import * as tf from '@tensorflow/tfjs-core';
import { InputError } from '../../core/errors.js';

/** Product of two row-major matrices on the running engine: op(a) [m, k] times op(b) [k, n] gives [m, n]. */
export function product(
  a: Float32Array,
  shapeA: [number, number],
  b: Float32Array,
  shapeB: [number, number],
  transposeA = false,
  transposeB = false,
): Float32Array {
  return tf.tidy(
    () => tf.matMul(tf.tensor2d(a, shapeA), tf.tensor2d(b, shapeB), transposeA, transposeB).dataSync() as Float32Array,
  );
}

/** Columns and rows that are worked on together. */
const BLOCK = 256;
const ROWS_AT_ONCE = 1024;

/**
 * Inverse of a symmetric positive definite matrix, in place: Gauss–Jordan elimination block by block, without pivots.
 *
 * For the block of rows and columns K with pivot P = A_KK: A_KK ← P⁻¹; A_KJ ← P⁻¹ A_KJ; A_IJ ← A_IJ − A_IK A_KJ;
 * A_IK ← −A_IK P⁻¹. 2 n³ operations, nearly all of them in matrix products.
 *
 * @param a float32 [n, n], symmetric positive definite, overwritten with its inverse
 */
export function invertSpd(a: Float32Array, n: number): void {
  for (let begin = 0; begin < n; begin += BLOCK) {
    const end = Math.min(n, begin + BLOCK);
    const width = end - begin;
    const pivot = copyBlock(a, n, begin, end, begin, end);
    invertSmall(pivot, width);
    const pivotRows = a.slice(begin * n, end * n);
    for (let i = 0; i < width; i++) pivotRows.fill(0, i * n + begin, i * n + end);
    const scaled = product(pivot, [width, width], pivotRows, [width, n]);
    for (let top = 0; top < n; top += ROWS_AT_ONCE) {
      const bottom = Math.min(n, top + ROWS_AT_ONCE);
      const left = copyBlock(a, n, top, bottom, begin, end);
      for (let i = Math.max(top, begin); i < Math.min(bottom, end); i++)
        left.fill(0, (i - top) * width, (i - top + 1) * width); // the pivot's own rows are set below
      const update = product(left, [bottom - top, width], scaled, [width, n]);
      const column = product(left, [bottom - top, width], pivot, [width, width]);
      const rows = a.subarray(top * n, bottom * n);
      for (let i = 0; i < rows.length; i++) rows[i] -= update[i];
      for (let i = top; i < bottom; i++)
        for (let j = 0; j < width; j++) a[i * n + begin + j] = -column[(i - top) * width + j];
    }
    for (let i = 0; i < width; i++) {
      a.set(scaled.subarray(i * n, (i + 1) * n), (begin + i) * n);
      a.set(pivot.subarray(i * width, (i + 1) * width), (begin + i) * n + begin);
    }
  }
}

/** Inverse of a small symmetric positive definite matrix, in place, in float64. */
function invertSmall(a: Float32Array, n: number): void {
  const m = Float64Array.from(a);
  for (let k = 0; k < n; k++) {
    const pivot = m[k * n + k];
    if (!(pivot > 0))
      throw new InputError(
        'ERR_NOT_POSITIVE',
        `The matrix to invert is not positive definite: pivot ${pivot}. Regularise more.`,
        { pivot },
      );
    for (let j = 0; j < n; j++) if (j !== k) m[k * n + j] /= pivot;
    for (let i = 0; i < n; i++) {
      const factor = m[i * n + k];
      if (i === k || factor === 0) continue;
      for (let j = 0; j < n; j++) if (j !== k) m[i * n + j] -= factor * m[k * n + j];
      m[i * n + k] = -factor / pivot;
    }
    m[k * n + k] = 1 / pivot;
  }
  a.set(m);
}

function copyBlock(a: Float32Array, n: number, top: number, bottom: number, left: number, right: number): Float32Array {
  const width = right - left;
  const out = new Float32Array((bottom - top) * width);
  for (let i = top; i < bottom; i++) out.set(a.subarray(i * n + left, i * n + right), (i - top) * width);
  return out;
}
