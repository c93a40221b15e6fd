import type { Adjacency } from '../graph/csr.js';

export interface DistinguishingOptions {
  readonly topN?: number; // default 20 subreddits a cluster
  readonly minUsers?: number; // default 2: what only one member does says nothing about a group
  /** Weight of the prior, in memberships: how much a cluster must say before it is believed over everyone else. */
  readonly priorStrength?: number; // default 1000
}

/** A subreddit that tells a cluster from all other users. */
export interface DistinguishingSubreddit {
  readonly subreddit: number;
  readonly users: number; // members of the cluster that are in it
  readonly share: number; // (0, 1] users / size of the cluster
  readonly lift: number; // share over the share among all users; 1 = as everywhere
  readonly logOdds: number; // natural logarithm of the odds ratio against all other users, smoothed
  readonly zScore: number; // logOdds over its standard error; > 0 here
}

/**
 * For each cluster the subreddits that set it apart, by z-score of the log-odds ratio with an informative Dirichlet
 * prior (Monroe, Colaresi & Quinn, 2008, eq. 16–22); ties to the smaller id.
 *
 * A membership (user, subreddit) takes the place of a word. The prior is the share of each subreddit in all
 * memberships, so rare subreddits need more evidence and popular ones do not win by size. Users without cluster count
 * among "all other users".
 *
 * @param assignment int32 [N] in [0, k), −1 = no cluster
 * @returns one list per cluster, at most `topN` long; empty for an empty cluster
 */
export function findDistinguishingSubreddits(
  userToSubreddit: Adjacency,
  assignment: Int32Array,
  k: number,
  options: DistinguishingOptions = {},
): DistinguishingSubreddit[][] {
  const { topN = 20, minUsers = 2, priorStrength = 1000 } = options;
  const { numRows: numUsers, numCols: numSubreddits, rowPtr, colIndex } = userToSubreddit;
  const counts = new Uint32Array(k * numSubreddits); // [k, M] users of each cluster in each subreddit
  const memberships = new Float64Array(k);
  const sizes = new Uint32Array(k);
  const everywhere = new Uint32Array(numSubreddits);
  for (let i = 0; i < numUsers; i++) {
    const c = assignment[i];
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) {
      everywhere[colIndex[e]]++;
      if (c >= 0) counts[c * numSubreddits + colIndex[e]]++;
    }
    if (c < 0) continue;
    sizes[c]++;
    memberships[c] += rowPtr[i + 1] - rowPtr[i];
  }
  const allMemberships = colIndex.length;

  return Array.from({ length: k }, (_, c) => {
    const found: DistinguishingSubreddit[] = [];
    for (let j = 0; j < numSubreddits; j++) {
      const users = counts[c * numSubreddits + j];
      if (users < Math.max(1, minUsers)) continue;
      const prior = (priorStrength * everywhere[j]) / allMemberships;
      const here = users + prior;
      const elsewhere = everywhere[j] - users + prior;
      const notHere = memberships[c] + priorStrength - here;
      const notElsewhere = allMemberships - memberships[c] + priorStrength - elsewhere;
      if (notHere <= 0 || notElsewhere <= 0) continue; // the only subreddit there is: nothing to compare
      const logOdds = Math.log(here / notHere) - Math.log(elsewhere / notElsewhere);
      const zScore = logOdds / Math.sqrt(1 / here + 1 / elsewhere);
      if (zScore <= 0) continue;
      const share = users / sizes[c];
      found.push({ subreddit: j, users, share, lift: share / (everywhere[j] / numUsers), logOdds, zScore });
    }
    return found.sort((a, b) => b.zScore - a.zScore || a.subreddit - b.subreddit).slice(0, topN);
  });
}

/**
 * The `count` members nearest to the centroid of each cluster, nearest first, ties to the smaller id. O(N D).
 *
 * @param points     float32 [N, D]
 * @param assignment int32 [N] in [0, k), −1 = no cluster
 * @param centroids  float32 [k, D]
 * @returns one uint32 array of rows per cluster, shorter where the cluster is
 */
export function findMedoids(
  points: Float32Array,
  dim: number,
  assignment: Int32Array,
  centroids: Float32Array,
  count = 5,
): Uint32Array[] {
  const best: { id: number; squared: number }[][] = Array.from({ length: centroids.length / dim }, () => []);
  for (let i = 0; i < assignment.length; i++) {
    const c = assignment[i];
    if (c < 0) continue;
    let squared = 0;
    for (let d = 0; d < dim; d++) squared += (points[i * dim + d] - centroids[c * dim + d]) ** 2;
    const nearest = best[c];
    if (nearest.length === count && !(squared < (nearest.at(-1)?.squared ?? 0))) continue;
    let at = nearest.length;
    while (at > 0 && nearest[at - 1].squared > squared) at--;
    nearest.splice(at, 0, { id: i, squared });
    if (nearest.length > count) nearest.pop();
  }
  return best.map((nearest) => Uint32Array.from(nearest, ({ id }) => id));
}
