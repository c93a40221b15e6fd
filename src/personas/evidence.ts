import { InputError } from '../core/errors.js';
import { estimateTokens } from '../llm/language-model.js';
import { capped, plainText } from '../llm/plain-text.js';
import type { Evidence, Persona } from './persona.js';
import { type SensitiveCategory, sensitivityOf } from './sensitive.js';
import { chooseSnippets, type Snippet, withoutPersons } from './snippets.js';

/** What a cluster does, counted. The lists hold every subreddit of its members, in any order. */
export interface ClusterProfile {
  readonly cluster: number; // ≥ 0; becomes the persona's id
  readonly users: number; // members, ≥ 1
  readonly interactions: number;
  readonly subreddits: readonly SubredditProfile[];
  readonly nearest: readonly number[]; // other clusters, nearest first; may be empty
}

export interface SubredditProfile {
  readonly name: string; // as found in the data, without r/
  readonly usersInCluster: number; // members active in it
  readonly usersTotal: number; // users active in it, whole corpus, ≥ usersInCluster
  readonly attentionMass: number; // sum over members of the part of their attention that it gets
}

export interface CorpusTotals {
  readonly users: number;
  readonly memberships: number; // sum of usersTotal over all subreddits: edges of the graph
}

/** What a table says about a subreddit beside its name. */
export interface SubredditInfo {
  readonly topic?: string;
  readonly description?: string;
  readonly over18?: boolean;
}

/** The evidence that one persona is written from, and nothing else is. */
export interface EvidencePack {
  readonly id: string;
  readonly unit: Persona['unit'];
  readonly size: Persona['size'];
  readonly evidence: readonly Evidence[]; // E1.., strongest first; empty where no row is safe to show
  readonly neighbours: NonNullable<Persona['neighbours']>;
  readonly tokens: number; // estimated size of the evidence in a prompt
  readonly snippets: Readonly<Record<string, readonly string[]>>; // evidence id → texts for the prompt, never published
  readonly excluded: number; // [0, 1] part of the ranking that fell on communities that must not be shown
}

export interface EvidenceOptions {
  readonly minEvidenceUsers: number; // fewest members behind a row
  readonly minShare: number; // smallest part of the members behind a row
  readonly maxRows: number;
  readonly tokenBudget: number; // of all rows and snippets together
  readonly maxNeighbours: number;
  readonly allowSensitive: readonly SensitiveCategory[]; // categories that were asked for in so many words
  readonly info?: ReadonlyMap<string, SubredditInfo> | undefined; // by lower-case name
}

export const EVIDENCE_DEFAULTS: EvidenceOptions = {
  minEvidenceUsers: 10,
  minShare: 0.01,
  maxRows: 20,
  tokenBudget: 4096, // gains flatten at half of it and models invent beyond twice of it (ZIPP)
  maxNeighbours: 3,
  allowSensitive: [],
};

/**
 * How rows are ranked: a mixture of four quantities, each cut at 0 and divided by its largest value in the cluster.
 * Log-odds say what is typical, the contrast what the nearest clusters do not share, attention what the encoder looks
 * at, and share keeps a row that half the members stand behind above one that a handful does.
 */
const RANKING = { logOdds: 0.4, contrast: 0.2, attention: 0.25, share: 0.15 } as const;

/** Total of the Dirichlet prior in pseudo-memberships, spread over subreddits as the corpus is. */
const PRIOR_MEMBERSHIPS = 1000;

const MAX_TOPIC = 60;
const MAX_DESCRIPTION = 160;

const CONTRAST_Z = 1.96; // a difference to a neighbour is named from here on

export function clusterPersonaId(cluster: number): string {
  return `cluster-${String(cluster).padStart(4, '0')}`;
}

/**
 * Ranked evidence for every cluster, in the order given. Only subreddits that are more common in the cluster than in
 * the corpus count; pages of single accounts (`u_…`) never do.
 */
export function buildEvidencePacks(
  profiles: readonly ClusterProfile[],
  corpus: CorpusTotals,
  options: EvidenceOptions = EVIDENCE_DEFAULTS,
): EvidencePack[] {
  const byCluster = new Map(profiles.map((profile) => [profile.cluster, profile]));
  return profiles.map((profile) => {
    assertProfile(profile, corpus);
    const near = profile.nearest
      .filter((cluster) => cluster !== profile.cluster)
      .flatMap((cluster) => byCluster.get(cluster) ?? [])
      .slice(0, options.maxNeighbours);
    return buildPack(profile, near, corpus, options);
  });
}

interface Candidate extends SubredditProfile {
  readonly rawName: string; // `name` is the clean one
  readonly share: number;
  readonly lift: number;
  readonly logOdds: number;
  readonly attention: number;
  readonly inNear: number[]; // users per near cluster
  readonly allowed: boolean; // may be shown
  contrast: number; // z-score against all near clusters together
  score: number;
}

function buildPack(
  profile: ClusterProfile,
  near: readonly ClusterProfile[],
  corpus: CorpusTotals,
  options: EvidenceOptions,
): EvidencePack {
  const candidates = findCandidates(profile, near.length, corpus, options);
  const memberships = sumOf(profile.subreddits, (s) => s.usersInCluster);
  const nearMemberships = near.map((other) => sumOf(other.subreddits, (s) => s.usersInCluster));
  countNear(candidates, near);
  const zAgainst = (c: Candidate, users: number, total: number): number =>
    logOddsZ(c.usersInCluster, memberships, users, total, c.usersTotal / corpus.memberships);

  for (const c of candidates)
    c.contrast =
      near.length === 0
        ? 0
        : zAgainst(
            c,
            sumOf(c.inNear, (n) => n),
            sumOf(nearMemberships, (n) => n),
          );
  rank(candidates);
  const shown = candidates.filter(({ allowed }) => allowed);
  const score = sumOf(candidates, (c) => c.score);

  const evidence: Evidence[] = [];
  const chosen: Candidate[] = [];
  let tokens = 0;
  for (const c of shown.slice(0, options.maxRows)) {
    const row = asEvidence(c, `E${evidence.length + 1}`, options.info?.get(c.name.toLowerCase()));
    const cost = estimateTokens(JSON.stringify(row));
    if (tokens + cost > options.tokenBudget) break;
    tokens += cost;
    evidence.push(row);
    chosen.push(c);
  }

  const neighbours = near.map((other, n) => ({
    id: clusterPersonaId(other.cluster),
    contrast: chosen
      .map((c) => ({ name: c.name, z: zAgainst(c, c.inNear[n], nearMemberships[n]) }))
      .filter(({ z }) => z > CONTRAST_Z)
      .sort((a, b) => b.z - a.z)
      .slice(0, 3)
      .map(({ name }) => name),
  }));
  const size = { users: profile.users, interactions: profile.interactions };
  const excluded = score > 0 ? 1 - sumOf(shown, (c) => c.score) / score : 0;
  const id = clusterPersonaId(profile.cluster);
  return { id, unit: 'cluster', size, evidence, neighbours, tokens, snippets: {}, excluded };
}

/**
 * The pack with texts beside its rows. What the rows leave of the token budget is divided among them by attention; a row
 * that few people wrote in shows none.
 *
 * @param written what members wrote, by the name of the subreddit
 */
export function withSnippets(
  pack: EvidencePack,
  written: ReadonlyMap<string, readonly Snippet[]>,
  options: EvidenceOptions,
): EvidencePack {
  const left = options.tokenBudget - pack.tokens;
  const rows = pack.evidence.filter(({ subreddit }) => written.has(subreddit));
  const attention = sumOf(rows, (row) => row.attention) || 1;
  let { tokens } = pack;
  const snippets: Record<string, readonly string[]> = {};
  for (const { id, subreddit, attention: own } of rows) {
    const texts = chooseSnippets(written.get(subreddit) ?? [], {
      minUsers: options.minEvidenceUsers,
      tokenBudget: Math.floor((left * own) / attention),
    });
    if (texts.length === 0) continue;
    snippets[id] = texts;
    tokens += sumOf(texts, estimateTokens);
  }
  return { ...pack, snippets, tokens };
}

/** Whether a community may stand in a persona: pages of accounts never, sensitive ones where they were asked for. */
export function mayBeShown(
  name: string,
  info: SubredditInfo | undefined,
  { allowSensitive }: EvidenceOptions,
): boolean {
  if (name === '' || /^u_/i.test(name)) return false;
  const category = info?.over18 ? 'over18' : (sensitivityOf(name) ?? sensitivityOf(info?.topic ?? ''));
  return category === undefined || allowSensitive.includes(category);
}

/** Rows that are safe to show, with their statistics; at most ten times as many as are wanted, by log-odds. */
function findCandidates(
  profile: ClusterProfile,
  numNear: number,
  corpus: CorpusTotals,
  options: EvidenceOptions,
): Candidate[] {
  const memberships = sumOf(profile.subreddits, (s) => s.usersInCluster);
  const seen = new Set<string>();
  const candidates: Candidate[] = [];
  for (const s of profile.subreddits) {
    if (s.usersInCluster < Math.max(1, options.minEvidenceUsers)) continue;
    const share = s.usersInCluster / profile.users;
    const lift = share / (s.usersTotal / corpus.users);
    if (share < options.minShare || lift <= 1) continue;
    const name = subredditName(s.name);
    if (name === '' || /^u_/i.test(name) || seen.has(name)) continue;
    const info = options.info?.get(name.toLowerCase());
    seen.add(name);
    const rest = s.usersTotal - s.usersInCluster;
    candidates.push({
      ...s,
      rawName: s.name,
      name,
      share,
      lift,
      logOdds: logOddsZ(
        s.usersInCluster,
        memberships,
        rest,
        corpus.memberships - memberships,
        s.usersTotal / corpus.memberships,
      ),
      attention: Math.min(1, s.attentionMass / profile.users),
      inNear: new Array<number>(numNear).fill(0),
      allowed: mayBeShown(name, info, options),
      contrast: 0,
      score: 0,
    });
  }
  return candidates
    .sort((a, b) => b.logOdds - a.logOdds || compareNames(a.name, b.name))
    .slice(0, 10 * options.maxRows);
}

/** Fills `inNear`. One pass over each near cluster: they can be long, the candidates are few. */
function countNear(candidates: readonly Candidate[], near: readonly ClusterProfile[]): void {
  const byName = new Map(candidates.map((c) => [c.rawName, c]));
  near.forEach((other, n) => {
    for (const s of other.subreddits) {
      const candidate = byName.get(s.name);
      if (candidate) candidate.inNear[n] = s.usersInCluster;
    }
  });
}

function rank(candidates: Candidate[]): void {
  for (const [key, weight] of Object.entries(RANKING) as [keyof typeof RANKING, number][]) {
    const largest = candidates.reduce((most, c) => Math.max(most, c[key]), 0);
    if (largest > 0) for (const c of candidates) c.score += (weight * Math.max(0, c[key])) / largest;
  }
  candidates.sort((a, b) => b.score - a.score || compareNames(a.name, b.name));
}

/**
 * z-score of the log-odds ratio of a word's rate in two corpora under an informative Dirichlet prior (Monroe, Colaresi
 * and Quinn 2008, eq. 16 and 22). Counts `a` of `aTotal` and `b` of `bTotal`; `rate` is the word's part of the prior.
 */
export function logOddsZ(a: number, aTotal: number, b: number, bTotal: number, rate: number): number {
  const prior = PRIOR_MEMBERSHIPS * rate;
  const odds = (y: number, total: number) => (y + prior) / Math.max(total + PRIOR_MEMBERSHIPS - y - prior, 1e-9);
  const difference = Math.log(odds(a, aTotal)) - Math.log(odds(b, bTotal));
  return difference / Math.sqrt(1 / (a + prior) + 1 / (b + prior));
}

function asEvidence(c: Candidate, id: string, info: SubredditInfo | undefined): Evidence {
  return {
    id,
    subreddit: c.name,
    users: c.usersInCluster,
    share: rounded(c.share),
    lift: rounded(c.lift),
    logOdds: rounded(c.logOdds),
    attention: rounded(c.attention),
    ...shownInfo(info),
    ...(c.contrast < -CONTRAST_Z && { note: 'even more common in the nearest clusters' }),
  };
}

/** Topic and description as data: visible, on one line, short. */
export function shownInfo(info: SubredditInfo | undefined): Pick<Evidence, 'topic' | 'description'> {
  const topic = capped(plainText(info?.topic ?? ''), MAX_TOPIC);
  const description = capped(withoutPersons(info?.description ?? ''), MAX_DESCRIPTION);
  return { ...(topic !== '' && { topic }), ...(description !== '' && { description }) };
}

/**
 * A name as data: what cannot be seen is gone, and whatever is not a letter, a digit or one of `_.:-` becomes `_`, so
 * that a name stays one word in any prompt, page or terminal. Reddit's own names pass unchanged. May be empty.
 */
export function subredditName(raw: string): string {
  if (/^[A-Za-z0-9_]{1,30}$/.test(raw)) return raw; // nearly all
  return capped(plainText(raw).replace(/[^\p{L}\p{N}_.:-]+/gu, '_'), 30).replace(/^[.:-]+|[.:…-]+$/g, '');
}

function assertProfile(profile: ClusterProfile, corpus: CorpusTotals): void {
  const fail = (problem: string): never => {
    const fields = { cluster: profile.cluster };
    throw new InputError('ERR_PROFILE', `Profile of cluster ${profile.cluster}: ${problem}.`, fields);
  };
  if (!(profile.users >= 1 && profile.users <= corpus.users))
    fail(`${profile.users} users, expected 1 to ${corpus.users}, the users of the corpus`);
  for (const s of profile.subreddits) {
    const most = Math.min(profile.users, s.usersTotal);
    if (!(s.usersInCluster >= 0 && s.usersInCluster <= most))
      fail(`${s.usersInCluster} members in ${subredditName(s.name)}, expected 0 to ${most}`);
    if (!(s.usersTotal <= corpus.users))
      fail(
        `${s.usersTotal} users in ${subredditName(s.name)}, expected at most ${corpus.users}, the users of the corpus`,
      );
    if (!(s.attentionMass >= 0))
      fail(`attention of ${s.attentionMass} for ${subredditName(s.name)}, expected 0 or more`);
  }
}

export function sumOf<T>(values: readonly T[], value: (of: T) => number): number {
  return values.reduce((sum, of) => sum + value(of), 0);
}

/** Four significant digits: what differs between two machines' `log` stays out of the files. */
export function rounded(x: number): number {
  return Number(x.toPrecision(4));
}

export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
