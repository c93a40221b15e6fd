import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Dictionary,
  Int32,
  Int64,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Table,
  TimestampMicrosecond,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scanInput } from '../../src/reddit/scan.js';
import type { ScanOptions } from '../../src/reddit/tally.js';
import { collector, reasonsOf, scanBytes, testOptions } from './scan-chunks.js';

const USERS = ['a', 'b', 'a', 'c'];
const SUBREDDITS = ['pics', 'news', 'news', 'Pics'];
const COUNTS = [1, 2, 3, 4];

/** Batches of `size` rows; the same bytes in both formats but for the file's frame. */
function arrowBytes(columns: Record<string, Vector>, format: 'file' | 'stream', size = 2): Buffer {
  const table = new Table(columns);
  const writer = format === 'file' ? new RecordBatchFileWriter() : new RecordBatchStreamWriter();
  for (let at = 0; at < Math.max(1, table.numRows); at += size) {
    for (const batch of table.slice(at, at + size).batches) writer.write(batch);
  }
  writer.finish();
  return Buffer.from(writer.toUint8Array(true));
}

const arrowColumns = (): Record<string, Vector> => ({
  note: vectorFromArray(['x', 'y', null, 'z'], new Utf8()),
  user: vectorFromArray(USERS, new Utf8()),
  subreddit: vectorFromArray(SUBREDDITS, new Dictionary(new Utf8(), new Int32())),
  posts: vectorFromArray(COUNTS, new Int32()),
  comments: vectorFromArray(COUNTS.map(BigInt), new Int64()),
  score: vectorFromArray([-1n, null, 2n ** 40n, 0n], new Int64()),
  first_utc: vectorFromArray([100, null, 300, 400], new Int32()),
});

const EXPECTED = [
  { subreddit: 'pics', posts: 1, comments: 1, score: -1, firstUtc: 100, lastUtc: 100 },
  { subreddit: 'news', posts: 2, comments: 2, score: 0, firstUtc: 0, lastUtc: 0 },
  { subreddit: 'news', posts: 3, comments: 3, score: 2 ** 40, firstUtc: 300, lastUtc: 300 },
  { subreddit: 'Pics', posts: 4, comments: 4, score: 0, firstUtc: 400, lastUtc: 400 },
];

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error.code,
  );

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'columnar-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Scans the bytes as a file of their own. */
async function scanFile(bytes: Uint8Array, options: Partial<ScanOptions> = {}) {
  const path = join(folder, 'input');
  await writeFile(path, bytes);
  const { sink, added } = collector();
  const input = { path, bytes: bytes.length, mtimeMs: 0, isStdin: false };
  return { counts: await scanInput(input, { ...testOptions, ...options }, sink), added };
}

describe.each(['file', 'stream'] as const)('Arrow IPC, %s format', (format) => {
  it('reads plain and dictionary text, 64-bit integers and nulls, batch by batch', async () => {
    const bytes = arrowBytes(arrowColumns(), format);
    const { counts, added } = await scanFile(bytes);
    expect(counts).toMatchObject({
      format: 'arrow',
      read: 4,
      kept: 4,
      ignoredColumns: ['note'],
      bytes: bytes.length,
    });
    expect(added).toMatchObject(EXPECTED);
    expect(added[0].user).toBe(added[2].user);
  });

  it('gives the users of integer ids the hash of the same ids in text', async () => {
    const ids = [9007199254740993n, 9007199254740992n];
    const columns = { user: vectorFromArray(ids, new Int64()), subreddit: vectorFromArray(['p', 'p'], new Utf8()) };
    const { added } = await scanFile(arrowBytes(columns, format));
    const text = await scanBytes(`user,subreddit\n${ids[0]},p\n${ids[1]},p\n`);
    expect(added).toEqual(text.added);
  });

  it('reads time stamps of any unit as seconds', async () => {
    const columns = {
      user: vectorFromArray(['a'], new Utf8()),
      subreddit: vectorFromArray(['p'], new Utf8()),
      timestamp: vectorFromArray([1700000000500], new TimestampMicrosecond()),
    };
    expect((await scanFile(arrowBytes(columns, format))).added).toMatchObject([{ firstUtc: 1700000000 }]);
  });

  it('counts rows with nulls and wrong types', async () => {
    const columns = {
      user: vectorFromArray(['a', null, 'c', 'd'], new Utf8()),
      subreddit: vectorFromArray(['p', 'p', null, 'p'], new Utf8()),
      count: vectorFromArray([1, 1, 1, 1.5]),
    };
    const { counts } = await scanFile(arrowBytes(columns, format));
    expect(counts).toMatchObject({ read: 4, kept: 1 });
    expect(reasonsOf(counts)).toEqual({ 'bad-row': 3 });
  });

  it('reads a table without rows and still checks its columns', async () => {
    const empty = vectorFromArray([], new Utf8());
    const { counts } = await scanFile(arrowBytes({ user: empty, subreddit: empty }, format));
    expect(counts).toMatchObject({ read: 0, kept: 0 });
    expect(await codeOf(scanFile(arrowBytes({ user: empty, place: empty }, format)))).toBe('ERR_TABLE_COLUMNS');
  });

  it('takes titles from the caller', async () => {
    const columns = { x: vectorFromArray(['a'], new Utf8()), y: vectorFromArray(['p'], new Utf8()) };
    const bytes = arrowBytes(columns, format);
    expect((await scanFile(bytes, { columns: ['user', 'subreddit'] })).added).toMatchObject([{ subreddit: 'p' }]);
    expect(await codeOf(scanFile(bytes, { columns: ['a', 'user', 'subreddit'] }))).toBe('ERR_TABLE_COLUMNS');
  });

  it('never takes a cut table for a shorter one', async () => {
    const bytes = arrowBytes(arrowColumns(), format);
    for (let end = 8; end < bytes.length; end += 24) {
      const code = await codeOf(scanFile(bytes.subarray(0, end), { format: 'arrow' }));
      expect(['ERR_TABLE_CUT', 'ERR_TABLE_UNREADABLE', 'ERR_TABLE_COLUMNS']).toContain(code);
    }
  });

  it('passes on what the sink throws', async () => {
    const path = join(folder, 'input');
    const bytes = arrowBytes(arrowColumns(), format);
    await writeFile(path, bytes);
    const sink = {
      intern: () => 0,
      add() {
        throw new RangeError('full');
      },
    };
    const input = { path, bytes: bytes.length, mtimeMs: 0, isStdin: false };
    await expect(scanInput(input, testOptions, sink)).rejects.toThrow(RangeError);
  });
});

describe('an Arrow stream', () => {
  it('may come in chunks of any size', async () => {
    const bytes = arrowBytes(arrowColumns(), 'stream');
    for (const size of [1, 1000]) expect((await scanBytes(bytes, {}, size)).added).toMatchObject(EXPECTED);
  });
});

describe('an Arrow file', () => {
  it('is refused where it comes through a pipe', async () => {
    expect(await codeOf(scanBytes(arrowBytes(arrowColumns(), 'file')))).toBe('ERR_NEEDS_FILE');
  });
});

describe('Parquet', () => {
  const parquet = (columnData: Parameters<typeof parquetWriteBuffer>[0]['columnData'], rowGroupSize = 3) =>
    new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize }));
  const users = { name: 'user', data: USERS, type: 'STRING' as const };
  const subreddits = { name: 'subreddit', data: SUBREDDITS, type: 'STRING' as const };

  it('reads text, 32- and 64-bit integers and nulls, row group by row group', async () => {
    const bytes = parquet([
      { name: 'note', data: ['x', 'y', 'z', 'w'], type: 'STRING' },
      users,
      subreddits,
      { name: 'posts', data: COUNTS, type: 'INT32' },
      { name: 'comments', data: COUNTS.map(BigInt), type: 'INT64' },
      { name: 'score', data: [-1n, null, 2n ** 40n, 0n], type: 'INT64', nullable: true },
      { name: 'first_utc', data: [100, null, 300, 400], type: 'INT32', nullable: true },
    ]);
    const { counts, added } = await scanFile(bytes);
    expect(counts).toMatchObject({ format: 'parquet', read: 4, kept: 4, ignoredColumns: ['note'] });
    expect(added).toMatchObject(EXPECTED);
  });

  it('reads time stamps as seconds and refuses fractions of counts', async () => {
    const bytes = parquet([
      users,
      subreddits,
      { name: 'timestamp', data: COUNTS.map((n) => new Date(n * 1500)), type: 'TIMESTAMP' },
      { name: 'count', data: [1, 2, 3.5, 4], type: 'DOUBLE' },
    ]);
    const { counts, added } = await scanFile(bytes);
    expect(added.map((row) => row.firstUtc)).toEqual([1, 3, 6]);
    expect(reasonsOf(counts)).toEqual({ 'bad-row': 1 });
  });

  it('reads many row groups and repeated names', async () => {
    const n = 5000;
    const data = Array.from({ length: n }, (_, i) => `r${i % 7}`);
    const user = Array.from({ length: n }, (_, i) => BigInt(i));
    const bytes = parquet(
      [
        { name: 'user', data: user, type: 'INT64' },
        { name: 'subreddit', data, type: 'STRING' },
      ],
      1024,
    );
    const { counts, added } = await scanFile(bytes);
    expect(counts).toMatchObject({ read: n, kept: n });
    expect(added.map((row) => row.subreddit)).toEqual(data);
    expect(new Set(added.map((row) => row.user)).size).toBe(n);
  });

  it('names the columns of a foreign table', async () => {
    await expect(scanFile(parquet([users]))).rejects.toMatchObject({
      code: 'ERR_TABLE_COLUMNS',
      fields: { columns: ['user'] },
    });
  });

  it('refuses a damaged file and one that comes through a pipe', async () => {
    const bytes = parquet([users, subreddits]);
    for (const end of [4, 20, bytes.length - 1]) {
      expect(await codeOf(scanFile(bytes.subarray(0, end)))).toBe('ERR_TABLE_UNREADABLE');
    }
    expect(await codeOf(scanBytes(Buffer.from(bytes)))).toBe('ERR_NEEDS_FILE');
  });

  it('stops when asked to', async () => {
    const n = 20000;
    const bytes = parquet(
      [
        { name: 'user', data: Array.from({ length: n }, (_, i) => i), type: 'INT32' },
        { name: 'subreddit', data: new Array(n).fill('p'), type: 'STRING' },
      ],
      n,
    );
    expect(await codeOf(scanFile(bytes, { signal: AbortSignal.abort() }))).toBe('ERR_STOPPED');
  });
});
