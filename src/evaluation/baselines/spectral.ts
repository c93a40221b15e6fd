import type { Random } from '../../core/random.js';
import type { BipartiteGraph } from '../../graph/bipartite.js';
import { product } from './dense.js';
import { type FittedMethod, type LinkMethod, sumRows } from './method.js';

/** Columns beyond those wanted, and products with the matrix: what subspace iteration needs for singular vectors this near. */
const OVERSAMPLING = 16;
const ITERATIONS = 8;

/**
 * Leading right singular vectors of the degree-normalised matrix R̃ = D_u^−½ R D_s^−½, by subspace iteration.
 *
 * @returns float32 [S, D] with orthonormal columns, largest singular value first
 */
export function spectralVectors(train: BipartiteGraph, dim: number, random: Random): Float32Array {
  const { userToSubreddit, subredditToUser } = train;
  const numSubreddits = userToSubreddit.numCols;
  const width = Math.min(numSubreddits, dim + OVERSAMPLING);
  const userScale = inverseRoots(userToSubreddit.rowPtr);
  const subredditScale = inverseRoots(subredditToUser.rowPtr);
  let basis: Float32Array = Float32Array.from({ length: numSubreddits * width }, () => random.normal());
  for (let i = 0; i < ITERATIONS; i++) {
    basis = orthonormalized(basis, numSubreddits, width);
    const users = sumRows(userToSubreddit, 0, userToSubreddit.numRows, basis, width, subredditScale);
    for (let u = 0; u < userToSubreddit.numRows; u++)
      for (let d = 0; d < width; d++) users[u * width + d] *= userScale[u];
    basis = sumRows(subredditToUser, 0, numSubreddits, users, width, userScale);
    for (let s = 0; s < numSubreddits; s++) for (let d = 0; d < width; d++) basis[s * width + d] *= subredditScale[s];
  }
  // the last product leaves R̃ᵀR̃ times an orthonormal basis: its columns, sorted by length, near the singular vectors
  basis = rotatedToAxes(basis, numSubreddits, width);
  const out = new Float32Array(numSubreddits * Math.min(dim, width));
  const kept = Math.min(dim, width);
  for (let s = 0; s < numSubreddits; s++) for (let d = 0; d < kept; d++) out[s * kept + d] = basis[s * width + d];
  return out;
}

/** D = 128 singular vectors V: scores D_s^½ V Vᵀ D_s^−½ r, which puts popularity back into what is recommended. */
export function spectral(dim: number, random: Random): LinkMethod {
  return {
    name: `SVD, degree-normalised, D = ${dim}`,
    fit(train) {
      const numSubreddits = train.userToSubreddit.numCols;
      const vectors = spectralVectors(train, dim, random);
      const width = vectors.length / numSubreddits;
      const scale = inverseRoots(train.subredditToUser.rowPtr);
      const output = vectors.slice();
      for (let s = 0; s < numSubreddits; s++)
        for (let d = 0; d < width; d++) output[s * width + d] = scale[s] > 0 ? output[s * width + d] / scale[s] : 0;
      return ({ links }) =>
        (begin, end) => {
          const users = sumRows(links, begin, end, vectors, width, scale);
          return product(users, [end - begin, width], output, [numSubreddits, width], false, true);
        };
    },
  };
}

/**
 * GF-CF (Shen et al., "How powerful is graph convolution for recommendation?", CIKM 2021): the linear filter R̃ᵀR̃ plus α
 * times the ideal low-pass filter D_s^½ V Vᵀ D_s^−½ of 256 singular vectors.
 */
export function gfCf(dim: number, alpha: number, random: Random): LinkMethod {
  return {
    name: 'GF-CF',
    fit(train, asked) {
      const { userToSubreddit, subredditToUser } = train;
      const numSubreddits = userToSubreddit.numCols;
      const lowPass = spectral(dim, random).fit(train, asked) as FittedMethod; // no promise: nothing in it waits
      const userScale = inverseRoots(userToSubreddit.rowPtr).map((scale) => scale * scale);
      const subredditScale = inverseRoots(subredditToUser.rowPtr);
      return (given) => {
        const smooth = lowPass(given);
        const { links } = given;
        return (begin, end) => {
          const scores = smooth(begin, end);
          for (let i = 0; i < scores.length; i++) scores[i] *= alpha;
          for (let u = begin; u < end; u++)
            for (let e = links.rowPtr[u]; e < links.rowPtr[u + 1]; e++) {
              const s = links.colIndex[e];
              for (let f = subredditToUser.rowPtr[s]; f < subredditToUser.rowPtr[s + 1]; f++) {
                const other = subredditToUser.colIndex[f];
                const share = subredditScale[s] * userScale[other];
                for (let g = userToSubreddit.rowPtr[other]; g < userToSubreddit.rowPtr[other + 1]; g++) {
                  const t = userToSubreddit.colIndex[g];
                  scores[(u - begin) * numSubreddits + t] += share * subredditScale[t];
                }
              }
            }
          return scores;
        };
      };
    },
  };
}

/** 1 / √degree per row, 0 for rows without links. */
function inverseRoots(rowPtr: Uint32Array): Float64Array {
  return Float64Array.from({ length: rowPtr.length - 1 }, (_, i) => {
    const degree = rowPtr[i + 1] - rowPtr[i];
    return degree > 0 ? 1 / Math.sqrt(degree) : 0;
  });
}

/** The same span with orthonormal columns: twice by the Cholesky factor of the Gram matrix, which once leaves rough. */
function orthonormalized(basis: Float32Array, numRows: number, width: number): Float32Array {
  let out = basis;
  for (let pass = 0; pass < 2; pass++) {
    const gram = product(out, [numRows, width], out, [numRows, width], true);
    const inverse = inverseCholesky(gram, width);
    out = product(out, [numRows, width], inverse, [width, width]);
  }
  return out;
}

/** Upper triangular W with (X W)ᵀ(X W) = 1 for a Gram matrix XᵀX, in float64. A column that adds nothing becomes zero. */
function inverseCholesky(gram: Float32Array, n: number): Float32Array {
  const lower = new Float64Array(n * n);
  for (let j = 0; j < n; j++)
    for (let i = j; i < n; i++) {
      let sum: number = gram[i * n + j];
      for (let k = 0; k < j; k++) sum -= lower[i * n + k] * lower[j * n + k];
      if (i === j) lower[j * n + j] = sum > 1e-12 ? Math.sqrt(sum) : Infinity;
      else lower[i * n + j] = sum / lower[j * n + j];
    }
  // W = (Lᵀ)⁻¹, column by column
  const out = new Float32Array(n * n);
  const column = new Float64Array(n);
  for (let j = 0; j < n; j++) {
    column.fill(0);
    column[j] = 1 / lower[j * n + j];
    for (let i = j - 1; i >= 0; i--) {
      let sum = 0;
      for (let k = i + 1; k <= j; k++) sum += lower[k * n + i] * column[k];
      column[i] = -sum / lower[i * n + i];
    }
    for (let i = 0; i <= j; i++) out[i * n + j] = column[i];
  }
  return out;
}

/** Turns the columns of X onto the principal axes of XᵀX (Jacobi), longest first, and scales them to unit length. */
function rotatedToAxes(basis: Float32Array, numRows: number, width: number): Float32Array {
  const gram = Float64Array.from(product(basis, [numRows, width], basis, [numRows, width], true));
  const vectors = new Float64Array(width * width);
  for (let i = 0; i < width; i++) vectors[i * width + i] = 1;
  for (let sweep = 0; sweep < 12; sweep++)
    for (let p = 0; p < width; p++) for (let q = p + 1; q < width; q++) rotate(gram, vectors, width, p, q);
  const order = Array.from({ length: width }, (_, i) => i).sort((i, j) => gram[j * width + j] - gram[i * width + i]);
  const turn = new Float32Array(width * width);
  order.forEach((from, to) => {
    const length = Math.sqrt(Math.max(0, gram[from * width + from]));
    for (let i = 0; i < width; i++) turn[i * width + to] = length > 1e-12 ? vectors[i * width + from] / length : 0;
  });
  return product(basis, [numRows, width], turn, [width, width]);
}

function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q];
  if (Math.abs(apq) < 1e-300) return;
  const theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const akp = a[k * n + p];
    const akq = a[k * n + q];
    a[k * n + p] = c * akp - s * akq;
    a[k * n + q] = s * akp + c * akq;
  }
  for (let k = 0; k < n; k++) {
    const apk = a[p * n + k];
    const aqk = a[q * n + k];
    a[p * n + k] = c * apk - s * aqk;
    a[q * n + k] = s * apk + c * aqk;
    const vkp = vectors[k * n + p];
    const vkq = vectors[k * n + q];
    vectors[k * n + p] = c * vkp - s * vkq;
    vectors[k * n + q] = s * vkp + c * vkq;
  }
}
