import type { Random } from '../core/random.js';
import type { Persona } from './persona.js';
import type { TextScorer } from './text-scorer.js';

/** Links of a group's people, counted; those of the people who are asked about are not in it. */
export interface GroupCounts {
  readonly users: number;
  readonly usersIn: Float64Array; // [M] of them in each subreddit
}

/** A person who is asked about: some links known, some hidden. */
export interface TestUser {
  readonly visible: Uint32Array;
  readonly hidden: Uint32Array; // ≥ 1
}

/** How well one ranking of all subreddits finds a person's hidden ones; the visible ones are not ranked. */
export interface RankingScore {
  readonly mrr: number; // mean reciprocal rank of the best-placed hidden link
  readonly mrrInterval: readonly [number, number]; // 95 %, normal
  readonly hitsAt10: number;
  readonly hitsAt50: number;
}

/** Weight of the text beside popularity in "persona × popularity": a round number, set before anything was measured. */
const TEXT_WEIGHT = 20;

/** The words by which a persona is judged. */
export function personaText({ title, summary, roleplay, interests, claims }: Persona): string {
  return [title, summary, roleplay, ...interests, ...claims.map(({ text }) => text)].join('\n');
}

/** The group that fits the visible links best (naive Bayes over subreddits), among those that have a persona. */
export function assignByLinks(visible: Uint32Array, groups: readonly GroupCounts[]): number {
  let best = 0;
  let bestScore = Number.NEGATIVE_INFINITY;
  groups.forEach(({ users, usersIn }, g) => {
    let score = Math.log(users);
    for (const s of visible) score += Math.log((usersIn[s] + 0.1) / (users + 1));
    if (score > bestScore) {
      best = g;
      bestScore = score;
    }
  });
  return best;
}

/** popularity [M] × (1 + weight × text score [M]). */
export function withPopularity(score: Float32Array, popularity: Float64Array): Float64Array {
  return popularity.map((p, s) => p * (1 + TEXT_WEIGHT * score[s]));
}

/** Ranks all subreddits for each person by the scores that `scoreFor` gives them. */
export function rankHidden(users: readonly TestUser[], scoreFor: (index: number) => ArrayLike<number>): RankingScore {
  const reciprocal: number[] = [];
  let at10 = 0;
  let at50 = 0;
  users.forEach(({ visible, hidden }, index) => {
    const rank = bestRank(scoreFor(index), visible, hidden);
    reciprocal.push(1 / rank);
    if (rank <= 10) at10++;
    if (rank <= 50) at50++;
  });
  const n = Math.max(1, users.length);
  const mean = reciprocal.reduce((a, b) => a + b, 0) / n;
  const variance = reciprocal.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, n - 1);
  const half = 1.96 * Math.sqrt(variance / n);
  const rounded = (x: number) => Number(x.toFixed(4));
  return {
    mrr: rounded(mean),
    mrrInterval: [rounded(mean - half), rounded(mean + half)],
    hitsAt10: rounded(at10 / n),
    hitsAt50: rounded(at50 / n),
  };
}

/** Rank of the best-placed hidden subreddit among all but the visible ones; ties count half. */
function bestRank(scores: ArrayLike<number>, visible: Uint32Array, hidden: Uint32Array): number {
  let best = Number.NEGATIVE_INFINITY;
  for (const s of hidden) best = Math.max(best, scores[s]);
  const known = new Set(visible);
  let above = 0;
  let equal = 0;
  for (let s = 0; s < scores.length; s++) {
    if (scores[s] < best || known.has(s)) continue;
    if (scores[s] > best) above++;
    else equal++;
  }
  return 1 + above + (equal - 1) / 2;
}

export interface Matching {
  readonly candidates: number; // groups a persona is to be found among, itself included
  readonly trials: number;
  readonly top1: number;
  readonly chance: number;
}

/**
 * Whether a persona picks out its own people: `draws` times, some members of its group and of each of its nearest groups
 * are drawn, and each lot is scored by how much more its people are in the subreddits the text speaks of than everybody is.
 *
 * @param members by group, the links of people who are asked about, visible and hidden
 */
export function matchOwnGroup(
  scores: readonly Float32Array[],
  nearest: readonly (readonly number[])[],
  members: readonly (readonly Uint32Array[])[],
  popularity: Float64Array,
  options: { lot: number; draws: number; random: Random },
): Matching {
  const { lot, draws, random } = options;
  let trials = 0;
  let right = 0;
  let candidates = 0;
  const fitOf = (score: Float32Array, people: readonly Uint32Array[]): number => {
    let sum = 0;
    let links = 0;
    for (const links_ of people) {
      links += links_.length;
      for (const s of links_) sum += score[s] / Math.sqrt(popularity[s] + 1); // everybody is in the popular ones
    }
    return sum / Math.max(1, links);
  };
  scores.forEach((score, g) => {
    const groups = [g, ...nearest[g]].filter((other) => members[other].length > 0);
    if (groups[0] !== g || groups.length < 2) return;
    candidates = Math.max(candidates, groups.length);
    for (let draw = 0; draw < draws; draw++) {
      const fits = groups.map((other) => {
        const own = random.fork(g, draw, other);
        return fitOf(
          score,
          Array.from({ length: lot }, () => members[other][own.below(members[other].length)]),
        );
      });
      trials++;
      if (fits.every((value, i) => i === 0 || value < fits[0])) right++;
    }
  });
  return {
    candidates,
    trials,
    top1: trials === 0 ? 0 : Number((right / trials).toFixed(4)),
    chance: candidates === 0 ? 0 : Number((1 / candidates).toFixed(4)),
  };
}

/** How different the personas of a set are: 1 − mean cosine of their words (TF-IDF), and two-word sequences used once. */
export function diversity(texts: readonly string[]): { meanDistance: number; distinct2: number } {
  const documents = texts.map((text) => text.toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? []);
  const frequency = new Map<string, number>();
  for (const words of documents) for (const word of new Set(words)) frequency.set(word, (frequency.get(word) ?? 0) + 1);
  const vectors = documents.map((words) => {
    const vector = new Map<string, number>();
    for (const word of words)
      vector.set(word, (vector.get(word) ?? 0) + Math.log(texts.length / (frequency.get(word) ?? 1)));
    const norm = Math.hypot(...vector.values()) || 1;
    for (const [word, x] of vector) vector.set(word, x / norm);
    return vector;
  });
  let sum = 0;
  let pairs = 0;
  for (let i = 0; i < vectors.length; i++)
    for (let j = i + 1; j < vectors.length; j++) {
      let cosine = 0;
      for (const [word, x] of vectors[i]) cosine += x * (vectors[j].get(word) ?? 0);
      sum += 1 - cosine;
      pairs++;
    }
  const bigrams = new Map<string, number>();
  for (const words of documents)
    for (let i = 0; i + 1 < words.length; i++) {
      const pair = `${words[i]} ${words[i + 1]}`;
      bigrams.set(pair, (bigrams.get(pair) ?? 0) + 1);
    }
  const total = [...bigrams.values()].reduce((a, b) => a + b, 0);
  return {
    meanDistance: pairs === 0 ? 0 : Number((sum / pairs).toFixed(4)),
    distinct2: total === 0 ? 0 : Number((bigrams.size / total).toFixed(4)),
  };
}

/** Scores of every persona's words. */
export function scorePersonas(personas: readonly Persona[], scorer: TextScorer): Float32Array[] {
  return personas.map((persona) => scorer.score(personaText(persona)));
}
