import { nativeKernel } from '../native.js';

/** As `nearestCentroid` of numeric.ts; products in float32, so that of two nearly equal scores either may win. */
export function nearestCentroid(
  points: Float32Array,
  dim: number,
  centroids: Float32Array,
  assignment: Int32Array,
  scores: Float32Array,
): void {
  nativeKernel('nearestCentroid')(points, centroids, assignment, scores, dim);
}
