import type { Random } from '../../core/random.js';
import type { Adjacency } from '../../graph/csr.js';
import { topIndices } from '../../training/ranking.js';
import type { LinkCase } from './protocols.js';

/** Gives a score to every subreddit for some users: rows `begin` to `end` of `given`, float32 [end − begin, S]. */
export type ScoreRows = (begin: number, end: number) => Float32Array;

/** Measures of one user, each in [0, 1]; more is better. */
export const USER_METRICS = [
  'recallAt20', // hidden links among the first 20 / hidden links
  'ndcgAt20',
  'mrr', // 1 / rank of the best hidden link
  'hitsAt10', // whether a hidden link is among the first 10
  'accuracy', // hidden link against a subreddit drawn evenly: how often the hidden one scores higher; chance is 0.5
  'accuracyMatched', // the same against one about as popular as the hidden link
] as const;
export type UserMetric = (typeof USER_METRICS)[number];

/** What a method reached on one case. */
export interface LinkQuality {
  readonly users: number;
  readonly perUser: Readonly<Record<UserMetric, Float64Array>>; // [N]
  /** Share of the ranked subreddits that are among somebody's first 20. */
  readonly coverage: number;
  /** Mean users of what is recommended / mean users of what people really joined; 1 = no more popular than life. */
  readonly popularityBias: number;
}

const CUTOFF = 20;
const HITS = 10;
/** Ranks of popularity around a hidden link from which its matched negative is drawn. */
const MATCH_WINDOW = 50;
const USERS_AT_ONCE = 256;

/** Negatives of a case: one even and one matched subreddit per hidden link. The same for every method. */
export interface Negatives {
  readonly uniform: Uint32Array; // [P] in the order of truth.colIndex
  readonly matched: Uint32Array; // [P]
}

/**
 * Draws the negatives of balanced posting accuracy among ranked subreddits that the user has no link to.
 *
 * @param popularity [S] users in the training graph
 */
export function drawNegatives(
  { given, truth }: LinkCase,
  ranked: Uint32Array,
  popularity: Uint32Array,
  random: Random,
): Negatives {
  const byPopularity = ranked.slice().sort((a, b) => popularity[a] - popularity[b] || a - b);
  const placeOf = new Map(Array.from(byPopularity, (subreddit, place) => [subreddit, place]));
  const uniform = new Uint32Array(truth.colIndex.length);
  const matched = new Uint32Array(truth.colIndex.length);
  for (let u = 0; u < truth.numRows; u++) {
    const draws = random.fork(u);
    const linked = new Set([...row(given.links, u), ...row(truth, u)]);
    for (let p = truth.rowPtr[u]; p < truth.rowPtr[u + 1]; p++) {
      uniform[p] = drawUnlinked(byPopularity, 0, byPopularity.length, linked, draws);
      const place = placeOf.get(truth.colIndex[p]) as number;
      const begin = Math.max(0, place - MATCH_WINDOW);
      matched[p] = drawUnlinked(
        byPopularity,
        begin,
        Math.min(byPopularity.length, place + MATCH_WINDOW + 1),
        linked,
        draws,
      );
    }
  }
  return { uniform, matched };
}

/** One of ids[begin … end) that is not linked; where a hundred draws find none, the last drawn, which then counts half. */
function drawUnlinked(ids: Uint32Array, begin: number, end: number, linked: Set<number>, random: Random): number {
  let drawn = ids[begin + random.below(end - begin)];
  for (let i = 0; i < 100 && linked.has(drawn); i++) drawn = ids[begin + random.below(end - begin)];
  return drawn;
}

/**
 * Ranks all subreddits of `ranked` for each user, known links left out, and measures where the hidden links come.
 *
 * Equal scores rank by position, and count half in accuracy.
 */
export function measureLinks(
  { given, truth }: LinkCase,
  score: ScoreRows,
  ranked: Uint32Array,
  negatives: Negatives,
  popularity: Uint32Array,
): LinkQuality {
  const numUsers = truth.numRows;
  const numSubreddits = truth.numCols;
  const perUser = Object.fromEntries(USER_METRICS.map((name) => [name, new Float64Array(numUsers)])) as Record<
    UserMetric,
    Float64Array
  >;
  const recommended = new Uint8Array(numSubreddits);
  let popularityShown = 0;
  let numShown = 0;
  let popularityTrue = 0;
  const scores = new Float32Array(ranked.length);
  const placeOf = new Int32Array(numSubreddits).fill(-1);
  ranked.forEach((subreddit, i) => {
    placeOf[subreddit] = i;
  });

  for (let begin = 0; begin < numUsers; begin += USERS_AT_ONCE) {
    const end = Math.min(numUsers, begin + USERS_AT_ONCE);
    const rows = score(begin, end);
    for (let u = begin; u < end; u++) {
      const all = rows.subarray((u - begin) * numSubreddits, (u - begin + 1) * numSubreddits);
      const hidden = row(truth, u);
      perUser.accuracy[u] = forcedChoice(all, hidden, negatives.uniform.subarray(truth.rowPtr[u]));
      perUser.accuracyMatched[u] = forcedChoice(all, hidden, negatives.matched.subarray(truth.rowPtr[u]));

      for (let i = 0; i < ranked.length; i++) scores[i] = all[ranked[i]];
      for (const subreddit of row(given.links, u)) if (placeOf[subreddit] >= 0) scores[placeOf[subreddit]] = -Infinity;
      const top = topIndices(scores, CUTOFF);
      const isHidden = new Set(Array.from(hidden, (subreddit) => placeOf[subreddit]));
      let hits = 0;
      let dcg = 0;
      top.forEach((place, rank) => {
        const subreddit = ranked[place];
        recommended[subreddit] = 1;
        popularityShown += popularity[subreddit];
        numShown++;
        if (!isHidden.has(place)) return;
        hits++;
        dcg += 1 / Math.log2(rank + 2);
        if (rank < HITS) perUser.hitsAt10[u] = 1;
      });
      let ideal = 0;
      for (let rank = 0; rank < Math.min(CUTOFF, hidden.length); rank++) ideal += 1 / Math.log2(rank + 2);
      perUser.recallAt20[u] = hits / hidden.length;
      perUser.ndcgAt20[u] = dcg / ideal;
      perUser.mrr[u] = 1 / bestRank(scores, isHidden);
      for (const subreddit of hidden) popularityTrue += popularity[subreddit];
    }
  }
  let covered = 0;
  for (const subreddit of ranked) covered += recommended[subreddit];
  return {
    users: numUsers,
    perUser,
    coverage: ranked.length === 0 ? 0 : covered / ranked.length,
    popularityBias:
      numShown === 0 || popularityTrue === 0
        ? 0
        : popularityShown / numShown / (popularityTrue / truth.colIndex.length),
  };
}

function forcedChoice(scores: Float32Array, hidden: ArrayLike<number>, negatives: Uint32Array): number {
  let right = 0;
  for (let p = 0; p < hidden.length; p++) {
    const difference = scores[hidden[p]] - scores[negatives[p]];
    right += difference > 0 ? 1 : difference === 0 ? 0.5 : 0;
  }
  return right / hidden.length;
}

/** Rank, from 1, of the best place among `wanted`; equal scores rank by position. */
function bestRank(scores: Float32Array, wanted: Set<number>): number {
  let best = -1;
  for (const place of wanted)
    if (best < 0 || scores[place] > scores[best] || (scores[place] === scores[best] && place < best)) best = place;
  let rank = 1;
  for (let i = 0; i < scores.length; i++)
    if (scores[i] > scores[best] || (scores[i] === scores[best] && i < best)) rank++;
  return rank;
}

function row({ rowPtr, colIndex }: Adjacency, u: number): Uint32Array {
  return colIndex.subarray(rowPtr[u], rowPtr[u + 1]);
}
