import { invertSpd } from './dense.js';
import { type LinkMethod, sumRows } from './method.js';

/** Subreddits at the most: the dense matrix of this many takes 2.5 GB. */
export const EASE_MAX_SUBREDDITS = 25_000;

/**
 * EASE (Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019): B = 1 − P diag(P)⁻¹ with
 * P = (RᵀR + λ)⁻¹, diagonal zero; scores are r B. No embedding: a matrix of subreddits × subreddits.
 */
export function ease(lambda: number): LinkMethod {
  return {
    name: `EASE, λ = ${lambda}`,
    fit({ userToSubreddit: { numRows, numCols, rowPtr, colIndex } }) {
      const n = numCols;
      const weights = new Float32Array(n * n);
      for (let u = 0; u < numRows; u++)
        for (let e = rowPtr[u]; e < rowPtr[u + 1]; e++)
          for (let f = rowPtr[u]; f < rowPtr[u + 1]; f++) weights[colIndex[e] * n + colIndex[f]]++;
      for (let s = 0; s < n; s++) weights[s * n + s] += lambda;
      invertSpd(weights, n);
      const diagonal = Float32Array.from({ length: n }, (_, s) => weights[s * n + s]);
      for (let s = 0; s < n; s++)
        for (let t = 0; t < n; t++) weights[s * n + t] = s === t ? 0 : -weights[s * n + t] / diagonal[t];
      const ones = new Float32Array(n).fill(1);
      return ({ links }) =>
        (begin, end) =>
          sumRows(links, begin, end, weights, n, ones);
    },
  };
}
