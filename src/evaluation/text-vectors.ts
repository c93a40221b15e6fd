import { contentStems, stemOf, wordsOf } from '../rewriting/words.js';

/** Sparse unit vector of a text: positions ascending. Empty where the text has no known word. */
export interface TextVector {
  readonly index: Int32Array;
  readonly weight: Float32Array;
}

/** tf–idf over stems: weight (1 + log tf) · log((1 + N) / (1 + df)) + 1, rows of length 1 (as scikit-learn smooths it). */
export class TextSpace {
  private readonly position = new Map<string, number>();
  private readonly idf: Float64Array;

  constructor(texts: readonly string[]) {
    const documents: number[] = [];
    for (const text of texts)
      for (const stem of contentStems(text)) {
        const at = this.position.get(stem) ?? this.position.size;
        this.position.set(stem, at);
        documents[at] = (documents[at] ?? 0) + 1;
      }
    this.idf = Float64Array.from(documents, (df) => Math.log((1 + texts.length) / (1 + df)) + 1);
  }

  get dim(): number {
    return this.position.size;
  }

  vector(text: string): TextVector {
    const counts = new Map<number, number>();
    for (const word of wordsOf(text)) {
      const at = this.position.get(stemOf(word)); // function words are not in the space
      if (at !== undefined) counts.set(at, (counts.get(at) ?? 0) + 1);
    }
    const index = Int32Array.from(counts.keys()).sort();
    const weight = Float32Array.from(index, (at) => (1 + Math.log(counts.get(at) as number)) * this.idf[at]);
    const norm = Math.sqrt(weight.reduce((sum, w) => sum + w * w, 0));
    for (let i = 0; i < weight.length; i++) weight[i] /= norm;
    return { index, weight };
  }
}

/** Inner product of two sparse vectors: the cosine, as they have length 1. */
export function cosineOf(a: TextVector, b: TextVector): number {
  let sum = 0;
  for (let i = 0, j = 0; i < a.index.length && j < b.index.length; ) {
    if (a.index[i] === b.index[j]) sum += a.weight[i++] * b.weight[j++];
    else if (a.index[i] < b.index[j]) i++;
    else j++;
  }
  return sum;
}

/** 1 − mean cosine of all pairs, by the length of the sum: O(words) for any number of texts. NaN for fewer than two. */
export function diversity(vectors: readonly TextVector[], dim: number): number {
  const sum = new Float64Array(dim);
  let filled = 0;
  for (const { index, weight } of vectors) {
    if (index.length > 0) filled++;
    for (let i = 0; i < index.length; i++) sum[index[i]] += weight[i];
  }
  const n = vectors.length;
  if (n < 2) return Number.NaN;
  const square = sum.reduce((total, value) => total + value * value, 0);
  return 1 - (square - filled) / (n * (n - 1));
}

/** Different n-grams of words among all of them (Li et al. 2016); NaN where there are none. */
export function distinctNgrams(texts: readonly string[], n: number): number {
  const seen = new Set<string>();
  let total = 0;
  for (const text of texts) {
    const words = wordsOf(text);
    for (let i = 0; i + n <= words.length; i++) {
      seen.add(words.slice(i, i + n).join(' '));
      total++;
    }
  }
  return total === 0 ? Number.NaN : seen.size / total;
}
