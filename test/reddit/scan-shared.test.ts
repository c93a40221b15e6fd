import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scanInput } from '../../src/reddit/scan.js';
import { collector, reasonsOf, sharedFolder, testOptions } from './scan-chunks.js';

/** The decompressed file, by the usual programs. */
function bytesOf(path: string): Buffer {
  const options = { maxBuffer: 2 ** 30 };
  if (path.endsWith('.zst')) return execFileSync('zstd', ['-dcq', '--long=31', path], options);
  return path.endsWith('.bz2') ? execFileSync('bzcat', [path], options) : readFileSync(path);
}

function countLines(bytes: Buffer): number {
  let lines = bytes.length > 0 && bytes[bytes.length - 1] !== 10 ? 1 : 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}

const inputOf = (path: string) => ({ path, bytes: statSync(path).size, mtimeMs: 0, isStdin: false });

const scanFile = async (path: string) => {
  const { sink, added } = collector();
  return { counts: await scanInput(inputOf(path), testOptions, sink), added };
};

describe('real dumps', () => {
  it.for<[string, Record<string, number>]>([
    ['RC_2005-12.zst', { 'deleted-author': 185 }],
    ['RC_2006-01.zst', { 'deleted-author': 893 }],
    ['RC_2006-02.bz2', { 'deleted-author': 2386 }],
    ['RS_2006-02.bz2', { 'deleted-author': 28, 'over-18': 11 }],
    ['RC_2019-08_sample.zst', { 'deleted-author': 97, bot: 20, 'user-profile': 2 }],
    ['RS_2019-10_AskWomen.zst', { 'deleted-author': 4336, bot: 12, 'over-18': 65 }],
    ['comments_2005-2024.ndjson', { 'deleted-author': 5, bot: 1 }],
    ['submissions_2005-2024.ndjson.zst', { 'user-profile': 1, 'over-18': 6 }],
  ])('accounts for every line of %s', async ([name, expected], context) => {
    const path = join(sharedFolder(context), 'reddit', name);
    const { counts, added } = await scanFile(path);
    const bytes = bytesOf(path);
    expect(counts).toMatchObject({ format: 'dump', read: countLines(bytes), bytes: bytes.length, kept: added.length });
    expect(reasonsOf(counts)).toEqual(expected);
    expect(added.every(({ firstUtc }) => firstUtc > 1.1e9 && firstUtc < 1.8e9)).toBe(true);
  });

  it('reads the table of 2021 without loss', async (context) => {
    const path = join(sharedFolder(context), 'reddit', 'reddit2021-train.tsv.zst');
    const users = new Set<number>();
    const sink = {
      intern: () => 0,
      add: (userHi: number, userLo: number) => void users.add(userHi * 2 ** 20 + (userLo >>> 12)),
    };
    const counts = await scanInput(inputOf(path), testOptions, sink);
    expect(counts).toMatchObject({ format: 'table', read: 891096, kept: 891096, ignoredColumns: ['recency_rank'] });
    expect(users.size).toBe(countUsers(bytesOf(path)));
  });
});

function countUsers(table: Buffer): number {
  const rows = table.toString().trimEnd().split('\n').slice(1);
  return new Set(rows.map((row) => row.slice(0, row.indexOf('\t')))).size;
}
