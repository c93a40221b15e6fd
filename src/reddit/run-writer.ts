import { join } from 'node:path';
import { IntegrityError } from '../core/errors.js';
import { BehaviourMeter, BehaviourTable, MIN_EVENTS } from './behaviour.js';
import { EVENT_WORDS, EventSorter } from './event-sorter.js';
import { subredditKey } from './records.js';
import { MAX_SUBREDDITS, type Run, RunFileWriter, type RunSet, writeRunSet } from './run-file.js';
import { overflowError, UserSums } from './user-sums.js';

export interface RunWriterOptions {
  readonly directory: string; // exists; runs and their set are written here
  readonly name: string; // of the input, unique in the directory; begins every file name
  readonly eventsPerRun?: number; // R, at least 1, default 2^22: 52 bytes of memory each
}

/** Words of an event in memory. */
const HI = 0; // upper half of the user's hash
const LO = 1;
const TAG = 2; // subreddit, POST, WIDE
const TIME = 3; // s; of a wide event its place among the wide ones
const SCORE = 4; // i32
const MARK = 5; // of the text, 0 = none
const POST = 0x40000000;
const WIDE = 0x80000000;

/** Events that sum up more than one action, as rows of tables do, keep their values here. */
interface WideValues {
  readonly posts: Uint32Array;
  readonly comments: Uint32Array;
  readonly firstUtc: Uint32Array;
  readonly lastUtc: Uint32Array;
  readonly score: Float64Array;
}

/**
 * Collects the events of one input in fixed memory: R events are buffered, sorted by (user, subreddit), equal pairs
 * added up and written as one run. Users are known by a 64-bit keyed hash only, so no dictionary of them is ever held.
 *
 * A subreddit is its `subredditKey`; among the spellings seen, the smallest in byte order is kept for display, which
 * no order of events can change. An error of the file system comes out as it is; the writer is of no use after it.
 */
export class RunWriter {
  private readonly capacity: number;
  private readonly events: Uint32Array; // [R, EVENT_WORDS]
  private readonly sorter: EventSorter;
  private wide: WideValues | undefined;
  private numWide = 0;
  private size = 0; // events buffered

  private readonly idBySpelling = new Map<string, number>();
  private readonly idByKey = new Map<string, number>();
  private readonly displayNames: string[] = [];
  private readonly runs: Run[] = [];
  private numEvents = 0; // written
  private sums = new UserSums(1024);
  private readonly behaviours = new BehaviourTable();
  private readonly meter = new BehaviourMeter();
  private times = new Uint32Array(1024); // of one account
  private marks = new Uint32Array(1024);

  constructor(private readonly options: RunWriterOptions) {
    this.capacity = Math.max(1, options.eventsPerRun ?? 2 ** 22);
    this.events = new Uint32Array(this.capacity * EVENT_WORDS);
    this.sorter = new EventSorter(this.capacity);
  }

  /** The number of a community, the same for all spellings. */
  intern(subreddit: string): number {
    return this.idBySpelling.get(subreddit) ?? this.learnSpelling(subreddit);
  }

  /** How a community is spelled for display, so far. */
  nameOf(id: number): string {
    return this.displayNames[id];
  }

  /**
   * Takes one input row; `subreddit` from `intern`.
   *
   * @param userHi   u32, upper half of the user's keyed hash; `userLo` the lower half
   * @param posts    u32; `comments` likewise
   * @param score    integer within ±2^53
   * @param firstUtc u32 seconds, 0 = unknown; `lastUtc` likewise
   * @param mark     u32 that stands for the text, 0 = none
   */
  add(
    userHi: number,
    userLo: number,
    subreddit: number,
    posts: number,
    comments: number,
    score: number,
    firstUtc: number,
    lastUtc: number,
    mark = 0,
  ): void {
    const at = this.size * EVENT_WORDS;
    const { events } = this;
    events[at + HI] = userHi;
    events[at + LO] = userLo;
    if (posts + comments === 1 && firstUtc === lastUtc && (score | 0) === score && firstUtc >>> 0 === firstUtc) {
      events[at + TAG] = posts === 1 ? subreddit | POST : subreddit;
      events[at + TIME] = firstUtc;
      events[at + SCORE] = score;
      events[at + MARK] = mark;
    } else {
      events[at + TAG] = subreddit | WIDE;
      events[at + MARK] = 0;
      events[at + TIME] = this.addWide(posts, comments, score, firstUtc, lastUtc);
    }
    if (++this.size === this.capacity) this.writeRun();
  }

  /** Writes what is still buffered, flushes all runs to the disk, and leaves `<name>.runset.json` beside them. */
  async finish(): Promise<RunSet> {
    this.writeRun();
    const { directory, name } = this.options;
    return writeRunSet(
      join(directory, `${name}.runset.json`),
      this.runs,
      this.numEvents,
      this.displayNames,
      this.behaviours.rows(),
    );
  }

  private addWide(posts: number, comments: number, score: number, firstUtc: number, lastUtc: number): number {
    const areCounts = posts >>> 0 === posts && comments >>> 0 === comments;
    const areTimes = firstUtc >>> 0 === firstUtc && lastUtc >>> 0 === lastUtc;
    if (!areCounts || !areTimes || !Number.isSafeInteger(score))
      throw eventError(this.options.name, { posts, comments, score, firstUtc, lastUtc });
    this.wide ??= {
      posts: new Uint32Array(this.capacity),
      comments: new Uint32Array(this.capacity),
      firstUtc: new Uint32Array(this.capacity),
      lastUtc: new Uint32Array(this.capacity),
      score: new Float64Array(this.capacity),
    };
    const i = this.numWide++;
    this.wide.posts[i] = posts;
    this.wide.comments[i] = comments;
    this.wide.firstUtc[i] = firstUtc;
    this.wide.lastUtc[i] = lastUtc;
    this.wide.score[i] = score;
    return i;
  }

  private learnSpelling(spelling: string): number {
    const key = subredditKey(spelling);
    let id = this.idByKey.get(key);
    if (id === undefined) {
      id = this.displayNames.push(spelling) - 1;
      if (id === MAX_SUBREDDITS) throw overflowError('subreddits', id);
      this.idByKey.set(key, id);
    } else if (compareBytes(spelling, this.displayNames[id]) < 0) this.displayNames[id] = spelling;
    this.idBySpelling.set(spelling, id);
    return id;
  }

  private writeRun(): void {
    if (this.size === 0) return;
    const { directory, name } = this.options;
    const file = new RunFileWriter(join(directory, `${name}.${this.runs.length}.run`));
    try {
      if (this.sums.capacity < this.displayNames.length) this.sums = new UserSums(2 * this.displayNames.length);
      this.sorter.forEachUser(this.events, this.size, (sorted, order, begin, end) => {
        this.writeUser(file, sorted, order, begin, end);
      });
      this.runs.push(file.finish());
    } finally {
      file.close();
    }
    this.numEvents += this.size;
    this.size = 0;
    this.numWide = 0;
  }

  /** Adds up the events order[begin] to order[end] of one user and writes its rows. */
  private writeUser(file: RunFileWriter, sorted: Uint32Array, order: Uint32Array, begin: number, end: number): void {
    const { sums, wide } = this;
    const head = order[begin] * EVENT_WORDS;
    file.user(sorted[head + HI], sorted[head + LO]);
    if (end - begin === 1 && sorted[head + TAG] < WIDE) {
      const isPost = sorted[head + TAG] >= POST ? 1 : 0;
      const subreddit = sorted[head + TAG] & (POST - 1);
      const time = sorted[head + TIME];
      file.row(subreddit, isPost, 1 - isPost, 1, sorted[head + SCORE] | 0, time, time, true);
      return;
    }
    if (end - begin >= MIN_EVENTS) this.measure(sorted, order, begin, end);
    for (let i = begin; i < end; i++) {
      const at = order[i] * EVENT_WORDS;
      const tag = sorted[at + TAG];
      const time = sorted[at + TIME];
      const subreddit = tag & (POST - 1);
      if (tag < WIDE) {
        const isPost = tag >= POST ? 1 : 0;
        sums.add(subreddit, isPost, 1 - isPost, 1, sorted[at + SCORE] | 0, time, time);
      } else {
        const { posts, comments, score, firstUtc, lastUtc } = wide as WideValues;
        sums.add(subreddit, posts[time], comments[time], 1, score[time], firstUtc[time], lastUtc[time]);
      }
    }
    file.rows(sums);
    sums.clear();
  }

  /** Notes how a busy account of a dump behaves; rows of tables, which sum up many actions, tell nothing of it. */
  private measure(sorted: Uint32Array, order: Uint32Array, begin: number, end: number): void {
    const n = end - begin;
    if (this.times.length < n) {
      this.times = new Uint32Array(2 * n);
      this.marks = new Uint32Array(2 * n);
    }
    const { times, marks } = this;
    for (let i = 0; i < n; i++) {
      const at = order[begin + i] * EVENT_WORDS;
      if (sorted[at + TAG] >= WIDE) return;
      times[i] = sorted[at + TIME];
      marks[i] = sorted[at + MARK];
    }
    const head = order[begin] * EVENT_WORDS;
    this.behaviours.add(sorted[head + HI], sorted[head + LO], this.meter.measure(times, marks, n));
  }
}

/** Order of the UTF-8 bytes of two strings, which for characters beyond U+FFFF is not the order of `<`. */
export function compareBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // A surrogate is half of a character beyond U+FFFF and sorts after every code unit that is a character itself.
    const isSurrogateX = (x & 0xf800) === 0xd800;
    const isSurrogateY = (y & 0xf800) === 0xd800;
    return isSurrogateX === isSurrogateY ? x - y : isSurrogateX ? 1 : -1;
  }
  return a.length - b.length;
}

function eventError(name: string, values: Readonly<Record<string, number>>): IntegrityError {
  const given = JSON.stringify(values);
  const message = `${name}: an input row holds ${given}, expected counts and times in [0, 2^32) and an integer score. Check the columns of this input.`;
  return new IntegrityError('ERR_EVENT', message, { name, ...values });
}
