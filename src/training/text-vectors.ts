import type { Random } from '../core/random.js';

/** Texts a word must be in, so that it can tell anything about another text. */
const MIN_TEXTS = 2;
/** Rounds of subspace iteration: enough for words, whose singular values fall off slowly and need not be exact. */
const ROUNDS = 6;

/**
 * Latent semantic analysis (Deerwester et al., 1990): TF-IDF of words, projected onto the space of the first singular
 * vectors, found by subspace iteration. Texts of like words get like vectors.
 *
 * @param texts [N]
 * @returns float32 [N, K] of unit length; zeros for a text in which no word is known from another
 */
export function textVectors(texts: readonly string[], dim: number, random: Random): Float32Array {
  const { rows, numWords } = tfIdf(texts);
  const width = Math.min(dim, numWords);
  let basis = Float64Array.from({ length: numWords * width }, () => random.normal());
  for (let round = 0; round < ROUNDS; round++) {
    basis = timesTransposed(rows, times(rows, basis, width), numWords, width);
    orthonormalize(basis, numWords, width);
  }
  const projected = times(rows, basis, width);
  const out = new Float32Array(texts.length * dim);
  for (let i = 0; i < texts.length; i++) {
    const row = projected.subarray(i * width, (i + 1) * width);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length > 1e-9) for (let k = 0; k < width; k++) out[i * dim + k] = row[k] / length;
  }
  return out;
}

interface SparseRow {
  readonly index: Int32Array; // words
  readonly weight: Float64Array; // of unit length together
}

/** Weight (1 + log tf) · log(N / df); words of a single text are left out. */
function tfIdf(texts: readonly string[]): { rows: SparseRow[]; numWords: number } {
  const counts = texts.map((text) => {
    const count = new Map<string, number>();
    for (const word of text.toLowerCase().match(/[\p{L}\p{N}]{2,}/gu) ?? [])
      count.set(word, (count.get(word) ?? 0) + 1);
    return count;
  });
  const numTexts = new Map<string, number>();
  for (const count of counts) for (const word of count.keys()) numTexts.set(word, (numTexts.get(word) ?? 0) + 1);
  const words = [...numTexts.keys()].filter((word) => (numTexts.get(word) as number) >= MIN_TEXTS);
  const position = new Map(words.map((word, at) => [word, at]));
  const rows = counts.map((count) => {
    const known = [...count].filter(([word]) => position.has(word));
    const weight = Float64Array.from(
      known,
      ([word, tf]) => (1 + Math.log(tf)) * Math.log(texts.length / (numTexts.get(word) as number)),
    );
    const length = Math.sqrt(weight.reduce((sum, value) => sum + value * value, 0)) || 1;
    return {
      index: Int32Array.from(known, ([word]) => position.get(word) as number),
      weight: weight.map((value) => value / length),
    };
  });
  return { rows, numWords: words.length };
}

/** X B: [N, width]. */
function times(rows: readonly SparseRow[], basis: Float64Array, width: number): Float64Array {
  const out = new Float64Array(rows.length * width);
  rows.forEach(({ index, weight }, i) => {
    for (let w = 0; w < index.length; w++)
      for (let k = 0; k < width; k++) out[i * width + k] += weight[w] * basis[index[w] * width + k];
  });
  return out;
}

/** Xᵀ Y: [words, width]. */
function timesTransposed(
  rows: readonly SparseRow[],
  values: Float64Array,
  numWords: number,
  width: number,
): Float64Array<ArrayBuffer> {
  const out = new Float64Array(numWords * width);
  rows.forEach(({ index, weight }, i) => {
    for (let w = 0; w < index.length; w++)
      for (let k = 0; k < width; k++) out[index[w] * width + k] += weight[w] * values[i * width + k];
  });
  return out;
}

/** Gram–Schmidt on columns, in place, twice as once leaves rounding behind. A column that adds nothing becomes zero. */
function orthonormalize(basis: Float64Array, numRows: number, width: number): void {
  for (let k = 0; k < width; k++) {
    for (let pass = 0; pass < 2; pass++)
      for (let j = 0; j < k; j++) {
        let dot = 0;
        for (let i = 0; i < numRows; i++) dot += basis[i * width + k] * basis[i * width + j];
        for (let i = 0; i < numRows; i++) basis[i * width + k] -= dot * basis[i * width + j];
      }
    let square = 0;
    for (let i = 0; i < numRows; i++) square += basis[i * width + k] ** 2;
    const scale = square > 1e-18 ? 1 / Math.sqrt(square) : 0;
    for (let i = 0; i < numRows; i++) basis[i * width + k] *= scale;
  }
}
