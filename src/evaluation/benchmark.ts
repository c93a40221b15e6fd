import type { Random } from '../core/random.js';
import { VISUAL_INTERESTS } from '../personas/persona.js';
import { visualInterestOf } from '../rewriting/facet.js';
import type { PersonaView } from '../rewriting/persona-view.js';
import { contentStems, promptKey } from '../rewriting/words.js';
import { personaText } from './rewrite-measures.js';
import { cosineOf, TextSpace } from './text-vectors.js';

/** dev is for choosing models, wordings and shots; test for one figure in the end. */
export const SPLITS = ['dev', 'test'] as const;
export type Split = (typeof SPLITS)[number];

/** A prompt that somebody wrote; rows of one user stand in the order of time. */
export interface HistoryRow {
  readonly user: string;
  readonly prompt: string;
  readonly image?: string | undefined; // what the person made with it
  readonly persona?: string | undefined; // where it is known
}

/** Two images of one prompt, and which of them the user took. */
export interface PairRow {
  readonly user: string;
  readonly prompt: string;
  readonly a: string; // model or image
  readonly b: string;
  readonly choice: 'a' | 'b' | 'tie';
}

export interface PoolPrompt {
  readonly id: string;
  readonly prompt: string;
  readonly visualInterest?: string | undefined;
}

/** A line of prompts.jsonl: what is to be rewritten, and for whom. */
export interface BenchmarkPrompt {
  readonly id: string;
  readonly prompt: string;
  readonly persona: string;
  readonly user?: string; // whose earlier prompts may be shown
  readonly visualInterest: string | null;
  readonly reference?: string; // image that the person made with the prompt
}

export interface BenchmarkPart {
  readonly prompts: readonly BenchmarkPrompt[];
  readonly history: readonly { readonly user: string; readonly prompt: string }[];
  readonly pairs: readonly PairRow[];
}

export interface BenchmarkRows {
  readonly unit: string;
  readonly read: number;
  readonly kept: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export interface Benchmark {
  readonly splits: Readonly<Record<Split, BenchmarkPart>>;
  readonly accounting: readonly BenchmarkRows[];
}

export interface BenchmarkInput {
  readonly personas: readonly PersonaView[];
  readonly pool: readonly PoolPrompt[];
  readonly histories: readonly HistoryRow[];
  readonly pairs: readonly PairRow[];
}

export interface BenchmarkOptions {
  readonly perInterest: number; // prompts of each visual interest for each persona
  readonly heldOut: number; // last prompts of a user that are to be rewritten
  readonly minHistory: number; // earlier prompts a user needs
  readonly maxHistory: number; // earlier prompts kept, the latest
  readonly devShare: number; // of users, personas and prompts, [0, 1)
  readonly random: Random;
}

/** Part of their words that two prompts of one person may share before the earlier one gives the later away. */
export const ALIKE = 0.6;

/**
 * Splits without leaks. No user, and no persona that was given prompts of the pool, is in both splits. No prompt of the
 * test split, in whatever letters and order, is anywhere in dev. No earlier prompt of a user is like one that is held
 * out: users vary a prompt word by word, and a rewriter that is shown the variant has been shown the answer. A user's
 * persona, where the file names none, is the one nearest in words to the earlier prompts alone.
 *
 * Users get new names, in an order that depends on the seed. What comes out does not depend on how rows of different
 * users are mixed.
 */
export function buildBenchmark(input: BenchmarkInput, options: BenchmarkOptions): Benchmark {
  const { random } = options;
  const users = [...input.histories, ...input.pairs].map(({ user }) => user);
  const ranked = rank([...new Set(users)], random.fork('users'));
  const nameOf = new Map(ranked.map((user, i) => [user, `writer-${String(i + 1).padStart(5, '0')}`]));
  const devUsers = new Set(ranked.slice(0, Math.round(ranked.length * options.devShare)));
  const splitOf = (user: string): Split => (devUsers.has(user) ? 'dev' : 'test');

  const parts = { dev: newPart(), test: newPart() };
  const pool = new Rows('prompts of the pool', input.pool.length);
  const history = new Rows('prompts of users', input.histories.length);
  const pairs = new Rows('pairs', input.pairs.length);

  drawFromPool(input, options, pool, parts);
  const byUser = new Map<string, HistoryRow[]>();
  for (const row of input.histories) {
    const own = byUser.get(row.user);
    if (own) own.push(row);
    else byUser.set(row.user, [row]);
  }
  const nearest = nearestPersona(input.personas);
  for (const user of ranked.filter((one) => byUser.has(one)))
    takeUser(
      nameOf.get(user) as string,
      byUser.get(user) as HistoryRow[],
      nearest,
      options,
      history,
      parts[splitOf(user)],
    );

  const seen = new Set<string>();
  for (const pair of [...input.pairs].sort((a, b) => compare(nameOf.get(a.user), nameOf.get(b.user)))) {
    const key = JSON.stringify([pair.user, promptKey(pair.prompt), ...[pair.a, pair.b].sort()]);
    if (seen.has(key)) pairs.drop('duplicate');
    else parts[splitOf(pair.user)].pairs.push({ ...pair, user: nameOf.get(pair.user) as string });
    seen.add(key);
  }

  const { prompts, pairs: chosen } = parts.test;
  const tested = new Set([...prompts, ...chosen].map(({ prompt }) => promptKey(prompt)));
  const untested = <T extends { prompt: string }>(rows: readonly T[], leaked: (row: T) => void): T[] =>
    rows.filter((row) => {
      const leaks = tested.has(promptKey(row.prompt));
      if (leaks) leaked(row);
      return !leaks;
    });
  const poolLeaks = new Set<string>(); // a prompt of the pool counts once, however many personas were given it
  const dev = {
    prompts: untested(parts.dev.prompts, ({ id, user }) =>
      user === undefined ? poolLeaks.add(id) : history.drop('in-test-split'),
    ),
    history: untested(parts.dev.history, () => history.drop('in-test-split')),
    pairs: untested(parts.dev.pairs, () => pairs.drop('in-test-split')),
  };
  pool.drop('in-test-split', poolLeaks.size);
  return { splits: { dev, test: parts.test }, accounting: [pool, history, pairs].map((rows) => rows.counts()) };
}

interface GrowingPart {
  prompts: BenchmarkPrompt[];
  history: { user: string; prompt: string }[];
  pairs: PairRow[];
}

const newPart = (): GrowingPart => ({ prompts: [], history: [], pairs: [] });

/** read = kept + Σ dropped. */
class Rows {
  private readonly dropped: Record<string, number> = {};

  constructor(
    private readonly unit: string,
    private readonly read: number,
  ) {}

  drop(reason: string, count = 1): void {
    if (count > 0) this.dropped[reason] = (this.dropped[reason] ?? 0) + count;
  }

  counts(): BenchmarkRows {
    const { unit, read, dropped } = this;
    return { unit, read, kept: read - Object.values(dropped).reduce((sum, n) => sum + n, 0), dropped };
  }
}

/** In an order that depends on each one alone and the seed. */
function rank(ids: readonly string[], random: Random): string[] {
  const draws = new Map(ids.map((id) => [id, random.fork(id).uint32()]));
  return [...ids].sort((a, b) => (draws.get(a) as number) - (draws.get(b) as number) || compare(a, b));
}

const compare = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0);

/** Gives each persona prompts of every visual interest; personas and prompts of dev are not those of test. */
function drawFromPool(
  { personas, pool }: BenchmarkInput,
  options: BenchmarkOptions,
  rows: Rows,
  parts: Record<Split, GrowingPart>,
) {
  const { random, perInterest, devShare } = options;
  const byInterest = new Map<string, PoolPrompt[]>(VISUAL_INTERESTS.map((interest) => [interest, []]));
  const keys = new Set<string>();
  for (const entry of pool) {
    const key = promptKey(entry.prompt);
    const own = byInterest.get(entry.visualInterest ?? visualInterestOf(entry.prompt) ?? '');
    if (!own) rows.drop('no-visual-interest');
    else if (keys.has(key)) rows.drop('duplicate');
    else own.push(entry);
    keys.add(key);
  }
  const rankedPersonas = rank(
    personas.map(({ id }) => id),
    random.fork('personas'),
  );
  const devPersonas = new Set(rankedPersonas.slice(0, Math.round(personas.length * devShare)));
  const used = new Set<string>();
  for (const { id: persona } of personas) {
    const isDev = devPersonas.has(persona);
    for (const [visualInterest, entries] of byInterest) {
      const ranked = rank(
        entries.map(({ id }) => id),
        random.fork('pool'),
      );
      const cut = Math.round(ranked.length * devShare);
      const mine = new Set(isDev ? ranked.slice(0, cut) : ranked.slice(cut));
      const open = entries.filter(({ id }) => mine.has(id));
      const drawn = rank(
        open.map(({ id }) => id),
        random.fork('prompts', persona),
      ).slice(0, perInterest);
      for (const { id, prompt } of open.filter((entry) => drawn.includes(entry.id))) {
        used.add(id);
        parts[isDev ? 'dev' : 'test'].prompts.push({ id, prompt, persona, visualInterest });
      }
    }
  }
  const kept = [...byInterest.values()].flat();
  rows.drop('not-drawn', kept.filter(({ id }) => !used.has(id)).length);
}

function takeUser(
  user: string,
  rows: readonly HistoryRow[],
  nearest: (texts: readonly string[], known: string | undefined) => string | undefined,
  { heldOut, minHistory, maxHistory }: BenchmarkOptions,
  counts: Rows,
  part: GrowingPart,
): void {
  const prompts = rows.map((row) => ({ ...row, stems: new Set(contentStems(row.prompt)) }));
  const out: typeof prompts = [];
  const rest: typeof prompts = [];
  let alike = 0;
  for (const row of [...prompts].reverse())
    if (out.some(({ stems }) => likeness(stems, row.stems) >= ALIKE)) alike++;
    else if (out.length < heldOut) out.unshift(row);
    else rest.unshift(row);
  // the latest of the same prompts is kept
  const earlier = [...new Map(rest.map((row) => [[...row.stems].sort().join(' '), row])).values()];
  const persona = nearest(
    earlier.map(({ prompt }) => prompt),
    rows.findLast((row) => row.persona !== undefined)?.persona,
  );
  if (earlier.length < minHistory || persona === undefined) {
    counts.drop(persona === undefined ? 'user-like-no-persona' : 'user-with-few-prompts', rows.length);
    return;
  }
  counts.drop('like-held-out', alike);
  counts.drop('duplicate', rest.length - earlier.length);
  counts.drop('older', Math.max(0, earlier.length - maxHistory));
  for (const { prompt } of earlier.slice(-maxHistory)) part.history.push({ user, prompt });
  out.forEach(({ prompt, image }, i) => {
    const visualInterest = visualInterestOf(prompt) ?? null;
    const reference = image === undefined ? {} : { reference: image };
    part.prompts.push({ id: `${user}-${i + 1}`, prompt, persona, user, visualInterest, ...reference });
  });
}

/** Words that two prompts share among all they have (Jaccard); 1 for two without words. */
function likeness(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let shared = 0;
  for (const stem of a) if (b.has(stem)) shared++;
  const all = a.size + b.size - shared;
  return all === 0 ? 1 : shared / all;
}

/** The persona that the file names, where there is one of that id; else the nearest by tf–idf, the first of equals. */
function nearestPersona(personas: readonly PersonaView[]) {
  const texts = personas.map(personaText);
  const space = new TextSpace(texts);
  const vectors = texts.map((text) => space.vector(text));
  const ids = new Set(personas.map(({ id }) => id));
  return (prompts: readonly string[], known: string | undefined): string | undefined => {
    if (known !== undefined && ids.has(known)) return known;
    const own = space.vector(prompts.join('. '));
    const cosines = vectors.map((vector) => cosineOf(vector, own));
    const best = Math.max(...cosines);
    return best > 0 ? personas[cosines.indexOf(best)].id : undefined;
  };
}
