/**
 * Accounts that act like programs, whatever their name. Measured on what an account did in one run of events (up to four
 * million of a file, in file order), for accounts with at least `MIN_EVENTS` in it, and added up over all runs:
 *
 *     rate        actions / days with an action
 *     repetition  share of actions whose text the account had written before
 *     regularity  share of gaps between one action and the next that have the commonest length, in whole seconds
 *
 * An account of `MIN_ACTIONS` or more is a program where rate ≥ 400 a day, repetition ≥ 0.6, or regularity ≥ 0.4. People
 * stay far below: the thresholds are set to miss programs rather than to lose people.
 */
export const MIN_EVENTS = 50;
export const MIN_ACTIONS = 100;
export const MAX_RATE = 400;
export const MAX_REPETITION = 0.6;
export const MAX_REGULARITY = 0.4;

/** Numbers that are added up over runs. */
export interface Behaviour {
  events: number;
  days: number; // with an action
  repeated: number; // actions with a text that came before
  gaps: number; // between actions that come at different times
  regularGaps: number; // those of the commonest length
}

/** How one account behaved in one run. */
export interface BehaviourRow extends Behaviour {
  readonly userHi: number;
  readonly userLo: number;
}

export const BEHAVIOUR_RULES = ['rate', 'repetition', 'regularity'] as const;
export type BehaviourRule = (typeof BEHAVIOUR_RULES)[number];

/** The rule by which an account is a program, or null. */
export function programRule({ events, days, repeated, gaps, regularGaps }: Behaviour): BehaviourRule | null {
  if (events < MIN_ACTIONS) return null;
  if (days > 0 && events / days >= MAX_RATE) return 'rate';
  if (repeated / events >= MAX_REPETITION) return 'repetition';
  if (gaps >= MIN_EVENTS && regularGaps / gaps >= MAX_REGULARITY) return 'regularity';
  return null;
}

const DAY = 86_400; // s

/**
 * Measures one account in one run; reorders both arrays.
 *
 * @param times u32 [n] seconds, 0 = unknown
 * @param marks u32 [n] a number that stands for the text, 0 = none
 */
export function measureBehaviour(times: Uint32Array, marks: Uint32Array): Behaviour {
  times.sort();
  marks.sort();
  let repeated = 0;
  for (let i = 1; i < marks.length; i++) if (marks[i] !== 0 && marks[i] === marks[i - 1]) repeated++;
  let days = 0;
  let lastDay = -1;
  const gaps = new Uint32Array(times.length);
  let numGaps = 0;
  for (let i = 0; i < times.length; i++) {
    if (times[i] === 0) continue;
    const day = Math.floor(times[i] / DAY);
    if (day !== lastDay) days++;
    lastDay = day;
    if (i > 0 && times[i - 1] !== 0 && times[i] > times[i - 1]) gaps[numGaps++] = times[i] - times[i - 1];
  }
  return {
    events: times.length,
    days,
    repeated,
    gaps: numGaps,
    regularGaps: longestRun(gaps.subarray(0, numGaps).sort()),
  };
}

/** Length of the longest stretch of equal numbers. */
function longestRun(sorted: Uint32Array): number {
  let longest = 0;
  let length = 0;
  for (let i = 0; i < sorted.length; i++) {
    length = i > 0 && sorted[i] === sorted[i - 1] ? length + 1 : 1;
    if (length > longest) longest = length;
  }
  return longest;
}

/** A number for the text at bytes begin to end, by its length and a few places in it; 0 for texts of under 20 bytes. */
export function markOfText(bytes: Buffer, begin: number, end: number): number {
  const length = end - begin;
  if (length < MIN_TEXT_BYTES) return 0; // people repeat short ones, and [removed] is no text of theirs
  let mark = length;
  for (let i = 0; i < PLACES; i++)
    mark =
      Math.imul(mark ^ bytes.readInt32LE(begin + Math.floor(((length - 4) * i) / (PLACES - 1))), 0x9e3779b1) ^
      (mark >>> 15);
  return (mark >>> 0) | 1;
}

const MIN_TEXT_BYTES = 20;
const PLACES = 8;
