import type { ImageRetrieval } from './image-align.js';

/** How well held-out links are ranked among all subreddits, those already known to the user left out. */
export interface RankingQuality {
  readonly users: number;
  readonly recallAt20: number; // hidden links among the first 20 / hidden links, mean over users
  readonly ndcgAt20: number;
  readonly images?: ImageRetrieval; // of those among them who posted pictures, where training aligns with pictures
}

const CUTOFF = 20;

/**
 * Adds up ranking quality user by user, so that scores need never be held for all users at once.
 *
 * Recall is divided by the number of hidden links, as in the published tables that we compare with.
 */
export class RankingMeter {
  private users = 0;
  private recall = 0;
  private ndcg = 0;

  /**
   * @param scores float32 [S], overwritten: known links become −∞
   * @param known  subreddits the user was given
   * @param hidden subreddits to be found, at least one
   */
  add(scores: Float32Array, known: ArrayLike<number>, hidden: ArrayLike<number>): void {
    for (let i = 0; i < known.length; i++) scores[known[i]] = -Infinity;
    const top = topIndices(scores, CUTOFF);
    const wanted = new Set(Array.from(hidden));
    let hits = 0;
    let dcg = 0;
    top.forEach((subreddit, rank) => {
      if (!wanted.has(subreddit)) return;
      hits++;
      dcg += 1 / Math.log2(rank + 2);
    });
    let ideal = 0;
    for (let rank = 0; rank < Math.min(CUTOFF, hidden.length); rank++) ideal += 1 / Math.log2(rank + 2);
    this.users++;
    this.recall += hits / hidden.length;
    this.ndcg += dcg / ideal;
  }

  result(): RankingQuality {
    const mean = (sum: number) => (this.users === 0 ? 0 : sum / this.users);
    return { users: this.users, recallAt20: mean(this.recall), ndcgAt20: mean(this.ndcg) };
  }
}

/** Positions of the `count` largest scores, largest first; equal scores by position. */
export function topIndices(scores: Float32Array, count: number): number[] {
  const top: number[] = []; // ascending in rank: best first
  for (let i = 0; i < scores.length; i++) {
    if (top.length === count && !(scores[i] > scores[top[count - 1]])) continue;
    let at = Math.min(top.length, count - 1);
    while (at > 0 && scores[i] > scores[top[at - 1]]) {
      top[at] = top[at - 1];
      at--;
    }
    top[at] = i;
  }
  return top;
}
