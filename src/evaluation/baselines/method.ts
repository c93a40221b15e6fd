import type { BipartiteGraph } from '../../graph/bipartite.js';
import type { Adjacency } from '../../graph/csr.js';
import type { ScoreRows } from '../links/metrics.js';
import type { GivenLinks } from '../links/protocols.js';

/** A way to predict links: fitted once, then asked about any users by their links alone. */
export interface LinkMethod {
  readonly name: string;
  /** @param asked users of `train` who will be asked about, ascending: beside their links, nothing of them may be learned */
  fit(train: BipartiteGraph, asked: Uint32Array): Promise<FittedMethod> | FittedMethod;
}

export type FittedMethod = (given: GivenLinks) => ScoreRows;

/** Users with a link to each subreddit, float64 [S]. */
export function popularityOf({ subredditToUser: { numRows, rowPtr } }: BipartiteGraph): Float64Array {
  return Float64Array.from({ length: numRows }, (_, s) => rowPtr[s + 1] - rowPtr[s]);
}

/**
 * Rows `begin` to `end` of links times a matrix: each user gets the weighted sum of the rows of its subreddits.
 *
 * @param matrix float32 [S, D]
 * @param weight [S] what a link to a subreddit counts
 * @returns float32 [end − begin, D]
 */
export function sumRows(
  links: Adjacency,
  begin: number,
  end: number,
  matrix: Float32Array,
  dim: number,
  weight: ArrayLike<number>,
): Float32Array {
  const out = new Float32Array((end - begin) * dim);
  for (let u = begin; u < end; u++) {
    const to = (u - begin) * dim;
    for (let e = links.rowPtr[u]; e < links.rowPtr[u + 1]; e++) {
      const subreddit = links.colIndex[e];
      const from = subreddit * dim;
      const w = weight[subreddit];
      for (let d = 0; d < dim; d++) out[to + d] += w * matrix[from + d];
    }
  }
  return out;
}
