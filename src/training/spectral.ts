import type { Random } from '../core/random.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import { matMul } from '../kernels/mat-mul/numeric.js';

/** Extra columns that the iteration carries beyond those asked for: they speed up the last ones (Halko et al. 2011). */
const OVERSAMPLING = 8;
const ITERATIONS = 6;

/**
 * Tables with which training starts: a user as the mean of its input rows then scores like the best linear graph filter
 * of this rank (GF-CF, Shen et al. 2021), instead of at random.
 *
 *     input row  x_s ∝ V_s / √degree_s      output row  o_s ∝ V_s · √degree_s
 *
 * with V of `singularVectors`, each table scaled to a root mean square of 1 / √D. Columns beyond the number of subreddits are small noise.
 *
 * @returns both float32 [S, D]
 */
export function spectralTables(
  graph: BipartiteGraph,
  dim: number,
  random: Random,
): { input: Float32Array; output: Float32Array } {
  const { userToSubreddit, subredditToUser } = graph;
  const numSubreddits = userToSubreddit.numCols;
  const numVectors = Math.min(dim, numSubreddits);
  const v = singularVectors(graph, numVectors, random.fork('subspace'));
  const noise = random.fork('noise');
  const input = new Float32Array(numSubreddits * dim);
  const output = new Float32Array(numSubreddits * dim);
  for (let s = 0; s < numSubreddits; s++) {
    const root = Math.sqrt(Math.max(1, subredditToUser.rowPtr[s + 1] - subredditToUser.rowPtr[s]));
    for (let d = 0; d < dim; d++) {
      const value = d < numVectors ? v[s * numVectors + d] : 0;
      input[s * dim + d] = value / root;
      output[s * dim + d] = value * root;
    }
  }
  scaleTo(input, dim ** -0.5 / rootMeanSquare(input));
  scaleTo(output, dim ** -0.5 / rootMeanSquare(output));
  for (let at = 0; at < input.length; at++) {
    input[at] += 0.01 * dim ** -0.5 * noise.normal(); // rows that are alike must be able to part
    output[at] += 0.01 * dim ** -0.5 * noise.normal();
  }
  return { input, output };
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length) || 1;
}

function scaleTo(values: Float32Array, factor: number): void {
  for (let at = 0; at < values.length; at++) values[at] *= factor;
}

/**
 * Leading right singular vectors of the degree-normalised adjacency D_u^(−1/2) A D_s^(−1/2), A without weights.
 *
 * Randomised subspace iteration (Halko, Martinsson & Tropp, 2011). Users are walked one by one, so memory is in
 * subreddits, never in users: O(S · D), O(iterations · E · D) time.
 *
 * @param numVectors D ≤ S
 * @returns float32 [S, D], columns orthonormal, by descending singular value
 */
export function singularVectors(graph: BipartiteGraph, numVectors: number, random: Random): Float32Array {
  const numSubreddits = graph.userToSubreddit.numCols;
  const width = Math.min(numSubreddits, numVectors + OVERSAMPLING);
  let basis = Float32Array.from({ length: numSubreddits * width }, () => random.normal());
  let image = basis;
  for (let i = 0; i < ITERATIONS; i++) {
    basis = orthonormalize(i === 0 ? basis : image, numSubreddits, width);
    image = applyTwice(graph, basis, width);
  }
  // Rayleigh–Ritz: inside the subspace, the eigenvectors of a small matrix
  const small = new Float32Array(width * width);
  matMul({ m: width, n: width, k: numSubreddits, transposeA: true }, basis, image, small);
  const { values, vectors } = eigenSymmetric(Float64Array.from(small), width);
  const order = Array.from({ length: width }, (_, c) => c).sort((a, b) => values[b] - values[a]);
  const rotation = new Float32Array(width * numVectors);
  for (let c = 0; c < Math.min(width, numVectors); c++)
    for (let r = 0; r < width; r++) rotation[r * numVectors + c] = vectors[r * width + order[c]];
  const out = new Float32Array(numSubreddits * numVectors);
  matMul({ m: numSubreddits, n: numVectors, k: width }, basis, rotation, out);
  return out;
}

/** Âᵀ Â Q for Q [S, D], user by user. */
function applyTwice(graph: BipartiteGraph, basis: Float32Array, width: number): Float32Array<ArrayBuffer> {
  const { rowPtr, colIndex, numRows, numCols } = graph.userToSubreddit;
  const subredditPtr = graph.subredditToUser.rowPtr;
  const scale = Float64Array.from(
    { length: numCols },
    (_, s) => 1 / Math.sqrt(Math.max(1, subredditPtr[s + 1] - subredditPtr[s])),
  );
  const out = new Float64Array(numCols * width);
  const row = new Float64Array(width);
  for (let u = 0; u < numRows; u++) {
    const begin = rowPtr[u];
    const end = rowPtr[u + 1];
    row.fill(0);
    for (let e = begin; e < end; e++) {
      const at = colIndex[e] * width;
      const w = scale[colIndex[e]];
      for (let d = 0; d < width; d++) row[d] += w * basis[at + d];
    }
    for (let e = begin; e < end; e++) {
      const at = colIndex[e] * width;
      const w = scale[colIndex[e]] / (end - begin);
      for (let d = 0; d < width; d++) out[at + d] += w * row[d];
    }
  }
  return Float32Array.from(out);
}

/** Orthonormal columns with the same span [S, D]: modified Gram–Schmidt, twice, because once is not enough. */
function orthonormalize(columns: Float32Array, numRows: number, width: number): Float32Array<ArrayBuffer> {
  const q = Float64Array.from({ length: columns.length }, (_, at) => {
    const c = Math.floor(at / numRows); // column-major: each column is walked many times
    return columns[(at - c * numRows) * width + c];
  });
  for (let c = 0; c < width; c++) {
    const column = q.subarray(c * numRows, (c + 1) * numRows);
    for (let pass = 0; pass < 2; pass++)
      for (let other = 0; other < c; other++) {
        const against = q.subarray(other * numRows, (other + 1) * numRows);
        let dot = 0;
        for (let r = 0; r < numRows; r++) dot += column[r] * against[r];
        for (let r = 0; r < numRows; r++) column[r] -= dot * against[r];
      }
    let squared = 0;
    for (let r = 0; r < numRows; r++) squared += column[r] * column[r];
    const scale = squared > 1e-24 ? 1 / Math.sqrt(squared) : 0; // a column inside the span of the others vanishes
    for (let r = 0; r < numRows; r++) column[r] *= scale;
  }
  return Float32Array.from({ length: columns.length }, (_, at) => q[(at % width) * numRows + Math.floor(at / width)]);
}

/** Eigenvalues and eigenvectors (columns) of a small symmetric matrix [n, n]: cyclic Jacobi rotations. */
function eigenSymmetric(a: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        off += a[p * n + q] ** 2;
        rotate(a, vectors, n, p, q);
      }
    if (off < 1e-20) break;
  }
  return { values: Float64Array.from({ length: n }, (_, i) => a[i * n + i]), vectors };
}

/** One Jacobi rotation: makes a[p, q] zero. */
function rotate(a: Float64Array, vectors: Float64Array, n: number, p: number, q: number): void {
  const apq = a[p * n + q];
  if (apq === 0) return;
  const theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  for (let i = 0; i < n; i++) {
    const ip = a[i * n + p];
    const iq = a[i * n + q];
    a[i * n + p] = c * ip - s * iq;
    a[i * n + q] = s * ip + c * iq;
  }
  for (let i = 0; i < n; i++) {
    const pi = a[p * n + i];
    const qi = a[q * n + i];
    a[p * n + i] = c * pi - s * qi;
    a[q * n + i] = s * pi + c * qi;
  }
  for (let i = 0; i < n; i++) {
    const vp = vectors[i * n + p];
    const vq = vectors[i * n + q];
    vectors[i * n + p] = c * vp - s * vq;
    vectors[i * n + q] = s * vp + c * vq;
  }
}
