import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Random } from '../../src/core/random.js';
import { hasProgram, randomBytes } from '../reddit/archives.js';
import { buildProgram, finishedStages, mine, mineWell, newFolder, readManifest, SMALL, smallDump } from './program.js';

vi.setConfig({ maxConcurrency: 2, testTimeout: 120_000 });

const noZstd = hasProgram('zstd') ? '' : 'needs the program zstd';
const folder = newFolder();
const at = (name: string) => join(folder, name);

const line = (i: number, more: object = {}) =>
  JSON.stringify({
    author: `Person${i % 90}`,
    subreddit: `place${i % 7}`,
    body: 'x',
    created_utc: 1_700_000_000 + i,
    ...more,
  });
const lines = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, i) => `${line(i, more)}\n`).join('');

beforeAll(async () => {
  buildProgram();
  writeFileSync(at('good.ndjson'), lines(5000));
  if (!noZstd) {
    spawnSync('zstd', ['-q', '--check', at('good.ndjson'), '-o', at('good.zst')]);
    const whole = readFileSync(at('good.zst'));
    writeFileSync(at('cut-in-the-middle.zst'), whole.subarray(0, whole.length >> 1));
    writeFileSync(at('one-byte-short.zst'), whole.subarray(0, -1));
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1] ^= 1;
    writeFileSync(at('bit-flipped.zst'), flipped);
  }
  const gz = gzipSync(lines(5000));
  writeFileSync(at('cut.gz'), gz.subarray(0, -20));
  writeFileSync(at('random.zst'), randomBytes(5000, new Random(1)));
  writeFileSync(at('random.bin'), randomBytes(5000, new Random(2)));
  writeFileSync(at('page.html'), '<!doctype html>\n<html><body>Too many requests</body></html>\n');
  writeFileSync(at('letter.txt'), 'Dear reader\nthis is no dump\n');
  writeFileSync(at('array.json'), `[${lines(3).trim().replaceAll('\n', ',')}]\n`);
  writeFileSync(at('other.ndjson'), '{"city":"Lyon"}\n{"city":"Oslo"}\n');
}, 120_000);

interface Damage {
  readonly file: string;
  readonly status: number;
  readonly code: string;
  readonly says: readonly string[];
  readonly lacks?: string; // what this machine would need
}

const DAMAGES: readonly Damage[] = [
  {
    file: 'cut-in-the-middle.zst',
    status: 4,
    code: 'ERR_CUT_OR_CORRUPT',
    says: ['cut or damaged', 'fetch it again'],
    lacks: noZstd,
  },
  {
    file: 'one-byte-short.zst',
    status: 4,
    code: 'ERR_CUT_OR_CORRUPT',
    says: ['cut or damaged', 'fetch it again'],
    lacks: noZstd,
  },
  {
    file: 'bit-flipped.zst',
    status: 4,
    code: 'ERR_CUT_OR_CORRUPT',
    says: ['cut or damaged', 'fetch it again'],
    lacks: noZstd,
  },
  { file: 'cut.gz', status: 4, code: 'ERR_CUT_OR_CORRUPT', says: ['cut or damaged', 'fetch it again'] },
  {
    file: 'random.zst',
    status: 4,
    code: 'ERR_CUT_OR_CORRUPT',
    says: ['begins neither like a .zst file nor like text', 'Fetch it again'],
  },
  {
    file: 'random.bin',
    status: 3,
    code: 'ERR_NOT_A_DUMP',
    says: ['holds no Reddit record', 'Expected one JSON object a line'],
  },
  {
    file: 'page.html',
    status: 3,
    code: 'ERR_NOT_A_DUMP',
    says: ['begins with "<!doctype html>', 'Expected one JSON object a line'],
  },
  {
    file: 'letter.txt',
    status: 3,
    code: 'ERR_NOT_A_DUMP',
    says: ['begins with "Dear reader', 'Expected one JSON object a line'],
  },
  { file: 'array.json', status: 3, code: 'ERR_NOT_A_DUMP', says: ['Expected one JSON object a line'] },
  { file: 'other.ndjson', status: 3, code: 'ERR_NOT_A_DUMP', says: ['holds no Reddit record'] },
];

describe.concurrent('input that is damaged or no dump', () => {
  it.for(DAMAGES)(
    '$file is refused among good files, and no stage is left',
    async ({ file, status, code, says, lacks = '' }, { skip }) => {
      skip(lacks !== '', lacks);
      const out = join(newFolder(), 'run');
      const outcome = await mine(['run', at('good.ndjson'), at(file), '--out', out, ...SMALL]);
      expect(outcome).toMatchObject({ status, stdout: '' });
      for (const words of [file, ...says, `(${code}, exit status ${status})`]) expect(outcome.stderr).toContain(words);
      expect(outcome.stderr).not.toMatch(/^ {4}at |Person\d/m);
      expect(finishedStages(out)).toEqual([]);
      expect(existsSync(join(out, '.lock'))).toBe(false);
    },
  );

  it('is refused by threads as by one, and when it comes through a pipe', async () => {
    for (const [args, options] of [
      [[at('good.ndjson'), at('cut.gz'), '--threads', '2'], {}],
      [['-'], { stdin: readFileSync(at('cut.gz')) }],
    ] as const) {
      const out = join(newFolder(), 'run');
      const { status, stderr } = await mine(['run', '--out', out, ...SMALL, ...args], options);
      expect(status, stderr).toBe(4);
      expect(stderr).toContain('ERR_CUT_OR_CORRUPT');
      expect(finishedStages(out)).toEqual([]);
    }
  });

  it('keeps what was read of the good files for when the bad one is mended', async () => {
    const [out, inputs] = [join(newFolder(), 'run'), newFolder()];
    cpSync(at('good.ndjson'), join(inputs, 'a.ndjson'), { preserveTimestamps: true });
    writeFileSync(join(inputs, 'b.ndjson'), '<html>\n');
    expect((await mine(['run', inputs, '--out', out, ...SMALL])).status).toBe(3);
    expect(readdirSync(join(out, '.cache/ingest')).length).toBe(1);
    writeFileSync(join(inputs, 'b.ndjson'), lines(10));
    const { stderr } = await mineWell(['run', inputs, '--out', out, ...SMALL, '--until', 'ingest']);
    expect(stderr).toContain('5,010 rows read, 5,010 kept');
  });
});

describe.concurrent('a bad file among good ones', () => {
  it('is left out where that is asked for: what is made is what the good ones make, and the manifest says so', async () => {
    const [out, without, inputs] = [join(newFolder(), 'run'), join(newFolder(), 'run'), newFolder()];
    cpSync(at('good.ndjson'), join(inputs, 'a.ndjson'), { preserveTimestamps: true });
    const until = [...SMALL, '--until', 'ingest'];
    await mineWell(['run', inputs, '--out', without, ...until]);
    cpSync(at('cut.gz'), join(inputs, 'b.ndjson.gz'));
    cpSync(at('good.ndjson'), join(inputs, 'c.ndjson'));
    writeFileSync(join(inputs, 'd.ndjson'), '');
    const { stderr } = await mineWell(['run', inputs, '--out', out, '--on-bad-file', 'skip', ...until]);
    expect(stderr).toContain('cut or damaged');
    const manifest = readManifest(join(out, 'ingest/manifest.json'));
    expect(manifest.counts).toMatchObject({
      skippedFiles: [
        { name: 'b.ndjson.gz', code: 'ERR_CUT_OR_CORRUPT' },
        { name: 'd.ndjson', code: 'ERR_EMPTY_INPUT' },
      ],
      copies: [{ name: 'c.ndjson', of: 'a.ndjson' }],
    });
    expect(manifest.notes).toEqual([
      'left out: b.ndjson.gz (ERR_CUT_OR_CORRUPT)',
      'left out: d.ndjson (ERR_EMPTY_INPUT)',
      'left out: c.ndjson, a copy of a.ndjson',
    ]);
    for (const file of ['interactions.arrow', 'users.arrow', 'subreddits.arrow'])
      expect(readFileSync(join(out, 'ingest', file)).equals(readFileSync(join(without, 'ingest', file)))).toBe(true);
  });

  it('a new file is all that is read when it is added', async () => {
    const [out, fresh, inputs] = [join(newFolder(), 'run'), join(newFolder(), 'run'), newFolder()];
    writeFileSync(join(inputs, 'a.ndjson'), lines(600));
    const command = (run: string) => ['run', inputs, '--out', run, ...SMALL, '--until', 'ingest'];
    await mineWell(command(out));
    writeFileSync(join(inputs, 'b.ndjson'), lines(700));
    expect((await mineWell(command(out))).stderr).toContain('1 of 2 files were read before');
    await mineWell(command(fresh));
    expect(readFileSync(join(out, 'ingest/interactions.arrow'))).toEqual(
      readFileSync(join(fresh, 'ingest/interactions.arrow')),
    );
  });
});

describe.concurrent('lines that are no records', () => {
  it('are counted by reason and left out', async () => {
    const [out, file] = [join(newFolder(), 'run'), join(newFolder(), 'a.ndjson')];
    const bad = [
      line(1, { created_utc: 'yesterday' }),
      line(1, { author: 5 }),
      line(1, { author: { name: 'x' } }),
      line(1, { subreddit: null }),
      line(1, { subreddit: ['pics'] }),
      line(1).slice(0, 30),
      `[${line(1)}]`,
      'null',
      '',
      '\u0000\u0000',
    ];
    writeFileSync(file, `${lines(500)}${bad.join('\n')}\n${lines(500, { created_utc: null, score: 'many' })}`);
    await mineWell(['run', file, '--out', out, ...SMALL, '--until', 'ingest']);
    expect(readManifest(join(out, 'ingest/manifest.json')).accounting).toEqual([
      {
        unit: 'rows',
        read: 1010,
        kept: 1000,
        dropped: { 'empty-line': 1, 'not-json': 2, 'not-a-record': 3, 'no-author': 2, 'no-subreddit': 2 },
      },
    ]);
  });

  it('stop the run at the first of them where that is asked for', async () => {
    const [out, file] = [join(newFolder(), 'run'), join(newFolder(), 'a.ndjson')];
    writeFileSync(file, `${lines(4)}${line(4, { created_utc: 'yesterday' })}\n${lines(3)}`);
    const { status, stderr } = await mine(['run', file, '--out', out, ...SMALL, '--on-bad-line', 'stop']);
    expect(status).toBe(3);
    expect(stderr).toContain(`${file}:5: neither a submission nor a comment of Reddit. Pass --on-bad-line count`);
  });

  it('may be 100 MB long, without the memory for them', async () => {
    const [out, file] = [join(newFolder(), 'run'), join(newFolder(), 'a.ndjson')];
    const fd = openSync(file, 'w');
    writeSync(fd, lines(300));
    writeSync(fd, '{"author":"x","subreddit":"y","body":"');
    const part = Buffer.alloc(1 << 20, 'z');
    for (let i = 0; i < 100; i++) writeSync(fd, part);
    writeSync(fd, `"}\n${lines(300)}`);
    closeSync(fd);
    await mineWell(['run', file, '--out', out, ...SMALL, '--until', 'ingest']);
    const { accounting, timings } = readManifest(join(out, 'ingest/manifest.json'));
    expect(accounting).toEqual([{ unit: 'rows', read: 601, kept: 600, dropped: { 'line-too-long': 1 } }]);
    expect(timings.peakRssBytes).toBeLessThan(400e6);
  });
});

describe.concurrent('too little data', () => {
  it('ends the run with what is missing and how to go on; what was read is kept', async () => {
    const [out, file] = [join(newFolder(), 'run'), join(newFolder(), 'a.ndjson')];
    writeFileSync(file, lines(500, { subreddit: 'OnlyOne' }));
    const { status, stderr } = await mine(['run', file, '--out', out, ...SMALL]);
    expect(status).toBe(3);
    expect(stderr).toContain('of 90 users in 1 subreddits, 0 users and 0 subreddits are left');
    expect(stderr).toContain('Add more input, or lower --min-users');
    expect(stderr).toContain('(ERR_DATA_TOO_SMALL, exit status 3)');
    expect(finishedStages(out)).toEqual(['ingest']);
  });

  it('writes no persona of a cluster with fewer people than asked for', async () => {
    const [out, dump] = [join(newFolder(), 'run'), newFolder()];
    await smallDump(dump);
    const { status, stderr } = await mine([
      'run',
      dump,
      '--out',
      out,
      ...SMALL,
      '--min-users',
      '300',
      '--clusters',
      '4',
    ]);
    expect(status).toBe(7);
    expect(stderr).toContain('No cluster holds 300 people');
    expect(stderr).toContain('(ERR_GROUPS_TOO_SMALL, exit status 7)');
    expect(finishedStages(out)).toEqual(['ingest', 'build-graph', 'train', 'embed', 'cluster']);
  });
});
