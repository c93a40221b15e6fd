import { capped, plainText } from '../llm/plain-text.js';
import { EVIDENCE_DEFAULTS } from './evidence.js';
import { type Claim, type Evidence, LIMITS, type Persona, type PersonaDraft, type Verification } from './persona.js';
import type { VerbatimIndex } from './verbatim.js';

export interface VerifyOptions {
  readonly minShare: number; // smallest part of the members that a cited row must have
  readonly users?: number; // whom the persona stands for; where known, a number of people must be this or a row's
  readonly unit?: Persona['unit']; // of a single user nothing demographic may be said
  readonly sources?: VerbatimIndex; // what people wrote, of which no run of words may be repeated
  readonly prompt?: VerbatimIndex; // what the model was told, which is not about anybody
}

/** What may be published of a draft, and what was taken out. */
export interface Verified {
  readonly draft: PersonaDraft; // texts and lists may have become empty
  readonly verification: Verification;
}

/**
 * Checks without a model that every draft passes, whoever wrote it: claims rest on rows that exist and support them,
 * down to the numbers they state, and do not contradict each other; prose names no account, address, link or foreign
 * community, gives no orders, repeats nothing that somebody wrote or that the prompt said, and states no age or gender
 * that the demographics do not; demographics are named by a claim with strong evidence. What fails is removed and counted.
 */
export function verifyDraft(
  draft: PersonaDraft,
  evidence: readonly Evidence[],
  options: VerifyOptions = { minShare: EVIDENCE_DEFAULTS.minShare },
): Verified {
  const rows = new Map(evidence.map((row) => [row.id, row]));
  const names = new Set(evidence.map((row) => row.subreddit.toLowerCase()));
  const copied = (text: string): string | undefined =>
    options.sources?.repeats(text) ? 'verbatim' : options.prompt?.repeats(text) ? 'prompt_leak' : undefined;
  const textProblem = (text: string): string | undefined => problemOfText(text, names) ?? copied(text);
  const ages = draft.demographics.ageRange !== null;
  const genders = draft.demographics.gender !== null;
  const removed: Record<string, number> = {};
  const edits: Record<string, number> = {};

  const claims: Claim[] = [];
  for (const claim of draft.claims) {
    const text = capped(cleaned(claim.text), LIMITS.claim);
    const problem =
      textProblem(text) ??
      problemOfSupport(text, claim.evidence, rows, options.minShare) ??
      problemOfNumbers(
        text,
        claim.evidence.flatMap((id) => rows.get(id) ?? []),
        options.users,
      ) ??
      (!ages && AGE.test(withoutCommunities(text)) ? 'unsupported_demographic' : undefined) ??
      (!genders && GENDER.test(withoutCommunities(text)) ? 'unsupported_demographic' : undefined) ??
      (claims.some((kept) => contradicts(kept.text, text)) ? 'contradiction' : undefined) ??
      (claims.some((kept) => sameText(kept.text, text)) ? 'duplicate' : undefined) ??
      (claims.length >= LIMITS.claims ? 'too_many' : undefined);
    if (problem !== undefined) countIn(removed, problem);
    else claims.push({ text, evidence: [...new Set(claim.evidence)], confidence: claim.confidence });
  }

  const demographics = { ...draft.demographics };
  for (const key of Object.keys(demographics) as (keyof typeof demographics)[]) {
    const value = demographics[key] === null ? '' : capped(cleaned(demographics[key]), LIMITS.term);
    const supported =
      value !== '' &&
      key !== 'locale' &&
      options.unit !== 'user' &&
      claims.some((claim) => namesWith(claim, value, rows));
    if (supported) demographics[key] = value;
    else if (key !== 'locale') {
      if (demographics[key] !== null) countIn(edits, 'unsupported_demographic');
      demographics[key] = null;
    }
  }
  // A locale is the wider region of a country and stands or falls with it, unless a claim names it.
  if (demographics.locale !== null) {
    const locale = capped(cleaned(demographics.locale), LIMITS.term);
    const stands =
      options.unit !== 'user' &&
      locale !== '' &&
      (demographics.country !== null || claims.some((c) => namesWith(c, locale, rows)));
    if (!stands) countIn(edits, 'unsupported_demographic');
    demographics.locale = stands ? locale : null;
  }

  const statesAge = demographics.ageRange !== null;
  const statesGender = demographics.gender !== null;
  const prose = (text: string, limit: number): string => {
    let kept = '';
    const sentences: string[] = [];
    for (const one of cleaned(text).split(/(?<=[.!?])\s+/)) {
      const problem =
        textProblem(one) ??
        copied(`${kept} ${one}`) ?? // a run of words may go over the end of a sentence
        (sentences.some((other) => sameText(other, one)) ? 'duplicate' : undefined) ??
        problemOfNumbers(one, evidence, options.users) ??
        (!statesAge && AGE.test(withoutCommunities(one)) ? 'unsupported_demographic' : undefined) ??
        (!statesGender && GENDER.test(withoutCommunities(one)) ? 'unsupported_demographic' : undefined) ??
        (kept.length + one.length >= limit ? 'too_long' : undefined);
      if (problem === undefined) {
        kept += kept === '' ? one : ` ${one}`;
        sentences.push(one);
      } else if (one !== '') countIn(edits, problem);
    }
    return kept;
  };
  const terms = (list: readonly string[]): string[] => {
    const kept: string[] = [];
    for (const term of list) {
      const text = capped(cleaned(term), LIMITS.term);
      const problem =
        textProblem(text) ??
        (kept.some((one) => sameText(one, text)) ? 'duplicate' : undefined) ??
        (kept.some((one) => contradicts(one, text)) ? 'contradiction' : undefined) ??
        (kept.length >= LIMITS.terms ? 'too_many' : undefined);
      if (problem === undefined) kept.push(text);
      else countIn(edits, problem);
    }
    return kept;
  };

  const facets: PersonaDraft['facets'] = [];
  let room = 1; // of the weights
  for (const facet of draft.facets) {
    const title = capped(cleaned(facet.title), LIMITS.title);
    const problem =
      textProblem(title) ??
      problemOfRows(facet.evidence, rows) ??
      (facets.some((kept) => sameText(kept.title, title)) ? 'duplicate' : undefined) ??
      (facets.length >= LIMITS.facets ? 'too_many' : undefined);
    if (problem !== undefined) {
      countIn(edits, problem);
      continue;
    }
    const weight = Math.min(room, Math.max(0, facet.weight));
    room = Math.max(0, room - weight - 1e-9);
    facets.push({ title, evidence: [...new Set(facet.evidence)], weight });
  }

  const title = capped(cleaned(draft.title), LIMITS.title);
  const titleProblem =
    textProblem(title) ??
    (!statesGender && GENDER.test(withoutCommunities(title)) ? 'unsupported_demographic' : undefined);
  if (titleProblem !== undefined) countIn(edits, titleProblem);
  return {
    draft: {
      title: titleProblem === undefined ? title : '',
      summary: prose(draft.summary, LIMITS.prose),
      roleplay: prose(draft.roleplay, LIMITS.prose),
      demographics,
      interests: terms(draft.interests),
      traits: terms(draft.traits),
      aesthetics: [...new Set(draft.aesthetics)],
      facets,
      claims,
    },
    verification: { claimsIn: draft.claims.length, claimsKept: claims.length, removed, edits },
  };
}

/** Whether a row is strong enough for a statement about who people are: three times as common, and for one in five. */
export function supportsDemographic({ lift, share }: Evidence): boolean {
  return lift >= 3 && share >= 0.2;
}

/** Whether a phrase from outside may stand in any sentence: it names no person, age, gender, link or order. */
export function isNeutral(phrase: string): boolean {
  return problemOfText(phrase, new Set()) === undefined && !AGE.test(phrase) && !GENDER.test(phrase);
}

// An account, an address or a link, in the shapes they take on Reddit and elsewhere.
const PERSONAL = [
  /(?<![\w/])\/?u\/[\w-]/i,
  /(?<![\w@])@[A-Za-z]\w{2,}/,
  /[\w.+-]+@[\w-]+\.\w/,
  /\b(?:https?|ftp):/i,
  /(?<![\w/@.-])(?:www\.|(?:[a-z0-9-]+\.)+(?:com|org|net|io|co|me|gg|ly|app|dev|info|edu|gov)\b)/i,
];
const ORDER =
  /\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|prompt|rule|above|previous)|\bsystem prompt\b|<\|/i;
const AGE =
  /\b\d{1,2}[- ]?(?:years?|yrs?)[- ]olds?\b|\b(?:teenage|elderly|middle-aged)\b|\bin (?:my|their|his|her) (?:late |early |mid-?)?(?:teens|(?:twen|thir|for|fif|six|seven)ties|\d0s)\b/i;
const GENDER =
  /(?<![\w/])(?:man|men|woman|women|male|female|guy|guys|boy|boys|girl|girls|he|she|his|her|him|husband|wife|mother|father|mom|dad)(?![\w-])/i;
const NEGATIVE =
  /\b(?:rarely|seldom|hardly|never|avoids?|uninterested|less (?:often|likely|common|active|interested))\b/i;
const COMMUNITY = /(?<![\w/])\/?r\/([\p{L}\p{N}_.:-]*[\p{L}\p{N}_])/gu;

/** Visible text on one line, without markup. */
function cleaned(text: string): string {
  return plainText(text.replace(/<[^<>]*>/g, ' ').replace(/<(?!\|)|>/g, ' '));
}

function problemOfText(text: string, names: ReadonlySet<string>): string | undefined {
  if (text === '') return 'empty';
  const own = withoutCommunities(text);
  if (PERSONAL.some((pattern) => pattern.test(own))) return 'personal_data';
  if (ORDER.test(own)) return 'instruction';
  if (communitiesIn(text).some((name) => !names.has(name))) return 'unknown_subreddit';
  return undefined;
}

function problemOfRows(ids: readonly string[], rows: ReadonlyMap<string, Evidence>): string | undefined {
  if (ids.length === 0) return 'no_evidence';
  return ids.every((id) => rows.has(id)) ? undefined : 'unknown_evidence';
}

function problemOfSupport(
  text: string,
  ids: readonly string[],
  rows: ReadonlyMap<string, Evidence>,
  minShare: number,
): string | undefined {
  const problem = problemOfRows(ids, rows);
  if (problem !== undefined) return problem;
  const cited = ids.flatMap((id) => rows.get(id) ?? []);
  const citedNames = cited.map((row) => row.subreddit.toLowerCase());
  if (communitiesIn(text).some((name) => !citedNames.includes(name))) return 'miscited';
  const supports = NEGATIVE.test(withoutCommunities(text))
    ? (row: Evidence) => row.lift < 1
    : (row: Evidence) => row.lift > 1 && row.share >= minShare;
  return cited.every(supports) ? undefined : 'unsupported';
}

/**
 * A percentage must be the share or the attention of a row within a point, a multiple its lift within a twelfth, a number
 * of people the size of the group or the users of a row: what a model makes up, it likes to make up in figures.
 */
function problemOfNumbers(text: string, rows: readonly Evidence[], users: number | undefined): string | undefined {
  const own = withoutCommunities(text);
  const number = (digits: string) => Number(digits.replaceAll(',', ''));
  for (const [, digits] of own.matchAll(/(\d[\d,]*(?:\.\d+)?)\s?(?:%|percent\b)/gi)) {
    const x = number(digits) / 100;
    if (!rows.some(({ share, attention }) => Math.min(Math.abs(share - x), Math.abs(attention - x)) <= 0.01001))
      return 'wrong_number';
  }
  for (const [, digits] of own.matchAll(/(\d[\d,]*(?:\.\d+)?)(?: times|x\b| ?×)/gi)) {
    const x = number(digits);
    if (!rows.some(({ lift }) => Math.abs(lift - x) <= x / 12 + 0.06)) return 'wrong_number';
  }
  if (users === undefined) return undefined;
  for (const [, digits] of own.matchAll(/(\d[\d,]*) (?:people|users|members|persons)\b/gi)) {
    const x = number(digits);
    if (x !== users && !rows.some((row) => row.users === x)) return 'wrong_number';
  }
  return undefined;
}

/** Words that cannot both be true of the same people. */
const OPPOSITES: readonly (readonly [RegExp, RegExp, ofCommunity?: true])[] = [
  [/\b(?:introverted|shy|reserved|solitary)\b/i, /\b(?:extroverted|outgoing|sociable|gregarious)\b/i],
  [/\b(?:calm|relaxed|laid-back|easygoing)\b/i, /\b(?:anxious|aggressive|tense|hot-headed)\b/i],
  [/\b(?:competitive)\b/i, /\b(?:non-?competitive|uncompetitive)\b/i],
  [/\b(?:organi[sz]ed|tidy|disciplined)\b/i, /\b(?:disorgani[sz]ed|chaotic|messy)\b/i],
  [/\b(?:optimistic)\b/i, /\b(?:pessimistic|cynical)\b/i],
  [/\b(?:adventurous|risk-taking)\b/i, /\b(?:cautious|risk-averse)\b/i],
  [/\b(?:frugal|thrifty)\b/i, /\b(?:extravagant|lavish)\b/i],
  [
    /\b(?:love|loves|enjoy|enjoys|favou?r|often|frequently)\b/i,
    /\b(?:hate|hates|dislike|dislikes|avoid|avoids|never|rarely)\b/i,
    true, // of different things both can be said
  ],
];

/** Two statements that exclude each other: opposite words, and about the same community where they name any. */
function contradicts(a: string, b: string): boolean {
  const [inA, inB] = [communitiesIn(a), communitiesIn(b)];
  if ((inA.length > 0 || inB.length > 0) && !inA.some((name) => inB.includes(name))) return false;
  const [x, y] = [withoutCommunities(a), withoutCommunities(b)];
  return OPPOSITES.some(
    ([one, other, ofCommunity]) =>
      (!ofCommunity || inA.length > 0) && ((one.test(x) && other.test(y)) || (other.test(x) && one.test(y))),
  );
}

/** Whether the claim says `value` in words and cites a row strong enough for it. */
function namesWith(claim: Claim, value: string, rows: ReadonlyMap<string, Evidence>): boolean {
  if (!claim.text.toLowerCase().includes(value.toLowerCase())) return false;
  return claim.evidence.some((id) => {
    const row = rows.get(id);
    return row !== undefined && supportsDemographic(row);
  });
}

/** Lower-case names of the communities that a text mentions as r/…. */
function communitiesIn(text: string): string[] {
  return [...text.matchAll(COMMUNITY)].map((match) => match[1].toLowerCase());
}

/** The text without the names of communities, whose words are not the writer's. */
function withoutCommunities(text: string): string {
  return text.replace(COMMUNITY, ' ');
}

function sameText(a: string, b: string): boolean {
  const letters = (text: string) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, ' ')
      .trim();
  return letters(a) === letters(b);
}

function countIn(counts: Record<string, number>, reason: string): void {
  counts[reason] = (counts[reason] ?? 0) + 1;
}
