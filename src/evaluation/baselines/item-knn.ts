import { type LinkMethod, popularityOf } from './method.js';

/** Neighbors kept per subreddit. */
const NEIGHBORS = 200;

/**
 * Item-based nearest neighbors on TF-IDF: a link weighs idf_s = log(N / users_s), users are scaled to unit length, and the
 * score of a subreddit is the sum of its cosines with the subreddits given, over the nearest 200 of each.
 */
export const itemKnn: LinkMethod = {
  name: 'TF-IDF item-kNN',
  fit(train) {
    const { userToSubreddit, subredditToUser } = train;
    const numSubreddits = userToSubreddit.numCols;
    const idf = popularityOf(train).map((users) => Math.log(userToSubreddit.numRows / Math.max(1, users)));
    const userScale = new Float64Array(userToSubreddit.numRows);
    for (let u = 0; u < userScale.length; u++) {
      let square = 0;
      for (let e = userToSubreddit.rowPtr[u]; e < userToSubreddit.rowPtr[u + 1]; e++)
        square += idf[userToSubreddit.colIndex[e]] ** 2;
      userScale[u] = square > 0 ? 1 / square : 0; // squared: a user counts in both vectors of a cosine
    }
    // with v_s = idf_s · (1 / |u|) over its users: v_s · v_t = idf_s idf_t Σ over shared users of 1 / |u|²
    const norm = new Float64Array(numSubreddits);
    for (let s = 0; s < numSubreddits; s++) {
      let square = 0;
      for (let e = subredditToUser.rowPtr[s]; e < subredditToUser.rowPtr[s + 1]; e++)
        square += userScale[subredditToUser.colIndex[e]];
      norm[s] = Math.sqrt(square);
    }

    const neighbors: Uint32Array[] = [];
    const cosines: Float32Array[] = [];
    const sum = new Float64Array(numSubreddits);
    for (let s = 0; s < numSubreddits; s++) {
      const touched: number[] = [];
      for (let e = subredditToUser.rowPtr[s]; e < subredditToUser.rowPtr[s + 1]; e++) {
        const u = subredditToUser.colIndex[e];
        for (let f = userToSubreddit.rowPtr[u]; f < userToSubreddit.rowPtr[u + 1]; f++) {
          const t = userToSubreddit.colIndex[f];
          if (sum[t] === 0) touched.push(t);
          sum[t] += userScale[u];
        }
      }
      const cosine = (t: number) => (norm[s] * norm[t] > 0 ? sum[t] / (norm[s] * norm[t]) : 0);
      const ranked = touched.filter((t) => t !== s).map((t) => ({ t, cosine: cosine(t) }));
      ranked.sort((a, b) => b.cosine - a.cosine || a.t - b.t);
      ranked.length = Math.min(ranked.length, NEIGHBORS);
      neighbors.push(Uint32Array.from(ranked, ({ t }) => t));
      cosines.push(Float32Array.from(ranked, (neighbor) => neighbor.cosine));
      for (const t of touched) sum[t] = 0;
    }

    return ({ links }) =>
      (begin, end) => {
        const scores = new Float32Array((end - begin) * numSubreddits);
        for (let u = begin; u < end; u++)
          for (let e = links.rowPtr[u]; e < links.rowPtr[u + 1]; e++) {
            const s = links.colIndex[e];
            for (let i = 0; i < neighbors[s].length; i++)
              scores[(u - begin) * numSubreddits + neighbors[s][i]] += idf[s] * cosines[s][i];
          }
        return scores;
      };
  },
};
