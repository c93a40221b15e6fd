import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileLineScanner } from '../../../scripts/build-wasm.js';
import { createLineScanner } from '../../../src/reddit/scanner/create-scanner.js';
import { MAX_RECORDS } from '../../../src/reddit/scanner/line-scanner.js';
import { agrees, KEY, scanAll } from './agreement.js';

const KINDS = ['wasm', 'typescript'] as const;

const FIELDS = {
  author: 'Some_One',
  body: 'text',
  created_utc: 1700000000,
  score: 3,
  subreddit: 'pics',
};
const json = (fields: object) => JSON.stringify({ ...FIELDS, ...fields });
/** A comment in which the value of one field stands as written. */
const raw = (field: string, value: string) => json({ [field]: '@' }).replace('"@"', value);

/** Whether the line is left to JSON.parse; throws where the scanner is wrong about it. */
function isOdd(kind: (typeof KINDS)[number], line: string | Buffer): boolean {
  const scanner = createLineScanner(kind, KEY);
  const have = Buffer.from(line).copy(scanner.window);
  expect(scanner.run(0, have, true)).toBe(have);
  expect(scanner.numRecords).toBe(1);
  return agrees(scanner, 0) === undefined;
}

describe.each(KINDS)('the %s scanner', (kind) => {
  it.each([
    json({}),
    json({ score: null, created_utc: '1700000000' }),
    json({ score: '-5', created_utc: 1.7e9 }),
    raw('score', '-0'),
    raw('score', '"007"'),
    raw('score', '999999999999999'),
    raw('score', 'true'),
    raw('score', '[5]'),
    raw('created_utc', '1700000000.0'),
    raw('created_utc', '"1700000000.00"'),
    raw('created_utc', 'null'),
    raw('created_utc', 'false'),
    raw('created_utc', '-5'),
    raw('created_utc', '4294967295'),
    raw('created_utc', '4294967296'),
    json({ author: '[deleted]' }),
    json({ author: '[removed]' }),
    json({ author: '[removed!' }),
    json({ author: '' }),
    json({ author: null }),
    json({ author: { name: 'x' } }),
    json({ author: 'a'.repeat(24) }),
    json({ author: 'a'.repeat(25) }),
    json({ author: 'É' }),
    json({ author: 'AutoModerator' }),
    json({ author: `${'x'.repeat(19)}Bot42` }),
    json({ author: 'some-ModTeam' }),
    ...[
      'u_Some',
      'u_',
      'U_x',
      't:x',
      't:xy',
      'T:Valley',
      'reddit.com',
      'Reddit.COM',
      'redditxcom',
      'reddit.co',
      'ab',
    ].map((subreddit) => json({ subreddit })),
    ...[
      'a',
      'a b',
      'a'.repeat(24),
      'a'.repeat(25),
      `t:${'a'.repeat(24)}`,
      `t:${'a'.repeat(25)}`,
      '',
      null,
      7,
      ['x'],
    ].map((subreddit) => json({ subreddit })),
    json({ body: undefined }),
    json({ body: undefined, parent_id: 1 }),
    json({ body: undefined, link_id: null }),
    json({ body: undefined, url: 1 }),
    json({ body: undefined, url: 1, num_comments: 2 }),
    json({ title: null }),
    json({ title: 'T "quoted" \\ \n é \u2028', over_18: true }),
    json({ over_18: 'true' }),
    json({ body: 'quotes " and \\ and "author":"nobody" and {"author":"x"}' }),
    json({ nested: { author: 'Other', list: [{}, [], [1, -2.5e3, { a: [null, true] }]] }, empty: {}, none: [] }),
    json({ crosspost_parent_list: [{ author: 'Other', subreddit: 'else', score: 9, created_utc: 1, title: 'x' }] }),
    json({}).replace('{', '{"author":"Early","score":99,'), // the last one counts
    json({}).replace('}', ',"author":"Late","subreddit":"late"}'),
    json({}).replace('}', ',"author":null}'),
    json({ unicode: '\u0000' }),
    json({}).replaceAll(':', ' : ').replaceAll(',', ' ,\t'),
    `${json({})}  \t `,
    '{}',
    '{ }',
    '{"a":1}',
    '\r',
    '\n',
  ])('judges %j as JSON.parse does, by itself', (line) => {
    expect(isOdd(kind, line)).toBe(false);
  });

  it.each([
    raw('score', '1.5'),
    raw('score', '1e3'),
    raw('score', '"1e3"'),
    raw('score', '""'),
    raw('score', '"many"'),
    raw('score', '01'),
    raw('score', '1234567890123456'),
    raw('created_utc', '1700000000.5'),
    raw('created_utc', '" 1700000000"'),
    raw('created_utc', '"yesterday"'),
    raw('author', '"S\\u006fme"'),
    raw('subreddit', '"pi\\u0063s"'),
    json({}).replace('"author"', '"\\u0061uthor"'),
    json({ body: 'x' }).replace('"x"', '"\\x"'),
    json({ body: 'x' }).replace('"x"', '"\\u12g4"'),
    json({ body: 'x' }).replace('"x"', '"a\u0001"'),
    json({ body: 'x' }).replace('"x"', '"a\tb"'),
    json({ body: 'x' }).replace('"x"', '"\\'),
    json({ body: 'x' }).replace('"x"', '-'),
    json({ body: 'x' }).replace('"x"', '1.'),
    json({ body: 'x' }).replace('"x"', '1e+'),
    json({ body: 'x' }).replace('"x"', 'nul'),
    json({ body: 'x' }).replace('"x"', '[1,]'),
    json({ body: 'x' }).replace('"x"', '[1}'),
    json({ body: 'x' }).replace('"x"', '{"a"}'),
    json({ body: 'x' }).replace('"x"', '{1:2}'),
    json({ body: 'x' }).replace('"x"', `${'['.repeat(65)}${']'.repeat(65)}`),
    `${json({})},`,
    `${json({})}x`,
    json({}).slice(0, -1),
    json({}).replace('}', ',}'),
    json({}).replace(':', ''),
    `\uFEFF${json({})}`,
    ' {}',
    '[]',
    'null',
    '  ',
    '\u0000',
    Buffer.from([0xff, 0xfe, 0x7b]),
  ])('leaves %j to JSON.parse', (line) => {
    expect(isOdd(kind, line)).toBe(true);
  });

  it('agrees with JSON.parse on any JSON, with our keys at any level and in any order', () => {
    const key = fc.oneof(
      fc.constantFrom(
        'author',
        'body',
        'created_utc',
        'link_id',
        'num_comments',
        'over_18',
        'score',
        'subreddit',
        'title',
        'url',
      ),
      fc.string({ unit: 'binary', maxLength: 14 }),
    );
    const scalar = fc.oneof(
      fc.constantFrom('Alice', 'pics', '[deleted]', 'u_x', '1700000000', null, true, 0, -1),
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ weight: 4, arbitrary: scalar }, fc.array(tie('value'), { maxLength: 3 }), tie('object')),
      object: fc.dictionary(key, tie('value'), { maxKeys: 12 }),
    }));
    const spaces = fc.constantFrom(undefined, undefined, ' ', '\t');
    const line = fc
      .tuple(fc.dictionary(key, value, { maxKeys: 14 }), spaces)
      .map(([object, space]) => JSON.stringify(object, null, space).replaceAll('\n', ' '));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 30 }), fc.integer({ min: 1, max: 300 }), (lines, size) => {
        const { lines: read } = scanAll(kind, Buffer.from(lines.join('\n')), () => size);
        expect(read).toBe(lines.length);
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  it('gives the same records however the bytes are cut, and stops where there is no room for more', () => {
    const scanner = createLineScanner(kind, KEY);
    const have = Buffer.from('{}\n'.repeat(MAX_RECORDS + 5)).copy(scanner.window);
    const begin = scanner.run(0, have, true);
    expect([scanner.numRecords, begin]).toEqual([MAX_RECORDS, MAX_RECORDS * 3]);
    expect([scanner.run(begin, have, true), scanner.numRecords]).toEqual([have, 5]);
    expect([scanner.run(0, 2, false), scanner.numRecords]).toEqual([0, 0]); // what follows may belong to the line
    expect([scanner.run(0, 2, true), scanner.numRecords]).toEqual([2, 1]);
    expect([scanner.run(0, 0, true), scanner.numRecords]).toEqual([0, 0]);
  });
});

describe('the compiled scanner', () => {
  it('is the one that the source gives', () => {
    const file = join(resolve(import.meta.dirname, '../../..'), 'src/reddit/scanner/wasm-binary.ts');
    expect(compileLineScanner()).toBe(readFileSync(file, 'utf8'));
  });
});
