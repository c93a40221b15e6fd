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

/** Who of which cluster is where, counted edge by edge. */
export class MembershipCounter {
  readonly counts: Uint32Array; // [k, M] users of each cluster in each subreddit
  readonly everywhere: Uint32Array; // [M] users in each subreddit, those without cluster included
  readonly memberships: Float64Array; // [k] edges of each cluster
  readonly sizes: Uint32Array; // [k] users
  total = 0; // edges of all

  /** @param assignment int32 [N] in [0, k), −1 = no cluster */
  constructor(
    readonly assignment: Int32Array,
    readonly k: number,
    readonly numSubreddits: number,
  ) {
    this.counts = new Uint32Array(k * numSubreddits);
    this.everywhere = new Uint32Array(numSubreddits);
    this.memberships = new Float64Array(k);
    this.sizes = new Uint32Array(k);
    for (const c of assignment) if (c >= 0) this.sizes[c]++;
  }

  /** Counts edges, given by their ends; each once, in any order. */
  add(users: Uint32Array, subreddits: Uint32Array): void {
    for (let e = 0; e < users.length; e++) {
      const c = this.assignment[users[e]];
      this.everywhere[subreddits[e]]++;
      if (c < 0) continue;
      this.counts[c * this.numSubreddits + subreddits[e]]++;
      this.memberships[c]++;
    }
    this.total += users.length;
  }
}

/**
 * For each cluster the subreddits that set it apart, by z-score of the log-odds ratio with an informative Dirichlet
 * prior (Monroe, Colaresi & Quinn, 2008, eq. 16–22); ties to the smaller id.
 *
 * A membership (user, subreddit) takes the place of a word. The prior is the share of each subreddit in all
 * memberships, so rare subreddits need more evidence and popular ones do not win by size. Users without cluster count
 * among "all other users".
 *
 * @returns one list per cluster, at most `topN` long; empty for an empty cluster
 */
export function findDistinguishingSubreddits(
  { counts, everywhere, memberships, sizes, total, assignment, k, numSubreddits }: MembershipCounter,
  options: DistinguishingOptions = {},
): DistinguishingSubreddit[][] {
  const { topN = 20, minUsers = 2, priorStrength = 1000 } = options;
  const allMemberships = total;
  const numUsers = assignment.length;

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

/** Finds the `count` members nearest to the centroid of each cluster, nearest first, ties to the smaller id. */
export class MedoidFinder {
  private readonly best: { id: number; squared: number }[][];

  /** @param centroids float32 [k, D] */
  constructor(
    private readonly centroids: Float32Array,
    private readonly dim: number,
    private readonly count = 5,
  ) {
    this.best = Array.from({ length: centroids.length / dim }, () => []);
  }

  /**
   * Looks at consecutive points, in ascending order of ids from call to call.
   *
   * @param points     float32 [n, D]
   * @param assignment int32 [n] in [0, k), −1 = no cluster
   */
  add(points: Float32Array, assignment: Int32Array, firstId: number): void {
    const { centroids, dim, count } = this;
    for (let i = 0; i < assignment.length; i++) {
      const c = assignment[i];
      if (c < 0) continue;
      let squared = 0;
      for (let d = 0; d < dim; d++) squared += (points[i * dim + d] - centroids[c * dim + d]) ** 2;
      const nearest = this.best[c];
      if (nearest.length === count && !(squared < (nearest.at(-1)?.squared ?? 0))) continue;
      let at = nearest.length;
      while (at > 0 && nearest[at - 1].squared > squared) at--;
      nearest.splice(at, 0, { id: firstId + i, squared });
      if (nearest.length > count) nearest.pop();
    }
  }

  /** One list of ids per cluster, shorter where the cluster is. */
  result(): Uint32Array[] {
    return this.best.map((nearest) => Uint32Array.from(nearest, ({ id }) => id));
  }
}
