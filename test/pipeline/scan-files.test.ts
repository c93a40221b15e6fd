import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../src/core/log.js';
import { scanFiles } from '../../src/pipeline/scan-files.js';
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

async function scan(path: string) {
  const [scanned] = await scanFiles(
    [{ file: { path, bytes: statSync(path).size, mtimeMs: 0, isStdin: false }, id: 'x' }],
    {
      scratch: newFolder(),
      threads: 1,
      keyWords: Uint32Array.of(1, 2, 3, 4),
      exclusions: {},
      onBadLine: 'count',
      format: 'auto',
      columns: [],
      log: silentLog,
      signal: new AbortController().signal,
    },
  );
  const merge = mergeRuns([scanned.runSet], { scratchDirectory: newFolder() });
  return { counts: scanned.counts, batches: [...merge.batches], subreddits: merge.subreddits };
}

describe('a fast scanner that errs', () => {
  it.each(['score', 'createdUtc', 'userHi', 'userLo'] as const)(
    'about the %s of lines is found out, and the file is read by JSON.parse',
    async (field) => {
      const path = join(newFolder(), 'dump.ndjson');
      const line = (i: number) =>
        JSON.stringify({
          author: `user${i % 97}`,
          subreddit: `place${i % 7}`,
          body: 'x',
          score: i,
          created_utc: 1e9 + i,
        });
      writeFileSync(path, Array.from({ length: 5000 }, (_, i) => `${line(i)}\n`).join(''));
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
