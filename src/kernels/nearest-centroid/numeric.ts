/**
 * The nearest of k centroids for each of N points, by minimising ‖c‖² / 2 − x · c; ties to the smaller.
 *
 * @param points     float32 [N, D]
 * @param centroids  float32 [k, D], k ≥ 1
 * @param assignment int32 [N], overwritten
 * @param scores     float32 [N], overwritten: the least ‖c‖² / 2 − x · c, so that ‖x − c‖² = ‖x‖² + 2 · score
 */
export function nearestCentroid(
  points: Float32Array,
  dim: number,
  centroids: Float32Array,
  assignment: Int32Array,
  scores: Float32Array,
): void {
  const bias = halfSquares(centroids, dim);
  for (let i = 0; i < assignment.length; i++) {
    let nearest = 0;
    let least = Infinity;
    for (let c = 0; c < bias.length; c++) {
      let product = 0;
      for (let d = 0, p = i * dim, q = c * dim; d < dim; d++, p++, q++) product += points[p] * centroids[q];
      const score = bias[c] - product;
      if (score < least) {
        least = score;
        nearest = c;
      }
    }
    assignment[i] = nearest;
    scores[i] = least;
  }
}

/** ‖c‖² / 2 of each row [k]. */
function halfSquares(centroids: Float32Array, dim: number): Float32Array {
  return Float32Array.from({ length: centroids.length / dim }, (_, c) => {
    let squared = 0;
    for (let d = 0; d < dim; d++) squared += centroids[c * dim + d] ** 2;
    return squared / 2;
  });
}
