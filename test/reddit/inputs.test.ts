import { chmod, link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.js';
import { silentLog } from '../../src/core/log.js';
import { resolveInputs } from '../../src/reddit/inputs.js';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'inputs-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function put(...paths: string[]): Promise<void> {
  for (const path of paths) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), 'content');
  }
}

/** Paths found, relative to the root. */
async function found(...patterns: string[]): Promise<string[]> {
  const inputs = await resolveInputs(patterns.map((pattern) => join(root, pattern)));
  return inputs.map(({ path }) => path.slice(root.length + 1));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).code;
}

describe('resolveInputs', () => {
  it('takes a file of any name as it is, with size and time', async () => {
    await put('strange.name');
    const [input] = await resolveInputs([join(root, 'strange.name')]);
    expect(input).toEqual({
      path: join(root, 'strange.name'),
      bytes: 7,
      mtimeMs: expect.any(Number),
      isStdin: false,
    });
    expect(input.mtimeMs).toBeGreaterThan(0);
  });

  it('sorts by path, the same everywhere', async () => {
    await put('b', 'a', 'B', 'é', 'a-1', 'a.1');
    expect(await found('é', 'b', 'a.1', 'B', 'a', 'a-1')).toEqual(['B', 'a', 'a-1', 'a.1', 'b', 'é']);
  });

  it('takes standard input', async () => {
    expect(await resolveInputs(['-'])).toEqual([{ path: '-', bytes: 0, mtimeMs: 0, isStdin: true }]);
  });

  it('takes only the dumps of a folder that has any, at any depth', async () => {
    await put(
      'comments/RC_2006-01.zst',
      'comments/RC_2006-02',
      'submissions/RS_2006-02.bz2',
      'RS_2019-10_AskWomen.zst',
    );
    await put(
      'RC_2005-12.ndjson',
      'RC_2005-12.zst.part',
      'RC_2005-12.zst.sha256',
      'RC_2006-02.torrent',
      '.RC_2006-03.zst',
    );
    await put('manifest.json', 'README', 'groups.tsv', 'other.ndjson', 'truth/groups.tsv', '.cache/RC_2006-01.zst');
    expect(await found('')).toEqual([
      'RC_2005-12.ndjson',
      'RS_2019-10_AskWomen.zst',
      'comments/RC_2006-01.zst',
      'comments/RC_2006-02',
      'submissions/RS_2006-02.bz2',
    ]);
  });

  it('takes the line files of a folder without dumps, then tables, then .json', async () => {
    await put('notes.md', 'x.json', 'manifest.json');
    expect(await found('')).toEqual(['x.json']);
    await put(
      'edges.tsv.zst',
      'edges.csv',
      'a.arrow',
      'b.parquet',
      'c.feather',
      'e.dat.xz',
      'README.txt',
      'b.parquet.gz',
    );
    expect(await found('')).toEqual(['a.arrow', 'b.parquet', 'c.feather', 'e.dat.xz', 'edges.csv', 'edges.tsv.zst']);
    await put('deep/er/x.jsonl.gz', 'x.ndjson');
    expect(await found('')).toEqual(['deep/er/x.jsonl.gz', 'x.ndjson']);
  });

  it('says so when a folder has nothing to read', async () => {
    await put('notes.md');
    expect(await codeOf(found(''))).toBe('ERR_INPUT_NOT_FOUND');
  });

  it('expands globs: *, ?, classes and ** for any depth', async () => {
    await put(
      'RC_2006-01.zst',
      'RC_2006-02.zst',
      'RC_2007-01.zst',
      'a/RC_2006-03.zst',
      'a/b/RC_2006-04.zst',
      '.hidden.zst',
    );
    expect(await found('*.zst')).toEqual(['RC_2006-01.zst', 'RC_2006-02.zst', 'RC_2007-01.zst']);
    expect(await found('RC_200?-01.zst')).toEqual(['RC_2006-01.zst', 'RC_2007-01.zst']);
    expect(await found('RC_2006-0[2-9].zst')).toEqual(['RC_2006-02.zst']);
    expect(await found('RC_200[!6]-*')).toEqual(['RC_2007-01.zst']);
    expect(await found('**/RC_2006-*.zst')).toEqual([
      'RC_2006-01.zst',
      'RC_2006-02.zst',
      'a/RC_2006-03.zst',
      'a/b/RC_2006-04.zst',
    ]);
    expect(await found('a/**')).toEqual(['a/RC_2006-03.zst', 'a/b/RC_2006-04.zst']);
    expect(await found('*/RC*')).toEqual(['a/RC_2006-03.zst']);
    expect(await found('.*.zst')).toEqual(['.hidden.zst']);
  });

  it('takes a file whose name looks like a glob, and treats dots and brackets in globs literally', async () => {
    await put('a[1].zst', 'axzst', 'a(1)+.zst', 'b]');
    expect(await found('a[1].zst')).toEqual(['a[1].zst']);
    expect(await found('a*.zst')).toEqual(['a(1)+.zst', 'a[1].zst']);
    expect(await found('[]b]*')).toEqual(['b]']);
  });

  it('reads a file once that is given twice, linked or matched again, and reports it', async () => {
    await put('RC_2006-01.zst');
    await symlink(join(root, 'RC_2006-01.zst'), join(root, 'RC_2006-02.zst'));
    const warnings: string[] = [];
    const patterns = ['RC_2006-01.zst', 'RC_*', ''].map((pattern) => join(root, pattern));
    const inputs = await resolveInputs(patterns, { ...silentLog, warn: (message) => warnings.push(message) });
    expect(inputs.map(({ path }) => path)).toEqual([join(root, 'RC_2006-01.zst')]);
    expect(warnings).toHaveLength(4);
  });

  it('keeps copies apart, hard links included', async () => {
    await put('a.zst', 'b.zst');
    await link(join(root, 'a.zst'), join(root, 'c.zst'));
    expect(await found('*.zst')).toHaveLength(3);
  });

  it('does not run in circles where a link leads back up', async () => {
    await put('a/RC_2006-01.zst');
    await symlink(root, join(root, 'a', 'up'));
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (message: string) => warnings.push(message) };
    for (const pattern of ['', '**/*.zst', '**/**/*.zst'])
      expect(await resolveInputs([join(root, pattern)], log)).toHaveLength(1);
    expect(warnings).toEqual([]);
  });

  it('refuses what is not there, matches nothing, is empty or leads nowhere', async () => {
    await put('RC_2006-01.zst');
    await writeFile(join(root, 'RC_2006-02.zst'), '');
    await symlink(join(root, 'gone'), join(root, 'RC_2006-03.zst'));
    expect(await codeOf(found('missing.zst'))).toBe('ERR_INPUT_NOT_FOUND');
    expect(await codeOf(found('RC_2006-01.zst/x'))).toBe('ERR_INPUT_NOT_FOUND');
    expect(await codeOf(found('*.bz2'))).toBe('ERR_INPUT_NOT_FOUND');
    expect(await codeOf(found('missing/*.bz2'))).toBe('ERR_INPUT_NOT_FOUND');
    expect(await codeOf(found('RC_2006-02.zst'))).toBe('ERR_EMPTY_INPUT');
    expect(await codeOf(found('RC_2006-0[12].zst'))).toBe('ERR_EMPTY_INPUT');
    expect(await codeOf(found('RC_2006-03.zst'))).toBe('ERR_INPUT_NOT_FOUND');
    expect(await codeOf(found('RC_2006-0[13].zst'))).toBe('ERR_INPUT_UNREADABLE');
  });

  it.skipIf(process.getuid?.() === 0)('refuses what may not be read (root may read everything)', async () => {
    await put('RC_2006-01.zst', 'closed/RC_2006-02.zst');
    await chmod(join(root, 'RC_2006-01.zst'), 0);
    await chmod(join(root, 'closed'), 0);
    expect(await codeOf(found('RC_2006-01.zst'))).toBe('ERR_INPUT_UNREADABLE');
    expect(await codeOf(found('closed'))).toBe('ERR_INPUT_UNREADABLE');
    await chmod(join(root, 'closed'), 0o700);
  });
});
