import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.js';
import { sipHash24 } from '../../src/core/siphash.js';
import { createExclusions, pseudonymOf } from '../../src/reddit/exclusions.js';
import { DROP_REASONS } from '../../src/reddit/records.js';
import { scanChunks, scanInput, sniffFormat } from '../../src/reddit/scan.js';
import { collector, inChunks, reasonsOf, scanBytes, testOptions } from './scan-chunks.js';

const comment = (fields = {}) =>
  JSON.stringify({ author: 'Alice', subreddit: 'pics', score: 1, created_utc: 10, body: 'x', ...fields });
const post = (fields = {}) =>
  JSON.stringify({ author: 'Alice', subreddit: 'pics', score: 1, created_utc: 10, title: 'x', ...fields });

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('scanning a dump', () => {
  it('hands on posts and comments in order, each with one time', async () => {
    const { counts, added } = await scanBytes(`${comment()}\n${post({ score: null, created_utc: '20' })}`);
    expect(counts).toMatchObject({ format: 'dump', read: 2, kept: 2, ignoredColumns: [] });
    expect(added).toMatchObject([
      { subreddit: 'pics', posts: 0, comments: 1, score: 1, firstUtc: 10, lastUtc: 10 },
      { subreddit: 'pics', posts: 1, comments: 0, score: 0, firstUtc: 20, lastUtc: 20 },
    ]);
  });

  it('hashes the lower-cased name under the key of the run', async () => {
    const { added } = await scanBytes([comment(), comment({ author: 'ALICE' }), comment({ author: 'Bob' })].join('\n'));
    const out = new Uint32Array(2);
    sipHash24(testOptions.keyWords, Buffer.from('alice'), 0, 5, out);
    const alice = `${out[1].toString(16)}:${out[0].toString(16)}`;
    expect(added.map(({ user }) => user === alice)).toEqual([true, true, false]);
    const other = await scanBytes(comment(), { keyWords: Uint32Array.of(1, 2, 3, 5) });
    expect(other.added[0].user).not.toBe(alice);
  });

  it('counts every line once, whatever it is, and the bytes', async () => {
    const lines = [
      comment(), // kept
      '',
      '   ',
      '{"author":"cut',
      '{"a":1}',
      comment({ author: null }),
      comment({ author: '[deleted]' }),
      comment({ author: 'no name' }),
      comment({ author: 'AutoModerator' }),
      comment({ author: 'Gone' }),
      comment({ subreddit: null }),
      comment({ subreddit: 'no name' }),
      comment({ subreddit: 'u_Alice' }),
      comment({ subreddit: 'NEWS' }),
      post({ over_18: true }),
      post({ subreddit: 'adult' }),
    ];
    const lists = { suppressedUsers: ['gone'], excludedSubreddits: ['News'], over18Subreddits: ['Adult'] };
    const exclusions = createExclusions(lists);
    const text = `${lines.join('\r\n')}\r\n`;
    const { counts } = await scanBytes(text, { exclusions });
    expect(counts).toMatchObject({ read: lines.length, kept: 1, bytes: text.length });
    expect(reasonsOf(counts)).toEqual({
      'empty-line': 2,
      'not-json': 1,
      'not-a-record': 1,
      'no-author': 1,
      'deleted-author': 1,
      'bad-author-name': 1,
      bot: 1,
      suppressed: 1,
      'no-subreddit': 1,
      'bad-subreddit-name': 1,
      'user-profile': 1,
      'excluded-subreddit': 1,
      'over-18': 1,
      'over-18-subreddit': 1,
    });
    expect(Object.keys(counts.dropped)).toEqual([...DROP_REASONS]);
  });

  it('suppresses a person by pseudonym', async () => {
    const { added } = await scanBytes(comment());
    const [hi, lo] = added[0].user.split(':').map((word) => Number.parseInt(word, 16));
    const exclusions = createExclusions({ suppressedUsers: [pseudonymOf(hi, lo)] });
    const { counts } = await scanBytes(`${comment()}\n${comment({ author: 'Bob' })}`, { exclusions });
    expect(counts).toMatchObject({ kept: 1, dropped: { suppressed: 1 } });
  });

  it('counts submissions and over-18 submissions by community, whoever wrote them', async () => {
    const lines = [
      post({ over_18: true }),
      post({ subreddit: 'PICS', author: '[deleted]', over_18: true }),
      post(),
      post({ subreddit: 'news', over_18: 'true' }),
      post({ subreddit: 'u_Alice', over_18: true }),
      comment({ subreddit: 'other' }),
    ];
    const { counts } = await scanBytes(lines.join('\n'));
    expect(Object.fromEntries(counts.submissionsBySubreddit)).toEqual({
      pics: { submissions: 3, over18: 2 },
      news: { submissions: 1, over18: 0 },
    });
    expect(counts.kept).toBe(3);
  });

  it('keeps over-18 submissions where they are asked for', async () => {
    const exclusions = createExclusions({ includeOver18: true, over18Subreddits: ['pics'] });
    expect((await scanBytes(post({ over_18: true }), { exclusions })).counts.kept).toBe(1);
  });

  it('reads a dump with a byte order mark, or one whose first line is the end of a record', async () => {
    expect((await scanBytes(`\uFEFF${comment()}\n${comment()}\n`)).counts).toMatchObject({ kept: 2 });
    const cut = await scanBytes(`${comment().slice(20)}\n${comment()}\n`);
    expect(reasonsOf(cut.counts)).toEqual({ 'not-json': 1 });
  });

  it('does not depend on how the bytes are cut or in which order the lines come', async () => {
    const line = fc.constantFrom(comment(), post(), comment({ author: 'Bob' }), '', '{', post({ over_18: true }), '[]');
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 12 }), fc.integer({ min: 1, max: 200 }), async (lines, size) => {
        const text = [comment(), ...lines].join('\n');
        const whole = await scanBytes(text);
        expect(await scanBytes(text, {}, size)).toEqual(whole);
        const turned = await scanBytes([comment(), ...lines.toReversed()].join('\n'));
        expect(turned.counts.kept).toBe(whole.counts.kept);
        expect({ ...turned.counts.dropped, 'empty-line': 0 }).toEqual({ ...whole.counts.dropped, 'empty-line': 0 });
        const { read, kept, dropped } = whole.counts;
        expect(read).toBe(kept + Object.values(dropped).reduce((sum, n) => sum + n));
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('counts a line of more than 16 MiB and goes on behind it', async () => {
    const huge = comment({ body: 'x'.repeat(17 << 20) });
    const { counts } = await scanBytes(`${comment()}\n${huge}\n${comment()}\n`, {}, 1 << 20);
    expect(counts).toMatchObject({ read: 3, kept: 2, dropped: { 'line-too-long': 1 } });
  });

  it('stops at the first bad line where asked to and names its line, whatever the chunks', async () => {
    const text = `${comment()}\n\n${comment({ author: '[deleted]' })}\n${comment().slice(0, 30)}\n${comment()}`;
    for (const size of [1, 7, 50, 100, 1000]) {
      const error = await errorOf(scanBytes(text, { onBadLine: 'stop' }, size));
      expect(error).toMatchObject({ code: 'ERR_DUMP_FORMAT', fields: { path: 'input', line: 4, reason: 'not-json' } });
      expect(error.message).toMatch(/^input:4: /);
      expect(error.message).not.toContain('Alice');
      const last = await errorOf(scanBytes(`${comment()}\n\n{}`, { onBadLine: 'stop' }, size));
      expect(last.fields).toMatchObject({ line: 3, reason: 'not-a-record' });
    }
    expect((await scanBytes(`${comment()}\n\n`, { onBadLine: 'stop' })).counts.kept).toBe(1);
  });

  it('refuses an input without a single record and shows its first bytes without anything a terminal obeys', async () => {
    for (const content of ['{"a":1}\n{"b":2}\n', '{\u001b]0;title\u0007', '{\n{\n', '']) {
      const error = await errorOf(scanBytes(content, { format: 'dump' }));
      expect(error.code).toBe('ERR_NOT_A_DUMP');
      expect(error.message).not.toMatch(/\p{Cc}/u);
    }
    for (const content of [
      '<!DOCTYPE html>\n<p>no',
      '[{"author":"a"}]',
      'PK\u0003\u0004\u0000,',
      '\n \n',
      'one word',
    ]) {
      expect((await errorOf(scanBytes(content))).code).toBe('ERR_NOT_A_DUMP');
    }
  });

  it('never shows an author, not even of an input that it refuses', async () => {
    for (const content of [`[${comment()}]`, `{"author": "Alice`, `["author":"Alice"`]) {
      const error = await errorOf(scanBytes(content));
      expect(error.code).toBe('ERR_NOT_A_DUMP');
      expect(error.message).not.toContain('Alice');
    }
  });

  it('accepts a dump in which everybody is left out', async () => {
    expect((await scanBytes(comment({ author: '[deleted]' }))).counts).toMatchObject({ read: 1, kept: 0 });
  });

  it('reports progress and stops on request', async () => {
    const text = `${comment()}\n`.repeat(40000);
    const seen: number[] = [];
    await scanBytes(text, { onProgress: ({ read }) => seen.push(read) });
    expect(seen).toEqual([16384, 32768]);
    const controller = new AbortController();
    const stopped = scanBytes(text, { signal: controller.signal, onProgress: () => controller.abort() });
    expect((await errorOf(stopped)).code).toBe('ERR_STOPPED');
  });

  it('closes its source, also where it fails at once or in the middle', async () => {
    for (const content of ['not a dump', `${comment()}\n{\n${comment()}\n`.repeat(20000)]) {
      let isClosed = false;
      const chunks = (async function* () {
        try {
          yield* inChunks(Buffer.from(content), 100000);
        } finally {
          isClosed = true;
        }
      })();
      const options = { ...testOptions, onBadLine: 'stop' as const };
      await expect(scanChunks(chunks, 'input', options, collector().sink)).rejects.toThrow();
      expect(isClosed).toBe(true);
    }
  });
});

describe('sniffFormat', () => {
  it.each([
    ['{"a":1}', 'dump'],
    ['\n\n  {"a":1}', 'dump'],
    ['\uFEFF{', 'dump'],
    ['user,subreddit', 'table'],
    ['1\t2', 'table'],
    ['"a";"b"', 'table'],
    ['ARROW1\0\0', 'arrow'],
    ['PAR1', 'parquet'],
    ['[\n{', null],
    ['{"a":"\u0000"}', 'dump'],
    ['a,\u0000', null],
    ['hello', null],
    ['', null],
  ])('takes %j for %j', (head, expected) => {
    expect(sniffFormat(Buffer.from(head))).toBe(expected);
  });
});

describe('scanInput', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scan-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const scanFile = async (name: string, content: string | Buffer, options = {}) => {
    const path = join(folder, name);
    await writeFile(path, content);
    const input = { path, bytes: content.length, mtimeMs: 0, isStdin: false };
    const { sink, added } = collector();
    return { counts: await scanInput(input, { ...testOptions, ...options }, sink), added };
  };

  it('looks through compression and at content instead of names', async () => {
    const dump = `${comment()}\n${post()}\n`;
    const plain = await scanFile('dump.csv', dump);
    expect(plain.counts).toMatchObject({ format: 'dump', kept: 2, bytes: dump.length });
    expect(await scanFile('dump.txt', gzipSync(dump))).toEqual(plain);
    const table = await scanFile('table.ndjson', gzipSync('user\tsubreddit\nAlice\tpics\n'));
    expect(table.counts).toMatchObject({ format: 'table', kept: 1 });
  });

  it('does not take a cut file for a whole one', async () => {
    const packed = gzipSync(`${comment()}\n`.repeat(1000));
    await expect(scanFile('cut.gz', packed.subarray(0, packed.length - 9))).rejects.toMatchObject({
      code: 'ERR_CUT_OR_CORRUPT',
    });
  });

  it('says what is wrong with a file that is gone', async () => {
    const input = { path: join(folder, 'nowhere'), bytes: 5, mtimeMs: 0, isStdin: false };
    expect(await errorOf(scanInput(input, testOptions, collector().sink))).toBeInstanceOf(InputError);
  });

  it('stops before it starts where it was asked to', async () => {
    const error = await errorOf(scanFile('stop', `${comment()}\n`, { signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'ERR_STOPPED' });
  });
});
