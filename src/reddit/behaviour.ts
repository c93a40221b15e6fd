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

/** Words of a row of `BehaviourTable`: the halves of the user's hash, then the numbers of `Behaviour`, in this order. */
const COUNTS = ['events', 'days', 'repeated', 'gaps', 'regularGaps'] as const satisfies readonly (keyof Behaviour)[];
export const BEHAVIOUR_WORDS = 2 + COUNTS.length;

/** How busy accounts behaved, a row for each account and run: there may be millions of them. */
export class BehaviourTable {
  private words = new Uint32Array(256 * BEHAVIOUR_WORDS);
  private numRows = 0;

  add(userHi: number, userLo: number, behaviour: Behaviour): void {
    const at = this.numRows++ * BEHAVIOUR_WORDS;
    if (at === this.words.length) {
      const larger = new Uint32Array(2 * at);
      larger.set(this.words);
      this.words = larger;
    }
    this.words[at] = userHi;
    this.words[at + 1] = userLo;
    for (let c = 0; c < COUNTS.length; c++) this.words[at + 2 + c] = behaviour[COUNTS[c]];
  }

  /** u32 [rows, BEHAVIOUR_WORDS], overwritten by the next `add`. */
  rows(): Uint32Array {
    return this.words.subarray(0, this.numRows * BEHAVIOUR_WORDS);
  }
}

/** An account that acts like a program, and the rule that tells. */
export interface Program {
  readonly userHi: number;
  readonly userLo: number;
  readonly rule: BehaviourRule;
}

/**
 * The accounts that all their rows together call programs, ascending by hash.
 *
 * @param tables u32 [rows, BEHAVIOUR_WORDS] each
 */
export function programsOf(tables: readonly Uint32Array[]): Program[] {
  const numWords = tables.reduce((sum, table) => sum + table.length, 0);
  const words = new Uint32Array(numWords);
  let filled = 0;
  for (const table of tables) {
    words.set(table, filled);
    filled += table.length;
  }
  const order = Uint32Array.from({ length: numWords / BEHAVIOUR_WORDS }, (_, row) => row * BEHAVIOUR_WORDS);
  order.sort((a, b) => words[a] - words[b] || words[a + 1] - words[b + 1]);

  const programs: Program[] = [];
  for (let i = 0; i < order.length; ) {
    const userHi = words[order[i]];
    const userLo = words[order[i] + 1];
    const sum: Behaviour = { events: 0, days: 0, repeated: 0, gaps: 0, regularGaps: 0 };
    for (; i < order.length && words[order[i]] === userHi && words[order[i] + 1] === userLo; i++)
      for (let c = 0; c < COUNTS.length; c++) sum[COUNTS[c]] += words[order[i] + 2 + c];
    const rule = programRule(sum);
    if (rule !== null) programs.push({ userHi, userLo, rule });
  }
  return programs;
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

/** Measures accounts one by one, in memory that it keeps. */
export class BehaviourMeter {
  private gaps = new Uint32Array(1024);
  private readonly equals = new EqualCounter();

  /**
   * What one account did in one run; reorders `times`.
   *
   * @param times u32 [≥ n] seconds, 0 = unknown
   * @param marks u32 [≥ n] a number that stands for the text, 0 = none
   */
  measure(times: Uint32Array, marks: Uint32Array, n = times.length): Behaviour {
    if (!isAscending(times, n)) times.subarray(0, n).sort(); // dumps are in the order of time
    if (this.gaps.length < n) this.gaps = new Uint32Array(2 * n);
    const { gaps, equals } = this;
    let days = 0;
    let lastDay = -1;
    let numGaps = 0;
    for (let i = 0; i < n; i++) {
      const time = times[i];
      if (time === 0) continue;
      const day = Math.floor(time / DAY);
      if (day !== lastDay) days++;
      lastDay = day;
      if (i > 0 && times[i - 1] !== 0 && time > times[i - 1]) gaps[numGaps++] = time - times[i - 1];
    }
    equals.count(marks, n);
    const repeated = equals.total - equals.distinct;
    equals.count(gaps, numGaps);
    return { events: n, days, repeated, gaps: numGaps, regularGaps: equals.most };
  }
}

function isAscending(numbers: Uint32Array, n: number): boolean {
  for (let i = 1; i < n; i++) if (numbers[i] < numbers[i - 1]) return false;
  return true;
}

/** Counts equal numbers in a hash table with open addressing: no sorting. */
class EqualCounter {
  total = 0; // numbers that are not 0
  distinct = 0; // different ones among them
  most = 0; // of the commonest
  private keys = new Uint32Array(2048); // 0 = free
  private counts = new Uint32Array(2048);

  count(numbers: Uint32Array, n: number): void {
    const bits = Math.max(4, 33 - Math.clz32(n)); // at most half full
    const size = 2 ** bits;
    if (this.keys.length < size) {
      this.keys = new Uint32Array(size);
      this.counts = new Uint32Array(size);
    }
    const { keys, counts } = this;
    keys.fill(0, 0, size);
    this.total = this.distinct = this.most = 0;
    for (let i = 0; i < n; i++) {
      const number = numbers[i];
      if (number === 0) continue;
      let slot = Math.imul(number, 0x9e3779b1) >>> (32 - bits);
      while (keys[slot] !== 0 && keys[slot] !== number) slot = (slot + 1) & (size - 1);
      if (keys[slot] === 0) {
        keys[slot] = number;
        counts[slot] = 0;
        this.distinct++;
      }
      counts[slot]++;
      this.total++;
      if (counts[slot] > this.most) this.most = counts[slot];
    }
  }
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
  return (mark | 1) >>> 0;
}

const MIN_TEXT_BYTES = 20;
const PLACES = 8;
