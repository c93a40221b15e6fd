import { IntegrityError } from '../core/errors.js';

const U32_MAX = 0xffffffff;

/**
 * What one user did, by subreddit: adds up rows that come in any order. The sums of the i-th subreddit of `subreddits`
 * are at `slotAt(i)` of the columns. Columns reserve a slot for each subreddit there may be; untouched ones cost nothing.
 */
export class UserSums {
  size = 0; // subreddits of the user
  readonly subreddits: Uint32Array; // the first `size`: in order of first addition, ascending after `sort`
  readonly posts: Uint32Array;
  readonly comments: Uint32Array;
  readonly rows: Uint32Array; // input rows added up
  readonly score: Float64Array;
  readonly firstUtc: Uint32Array; // s, 0 = unknown
  readonly lastUtc: Uint32Array;
  private readonly slotOf: Uint32Array; // + 1; 0 = none

  /** @param capacity subreddits are below it */
  constructor(readonly capacity: number) {
    this.subreddits = new Uint32Array(capacity);
    this.slotOf = new Uint32Array(capacity);
    this.posts = new Uint32Array(capacity);
    this.comments = new Uint32Array(capacity);
    this.rows = new Uint32Array(capacity);
    this.score = new Float64Array(capacity);
    this.firstUtc = new Uint32Array(capacity);
    this.lastUtc = new Uint32Array(capacity);
  }

  slotAt(i: number): number {
    return this.slotOf[this.subreddits[i]] - 1;
  }

  add(
    subreddit: number,
    posts: number,
    comments: number,
    rows: number,
    score: number,
    firstUtc: number,
    lastUtc: number,
  ): void {
    const slot = this.slotOf[subreddit] - 1;
    if (slot < 0) {
      const fresh = this.size++;
      this.subreddits[fresh] = subreddit;
      this.slotOf[subreddit] = fresh + 1;
      this.posts[fresh] = posts;
      this.comments[fresh] = comments;
      this.rows[fresh] = rows;
      this.score[fresh] = score;
      this.firstUtc[fresh] = firstUtc;
      this.lastUtc[fresh] = lastUtc;
      return;
    }
    const allPosts = this.posts[slot] + posts;
    const allComments = this.comments[slot] + comments;
    const allRows = this.rows[slot] + rows;
    const allScore = this.score[slot] + score;
    if (allPosts > U32_MAX) throw overflowError('posts', allPosts);
    if (allComments > U32_MAX) throw overflowError('comments', allComments);
    if (allRows > U32_MAX) throw overflowError('rows', allRows);
    if (allScore > Number.MAX_SAFE_INTEGER || allScore < Number.MIN_SAFE_INTEGER)
      throw overflowError('score', allScore);
    this.posts[slot] = allPosts;
    this.comments[slot] = allComments;
    this.rows[slot] = allRows;
    this.score[slot] = allScore;
    const first = this.firstUtc[slot];
    if (firstUtc !== 0 && (first === 0 || firstUtc < first)) this.firstUtc[slot] = firstUtc;
    if (lastUtc > this.lastUtc[slot]) this.lastUtc[slot] = lastUtc;
  }

  /** Orders `subreddits`. Most users have a handful, for which a call into the engine would cost more. */
  sort(): void {
    const { subreddits, size } = this;
    if (size > 32) {
      subreddits.subarray(0, size).sort();
      return;
    }
    for (let i = 1; i < size; i++) {
      const value = subreddits[i];
      let j = i - 1;
      for (; j >= 0 && subreddits[j] > value; j--) subreddits[j + 1] = subreddits[j];
      subreddits[j + 1] = value;
    }
  }

  clear(): void {
    for (let i = 0; i < this.size; i++) this.slotOf[this.subreddits[i]] = 0;
    this.size = 0;
  }
}

/** `ERR_INTERACTION_OVERFLOW`: a sum over one user and subreddit is larger than its column can hold. */
export function overflowError(
  column: 'posts' | 'comments' | 'rows' | 'score' | 'subreddits',
  total: number,
): IntegrityError {
  const limit = column === 'score' ? 'an integer within ±2^53' : `at most ${U32_MAX}`;
  const message = `The ${column} of one user in one subreddit add up to ${total}, expected ${limit}. Check the input for repeated or made-up counts.`;
  return new IntegrityError('ERR_INTERACTION_OVERFLOW', message, { column, total });
}
