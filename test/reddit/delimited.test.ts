import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reasonsOf, scanBytes } from './scan-chunks.js';

const rowsOf = async (text: string, options = {}) =>
  (await scanBytes(text, { format: 'table', ...options })).added.map(({ user: _, ...row }) => Object.values(row));

const errorOf = (text: string, options = {}) =>
  scanBytes(text, options).then(
    () => undefined,
    (error) => error,
  );

describe('tables of delimited text', () => {
  it('reads the columns by title, whatever their order, case and delimiter', async () => {
    const expected = [
      ['pics', 2, 3, -4, 100, 200],
      ['news', 0, 1, 0, 7, 7],
    ];
    for (const [d, header] of [
      ['\t', 'User,Subreddit,posts,comments,score,first_utc,last_utc'],
      [',', '\uFEFFusername,community,posts,comments,score,first_utc,last_utc'],
      [';', 'author,item,posts,comments,score,created_utc,last_utc'],
    ]) {
      const text = `${header}\na,pics,2,3,-4,100,200\nb,news,0,1,,7,\n`.replaceAll(',', d);
      expect(await rowsOf(text)).toEqual(expected);
    }
    expect(await rowsOf('last_utc,n,item_id,user_id\n9,5,pics,12\n')).toEqual([['pics', 0, 5, 0, 9, 9]]);
  });

  it('takes a table without counts as one comment a row and lists columns that it does not know', async () => {
    const { counts, added } = await scanBytes('user\tsubreddit\trecency_rank\tnote\n0\tpics\t0\tx\n1\tnews\t1\ty\n');
    expect(counts).toMatchObject({ format: 'table', read: 2, kept: 2, ignoredColumns: ['recency_rank', 'note'] });
    expect(added.map((row) => row.comments)).toEqual([1, 1]);
  });

  it('lets posts and comments win over a bare count', async () => {
    const { counts, added } = await scanBytes('user,subreddit,count,posts\na,pics,9,2\n');
    expect(added).toMatchObject([{ posts: 2, comments: 0 }]);
    expect(counts.ignoredColumns).toEqual(['count']);
  });

  it('reads tables without header as user, subreddit and count', async () => {
    expect(await rowsOf('17,pics\n18,news')).toEqual([
      ['pics', 0, 1, 0, 0, 0],
      ['news', 0, 1, 0, 0, 0],
    ]);
    expect(await rowsOf('17\t5\t3\n')).toEqual([['5', 0, 3, 0, 0, 0]]);
  });

  it('takes titles from the caller, with or without a header in the file', async () => {
    const columns = ['score', 'user', 'subreddit'];
    expect(await rowsOf('1,a,pics\n', { columns })).toEqual([['pics', 0, 1, 1, 0, 0]]);
    expect(await rowsOf('user,subreddit,count\n1,a,pics\n', { columns })).toEqual([['pics', 0, 1, 1, 0, 0]]);
  });

  it('counts each kind of bad row, and every row once', async () => {
    const rows = [
      'user,subreddit,count',
      'a,pics,1', // kept
      'a,pics', // a cell short
      'a,pics,1,2', // a cell too many
      ',pics,1',
      'a,,1',
      'a,pics,1.5',
      'a,pics,-1',
      'a,pics,0',
      'a,pics,',
      'a,pics,many',
      'a,pics,4294967296',
      'a,u_a,1',
      '[deleted],pics,1',
      'AutoModerator,pics,1',
      `a,${'é'.repeat(65)},1`,
      'a,pi\u001bcs,1',
      'a,pi\u202ecs,1',
      '',
      'a,Ünïcode Name,2.0', // kept
    ];
    const { counts } = await scanBytes(rows.join('\n'));
    expect(counts).toMatchObject({ read: rows.length - 1, kept: 2 });
    expect(reasonsOf(counts)).toEqual({
      'bad-row': 10,
      'user-profile': 1,
      'deleted-author': 1,
      bot: 1,
      'bad-subreddit-name': 3,
      'empty-line': 1,
    });
  });

  it('refuses times and scores of the wrong type and lets missing ones be', async () => {
    const header = 'user,subreddit,score,first_utc,last_utc\n';
    expect(await rowsOf(`${header}a,p,,,\na,p,1,1.7e9,\na,p,1,,5\n`)).toEqual([
      ['p', 0, 1, 0, 0, 0],
      ['p', 0, 1, 1, 1700000000, 1700000000],
      ['p', 0, 1, 1, 5, 5],
    ]);
    const bad = ['a,p,x,,', 'a,p,1.5,,', 'a,p,,2020-01-01,', 'a,p,,-1,', 'a,p,,1700000000000,', 'a,p,,9,8'];
    const { counts } = await scanBytes(`${header}a,p,,,\n${bad.join('\n')}\n`);
    expect(reasonsOf(counts)).toEqual({ 'bad-row': bad.length });
  });

  it('takes quotes as data between tabs and as quotes between commas', async () => {
    const names = async (text: string) => (await rowsOf(text)).map(([name]) => name);
    expect(await names('user\tsubreddit\na\t"pics\nb\tne"ws"\n')).toEqual(['"pics', 'ne"ws"']);
    expect(await names('user,subreddit\n"a,b","two ""words"""\nc,x"y\n')).toEqual(['two "words"', 'x"y']);
    const { counts } = await scanBytes('user,subreddit\na,"over two\nlines"\nb,pics\n');
    expect(reasonsOf(counts)).toEqual({ 'bad-subreddit-name': 1 });
  });

  it('keeps users apart as they are spelled, trimmed, and integers as text', async () => {
    const { added } = await scanBytes(
      'user,subreddit\n Ab ,p\nAb,p\nab,p\n007,p\n7,p\n9007199254740993,p\n9007199254740992,p',
    );
    const users = added.map(({ user }) => user);
    expect(users[0]).toBe(users[1]);
    expect(new Set(users).size).toBe(6);
  });

  it('names the columns where they do not fit, and never the cells of a table without header', async () => {
    const known = await errorOf('user,place\nSecretName,pics\n');
    expect(known).toMatchObject({ code: 'ERR_TABLE_COLUMNS', fields: { columns: ['user', 'place'] } });
    expect(known.message).toContain('"place"');
    for (const text of ['SecretName,pics,often\n', 'SecretName,pics,1,2\n', 'SecretName\n']) {
      const error = await errorOf(text, { format: 'table' });
      expect(error.code).toBe('ERR_TABLE_COLUMNS');
      expect(JSON.stringify([error.message, error.fields])).not.toContain('SecretName');
    }
    expect(await errorOf('a,b\n', { columns: ['user', 'x'] })).toMatchObject({ code: 'ERR_TABLE_COLUMNS' });
  });

  it('refuses a table in which every row is bad', async () => {
    expect(await errorOf('user,subreddit,count\na,b,often\nc,d,never\n')).toMatchObject({ code: 'ERR_TABLE_COLUMNS' });
  });

  it('says where an unclosed quote began to swallow the file, without quoting it', async () => {
    const error = await errorOf(`user,subreddit\na,p\n"SecretName,p\n${'x,y\n'.repeat(10)}`);
    expect(error).toMatchObject({ code: 'ERR_TABLE_FORMAT' });
    expect(error.message).not.toContain('SecretName');
  });

  it('stops at the first bad row where asked to', async () => {
    const error = await errorOf('user,subreddit\na,p\nSecretName\n', { onBadLine: 'stop' });
    expect(error).toMatchObject({ code: 'ERR_DUMP_FORMAT', fields: { line: 3, reason: 'bad-row' } });
    expect(error.message).not.toContain('SecretName');
  });

  it('gives the same rows however the bytes are cut', async () => {
    const text = '\uFEFFuser;subreddit;count\r\nä;pics;1\r\nb;"né;ws";2\r\n\r\nc;x;3';
    const whole = await scanBytes(text);
    expect(whole.counts).toMatchObject({ read: 4, kept: 3 });
    for (const size of [1, 2, 3, 7]) expect(await scanBytes(text, {}, size)).toEqual(whole);
  });

  it('gives back whatever was written', async () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).map((text) => text.trim());
    const safe = name.filter(
      (text) => text !== '' && !/^u_|["\p{Cc}\p{Cs}\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/iu.test(text),
    );
    const row = fc.tuple(safe, safe, fc.nat(), fc.nat({ max: 99 }));
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), fc.constantFrom(',', ';'), async (rows, d) => {
        const text = rows.map(([u, s, p, c]) => [`"${u}"`, `"${s}"`, p, c + 1].join(d)).join('\n');
        const { counts, added } = await scanBytes(
          ['user', 'subreddit', 'posts', 'comments'].join(d).concat('\n', text),
        );
        expect(counts.read).toBe(rows.length);
        const people = rows.filter(([u]) => !/bot|automod|-modteam|^\[/i.test(u));
        expect(added.length).toBeGreaterThanOrEqual(people.length);
        if (people.length < rows.length) return;
        expect(added.map((r) => [r.subreddit, r.posts, r.comments])).toEqual(rows.map(([, s, p, c]) => [s, p, c + 1]));
      }),
      { seed: 1, numRuns: 100 },
    );
  });
});
