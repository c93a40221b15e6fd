/** Rows to average per bag, in compressed-sparse-row form: B bags, E edges. */
export interface Bags {
  readonly rowPtr: Int32Array; // [B + 1], ascending, first 0, last E
  readonly colIndex: Int32Array; // [E], rows of x
  readonly weights: Float32Array | null; // [E], ≥ 0; null weighs every edge alike
}

/**
 * Weighted mean of each bag's rows: out[b] = Σ_e w_e x[colIndex[e]] / Σ_e w_e. A bag whose weights sum to 0, such as
 * the empty one, gives zeros.
 *
 * @param x   float32 [U, D]
 * @param out float32 [B, D], overwritten
 */
export function embeddingBag(x: Float32Array, bags: Bags, dim: number, out: Float32Array): void {
  const { rowPtr, colIndex } = bags;
  const sum = new Float64Array(dim);
  for (let b = 0; b < rowPtr.length - 1; b++) {
    const scale = 1 / totalWeight(bags, b);
    sum.fill(0);
    if (scale < Infinity)
      for (let e = rowPtr[b]; e < rowPtr[b + 1]; e++) {
        const row = colIndex[e] * dim;
        const share = weightOf(bags, e) * scale;
        for (let d = 0; d < dim; d++) sum[d] += share * x[row + d];
      }
    out.set(sum, b * dim);
  }
}

/**
 * Backward: dX[colIndex[e]] += w_e / Σ w · dOut[b], in the order of e, summed in float64.
 *
 * @param dOut float32 [B, D]
 * @param dX   float32 [U, D], overwritten
 */
export function embeddingBagGrad(dOut: Float32Array, bags: Bags, dim: number, dX: Float32Array): void {
  const { rowPtr, colIndex } = bags;
  const sum = new Float64Array(dX.length);
  for (let b = 0; b < rowPtr.length - 1; b++) {
    const scale = 1 / totalWeight(bags, b);
    if (scale === Infinity) continue;
    for (let e = rowPtr[b]; e < rowPtr[b + 1]; e++) {
      const row = colIndex[e] * dim;
      const share = weightOf(bags, e) * scale;
      for (let d = 0; d < dim; d++) sum[row + d] += share * dOut[b * dim + d];
    }
  }
  dX.set(sum);
}

function weightOf({ weights }: Bags, e: number): number {
  return weights === null ? 1 : weights[e];
}

function totalWeight(bags: Bags, b: number): number {
  let total = 0;
  for (let e = bags.rowPtr[b]; e < bags.rowPtr[b + 1]; e++) total += weightOf(bags, e);
  return total;
}
