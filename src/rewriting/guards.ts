import { contentStems, stemOf, subjectOf, wordsOf } from './words.js';

/** What a rewrite may not do. Each reason is counted on its own. */
export const GUARD_REASONS = [
  'subject-lost',
  'too-short',
  'too-long',
  'persona-talk',
  'sensitive-attribute',
  'personal-data',
  'refusal',
  'persona-copied',
] as const;
export type GuardReason = (typeof GUARD_REASONS)[number];

/** What a guard needs to know of the persona. */
export interface GuardedPersona {
  readonly title?: string | undefined;
  readonly roleplay?: string | undefined;
  readonly demographics?: Readonly<Record<string, string | null | undefined>> | undefined;
}

/** Words of a rewrite at most, unless the prompt itself is long; text encoders of image models read about 75 tokens. */
export const MAX_WORDS = 60;
const MAX_ADDED_WORDS = 40; // to a prompt that is long already

const PERSONA_TALK =
  /\b(?:as an? (?:[\p{L}-]+ ){0,3}(?:person|persona|fan|lover|enthusiast|member|reader|user|gamer|gardener|programmer|hobbyist|someone|redditor|individual|devotee|aficionado|connoisseur|keeper|builder|maker)|as someone who|for someone who|i am|i['’]m|i (?:love|like|prefer|enjoy|want|would|tend)|my (?:persona|taste|interest|community|hobby|subreddit)s?|this persona|the persona|persona['’]s|tailored to|appeals? to|would (?:love|appreciate|enjoy)|reflecting (?:my|their|his|her)|subreddit|reddit)\b/iu;

const PERSONAL_DATA =
  /(?<![\w/])\/?[ur]\/[\w-]{2,}|(?<![\w@])@[A-Za-z]\w{2,}|[\w.+-]+@[\w-]+\.\w|\b(?:https?|ftp):|(?<![\w/@.-])www\./iu;

const REFUSAL =
  /\b(?:i (?:can(?:no|['’])t|am unable|won['’]t)|as an ai|i['’]m sorry|cannot (?:help|assist|comply))\b/iu;

/**
 * Attributes of people that a prompt must not gain: a rewrite that turns "a doctor" into "an elderly Indian woman doctor"
 * has drawn a conclusion about somebody. Words that the prompt itself uses are free.
 */
const SENSITIVE: readonly RegExp[] = [
  // age
  /\b(?:elderly|middle-aged|teenage[rd]?s?|teens?|toddlers?|infants?|senior citizens?|retirees?|pensioners?|millennials?|boomers?|gen z|young (?:man|woman|men|women|people|person|adults?)|old (?:man|woman|men|women|people|person)|\d{1,2}[- ]years?[- ]old|(?:twenty|thirty|forty|fifty|sixty)-something)\b/giu,
  // gender
  /\b(?:man|men|woman|women|male|female|males|females|boy|boys|girl|girls|guy|guys|lady|ladies|gentleman|gentlemen|masculine|feminine|transgender|non-?binary|mother|father|mom|dad|wife|husband|he|she|his|hers?|him)\b/giu,
  // origin
  /\b(?:(?:white|black|brown|asian|hispanic|latin[oax]|arab|african|european|american|indian|chinese|japanese|korean|mexican|russian|german|french|british|native|indigenous|aboriginal|roma) (?:person|people|man|woman|men|women|girl|boy|child|family|couple|features|skin|ethnicity)|caucasian|african[- ]american|ethnic(?:ity)?|immigrants?|refugees?|dark-skinned|light-skinned|pale-skinned)\b/giu,
  // belief
  /\b(?:christians?|muslims?|islamic|jews?|jewish|hindus?|buddhists?|catholics?|protestants?|mormons?|atheists?|sikhs?|evangelicals?|hijabs?|devout)\b/giu,
  // health and body
  /\b(?:disabled|disability|autistic|autism|adhd|depress(?:ed|ion)|anxiety|bipolar|cancer|diabet(?:es|ic)|wheelchairs?|obese|overweight|anorexic|pregnant|addict(?:ed|ion|s)?|alcoholic|mentally ill)\b/giu,
  // sexuality
  /\b(?:gay|lesbian|bisexual|queer|homosexual|heterosexual|straight (?:man|woman|couple)|lgbtq?\+?|nude|naked|nsfw|erotic|sexy)\b/giu,
  // politics and means
  /\b(?:republicans?|democrats?|conservatives?|liberals?|left-wing|right-wing|communists?|socialists?|fascists?|maga|poor (?:person|people|man|woman)|wealthy|rich (?:person|people|man|woman)|working-class|homeless|unemployed)\b/giu,
];

/**
 * What is wrong with a rewrite; empty where nothing is. Rules only: no model is asked, so the rates of any two models
 * are counted by the same measure. They know English; a rewrite in another language fails the check of the subject.
 */
export function guardProblems(prompt: string, rewritten: string, persona?: GuardedPersona): GuardReason[] {
  const problems: GuardReason[] = [];
  const words = wordsOf(rewritten);
  const promptWords = wordsOf(prompt);
  if (!keepsSubject(prompt, rewritten)) problems.push('subject-lost');
  if (words.length < Math.min(promptWords.length, 3)) problems.push('too-short');
  if (words.length > Math.max(MAX_WORDS, promptWords.length + MAX_ADDED_WORDS)) problems.push('too-long');
  if (PERSONA_TALK.test(rewritten) && !PERSONA_TALK.test(prompt)) problems.push('persona-talk');
  if (sensitiveTerms(prompt, rewritten, persona).length > 0) problems.push('sensitive-attribute');
  if (PERSONAL_DATA.test(rewritten) && !PERSONAL_DATA.test(prompt)) problems.push('personal-data');
  if (REFUSAL.test(rewritten)) problems.push('refusal');
  if (persona && copiesPersona(promptWords, words, persona)) problems.push('persona-copied');
  return problems;
}

/** Whether the head of the prompt's subject and at least half of its other words are still there. */
export function keepsSubject(prompt: string, rewritten: string): boolean {
  const { head, stems } = subjectOf(prompt);
  if (head === '') return true; // nothing to keep, as in a prompt of emoji
  const kept = new Set(wordsOf(rewritten).flatMap((word) => [stemOf(word), ...word.split('-').map(stemOf)]));
  if (!kept.has(head)) return false;
  const others = stems.filter((stem) => stem !== head);
  return 2 * others.filter((stem) => kept.has(stem)).length >= others.length;
}

/** Sensitive words that the rewrite has and the prompt has not, and demographic values of the persona. Lower case. */
export function sensitiveTerms(prompt: string, rewritten: string, persona?: GuardedPersona): string[] {
  const found = new Set<string>();
  for (const pattern of SENSITIVE) {
    const terms = rewritten.match(pattern);
    if (terms === null) continue;
    const ownStems = new Set(wordsOf(prompt).map(stemOf));
    for (const term of terms.map((one) => one.toLowerCase()))
      if (!wordsOf(term).every((word) => ownStems.has(stemOf(word)))) found.add(term);
  }
  const names = (text: string, term: string) => ` ${wordsOf(text).join(' ')} `.includes(` ${term} `);
  for (const value of Object.values(persona?.demographics ?? {})) {
    const term = wordsOf(value ?? '').join(' ');
    if (term !== '' && names(rewritten, term) && !names(prompt, term)) found.add(term);
  }
  return [...found];
}

/** Content words of the prompt that the rewrite still has. */
export function keptWords(prompt: string, rewritten: string): string[] {
  const there = new Set(contentStems(rewritten));
  return contentStems(prompt).filter((stem) => there.has(stem));
}

/** Phrases of the rewrite, between commas, that bring something the prompt does not have. */
export function addedPhrases(prompt: string, rewritten: string): string[] {
  const own = new Set(contentStems(prompt));
  return rewritten
    .split(/[,;.]/)
    .map((phrase) => phrase.trim())
    .filter((phrase) => contentStems(phrase).some((stem) => !own.has(stem)));
}

const RUN = 6; // words in a row that count as a copy

interface OwnWords {
  readonly title: string; // between spaces; '' for one of a single word, which may well be in a prompt
  readonly runs: ReadonlySet<string>;
}

/** What may not be copied from a persona, kept while the persona is. */
const ownWords = new WeakMap<GuardedPersona, OwnWords>();

function ownWordsOf(persona: GuardedPersona): OwnWords {
  const known = ownWords.get(persona);
  if (known) return known;
  const title = wordsOf(persona.title ?? '');
  const source = wordsOf(persona.roleplay ?? '');
  const runs = new Set<string>();
  for (let i = 0; i + RUN <= source.length; i++) runs.add(source.slice(i, i + RUN).join(' '));
  const own = { title: title.length >= 2 ? ` ${title.join(' ')} ` : '', runs };
  ownWords.set(persona, own);
  return own;
}

/** Whether the rewrite repeats six words in a row of the persona's own text, or its title. */
function copiesPersona(promptWords: readonly string[], words: readonly string[], persona: GuardedPersona): boolean {
  const { title, runs } = ownWordsOf(persona);
  const named = (of: readonly string[]) => ` ${of.join(' ')} `.includes(title);
  if (title !== '' && named(words) && !named(promptWords)) return true;
  for (let i = 0; runs.size > 0 && i + RUN <= words.length; i++)
    if (runs.has(words.slice(i, i + RUN).join(' '))) return true;
  return false;
}
