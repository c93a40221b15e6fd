import type { EdgeFeatures } from './bipartite.js';

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
 *
 * Each feature is kept as one of 256 codes, on a scale that spends its steps where the values lie: counts to 64 are
 * exact and larger ones within 5 %; recency and mean score step by the square root, so that a step is at most 0.008 of
 * recency, 0.1 of the mean score near ±2.5 and 0.25 at its ends, ±16. The weight is a function of the codes, so it is
 * the same from memory and from disk.
 */
export const EDGE_FEATURES = ['log_posts', 'log_comments', 'recency', 'mean_score'] as const;
export const NUM_EDGE_FEATURES = EDGE_FEATURES.length;

export interface EdgeCounts {
  readonly posts: number;
  readonly comments: number;
  readonly score: number;
  readonly lastUtc: number; // s, 0 where unknown
}

/** Counts to here have a code of their own; above, codes grow by equal factors up to MAX_COUNT. */
const EXACT_COUNTS = 64;
const MAX_COUNT = 2 ** 32;
const CODES_PER_LOG = (255 - EXACT_COUNTS) / Math.log(MAX_COUNT / EXACT_COUNTS);
const MAX_MEAN_SCORE = 16;

/** The number each code of each feature stands for [F, 256]. */
export const EDGE_FEATURE_VALUES = Float32Array.from({ length: NUM_EDGE_FEATURES * 256 }, (_, at) => {
  const code = at % 256;
  switch (EDGE_FEATURES[at >> 8]) {
    case 'log_posts':
    case 'log_comments':
      return Math.log1p(countOf(code));
    case 'recency':
      return (code / 255) ** 2;
    case 'mean_score':
      return MAX_MEAN_SCORE * Math.sign(code - 128) * ((code - 128) / 127) ** 2;
  }
});

/** Posts or comments that each of their codes stands for [256]; whole and exact to 64. */
export const COUNT_OF_CODE = Float64Array.from({ length: 256 }, (_, code) => countOf(code));

function countOf(code: number): number {
  return code <= EXACT_COUNTS ? code : EXACT_COUNTS * Math.exp((code - EXACT_COUNTS) / CODES_PER_LOG);
}

/**
 * Codes of the features of one edge, in the order of EDGE_FEATURES.
 *
 * @param codes written at `at`
 */
export function encodeEdgeFeatures(
  { posts, comments, score, lastUtc }: EdgeCounts,
  datasetLastUtc: number,
  halfLifeDays: number,
  codes: readonly Uint8Array[],
  at: number,
): void {
  const ageDays = lastUtc > 0 ? (datasetLastUtc - lastUtc) / 86_400 : 0;
  const meanScore = score / (posts + comments);
  const scoreStep = Math.round(127 * Math.sqrt(Math.min(1, Math.log1p(Math.abs(meanScore)) / MAX_MEAN_SCORE)));
  codes[0][at] = countCode(posts);
  codes[1][at] = countCode(comments);
  codes[2][at] = Math.max(1, Math.round(255 * 2 ** (-ageDays / halfLifeDays / 2)));
  codes[3][at] = 128 + (meanScore < 0 ? -scoreStep : scoreStep);
}

function countCode(count: number): number {
  if (count <= EXACT_COUNTS) return count;
  return Math.min(255, Math.round(EXACT_COUNTS + CODES_PER_LOG * Math.log(count / EXACT_COUNTS)));
}

/** Weight of the tie of an edge, > 0; from its codes, in the order of EDGE_FEATURES. */
export function edgeWeight({ codes: [posts, comments, recency] }: EdgeFeatures, edge: number): number {
  return (
    Math.log1p(COUNT_OF_CODE[posts[edge]] + COUNT_OF_CODE[comments[edge]]) *
    EDGE_FEATURE_VALUES[2 * 256 + recency[edge]]
  );
}
