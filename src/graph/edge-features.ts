/**
 * What an edge between a user and a subreddit tells the encoder, and how strong the tie is.
 *
 * For an edge with p posts, c comments, score sum s and last action t (seconds), in a data set whose last action is T:
 *
 *     log_posts    = log(1 + p)
 *     log_comments = log(1 + c)
 *     recency      = 2^(−(T − t) / halfLife), in (0, 1]; 1 where t is unknown
 *     mean_score   = sign(m) · log(1 + |m|) with m = s / (p + c)
 *     weight       = log(1 + p + c) · recency
 *
 * Counts are heavy-tailed, hence the logarithms; `weight` stays > 0 because p + c ≥ 1.
 */
export const EDGE_FEATURES = ['log_posts', 'log_comments', 'recency', 'mean_score'] as const;
export const NUM_EDGE_FEATURES = EDGE_FEATURES.length;

export interface EdgeCounts {
  readonly posts: number;
  readonly comments: number;
  readonly score: number;
  readonly lastUtc: number; // s, 0 where unknown
}

/** Smallest recency: keeps the weight of a tie of long ago above zero in float32. */
const MIN_RECENCY = 1e-6;

/**
 * Writes the features of one edge.
 *
 * @param out float32, overwritten from `at` for NUM_EDGE_FEATURES entries
 * @returns the weight of the tie, > 0
 */
export function edgeFeatures(
  counts: EdgeCounts,
  datasetLastUtc: number,
  halfLifeDays: number,
  out: Float32Array,
  at: number,
): number {
  const { posts, comments, score, lastUtc } = counts;
  const actions = posts + comments;
  const ageDays = lastUtc > 0 ? (datasetLastUtc - lastUtc) / 86_400 : 0;
  const recency = Math.max(MIN_RECENCY, 2 ** (-ageDays / halfLifeDays));
  const meanScore = score / actions;
  out[at] = Math.log1p(posts);
  out[at + 1] = Math.log1p(comments);
  out[at + 2] = recency;
  out[at + 3] = Math.sign(meanScore) * Math.log1p(Math.abs(meanScore));
  return Math.log1p(actions) * recency;
}
