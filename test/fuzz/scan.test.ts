import { describe, expect, it } from 'vitest';
import { MinerError } from '../../src/core/errors.js';
import { Random } from '../../src/core/random.js';
import { DROP_REASONS, newAction, readAction } from '../../src/reddit/records.js';
import { createLineScanner } from '../../src/reddit/scanner/create-scanner.js';
import { scanBytes } from '../reddit/scan-chunks.js';
import { KEY, scanAll } from '../reddit/scanner/agreement.js';

const COMMENT = {
  author: 'Some_One',
  body: 'a "quoted" text with \\ and é and 🙂 and \u2028',
  created_utc: 1700000000,
  link_id: 't3_abc',
  parent_id: 't1_abc',
  score: 12,
  subreddit: 'AskReddit',
};
const POST = {
  ad_promoted_user_posts: [{ author: 'Other', subreddit: 'Elsewhere', score: 9, title: 'x' }],
  author: 'Some-Other',
  created_utc: '1700000000',
  crosspost_parent_list: [{ author: 'Other', subreddit: 'Elsewhere', created_utc: 5 }],
  num_comments: 3,
  over_18: false,
  score: null,
  subreddit: 'reddit.com',
  title: 'T',
  url: 'https://example.org',
};
const LINES = [COMMENT, POST].map((record) => Buffer.from(JSON.stringify(record)));

/** Records as wide as those of recent months, most of whose fields are the same in every line. */
const WIDE_LINES = [COMMENT, POST].flatMap((record, i) => {
  const constants = Array.from({ length: 40 }, (_, j): [string, unknown] => [
    `${'acflmrsu'[j % 8]}_constant_${j}`,
    [null, false, [], {}, 0, 'text', -1.5, [{ author: 'x', list: [1, 2] }]][(j + i) % 8],
  ]);
  const wide = Object.entries(record).flatMap((entry, j) => [...constants.slice(4 * j, 4 * j + 4), entry]);
  const lines = [wide, wide.toReversed(), wide.filter((_, j) => j % 5 !== 2)];
  return lines.map((fields) => Buffer.from(JSON.stringify(Object.fromEntries(fields))));
});
const NUM_WIDE_LINES = process.env['MINE_PERSONAS_SLOW'] === '1' ? 4_000_000 : 20_000;

/** One to four damages: a flipped bit, a piece left out, doubled or put elsewhere, or a token that means something. */
function damage(line: Buffer, random: Random): Buffer {
  const tokens = ['"', '\\', '{', '}', ',', ':', 'null', '1e999', '-', '\u0000', '\r', '"author":"', '[deleted]', 'u_'];
  let bytes = line;
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(bytes.length + 1);
    const end = Math.min(bytes.length, at + random.below(20));
    const [head, piece, tail] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
    const token = Buffer.from(tokens[random.below(tokens.length)]);
    const results = [
      () => [head, Buffer.from(piece.map((byte, i) => (i === 0 ? byte ^ (1 << random.below(8)) : byte))), tail],
      () => [head, tail],
      () => [head, piece, piece, tail],
      () => [piece, head, tail],
      () => [head, token, piece, tail],
      () => [head],
    ];
    bytes = Buffer.concat(results[random.below(results.length)]());
  }
  return bytes;
}

describe.each(['wasm', 'typescript'] as const)('damaged lines before the %s scanner', (kind) => {
  it('are judged as JSON.parse judges them or left to it, each once', { timeout: 3_600_000 }, () => {
    const random = new Random(3);
    const scanner = createLineScanner(kind, KEY);
    let odd = 0;
    for (let done = 0; done < NUM_WIDE_LINES; ) {
      const lines: Buffer[] = [];
      const first = random.below(WIDE_LINES.length); // lines of one layout come together, as in dumps
      for (let i = 0; i < 200; i++, done++) {
        const line = WIDE_LINES[random.below(8) === 0 ? random.below(WIDE_LINES.length) : first];
        const changed = random.below(2) === 0 ? line : damage(line, random);
        lines.push(Buffer.from(changed.filter((byte) => byte !== 10)));
      }
      const text = Buffer.concat(lines.flatMap((line) => [line, Buffer.from(random.below(20) === 0 ? '\r\n' : '\n')]));
      const counts = scanAll(kind, text, () => 1 + random.below(40_000), scanner);
      expect(counts.lines).toBe(lines.length);
      odd += counts.odd;
    }
    expect(odd / NUM_WIDE_LINES).toBeGreaterThan(0.1);
    expect(odd / NUM_WIDE_LINES).toBeLessThan(0.5);
  });
});

describe('damaged lines', () => {
  it('are read or dropped for a reason on the list, and leave nothing out of range', () => {
    const random = new Random(1);
    const action = newAction();
    const seen = new Set<string | null>();
    for (let i = 0; i < 20_000; i++) {
      const line = damage(LINES[i % LINES.length], random);
      const drop = readAction(line, 0, line.length, action);
      seen.add(drop);
      if (drop !== null) expect(DROP_REASONS).toContain(drop);
      else {
        expect(action.author).toMatch(/^[A-Za-z0-9_-]{1,24}$/);
        expect(action.subreddit).toMatch(/^[A-Za-z0-9_.:]{2,26}$/);
        expect(Number.isInteger(action.score) && Math.abs(action.score) <= 2 ** 31).toBe(true);
        expect(action.createdUtc === action.createdUtc >>> 0).toBe(true);
      }
    }
    expect(seen.size).toBeGreaterThan(6); // the damages reach most reasons
  });

  it('are all accounted for in a dump, however it is cut into chunks', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed);
      const lines = Array.from({ length: 50 }, () => damage(LINES[random.below(2)], random));
      const content = Buffer.concat([LINES[0], ...lines].flatMap((line) => [line, Buffer.from('\n')]));
      const { counts, added } = await scanBytes(content, {}, 1 + random.below(500));
      expect(counts.read).toBe(content.filter((byte) => byte === 10).length);
      expect(counts.kept).toBe(added.length);
      expect(Object.values(counts.dropped).reduce((sum, n) => sum + n, counts.kept)).toBe(counts.read);
    }
  });
});

describe('damaged tables', () => {
  it('are accounted for row by row or refused with a code, never with another error', async () => {
    const table = Buffer.from(
      'user,subreddit,posts,comments,first_utc\nabc,pics,1,2,100\n"d,e","ne""ws",0,3,\nf,x,1,1,1e9\n'.repeat(2),
    );
    for (let seed = 1; seed <= 400; seed++) {
      const random = new Random(seed);
      const content = damage(table, random);
      try {
        const { counts, added } = await scanBytes(content, { format: 'table' }, 1 + random.below(100));
        expect(counts.kept).toBe(added.length);
        expect(Object.values(counts.dropped).reduce((sum, n) => sum + n, counts.kept)).toBe(counts.read);
        for (const row of added) expect(row.posts + row.comments).toBeGreaterThan(0);
      } catch (error) {
        if (!(error instanceof MinerError)) throw error;
        expect(['ERR_TABLE_COLUMNS', 'ERR_TABLE_FORMAT']).toContain(error.code);
      }
    }
  });

  it('of any other bytes fail with nothing but a code', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed);
      const content = Buffer.from(Array.from({ length: random.below(300) }, () => random.below(256)));
      const magic = Buffer.from(
        ['', 'ARROW1\0\0', 'PAR1', '\xff\xff\xff\xff\x10\0\0\0', 'a,b\n', '{"'][seed % 6],
        'latin1',
      );
      const error = await scanBytes(Buffer.concat([magic, content])).then(
        () => undefined,
        (thrown) => thrown,
      );
      if (error !== undefined) expect(error).toBeInstanceOf(MinerError);
    }
  });
});
