import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { IntegrityError } from '../core/errors.js';
import { BEHAVIOUR_RULES, type BehaviourRule, type Program, programsOf } from './behaviour.js';
import { subredditKey } from './records.js';
import { type Run, RunFileReader, RunFileWriter, type RunSet, readRunSet, runError } from './run-file.js';
import { compareBytes } from './run-writer.js';
import { UserSums } from './user-sums.js';

export interface MergeOptions {
  readonly scratchDirectory: string; // exists, for this merge alone; used when there are more than `maxOpenRuns` runs
  /** Why a subreddit (its `subredditKey`) stays out of the graph, or undefined where it stays in. Same answer every time. */
  readonly dropSubreddit?: ((key: string) => string | undefined) | undefined;
  /** Leaves out accounts that act like programs; default true. */
  readonly dropPrograms?: boolean | undefined;
  readonly maxOpenRuns?: number; // at least 2, default 256
  readonly batchRows?: number; // rows of a batch, default 65,536
}

export interface Subreddit {
  readonly key: string; // as `subredditKey` gives it
  readonly name: string; // for display: of the spellings seen, the smallest in byte order
}

/**
 * Rows of U whole users, n in all, ascending by user, then subreddit. At most `batchRows`, or one larger user. The arrays
 * are overwritten by the next batch.
 */
export interface UserBatch {
  readonly userHi: Uint32Array; // [U] keyed hash of each user, ascending
  readonly userLo: Uint32Array; // [U]
  readonly user: Uint32Array; // [n] rank of the user in hash order, over all batches
  readonly subreddit: Uint32Array; // [n] index in `RunMerge.subreddits`
  readonly posts: Uint32Array; // [n]
  readonly comments: Uint32Array; // [n]
  readonly score: Float64Array; // [n] integers
  readonly firstUtc: Uint32Array; // [n] s, 0 = unknown
  readonly lastUtc: Uint32Array; // [n] s, 0 = unknown
}

/** `readRows = keptRows + Σ droppedRows`; complete once the last batch was taken. */
export interface MergeTotals {
  readRows: number;
  keptRows: number;
  droppedRows: Record<string, number>; // by reason
  numUsers: number;
  numInteractions: number; // rows of all batches
  readonly programs: Record<BehaviourRule, { users: number; rows: number; interactions: number }>; // left out
}

export interface RunMerge {
  readonly subreddits: readonly Subreddit[]; // ascending by key in byte order
  readonly batches: Generator<UserBatch, void, undefined>;
  readonly totals: MergeTotals;
}

/**
 * Merges run sets into one table of interactions: a row for each (user, subreddit), users in the order of their hash.
 *
 * The result is a function of the multiset of events: how they were split into inputs and runs, and in which order
 * either came, shows only in which accounts count as programs, as these are measured run by run. A user none of whose
 * subreddits is kept does not appear. Memory is bounded by the number of subreddits and of open runs, and by 32 bytes for
 * each run that an account was busy in; never by all users or events. Reads synchronously; take the batches one by one. A damaged
 * run may show only at its end, so keep nothing of the batches unless the last one has come.
 */
export function mergeRuns(runSets: readonly RunSet[], options: MergeOptions): RunMerge {
  const totals: MergeTotals = {
    readRows: 0,
    keptRows: 0,
    droppedRows: {},
    numUsers: 0,
    numInteractions: 0,
    programs: noPrograms(),
  };
  for (const { numEvents } of runSets) totals.readRows += numEvents;
  const { subreddits, sources, reasons, programs } = openRunSets(runSets, options);
  return { subreddits, totals, batches: mergeSources(sources, subreddits.length, reasons, programs, totals, options) };
}

/** A run and what its subreddit ids mean: the canonical id, or ~r where the subreddit is dropped for reasons[r]. */
interface Source {
  readonly run: Run;
  readonly canonicalIds: Int32Array | undefined; // undefined: ids are canonical already
}

/** Ranks the kept subreddits of all sets by key. */
function openRunSets(
  runSets: readonly RunSet[],
  { dropSubreddit, dropPrograms = true }: MergeOptions,
): { subreddits: Subreddit[]; sources: Source[]; reasons: string[]; programs: Program[] } {
  const firstSeen = new Map<string, number>(); // position in `seen`; dropped names, perhaps millions, are not kept
  const seen: { key: string; name: string }[] = [];
  const reasons: string[] = [];
  const behaviours: Uint32Array[] = [];
  const sets = runSets.map(({ path }) => {
    const { runs, subreddits, behaviours: ofSet } = readRunSet(path);
    if (dropPrograms) behaviours.push(ofSet);
    const ids = Int32Array.from(subreddits, (name) => {
      const key = subredditKey(name);
      const reason = dropSubreddit?.(key);
      if (reason !== undefined) return ~indexOrPush(reasons, reason);
      const known = firstSeen.get(key);
      if (known === undefined) {
        firstSeen.set(key, seen.length);
        return seen.push({ key, name }) - 1;
      }
      if (compareBytes(name, seen[known].name) < 0) seen[known].name = name;
      return known;
    });
    return { runs, ids };
  });

  const order = seen.map((_, i) => i).sort((a, b) => compareBytes(seen[a].key, seen[b].key));
  const rank = new Int32Array(seen.length);
  order.forEach((i, r) => {
    rank[i] = r;
  });
  for (const { ids } of sets) for (let i = 0; i < ids.length; i++) if (ids[i] >= 0) ids[i] = rank[ids[i]];
  const sources = sets.flatMap(({ runs, ids }) => runs.map((run) => ({ run, canonicalIds: ids })));
  return { subreddits: order.map((i) => seen[i]), sources, reasons, programs: programsOf(behaviours) };
}

function noPrograms(): MergeTotals['programs'] {
  const none = () => ({ users: 0, rows: 0, interactions: 0 });
  return { rate: none(), repetition: none(), regularity: none() };
}

function countProgram(effect: { users: number; rows: number; interactions: number }, sums: UserSums): void {
  effect.users++;
  effect.interactions += sums.size;
  for (let i = 0; i < sums.size; i++) effect.rows += sums.rows[sums.slotAt(i)];
}

function indexOrPush(list: string[], item: string): number {
  const index = list.indexOf(item);
  return index >= 0 ? index : list.push(item) - 1;
}

/** Merges in rounds until all runs that are left can be open at once, then hands out batches. */
function* mergeSources(
  sources: readonly Source[],
  numSubreddits: number,
  reasons: readonly string[],
  programs: readonly Program[],
  totals: MergeTotals,
  options: MergeOptions,
): Generator<UserBatch, void, undefined> {
  const maxOpenRuns = Math.max(2, options.maxOpenRuns ?? 256);
  const dropped = new Float64Array(reasons.length);
  const queue = [...sources];
  const scratchPaths = new Set<string>();
  try {
    while (queue.length > maxOpenRuns) {
      // Never more than needed: 300 runs become 256 by merging 45.
      const group = queue.splice(0, Math.min(maxOpenRuns, queue.length - maxOpenRuns + 1));
      const path = join(options.scratchDirectory, `merged.${scratchPaths.size}.run`);
      scratchPaths.add(path);
      queue.push({ run: mergeToRun(group, numSubreddits, dropped, path), canonicalIds: undefined });
      for (const { run } of group) if (scratchPaths.has(run.path)) rmSync(run.path);
    }
    yield* mergeToBatches(queue, numSubreddits, dropped, programs, totals, options.batchRows ?? 65_536);
  } finally {
    for (const path of scratchPaths) rmSync(path, { force: true });
  }

  for (const reason of [...reasons].sort(compareBytes)) totals.droppedRows[reason] = dropped[reasons.indexOf(reason)];
  const programRows = BEHAVIOUR_RULES.reduce((sum, rule) => sum + totals.programs[rule].rows, 0);
  if (programRows > 0) totals.droppedRows['bot-behaviour'] = programRows;
  const accounted = dropped.reduce((sum, rows) => sum + rows, totals.keptRows + programRows);
  if (accounted !== totals.readRows) {
    const message = `The runs hold ${accounted} input rows, expected ${totals.readRows} as their sets say. Scan the inputs again.`;
    throw new IntegrityError('ERR_ROW_ACCOUNTING', message, { ...totals, accounted });
  }
}

function mergeToRun(sources: readonly Source[], numSubreddits: number, dropped: Float64Array, path: string): Run {
  const merge = new UserMerge(sources, numSubreddits, dropped);
  const file = new RunFileWriter(path);
  try {
    while (merge.next()) {
      const { sums } = merge;
      if (sums.size > 0) file.user(merge.userHi, merge.userLo);
      file.rows(sums);
    }
    return file.finish();
  } finally {
    file.close();
    merge.close();
  }
}

function* mergeToBatches(
  sources: readonly Source[],
  numSubreddits: number,
  dropped: Float64Array,
  programs: readonly Program[],
  totals: MergeTotals,
  batchRows: number,
): Generator<UserBatch, void, undefined> {
  const merge = new UserMerge(sources, numSubreddits, dropped);
  let batch = allocateBatch(batchRows);
  let numRows = 0;
  let numUsers = 0; // in this batch
  let program = 0; // the first that no user has come up to
  try {
    while (merge.next()) {
      const { sums } = merge;
      if (sums.size === 0) continue;
      while (program < programs.length && isUserBefore(programs[program], merge)) program++;
      if (program < programs.length && !isUserBefore(merge, programs[program])) {
        countProgram(totals.programs[programs[program].rule], sums);
        continue;
      }
      sums.sort();
      if (numRows > 0 && numRows + sums.size > batchRows) {
        yield cutBatch(batch, numUsers, numRows);
        numRows = 0;
        numUsers = 0;
      }
      if (sums.size > batch.user.length) batch = allocateBatch(sums.size); // then it is the first of its batch

      for (let i = 0; i < sums.size; i++) {
        const slot = sums.slotAt(i);
        const to = numRows + i;
        batch.user[to] = totals.numUsers;
        batch.subreddit[to] = sums.subreddits[i];
        batch.posts[to] = sums.posts[slot];
        batch.comments[to] = sums.comments[slot];
        batch.score[to] = sums.score[slot];
        batch.firstUtc[to] = sums.firstUtc[slot];
        batch.lastUtc[to] = sums.lastUtc[slot];
        totals.keptRows += sums.rows[slot];
      }
      batch.userHi[numUsers] = merge.userHi;
      batch.userLo[numUsers] = merge.userLo;
      numUsers++;
      numRows += sums.size;
      totals.numUsers++;
      totals.numInteractions += sums.size;
    }
    if (numRows > 0) yield cutBatch(batch, numUsers, numRows);
  } finally {
    merge.close();
  }
}

function allocateBatch(capacity: number): UserBatch {
  return {
    userHi: new Uint32Array(capacity),
    userLo: new Uint32Array(capacity),
    user: new Uint32Array(capacity),
    subreddit: new Uint32Array(capacity),
    posts: new Uint32Array(capacity),
    comments: new Uint32Array(capacity),
    score: new Float64Array(capacity),
    firstUtc: new Uint32Array(capacity),
    lastUtc: new Uint32Array(capacity),
  };
}

/** The filled part of a batch. */
function cutBatch(batch: UserBatch, numUsers: number, numRows: number): UserBatch {
  return {
    userHi: batch.userHi.subarray(0, numUsers),
    userLo: batch.userLo.subarray(0, numUsers),
    user: batch.user.subarray(0, numRows),
    subreddit: batch.subreddit.subarray(0, numRows),
    posts: batch.posts.subarray(0, numRows),
    comments: batch.comments.subarray(0, numRows),
    score: batch.score.subarray(0, numRows),
    firstUtc: batch.firstUtc.subarray(0, numRows),
    lastUtc: batch.lastUtc.subarray(0, numRows),
  };
}

const BUFFER_WORDS = 2 ** 23; // for all open runs together, 32 MiB, within the two bounds for one of them
const MIN_BUFFER_WORDS = 2 ** 14;
const MAX_BUFFER_WORDS = 2 ** 18;

/**
 * Walks the users of up to a few hundred runs in hash order, one user at a time. After `next`, `sums` holds what the user
 * did. Runs are in a binary heap by the user they stand on.
 */
class UserMerge {
  userHi = 0;
  userLo = 0;
  readonly sums: UserSums;

  private readonly readers: RunFileReader[] = [];
  private readonly heap: Uint32Array; // positions in `readers`
  private readonly headHi: Uint32Array; // user that each reader stands on
  private readonly headLo: Uint32Array;
  private heapSize = 0;

  constructor(
    private readonly sources: readonly Source[],
    private readonly numSubreddits: number,
    private readonly dropped: Float64Array, // input rows by reason, added to
  ) {
    this.sums = new UserSums(numSubreddits);
    this.heap = new Uint32Array(sources.length);
    this.headHi = new Uint32Array(sources.length);
    this.headLo = new Uint32Array(sources.length);

    const share = Math.floor(BUFFER_WORDS / sources.length);
    const bufferWords = Math.max(MIN_BUFFER_WORDS, Math.min(MAX_BUFFER_WORDS, share));
    try {
      for (const { run } of sources) this.readers.push(new RunFileReader(run, bufferWords));
    } catch (error) {
      this.close();
      throw error;
    }
    this.readers.forEach((reader, r) => {
      if (reader.isAtEnd) return;
      this.readHead(r);
      this.heap[this.heapSize++] = r;
    });
    for (let i = (this.heapSize >>> 1) - 1; i >= 0; i--) this.siftDown(i);
  }

  /** Adds up the next user; false at the end. */
  next(): boolean {
    this.sums.clear();
    if (this.heapSize === 0) return false;

    const { heap, headHi, headLo } = this;
    const userHi = headHi[heap[0]];
    const userLo = headLo[heap[0]];
    this.userHi = userHi;
    this.userLo = userLo;
    do {
      this.takeUser(heap[0]);
      if (this.readers[heap[0]].isAtEnd) heap[0] = heap[--this.heapSize];
      this.siftDown(0);
    } while (this.heapSize > 0 && headHi[heap[0]] === userHi && headLo[heap[0]] === userLo);
    return true;
  }

  close(): void {
    for (const reader of this.readers) reader.close();
  }

  /** Adds up all rows that reader r holds of the current user, and moves it on to its next user. */
  private takeUser(r: number): void {
    const reader = this.readers[r];
    const { run, canonicalIds } = this.sources[r];
    const { userHi, userLo, sums, dropped } = this;
    const numIds = canonicalIds === undefined ? this.numSubreddits : canonicalIds.length;
    do {
      const { subreddit, rows } = reader;
      if (subreddit >= numIds) throw runError(run.path, `subreddit ids below ${numIds}`, `${subreddit}`);
      const id = canonicalIds === undefined ? subreddit : canonicalIds[subreddit];
      if (id < 0) dropped[~id] += rows;
      else sums.add(id, reader.posts, reader.comments, rows, reader.score, reader.firstUtc, reader.lastUtc);
      reader.advance();
      if (reader.isAtEnd) return;
    } while (reader.userHi === userHi && reader.userLo === userLo);
    this.readHead(r);
  }

  private readHead(r: number): void {
    this.headHi[r] = this.readers[r].userHi;
    this.headLo[r] = this.readers[r].userLo;
  }

  /** Restores the heap below position i. */
  private siftDown(i: number): void {
    const { heap, headHi, headLo, heapSize } = this;
    const moved = heap[i];
    const hi = headHi[moved];
    const lo = headLo[moved];
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heapSize) break;
      const sibling = child + 1;
      if (sibling < heapSize && isBefore(headHi, headLo, heap[sibling], headHi[heap[child]], headLo[heap[child]]))
        child = sibling;
      if (!isBefore(headHi, headLo, heap[child], hi, lo)) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = moved;
  }
}

interface UserHash {
  readonly userHi: number;
  readonly userLo: number;
}

function isUserBefore(a: UserHash, b: UserHash): boolean {
  return a.userHi < b.userHi || (a.userHi === b.userHi && a.userLo < b.userLo);
}

function isBefore(headHi: Uint32Array, headLo: Uint32Array, r: number, hi: number, lo: number): boolean {
  return headHi[r] < hi || (headHi[r] === hi && headLo[r] < lo);
}
