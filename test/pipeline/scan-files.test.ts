import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../src/core/log.js';
import { type ScanFilesOptions, type ScannedFiles, scanFiles } from '../../src/pipeline/scan-files.js';
import type { InputFile } from '../../src/reddit/inputs.js';
import { mergeRuns } from '../../src/reddit/run-merge.js';
import { Field, RECORD_WORDS } from '../../src/reddit/scanner/line-scanner.js';
import { temporaryFolders } from '../artifacts/folders.js';

/** Words of the records that the scanner under test gets wrong, where any. */
const fault = vi.hoisted(() => ({ field: -1 }));
vi.mock('../../src/reddit/scanner/create-scanner.js', async (original) => {
  const real = await original<typeof import('../../src/reddit/scanner/create-scanner.js')>();
  return {
    ...real,
    createLineScanner: (kind: 'wasm' | 'typescript' | 'json', key: Uint32Array) => {
      const scanner = real.createLineScanner(kind, key);
      const run = scanner.run.bind(scanner);
      scanner.run = (...window) => {
        const begin = run(...window);
        if (kind !== 'json' && fault.field >= 0)
          for (let i = 0; i < scanner.numRecords; i++) scanner.records[i * RECORD_WORDS + fault.field]++;
        return begin;
      };
      return scanner;
    },
  };
});

const newFolder = temporaryFolders();

const fileOf = (path: string): InputFile => {
  const { size, mtimeMs } = statSync(path);
  return { path, bytes: size, mtimeMs, isStdin: false };
};

function scanAll(files: readonly InputFile[], options: Partial<ScanFilesOptions> = {}): Promise<ScannedFiles> {
  return scanFiles(
    files.map((file) => ({ file, id: `${basename(file.path)}-${file.bytes}` })),
    {
      scratch: newFolder(),
      cache: newFolder(),
      onBadFile: 'stop',
      threads: 1,
      keyWords: Uint32Array.of(1, 2, 3, 4),
      exclusions: {},
      onBadLine: 'count',
      format: 'auto',
      columns: [],
      snippets: false,
      log: silentLog,
      signal: new AbortController().signal,
      ...options,
    },
  );
}

async function scan(path: string) {
  const [scanned] = (await scanAll([fileOf(path)])).scanned;
  const merge = mergeRuns([scanned.runSet], { scratchDirectory: newFolder() });
  const batches = Array.from(merge.batches, (batch) => structuredClone(batch));
  return { counts: scanned.counts, batches, subreddits: merge.subreddits };
}

const line = (i: number) =>
  JSON.stringify({ author: `user${i % 97}`, subreddit: `place${i % 7}`, body: 'x', score: i, created_utc: 1e9 + i });
const lines = (count: number) => Array.from({ length: count }, (_, i) => `${line(i)}\n`).join('');

describe('a fast scanner that errs', () => {
  it.each(['score', 'createdUtc', 'userHi', 'userLo'] as const)(
    'about the %s of lines is found out, and the file is read by JSON.parse',
    async (field) => {
      const path = join(newFolder(), 'dump.ndjson');
      writeFileSync(path, lines(5000));
      fault.field = -1;
      const right = await scan(path);
      expect(right.counts).toMatchObject({ kept: 5000, slowLines: 0 });
      fault.field = Field[field];
      const mended = await scan(path);
      expect(mended.batches).toEqual(right.batches);
      expect(mended.subreddits).toEqual(right.subreddits);
      expect(mended.counts).toMatchObject({ kept: 5000, slowLines: 5000 });
      expect(mended.counts.note).toContain('disagree on this line');
    },
  );
});

describe('scans of several files', () => {
  const files = (folder: string, contents: Readonly<Record<string, string>>) =>
    Object.entries(contents).map(([name, content]) => {
      writeFileSync(join(folder, name), content);
      return fileOf(join(folder, name));
    });

  it('read a file once, as long as it stays as it is, and forget files that are no longer given', async () => {
    const [folder, cache] = [newFolder(), newFolder()];
    const [a, b, c] = files(folder, { a: lines(10), b: lines(20), c: lines(30) });
    expect((await scanAll([a, b], { cache })).numReused).toBe(0);
    const grown = await scanAll([a, b, c], { cache, scratch: newFolder() });
    expect(grown.numReused).toBe(2);
    expect(grown.scanned.map(({ counts }) => counts.kept)).toEqual([10, 20, 30]);
    const merged = mergeRuns(
      grown.scanned.map(({ runSet }) => runSet),
      { scratchDirectory: newFolder() },
    );
    expect([...merged.batches].length).toBe(1);
    expect(merged.totals.keptRows).toBe(60);
    expect((await scanAll([c], { cache })).numReused).toBe(1);
    expect(readdirSync(cache)).toEqual([`c-${c.bytes}`]);
  });

  it('refuse a file that changed between the first look at it and the end', async () => {
    const [a] = files(newFolder(), { a: lines(10) });
    const [scratch, cache] = [newFolder(), newFolder()];
    const changes: InputFile[] = [
      { ...a, mtimeMs: a.mtimeMs - 1 },
      { ...a, bytes: a.bytes - 1 },
    ];
    for (const before of changes)
      await expect(scanAll([before], { scratch, cache })).rejects.toMatchObject({ code: 'ERR_INPUT_CHANGED' });
    expect(readdirSync(cache)).toEqual([]);
  });

  it('go on without bad files where that is asked for, and say which and why', async () => {
    const folder = newFolder();
    const cut = gzipSync(lines(1000));
    const inputs = files(folder, { a: lines(10), empty: '', page: '<html>\n', z: lines(5) });
    writeFileSync(join(folder, 'cut.gz'), cut.subarray(0, -20));
    inputs.push(fileOf(join(folder, 'cut.gz')));
    for (const [input, code] of [
      [inputs[1], 'ERR_EMPTY_INPUT'],
      [inputs[2], 'ERR_NOT_A_DUMP'],
    ] as const)
      await expect(scanAll([inputs[0], input])).rejects.toMatchObject({ code });
    for (const threads of [1, 3]) {
      const { scanned, skipped } = await scanAll(inputs, { onBadFile: 'skip', threads });
      expect(scanned.map(({ name, counts }) => [name, counts.kept])).toEqual([
        ['a', 10],
        ['z', 5],
      ]);
      expect(skipped.map(({ name, code }) => [name, code])).toEqual([
        ['cut.gz', 'ERR_CUT_OR_CORRUPT'],
        ['empty', 'ERR_EMPTY_INPUT'],
        ['page', 'ERR_NOT_A_DUMP'],
      ]);
      expect(JSON.stringify(skipped)).not.toContain(folder);
    }
    await expect(scanAll([inputs[2]], { onBadFile: 'skip' })).rejects.toMatchObject({ code: 'ERR_NOT_A_DUMP' });
  });
});
