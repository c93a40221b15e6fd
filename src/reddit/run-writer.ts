import { join } from 'node:path';
import { IntegrityError } from '../core/errors.js';
import { subredditKey } from './records.js';
import { type Run, RunFileWriter, type RunSet, scoreIndex, Word, writeRunSet } from './run-file.js';

export interface RunWriterOptions {
  readonly directory: string; // exists; runs and their set are written here
  readonly name: string; // of the input, unique in the directory; begins every file name
  readonly eventsPerRun?: number; // R, at least 1, default 2^20: 44 bytes of memory each
}

/** Places of an event's values: u32 words, and the score in the f64 view of the same memory. */
const Value = { posts: 0, comments: 1, firstUtc: 2, lastUtc: 3, score: 2 } as const;
const VALUE_WORDS = 6;

/**
 * Collects the events of one input in fixed memory: R events are buffered, sorted by (user, subreddit), equal pairs
 * added up and written as one run. Users are known by a 64-bit keyed hash only, so no dictionary of them is ever held.
 *
 * A subreddit is its `subredditKey`; among the spellings seen, the smallest in byte order is kept for display, which
 * no order of events can change. An error of the file system comes out as it is; the writer is of no use after it.
 */
export class RunWriter {
  private readonly capacity: number;
  private readonly userHi: Uint32Array;
  private readonly userLo: Uint32Array;
  private readonly subreddit: Uint32Array;
  // The values of an event lie side by side, because sorted order visits events at random; keys do not, for the sort.
  private readonly u32: Uint32Array; // [R, VALUE_WORDS]
  private readonly f64: Float64Array; // the same memory
  private readonly sorter: RadixSorter;
  private size = 0; // events buffered

  private readonly idBySpelling = new Map<string, number>();
  private readonly idByKey = new Map<string, number>();
  private readonly displayNames: string[] = [];
  private readonly runs: Run[] = [];
  private numEvents = 0; // written

  constructor(private readonly options: RunWriterOptions) {
    const capacity = Math.max(1, options.eventsPerRun ?? 2 ** 20);
    this.capacity = capacity;
    this.userHi = new Uint32Array(capacity);
    this.userLo = new Uint32Array(capacity);
    this.subreddit = new Uint32Array(capacity);
    const memory = new ArrayBuffer(capacity * VALUE_WORDS * 4);
    this.u32 = new Uint32Array(memory);
    this.f64 = new Float64Array(memory);
    this.sorter = new RadixSorter(capacity);
  }

  /** The number of a community, the same for all spellings. */
  intern(subreddit: string): number {
    return this.idBySpelling.get(subreddit) ?? this.learnSpelling(subreddit);
  }

  /**
   * Takes one input row; `subreddit` from `intern`.
   *
   * @param userHi   u32, upper half of the user's keyed hash; `userLo` the lower half
   * @param posts    u32; `comments` likewise
   * @param score    integer within ±2^53
   * @param firstUtc u32 seconds, 0 = unknown; `lastUtc` likewise
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
  ): void {
    const areCounts = posts >>> 0 === posts && comments >>> 0 === comments;
    const areTimes = firstUtc >>> 0 === firstUtc && lastUtc >>> 0 === lastUtc;
    if (!areCounts || !areTimes || !Number.isSafeInteger(score))
      throw eventError(this.options.name, { posts, comments, score, firstUtc, lastUtc });

    const i = this.size++;
    this.userHi[i] = userHi;
    this.userLo[i] = userLo;
    this.subreddit[i] = subreddit;
    const at = i * VALUE_WORDS;
    this.u32[at + Value.posts] = posts;
    this.u32[at + Value.comments] = comments;
    this.u32[at + Value.firstUtc] = firstUtc;
    this.u32[at + Value.lastUtc] = lastUtc;
    this.f64[(at >>> 1) + Value.score] = score;
    if (this.size === this.capacity) this.writeRun();
  }

  /** Writes what is still buffered, flushes all runs to the disk, and leaves `<name>.runset.json` beside them. */
  async finish(): Promise<RunSet> {
    this.writeRun();
    const { directory, name } = this.options;
    return writeRunSet(join(directory, `${name}.runset.json`), this.runs, this.numEvents, this.displayNames);
  }

  private learnSpelling(spelling: string): number {
    const key = subredditKey(spelling);
    let id = this.idByKey.get(key);
    if (id === undefined) {
      id = this.displayNames.push(spelling) - 1;
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
      this.writeRows(file);
      this.runs.push(file.finish());
    } finally {
      file.close();
    }
    this.numEvents += this.size;
    this.size = 0;
  }

  /** Sorts the buffered events and writes one row for each (user, subreddit). */
  private writeRows(file: RunFileWriter): void {
    const { size, userHi, userLo, subreddit, u32, f64 } = this;
    const order = this.sorter.sort([subreddit, userLo, userHi], size);
    for (let begin = 0; begin < size; ) {
      const head = order[begin];
      const hi = userHi[head];
      const lo = userLo[head];
      const id = subreddit[head];
      let posts = 0;
      let comments = 0;
      let score = 0;
      let firstUtc = 0;
      let lastUtc = 0;
      let end = begin;
      let i = head;
      do {
        const at = i * VALUE_WORDS;
        posts += u32[at + Value.posts];
        comments += u32[at + Value.comments];
        score += f64[(at >>> 1) + Value.score];
        if (!Number.isSafeInteger(score)) throw overflowError('score', score);
        firstUtc = earlier(firstUtc, u32[at + Value.firstUtc]);
        lastUtc = Math.max(lastUtc, u32[at + Value.lastUtc]);
        end++;
        i = order[end];
      } while (end < size && userLo[i] === lo && subreddit[i] === id && userHi[i] === hi);
      if (posts > U32_MAX) throw overflowError('posts', posts);
      if (comments > U32_MAX) throw overflowError('comments', comments);

      const to = file.next();
      file.u32[to + Word.userHi] = hi;
      file.u32[to + Word.userLo] = lo;
      file.u32[to + Word.subreddit] = id;
      file.u32[to + Word.posts] = posts;
      file.u32[to + Word.comments] = comments;
      file.u32[to + Word.rows] = end - begin;
      file.u32[to + Word.firstUtc] = firstUtc;
      file.u32[to + Word.lastUtc] = lastUtc;
      file.f64[scoreIndex(to)] = score;
      begin = end;
    }
  }
}

export const U32_MAX = 0xffffffff;

/** The earlier of two times, where 0 stands for unknown and never wins. */
export function earlier(a: number, b: number): number {
  return a === 0 || (b !== 0 && b < a) ? b : a;
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

/** `ERR_INTERACTION_OVERFLOW`: a sum over one user and subreddit is larger than its column can hold. */
export function overflowError(column: 'posts' | 'comments' | 'rows' | 'score', total: number): IntegrityError {
  const limit = column === 'score' ? 'an integer within ±2^53' : `at most ${U32_MAX}`;
  const message = `The ${column} of one user in one subreddit add up to ${total}, expected ${limit}. Check the input for repeated or made-up counts.`;
  return new IntegrityError('ERR_INTERACTION_OVERFLOW', message, { column, total });
}

function eventError(name: string, values: Readonly<Record<string, number>>): IntegrityError {
  const given = JSON.stringify(values);
  const message = `${name}: an input row holds ${given}, expected counts and times in [0, 2^32) and an integer score. Check the columns of this input.`;
  return new IntegrityError('ERR_EVENT', message, { name, ...values });
}

/** Stable LSD radix sort of positions by u32 keys, 16 bits at a time; digits that are the same everywhere cost no move. */
class RadixSorter {
  private order: Uint32Array;
  private scratch: Uint32Array;
  private readonly counts = new Uint32Array(65_536);

  constructor(capacity: number) {
    this.order = new Uint32Array(capacity);
    this.scratch = new Uint32Array(capacity);
  }

  /** Positions [0, size) ordered by the last of `keys`, then the one before it, and so on. Valid until the next call. */
  sort(keys: readonly Uint32Array[], size: number): Uint32Array {
    for (let i = 0; i < size; i++) this.order[i] = i;
    for (const key of keys) for (const shift of [0, 16]) this.sortByDigit(key, shift, size);
    return this.order;
  }

  private sortByDigit(key: Uint32Array, shift: number, size: number): void {
    const { order, scratch, counts } = this;
    counts.fill(0);
    for (let i = 0; i < size; i++) counts[(key[i] >>> shift) & 0xffff]++;
    if (counts[(key[0] >>> shift) & 0xffff] === size) return;
    let begin = 0;
    for (let digit = 0; digit < 65_536; digit++) {
      const count = counts[digit];
      counts[digit] = begin;
      begin += count;
    }
    for (let j = 0; j < size; j++) {
      const i = order[j];
      scratch[counts[(key[i] >>> shift) & 0xffff]++] = i;
    }
    this.order = scratch;
    this.scratch = order;
  }
}
