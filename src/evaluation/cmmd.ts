import { InputError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { type MatMulShape, matMul } from '../kernels/mat-mul/numeric.js';
import { type Estimate, quantile } from './intervals.js';

/** Rows of equal length, unit or not: N rows, D columns, row by row. */
export interface VectorSet {
  readonly values: Float32Array; // [N, D]
  readonly dim: number; // D
}

export interface CmmdOptions {
  readonly sigma: number; // of the kernel exp(−|x−y|² / 2σ²)
  readonly scale: number; // published CMMD figures are 1000 · MMD²
  readonly multiply: (shape: MatMulShape, a: Float32Array, b: Float32Array, out: Float32Array) => void;
}

/** The setting of Jayasumana et al. 2024 (arXiv 2401.09603): σ = 10 on unit-norm CLIP vectors, times 1000. */
export const CMMD_DEFAULTS: CmmdOptions = { sigma: 10, scale: 1000, multiply: matMul };

export interface Cmmd {
  readonly unbiased: number; // may be below 0, and is 0 on average where the distributions are equal
  readonly biased: number; // the V-statistic that cmmd-pytorch prints; above 0 even for equal distributions
  readonly standardError: number; // of the unbiased form, by the jackknife over rows
  readonly sizes: readonly [m: number, n: number];
}

const TILE = 1024; // rows of a block of the kernel matrix: 4 MiB of float32 stay in the second-level caches' reach

/**
 * Squared maximum mean discrepancy of two sets of vectors under a Gaussian kernel (Gretton et al. 2012, equations 3 and 5).
 *
 * The kernel matrix is never held: blocks of TILE × TILE inner products are turned into sums at once. What is summed is
 * k − 1 in float64, because with σ = 10 all kernel values of unit vectors lie in (0.98, 1].
 *
 * @throws `ERR_TOO_FEW_VECTORS` for fewer than two rows on a side
 */
export function cmmd(x: VectorSet, y: VectorSet, options: CmmdOptions = CMMD_DEFAULTS): Cmmd {
  const m = rowsOf(x);
  const n = rowsOf(y);
  if (x.dim !== y.dim)
    throw new InputError('ERR_VECTORS', `Vectors of ${x.dim} and of ${y.dim} dimensions cannot be compared.`, {
      dims: [x.dim, y.dim],
    });
  if (m < 2 || n < 2)
    throw new InputError('ERR_TOO_FEW_VECTORS', `CMMD needs at least two vectors on each side, got ${m} and ${n}.`, {
      sizes: [m, n],
    });
  const xx = new Float64Array(m); // Σ_j≠i (k(x_i, x_j) − 1)
  const yy = new Float64Array(n);
  const xy = new Float64Array(m); // Σ_j (k(x_i, y_j) − 1)
  const yx = new Float64Array(n);
  const tile = new Float32Array(Math.min(TILE, Math.max(m, n)) ** 2);
  addKernelSums(x, x, xx, xx, tile, options);
  addKernelSums(y, y, yy, yy, tile, options);
  addKernelSums(x, y, xy, yx, tile, options);

  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
  const [sumXx, sumYy, sumXy] = [sum(xx), sum(yy), sum(xy)];
  const of = (sXx: number, sYy: number, sXy: number, a: number, b: number) =>
    options.scale * (sXx / (a * (a - 1)) + sYy / (b * (b - 1)) - (2 * sXy) / (a * b));
  const unbiased = of(sumXx, sumYy, sumXy, m, n);
  const biased = options.scale * (sumXx / m ** 2 + sumYy / n ** 2 - (2 * sumXy) / (m * n)); // k(x,x) − 1 = 0

  // each row left out once: its sums are known, so this costs nothing more
  const spread = (size: number, without: (i: number) => number) => {
    let total = 0;
    let squares = 0;
    for (let i = 0; i < size; i++) {
      const d = without(i) - unbiased;
      total += d;
      squares += d * d;
    }
    return ((size - 1) / size) * (squares - total ** 2 / size);
  };
  const varianceX = m < 3 ? Number.NaN : spread(m, (i) => of(sumXx - 2 * xx[i], sumYy, sumXy - xy[i], m - 1, n));
  const varianceY = n < 3 ? Number.NaN : spread(n, (i) => of(sumXx, sumYy - 2 * yy[i], sumXy - yx[i], m, n - 1));
  return { unbiased, biased, standardError: Math.sqrt(varianceX + varianceY), sizes: [m, n] };
}

export interface CmmdReport {
  readonly size: number; // rows a side in every figure below
  readonly repeats: number;
  readonly unbiased: Estimate; // generated against reference: mean and percentiles over draws of `size` rows
  readonly biased: Estimate;
  readonly floorUnbiased: Estimate; // reference against reference: disjoint draws, what "no difference" looks like
  readonly floorBiased: Estimate;
  readonly shareBelowFloor: number; // draws whose unbiased value does not exceed the floor's 95 % point
}

/**
 * CMMD at a fixed size, beside the floor that the reference set reaches against itself.
 *
 * Published values depend on the number of images through the bias, so two values say something about each other only at
 * one size. Draws are without replacement; the two draws of the floor are disjoint.
 *
 * @param size rows on each side; 2 · size rows of reference and size rows of generated vectors are needed
 */
export function cmmdAtSize(
  generated: VectorSet,
  reference: VectorSet,
  size: number,
  repeats: number,
  random: Random,
  options: CmmdOptions = CMMD_DEFAULTS,
): CmmdReport {
  const [g, r] = [rowsOf(generated), rowsOf(reference)];
  if (size < 2 || g < size || r < 2 * size)
    throw new InputError(
      'ERR_TOO_FEW_VECTORS',
      `CMMD at size ${size} needs ${size} generated and ${2 * size} reference vectors (half of them against the other half give the floor), got ${g} and ${r}. ` +
        `Take --size ${Math.max(0, Math.min(g, Math.floor(r / 2)))} or fewer.`,
      { size, generated: g, reference: r },
    );
  const drawn: Record<'unbiased' | 'biased' | 'floorUnbiased' | 'floorBiased', number[]> = {
    unbiased: [],
    biased: [],
    floorUnbiased: [],
    floorBiased: [],
  };
  for (let k = 0; k < repeats; k++) {
    const real = draw(reference, 2 * size, random.fork('reference', k));
    const [first, second] = [0, 1].map((half) => ({
      dim: real.dim,
      values: real.values.subarray(half * size * real.dim, (half + 1) * size * real.dim),
    }));
    const value = cmmd(draw(generated, size, random.fork('generated', k)), first, options);
    const floor = cmmd(first, second, options);
    drawn.unbiased.push(value.unbiased);
    drawn.biased.push(value.biased);
    drawn.floorUnbiased.push(floor.unbiased);
    drawn.floorBiased.push(floor.biased);
  }
  const limit = quantile([...drawn.floorUnbiased].sort(ascending), 0.95);
  return {
    size,
    repeats,
    unbiased: spreadOf(drawn.unbiased),
    biased: spreadOf(drawn.biased),
    floorUnbiased: spreadOf(drawn.floorUnbiased),
    floorBiased: spreadOf(drawn.floorBiased),
    shareBelowFloor: drawn.unbiased.filter((value) => value <= limit).length / repeats,
  };
}

/** Copies rows scaled to length 1. Throws `ERR_VECTORS` for rows of zeros or with values that are not finite. */
export function unitRows({ values, dim }: VectorSet): VectorSet {
  const unit = new Float32Array(values.length);
  for (let begin = 0; begin < values.length; begin += dim) {
    let squares = 0;
    for (let d = begin; d < begin + dim; d++) squares += values[d] ** 2;
    if (!(squares > 0 && squares < Number.POSITIVE_INFINITY))
      throw new InputError('ERR_VECTORS', `Vector ${begin / dim + 1} has no direction: it is zero or not finite.`, {
        row: begin / dim,
      });
    const scale = 1 / Math.sqrt(squares);
    for (let d = begin; d < begin + dim; d++) unit[d] = values[d] * scale;
  }
  return { values: unit, dim };
}

export function rowsOf({ values, dim }: VectorSet): number {
  return values.length / dim;
}

function draw(set: VectorSet, size: number, random: Random): VectorSet {
  const rows = rowsOf(set);
  const order = Uint32Array.from({ length: rows }, (_, i) => i);
  const values = new Float32Array(size * set.dim);
  for (let i = 0; i < size; i++) {
    const other = i + random.below(rows - i); // the first `size` steps of a shuffle
    [order[i], order[other]] = [order[other], order[i]];
    values.set(set.values.subarray(order[i] * set.dim, (order[i] + 1) * set.dim), i * set.dim);
  }
  return { values, dim: set.dim };
}

function spreadOf(values: readonly number[]): Estimate {
  const sorted = [...values].sort(ascending);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { value: mean, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
}

const ascending = (a: number, b: number) => a - b;

/**
 * Adds Σ (k − 1) of each row of `a` against `b` to `rowSums`, and of each row of `b` against `a` to `colSums`. For a set
 * against itself (the same object) only the upper half is computed and the diagonal is left out.
 */
function addKernelSums(
  a: VectorSet,
  b: VectorSet,
  rowSums: Float64Array,
  colSums: Float64Array,
  tile: Float32Array,
  { sigma, multiply }: CmmdOptions,
): void {
  const { dim } = a;
  const gamma = 1 / (2 * sigma * sigma);
  const isSelf = a === b;
  const [m, n] = [rowsOf(a), rowsOf(b)];
  const normA = squaredNorms(a);
  const normB = isSelf ? normA : squaredNorms(b);
  for (let i = 0; i < m; i += TILE) {
    const rows = Math.min(TILE, m - i);
    for (let j = isSelf ? i : 0; j < n; j += TILE) {
      const cols = Math.min(TILE, n - j);
      multiply(
        { m: rows, n: cols, k: dim, transposeB: true },
        a.values.subarray(i * dim, (i + rows) * dim),
        b.values.subarray(j * dim, (j + cols) * dim),
        tile.length === rows * cols ? tile : tile.subarray(0, rows * cols),
      );
      const onDiagonal = isSelf && i === j;
      for (let r = 0; r < rows; r++) {
        let rowSum = 0;
        const row = r * cols;
        const norm = normA[i + r];
        for (let c = onDiagonal ? r + 1 : 0; c < cols; c++) {
          const t = gamma * (2 * tile[row + c] - norm - normB[j + c]); // −γ|x−y|²
          const value =
            t > -0.03125 && t < 0.03125
              ? // the series of expm1 to t⁶/720 < 2 · 10⁻¹² relative, four times faster than the function
                t * (1 + t * (1 / 2 + t * (1 / 6 + t * (1 / 24 + t * (1 / 120 + t * (1 / 720))))))
              : Math.expm1(t);
          rowSum += value;
          colSums[j + c] += value;
        }
        rowSums[i + r] += rowSum;
      }
    }
  }
}

function squaredNorms({ values, dim }: VectorSet): Float64Array {
  const norms = new Float64Array(values.length / dim);
  for (let i = 0, at = 0; i < norms.length; i++)
    for (let d = 0; d < dim; d++, at++) norms[i] += values[at] * values[at];
  return norms;
}
