/**
 * Copies rows of x: out[i] = x[index[i]].
 *
 * @param x     float32 [U, D]
 * @param index int32 [N], in [0, U), repeats allowed
 * @param out   float32 [N, D], overwritten
 */
export function gatherRows(x: Float32Array, index: Int32Array, dim: number, out: Float32Array): void {
  for (let i = 0; i < index.length; i++) {
    const row = index[i] * dim;
    const to = i * dim;
    for (let d = 0; d < dim; d++) out[to + d] = x[row + d];
  }
}

/** Backward: dX[index[i]] += dOut[i], in the order of i, summed in float64. dX is float32 [U, D]. */
export function gatherRowsGrad(dOut: Float32Array, index: Int32Array, dim: number, numRows: number): Float32Array {
  const dX = new Float64Array(numRows * dim);
  for (let i = 0; i < index.length; i++) {
    const row = index[i] * dim;
    const from = i * dim;
    for (let d = 0; d < dim; d++) dX[row + d] += dOut[from + d];
  }
  return new Float32Array(dX);
}
