import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeTable } from '../../src/artifacts/arrow.js';
import { loadInteractions } from '../../src/artifacts/load-interactions.js';
import { INTERACTIONS } from '../../src/artifacts/tables.js';
import { COUNT_OF_CODE } from '../../src/graph/edge-features.js';
import { rowsOf } from '../graph/graphs.js';
import { temporaryFolders } from './folders.js';

const newFolder = temporaryFolders();

interface Row {
  readonly user: number;
  readonly subreddit: number;
  readonly comments: number;
}

function write(folder: string, file: string, rows: readonly Row[]): void {
  const u32 = (value: (row: Row) => number) => Uint32Array.from(rows, value);
  const i64 = (value: (row: Row) => number) => BigInt64Array.from(rows, (row) => BigInt(value(row)));
  writeTable(folder, { ...INTERACTIONS, file } as unknown as typeof INTERACTIONS, {
    user: u32((row) => row.user),
    subreddit: u32((row) => row.subreddit),
    posts: u32(() => 0),
    comments: u32((row) => row.comments),
    score: i64((row) => -row.comments),
    first_utc: i64(() => 0),
    last_utc: i64((row) => 1_600_000_000 + row.user),
  });
}

const load = (folder: string, numSubreddits = 6) =>
  loadInteractions(folder, numSubreddits, 365, new AbortController().signal);

const sorted = (rows: readonly Row[]) => [...rows].sort((a, b) => a.user - b.user || a.subreddit - b.subreddit);

/** Rows of distinct pairs, in order. */
const shard = fc
  .uniqueArray(fc.record({ user: fc.nat(9), subreddit: fc.nat(5), comments: fc.integer({ min: 1, max: 9 }) }), {
    selector: ({ user, subreddit }) => `${user} ${subreddit}`,
    maxLength: 20,
  })
  .map(sorted);

describe('loadInteractions', () => {
  it('sums what shards share, and reads many as one that holds their sum', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(shard, { minLength: 1, maxLength: 4 }), async (shards) => {
        const apart = newFolder();
        shards.forEach((rows, n) => {
          write(apart, `interactions-${n}.arrow`, rows);
        });
        const sums = new Map<string, Row>();
        for (const row of shards.flat()) {
          const key = `${row.user} ${row.subreddit}`;
          sums.set(key, { ...row, comments: row.comments + (sums.get(key)?.comments ?? 0) });
        }
        const expected = sorted([...sums.values()]);
        const together = newFolder();
        write(together, INTERACTIONS.file, expected);

        const { graph, codes, rows } = await load(apart);
        expect(rows).toBe(shards.flat().length);
        expect(rowsOf(graph).flatMap((row, user) => row.map((subreddit) => `${user} ${subreddit}`))).toEqual(
          expected.map(({ user, subreddit }) => `${user} ${subreddit}`),
        );
        expect(Array.from(codes[1], (code) => COUNT_OF_CODE[code])).toEqual(expected.map(({ comments }) => comments));
        const { rows: _, ...whole } = await load(together);
        expect({ graph, codes }).toEqual(whole);
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  const row = (user: number, subreddit: number): Row => ({ user, subreddit, comments: 1 });
  it.each([
    ['users that descend', [row(1, 0), row(0, 0)]],
    ['subreddits that descend', [row(0, 1), row(0, 0)]],
    ['a pair twice in one shard', [row(0, 1), row(0, 1)]],
    ['a subreddit beyond the last', [row(0, 6)]],
  ])('refuses %s', async (_, rows) => {
    const folder = newFolder();
    write(folder, INTERACTIONS.file, rows);
    await expect(load(folder)).rejects.toMatchObject({ code: 'ERR_GRAPH' });
  });

  it('takes no rows at all', async () => {
    const folder = newFolder();
    write(folder, INTERACTIONS.file, []);
    expect(await load(folder)).toMatchObject({ rows: 0, graph: { numRows: 0 } });
  });
});
