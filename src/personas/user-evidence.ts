import { estimateTokens } from '../llm/language-model.js';
import {
  type CorpusTotals,
  compareNames,
  EVIDENCE_DEFAULTS,
  type EvidenceOptions,
  type EvidencePack,
  mayBeShown,
  rounded,
  shownInfo,
  subredditName,
  sumOf,
} from './evidence.js';
import type { Evidence } from './persona.js';

/** What one user does: its subreddits with the attention that each gets. */
export interface UserProfile {
  readonly id: string; // pseudonym; part of the persona's id
  readonly interactions: number;
  readonly subreddits: readonly UserSubreddit[];
}

export interface UserSubreddit {
  readonly name: string;
  readonly usersTotal: number;
  readonly attention: number;
  readonly facet?: number | undefined; // side of the user that it belongs to, where they were told apart
}

/**
 * Evidence for one user, for whoever opted in to describe single people. Rows are ranked by attention times the
 * logarithm of the lift; only subreddits of at least `minEvidenceUsers` people are shown. Where facets were told apart, each
 * has rows in proportion to the attention it gets, and one at least.
 */
export function buildUserPack(
  { id, interactions, subreddits }: UserProfile,
  corpus: CorpusTotals,
  options: EvidenceOptions = EVIDENCE_DEFAULTS,
): EvidencePack {
  let all = 0;
  let kept = 0;
  const ranked: { row: Omit<Evidence, 'id'>; score: number }[] = [];
  for (const s of subreddits) {
    const lift = corpus.users / s.usersTotal;
    const score = s.attention * Math.log2(1 + lift);
    all += score;
    const name = subredditName(s.name);
    const info = options.info?.get(name.toLowerCase());
    if (s.usersTotal < options.minEvidenceUsers || !mayBeShown(name, info, options)) continue;
    kept += score;
    const attention = rounded(Math.min(1, s.attention));
    ranked.push({
      row: {
        subreddit: name,
        users: 1,
        share: 1,
        lift: rounded(lift),
        logOdds: 0,
        attention,
        ...facetOf(s),
        ...shownInfo(info),
      },
      score,
    });
  }
  ranked.sort((a, b) => b.score - a.score || compareNames(a.row.subreddit, b.row.subreddit));
  const evidence: Evidence[] = [];
  let tokens = 0;
  for (const { row } of fairShare(ranked, options.maxRows)) {
    const withId = { id: `E${evidence.length + 1}`, ...row };
    tokens += estimateTokens(JSON.stringify(withId));
    if (tokens > options.tokenBudget) break;
    evidence.push(withId);
  }
  return {
    id: `user-${id}`,
    unit: 'user',
    size: { users: 1, interactions },
    evidence,
    neighbours: [],
    tokens,
    snippets: {},
    excluded: all > 0 ? 1 - kept / all : 0,
  };
}

function facetOf({ facet }: UserSubreddit): { facet?: number } {
  return facet === undefined ? {} : { facet };
}

/** The first `count` rows, of which each facet has its share by attention; the rest by rank. Ranked rows in and out. */
function fairShare<T extends { row: Omit<Evidence, 'id'> }>(ranked: readonly T[], count: number): T[] {
  const attention = new Map<number, number>();
  for (const { row } of ranked) attention.set(row.facet ?? 0, (attention.get(row.facet ?? 0) ?? 0) + row.attention);
  const total = sumOf([...attention.values()], (value) => value) || 1;
  const taken = new Map<number, number>();
  const within: T[] = [];
  const beyond: T[] = [];
  for (const one of ranked) {
    const facet = one.row.facet ?? 0;
    const before = taken.get(facet) ?? 0;
    taken.set(facet, before + 1);
    const quota = 1 + Math.floor((Math.max(0, count - attention.size) * (attention.get(facet) as number)) / total);
    (before < quota ? within : beyond).push(one);
  }
  const chosen = new Set([...within, ...beyond].slice(0, count));
  return ranked.filter((one) => chosen.has(one));
}
