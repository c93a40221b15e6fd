import { describe, expect, it } from 'vitest';
import { newAction, readAction } from '../../src/reddit/records.js';

const read = (line: unknown) => {
  const text = typeof line === 'string' ? line : JSON.stringify(line);
  const bytes = Buffer.from(`before${text}after`);
  const action = newAction();
  const drop = readAction(bytes, 6, bytes.length - 5, action);
  return { drop, ...action };
};

const comment = { author: 'Some_One', subreddit: 'AskReddit', score: 3, created_utc: 1700000000, body: 'text' };
const post = {
  author: 'Some_One',
  subreddit: 'AskReddit',
  score: 3,
  created_utc: 1700000000,
  title: 'T',
  over_18: false,
};

describe('readAction', () => {
  it('reads a comment and a submission', () => {
    const common = { drop: null, author: 'Some_One', subreddit: 'AskReddit', score: 3, createdUtc: 1700000000 };
    expect(read(comment)).toEqual({ ...common, kind: 'comment', over18: false, text: 'text' });
    expect(read({ ...post, over_18: true })).toEqual({ ...common, kind: 'post', over18: true, text: 'T' });
  });

  it('tells submissions from comments by their fields', () => {
    const bare = { author: 'a', subreddit: 'bb' };
    expect(read({ ...bare, url: 'https://x', num_comments: 0 }).kind).toBe('post');
    expect(read({ ...bare, link_id: 't3_1' }).kind).toBe('comment');
    expect(read({ ...bare, parent_id: 't3_1' }).kind).toBe('comment');
    expect(read({ ...bare, url: 'https://x' }).drop).toBe('not-a-record');
    expect(read(bare).drop).toBe('not-a-record');
  });

  it.each([
    [1133740800, 1133740800],
    ['1133740800', 1133740800],
    [1133740800.0, 1133740800],
    [1133740800.9, 1133740800],
    ['1.1e9', 1100000000],
    [' 1133740800 ', 1133740800],
    [null, 0],
    [undefined, 0],
    ['', 0],
    [-5, 0],
    [2 ** 32, 0],
  ])('reads created_utc %j as %d', (created_utc, expected) => {
    expect(read({ ...comment, created_utc })).toMatchObject({ drop: null, createdUtc: expected });
  });

  it.each(['yesterday', '2017-10-01', ' ', [1], { a: 1 }, true, false])(
    'takes created_utc %j for damage',
    (created_utc) => {
      expect(read({ ...comment, created_utc })).toMatchObject({ drop: 'not-a-record', createdUtc: 0 });
    },
  );

  it.each([
    [7, 7],
    [-7, -7],
    ['12', 12],
    [2.9, 2],
    [-2.9, -2],
    [null, 0],
    [undefined, 0],
    ['many', 0],
    [{}, 0],
    [1e300, 2147483647],
    [-1e300, -2147483648],
  ])('reads score %j as %d', (score, expected) => {
    const read1 = read({ ...comment, score });
    expect(read1.score).toBe(expected);
    expect(Object.is(read1.score, -0)).toBe(false);
  });

  it('keeps a score beyond all numbers within range', () => {
    expect(read(JSON.stringify(comment).replace('"score":3', '"score":1e999')).score).toBe(2147483647);
    expect(read(JSON.stringify(comment).replace('"score":3', '"score":-0')).score).toBe(0);
  });

  it.each([
    [undefined, 'no-author'],
    [null, 'no-author'],
    ['', 'no-author'],
    [17, 'no-author'],
    ['[deleted]', 'deleted-author'],
    ['[removed]', 'deleted-author'],
    ['a b', 'bad-author-name'],
    ['имя', 'bad-author-name'],
    ['a\u001b[31m', 'bad-author-name'],
    ['a'.repeat(25), 'bad-author-name'],
    ['x', null],
    ['-_-', null],
    ['a'.repeat(24), null],
  ])('answers author %j with %j', (author, expected) => {
    expect(read({ ...comment, author }).drop).toBe(expected);
  });

  it.each([
    [undefined, 'no-subreddit'],
    [null, 'no-subreddit'],
    ['', 'no-subreddit'],
    ['u_Some-One', 'user-profile'],
    ['U_x', 'user-profile'],
    ['a', 'bad-subreddit-name'],
    ['a-b', 'bad-subreddit-name'],
    ['two words', 'bad-subreddit-name'],
    ['a:t5_2abcd', 'bad-subreddit-name'],
    ['evil.com', 'bad-subreddit-name'],
    ['a'.repeat(25), 'bad-subreddit-name'],
    ['reddit.com', null],
    ['t:2011', null],
    ['de', null],
  ])('answers subreddit %j with %j', (subreddit, expected) => {
    expect(read({ ...post, subreddit }).drop).toBe(expected);
  });

  it('knows the community of a submission whose author is gone', () => {
    const gone = read({ ...post, author: '[deleted]', over_18: true });
    expect(gone).toMatchObject({ drop: 'deleted-author', kind: 'post', subreddit: 'AskReddit', over18: true });
  });

  it('never takes a field from a nested post', () => {
    const other = { author: 'Other', subreddit: 'Elsewhere', score: 999, created_utc: 1, over_18: true, title: 'O' };
    const nested = {
      ad_promoted_user_posts: [other],
      author: 'Some_One',
      crosspost_parent_list: [other],
      sr_detail: { created_utc: 1 },
      subreddit: 'AskReddit',
      title: 'T',
    };
    const expected = { drop: null, author: 'Some_One', subreddit: 'AskReddit', score: 0, createdUtc: 0, over18: false };
    expect(read(nested)).toMatchObject(expected);
    const { author: _, ...unauthored } = nested;
    expect(read(unauthored).drop).toBe('no-author');
    const { subreddit: __, ...promoted } = nested;
    expect(read({ ...promoted, promoted: true }).drop).toBe('no-subreddit');
  });

  it('does not fall for keys inside text or for keys of the prototype', () => {
    const body = 'x\\","author":"Evil","score":5,"y":"';
    expect(read({ ...comment, body })).toMatchObject({ drop: null, author: 'Some_One', score: 3 });
    const line = '{"__proto__":{"author":"Evil"},"subreddit":"AskReddit","body":"x"}';
    expect(read(line).drop).toBe('no-author');
  });

  it('reads spaced JSON, any order of keys, escapes in names and bytes that are no UTF-8', () => {
    expect(read(JSON.stringify(comment, null, 1).replace(/\n/g, ' '))).toMatchObject({ drop: null, score: 3 });
    expect(read(` ${JSON.stringify(comment)} \r`).drop).toBe(null);
    expect(read(JSON.stringify(comment).replace('Some_One', 'Some\\u005fOne')).author).toBe('Some_One');
    const bytes = Buffer.concat([
      Buffer.from('{"author":"Some_One","subreddit":"de","body":"'),
      Buffer.from([0xff, 0xc3, 0xe4]),
      Buffer.from('"}'),
    ]);
    expect(readAction(bytes, 0, bytes.length, newAction())).toBe(null);
  });

  it.each([
    ['', 'empty-line'],
    [' \t\r', 'empty-line'],
    ['{', 'not-json'],
    [JSON.stringify(comment).slice(0, 40), 'not-json'],
    [`${JSON.stringify(comment)}{`, 'not-json'],
    ['\u0000\u0000\u0000', 'not-json'],
    ['null', 'not-a-record'],
    ['17', 'not-a-record'],
    ['"text"', 'not-a-record'],
    ['[{"author":"a","body":"x"}]', 'not-a-record'],
    ['{}', 'not-a-record'],
  ])('answers line %j with %j', (line, expected) => {
    expect(read(line).drop).toBe(expected);
  });

  it('leaves nothing of an earlier line in the next one', () => {
    const action = newAction();
    const line = (record: unknown) => Buffer.from(JSON.stringify(record));
    const full = line({ ...post, over_18: true });
    readAction(full, 0, full.length, action);
    const bare = line({ body: '' });
    expect(readAction(bare, 0, bare.length, action)).toBe('no-author');
    expect(action).toEqual({ ...newAction(), kind: 'comment' });
  });
});
