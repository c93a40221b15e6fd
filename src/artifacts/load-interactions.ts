import { readdir } from 'node:fs/promises';
import { IntegrityError } from '../core/errors.js';
import { type Adjacency, assertEdgeCount, shared } from '../graph/csr.js';
import { EDGE_FEATURES, encodeEdgeFeatures } from '../graph/edge-features.js';
import { type Columns, ROWS_PER_BATCH, readBatches } from './arrow.js';
import { INTERACTIONS } from './tables.js';

/** All interactions as a graph with the codes of its features, F times [E]; users and subreddits as ingested. */
export interface InteractionGraph {
  readonly graph: Adjacency;
  readonly codes: readonly Uint8Array[];
  readonly rows: number; // read, of all shards; more than E where shards share pairs
}

/**
 * Reads the interactions that the stage ingest left in `folder`: eight bytes an edge and four a user stay in memory.
 *
 * They lie in one table or in several shards, each sorted; a pair that several hold is summed. Reads twice, because
 * ages count from the last action of all.
 */
export async function loadInteractions(
  folder: string,
  numSubreddits: number,
  halfLifeDays: number,
  signal: AbortSignal,
): Promise<InteractionGraph> {
  const files = await interactionFiles(folder);
  const { rows, numUsers, lastUtc } = await measure(folder, files, signal);
  assertEdgeCount(rows);
  const rowPtr = new Uint32Array(numUsers + 1);
  const colIndex = shared(Uint32Array, rows);
  const codes = EDGE_FEATURES.map(() => shared(Uint8Array, rows));
  let e = 0;
  for await (const batch of mergeInteractions(folder, files, numSubreddits)) {
    signal.throwIfAborted();
    for (let i = 0; i < batch.length; i++, e++) {
      rowPtr[batch.user[i] + 1]++;
      colIndex[e] = batch.subreddit[i];
      const counts = {
        posts: batch.posts[i],
        comments: batch.comments[i],
        score: batch.score[i],
        lastUtc: batch.lastUtc[i],
      };
      encodeEdgeFeatures(counts, lastUtc, halfLifeDays, codes, e);
    }
  }
  for (let u = 0; u < numUsers; u++) rowPtr[u + 1] += rowPtr[u];
  const graph = { numRows: numUsers, numCols: numSubreddits, rowPtr, colIndex: colIndex.subarray(0, e) };
  return { graph, codes: codes.map((column) => column.subarray(0, e)), rows };
}

/** Names of the files of `folder` that hold interactions, in order. */
export async function interactionFiles(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((file) => /^interactions(-\d+)?\.arrow$/.test(file)).sort();
}

async function measure(
  folder: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<{ rows: number; numUsers: number; lastUtc: number }> {
  let rows = 0;
  let numUsers = 0;
  let latest = 0;
  for (const file of files)
    for await (const { user, last_utc } of readBatches(folder, { ...INTERACTIONS, file })) {
      signal.throwIfAborted();
      if (user.length === 0) continue;
      rows += user.length;
      numUsers = Math.max(numUsers, user[user.length - 1] + 1);
      for (const utc of numbersOf(last_utc)) if (utc > latest) latest = utc;
    }
  return { rows, numUsers, lastUtc: latest };
}

/** Rows in order of user, then subreddit, each pair once. The arrays are overwritten by the next batch. */
export interface InteractionBatch {
  length: number;
  readonly user: Uint32Array;
  readonly subreddit: Uint32Array;
  readonly posts: Float64Array;
  readonly comments: Float64Array;
  readonly score: Float64Array;
  readonly lastUtc: Float64Array; // s, 0 where unknown
}

/** Merges sorted shards in the memory of a batch of each. Throws `ERR_GRAPH` where one is not sorted. */
export async function* mergeInteractions(
  folder: string,
  files: readonly string[],
  numSubreddits: number,
): AsyncGenerator<InteractionBatch> {
  const shards = files.map((file) => new Shard(folder, file, numSubreddits));
  for (const shard of shards) await shard.advanceBatch();
  const out: InteractionBatch = {
    length: 0,
    user: new Uint32Array(ROWS_PER_BATCH),
    subreddit: new Uint32Array(ROWS_PER_BATCH),
    posts: new Float64Array(ROWS_PER_BATCH),
    comments: new Float64Array(ROWS_PER_BATCH),
    score: new Float64Array(ROWS_PER_BATCH),
    lastUtc: new Float64Array(ROWS_PER_BATCH),
  };
  let lastKey = -1; // of the last row in `out`
  for (;;) {
    let next = shards[0];
    for (const shard of shards) if (shard.key < next.key) next = shard;
    if (next === undefined || next.key === Infinity) break;
    if (next.key !== lastKey) {
      if (out.length === ROWS_PER_BATCH) {
        yield out;
        out.length = 0;
      }
      lastKey = next.key;
      next.copyTo(out, out.length++);
    } else next.addTo(out, out.length - 1);
    if (!next.advance()) await next.advanceBatch();
  }
  if (out.length > 0) yield out;
}

/** A reader of one shard, standing at a row. */
class Shard {
  key = Infinity; // user · numSubreddits + subreddit of the row, exact below 2^53; Infinity at the end
  private readonly batches: AsyncGenerator<Columns<typeof INTERACTIONS>>;
  private batch?: Columns<typeof INTERACTIONS>;
  private score = new Float64Array(0);
  private lastUtc = new Float64Array(0);
  private row = 0;

  constructor(
    private readonly folder: string,
    private readonly file: string,
    private readonly numSubreddits: number,
  ) {
    this.batches = readBatches(folder, { ...INTERACTIONS, file });
  }

  /** Moves to the next row; false where it is in another batch. */
  advance(): boolean {
    if (this.batch === undefined || ++this.row === this.batch.user.length) return false;
    const before = this.key;
    this.setKey(this.batch);
    if (this.key <= before) this.fail();
    return true;
  }

  async advanceBatch(): Promise<void> {
    const before = this.batch ? this.key : -1;
    do {
      const { value, done } = await this.batches.next();
      if (done) {
        this.key = Infinity;
        return;
      }
      this.batch = value;
    } while (this.batch.user.length === 0);
    this.row = 0;
    this.score = numbersOf(this.batch.score);
    this.lastUtc = numbersOf(this.batch.last_utc);
    this.setKey(this.batch);
    if (this.key <= before) this.fail();
  }

  private setKey({ user, subreddit }: Columns<typeof INTERACTIONS>): void {
    if (subreddit[this.row] >= this.numSubreddits) this.fail();
    this.key = user[this.row] * this.numSubreddits + subreddit[this.row];
  }

  copyTo(out: InteractionBatch, at: number): void {
    const { batch, row } = this;
    if (!batch) return;
    out.user[at] = batch.user[row];
    out.subreddit[at] = batch.subreddit[row];
    out.posts[at] = batch.posts[row];
    out.comments[at] = batch.comments[row];
    out.score[at] = this.score[row];
    out.lastUtc[at] = this.lastUtc[row];
  }

  addTo(out: InteractionBatch, at: number): void {
    const { batch, row } = this;
    if (!batch) return;
    out.posts[at] += batch.posts[row];
    out.comments[at] += batch.comments[row];
    out.score[at] += this.score[row];
    out.lastUtc[at] = Math.max(out.lastUtc[at], this.lastUtc[row]);
  }

  private fail(): never {
    const path = `${this.folder}/${this.file}`;
    const user = this.batch?.user[this.row];
    const subreddit = this.batch?.subreddit[this.row];
    throw new IntegrityError(
      'ERR_GRAPH',
      `${path}: the row of user ${user} and subreddit ${subreddit} is out of order or out of range; rows must ascend by user, then subreddit, below ${this.numSubreddits}. Run ingest again with --force, or sort the shard.`,
      { path, user, subreddit },
    );
  }
}

/** 64-bit integers as doubles, without a BigInt for each: rounded beyond ±2^53. */
function numbersOf(values: BigInt64Array): Float64Array<ArrayBuffer> {
  const words = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  const out = new Float64Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = words[2 * i + 1] * 2 ** 32 + (words[2 * i] >>> 0);
  return out;
}
