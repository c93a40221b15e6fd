import type { Random } from '../core/random.js';
import type { EvidencePack } from './evidence.js';

/** What an attacker gains who knows everybody's communities and reads the personas. */
export interface Reidentification {
  readonly attack: 'nearest neighbour by cosine';
  readonly targets: number; // people attacked
  readonly hits: number; // times that the one nearest to the evidence was the target
  readonly rate: number; // hits / targets
  readonly chance: number; // of naming the target without the personas
  /** Groups only: chance that a member is nearer to its persona's evidence than somebody who is none; 0.5 = no gain. */
  readonly membershipAuc: number | null;
}

/** Members, and others, compared per group for `membershipAuc`. */
const AUC_SAMPLE = 500;
/** Users who stand for all others in that comparison, evenly spread over the order of hashes. */
const AUC_USERS = 5000;

/**
 * The nearest-neighbour attack from evidence back to people: each persona's rows become a vector (share × log lift, for
 * single users attention × log lift), and the user whose set of communities has the highest cosine with it is taken to be
 * the one it tells of. A group is attacked on behalf of each of its members, of whom at most one can be the nearest.
 *
 * @param users each user once, with its communities by name
 * @param personaOf the pack that tells of a user, as an index; −1 where none does
 */
export async function reidentify(
  packs: readonly EvidencePack[],
  users: AsyncIterable<{ readonly user: number; readonly subreddits: readonly string[] }>,
  personaOf: (user: number) => number,
  numUsers: number,
  random: Random,
): Promise<Reidentification> {
  const postings = new Map<string, { pack: number; weight: number }[]>();
  packs.forEach((pack, p) => {
    const weights = pack.evidence.map(
      (row) => (pack.unit === 'user' ? row.attention : row.share) * Math.log2(1 + row.lift),
    );
    const norm = Math.hypot(...weights) || 1;
    pack.evidence.forEach((row, i) => {
      const list = postings.get(row.subreddit) ?? [];
      list.push({ pack: p, weight: weights[i] / norm });
      postings.set(row.subreddit, list);
    });
  });
  const best = packs.map(() => ({ score: 0, user: -1, ties: 0 }));
  const members = packs.map(() => new Reservoir(AUC_SAMPLE, random.fork('members')));
  const others = packs.map(() => new Reservoir(AUC_SAMPLE, random.fork('others')));
  const isGroup = packs.some(({ unit }) => unit === 'cluster');
  const scores = new Float64Array(packs.length);
  const stride = Math.max(1, Math.floor(numUsers / AUC_USERS));
  let targets = 0;
  for await (const { user, subreddits } of users) {
    const touched = new Set<number>();
    for (const name of subreddits)
      for (const { pack, weight } of postings.get(name) ?? []) {
        scores[pack] += weight;
        touched.add(pack);
      }
    const own = personaOf(user);
    const compared = isGroup && user % stride === 0;
    if (own >= 0) targets++;
    for (const p of touched) {
      const score = scores[p] / Math.sqrt(subreddits.length);
      scores[p] = 0;
      if (score > best[p].score + 1e-12) best[p] = { score, user, ties: 1 };
      else if (Math.abs(score - best[p].score) <= 1e-12) best[p].ties++;
      if (p === own) members[p].add(score);
      else if (compared) others[p].add(score);
    }
    if (own >= 0 && !touched.has(own)) members[own].add(0); // shares nothing with its own persona
    if (compared) for (let p = 0; p < packs.length; p++) if (p !== own && !touched.has(p)) others[p].add(0);
  }
  // a tie is broken by guessing
  const hits = best.reduce((sum, { user, ties }, p) => sum + (user >= 0 && personaOf(user) === p ? 1 / ties : 0), 0);
  const aucs = packs.flatMap((_, p) => aucOf(members[p].values, others[p].values) ?? []);
  const rate = targets === 0 ? 0 : hits / targets;
  return {
    attack: 'nearest neighbour by cosine',
    targets,
    hits: Number(hits.toFixed(3)),
    rate: Number(rate.toPrecision(3)),
    chance: Number((1 / Math.max(1, numUsers)).toPrecision(3)),
    membershipAuc:
      isGroup && aucs.length > 0 ? Number((aucs.reduce((a, b) => a + b, 0) / aucs.length).toFixed(3)) : null,
  };
}

/** A uniform sample of a stream (Vitter's algorithm R). */
class Reservoir {
  readonly values: number[] = [];
  private seen = 0;

  constructor(
    private readonly size: number,
    private readonly random: Random,
  ) {}

  add(value: number): void {
    this.seen++;
    if (this.values.length < this.size) this.values.push(value);
    else {
      const at = this.random.below(this.seen);
      if (at < this.size) this.values[at] = value;
    }
  }
}

/** Chance that a value of `a` exceeds one of `b`, ties half; undefined where one is empty. */
function aucOf(a: readonly number[], b: readonly number[]): number | undefined {
  if (a.length === 0 || b.length === 0) return undefined;
  const sorted = [...b].sort((x, y) => x - y);
  const below = (x: number, orEqual: boolean): number => {
    let begin = 0;
    let end = sorted.length;
    while (begin < end) {
      const middle = (begin + end) >> 1;
      if (orEqual ? sorted[middle] <= x : sorted[middle] < x) begin = middle + 1;
      else end = middle;
    }
    return begin;
  };
  return a.reduce((sum, x) => sum + (below(x, false) + below(x, true)) / 2, 0) / (a.length * b.length);
}
