/** Sizes and layout of out = op(a) · op(b), where op transposes or does nothing. Row-major throughout. */
export interface MatMulShape {
  readonly m: number; // rows of op(a) and out
  readonly n: number; // columns of op(b) and out
  readonly k: number; // columns of op(a), rows of op(b)
  readonly transposeA?: boolean; // a is stored [k, m]
  readonly transposeB?: boolean; // b is stored [n, k]
  readonly accumulate?: boolean; // add to out instead of overwriting it
}

// 2 × 4 sums plus 6 operands fit the 16 scalar registers of x64; 4 × 4 spills and is 15 % slower. Panels are float64:
// sums are double anyway, and converting while packing saves a conversion per multiplication.
const ROWS = 2;
const COLS = 4;
const PANEL_ENTRIES = 32_768; // of packed left rows: 256 KiB, stays in the second-level cache

/**
 * Matrix product, summed in float64 and rounded once.
 *
 * @param a   float32 [m, k], or [k, m] with `transposeA`
 * @param b   float32 [k, n], or [n, k] with `transposeB`
 * @param out float32 [m, n]
 */
export function matMul(shape: MatMulShape, a: Float32Array, b: Float32Array, out: Float32Array): void {
  const { m, n, k, transposeA = false, transposeB = false, accumulate = false } = shape;
  if (!accumulate) out.fill(0, 0, m * n);
  if (m === 0 || n === 0 || k === 0) return;

  const right = new Float64Array(Math.ceil(n / COLS) * COLS * k);
  pack(b, 0, n, COLS, k, transposeB ? k : 1, transposeB ? 1 : n, right);

  const blockRows = Math.min(Math.max(1, Math.floor(PANEL_ENTRIES / (k * ROWS))), Math.ceil(m / ROWS)) * ROWS;
  const left = new Float64Array(blockRows * k);
  for (let begin = 0; begin < m; begin += blockRows) {
    const end = Math.min(begin + blockRows, m);
    pack(a, begin, end, ROWS, k, transposeA ? 1 : k, transposeA ? m : 1, left);
    multiplyPanels(left, right, begin, end, n, k, out);
  }
}

/**
 * Lays lanes (rows of the left matrix, columns of the right one) `begin` to `end` side by side in panels of `width`
 * lanes: the inner loop then reads both operands from front to back. Where the last panel is not full, what stands in
 * the missing lanes does not matter: their sums are not stored.
 */
function pack(
  source: Float32Array,
  begin: number,
  end: number,
  width: number,
  k: number,
  laneStride: number,
  stepStride: number,
  panels: Float64Array,
): void {
  for (let first = begin; first < end; first += width) {
    const panel = (first - begin) * k;
    for (let lane = 0; lane < Math.min(width, end - first); lane++) {
      let to = panel + lane;
      let from = (first + lane) * laneStride;
      for (let p = 0; p < k; p++, to += width, from += stepStride) panels[to] = source[from];
    }
  }
}

/** Adds the products of every left panel with every right panel to rows `begin` to `end` of out. */
function multiplyPanels(
  left: Float64Array,
  right: Float64Array,
  begin: number,
  end: number,
  n: number,
  k: number,
  out: Float32Array,
): void {
  for (let j = 0; j < n; j += COLS) {
    for (let i = begin; i < end; i += ROWS) {
      let p = (i - begin) * k;
      let q = j * k;
      const panelEnd = p + ROWS * k;
      let s00 = 0;
      let s01 = 0;
      let s02 = 0;
      let s03 = 0;
      let s10 = 0;
      let s11 = 0;
      let s12 = 0;
      let s13 = 0;
      while (p < panelEnd) {
        const a0 = left[p];
        const a1 = left[p + 1];
        const b0 = right[q];
        const b1 = right[q + 1];
        const b2 = right[q + 2];
        const b3 = right[q + 3];
        s00 += a0 * b0;
        s01 += a0 * b1;
        s02 += a0 * b2;
        s03 += a0 * b3;
        s10 += a1 * b0;
        s11 += a1 * b1;
        s12 += a1 * b2;
        s13 += a1 * b3;
        p += ROWS;
        q += COLS;
      }
      const cols = n - j; // of this panel that exist
      addRow(out, i * n + j, cols, s00, s01, s02, s03);
      if (i + 1 < end) addRow(out, (i + 1) * n + j, cols, s10, s11, s12, s13);
    }
  }
}

function addRow(out: Float32Array, at: number, cols: number, s0: number, s1: number, s2: number, s3: number): void {
  out[at] += s0;
  if (cols > 1) out[at + 1] += s1;
  if (cols > 2) out[at + 2] += s2;
  if (cols > 3) out[at + 3] += s3;
}
