import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Int64, Table, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Random } from '../../src/core/random.js';
import { compress, hasProgram } from '../reddit/archives.js';
import { artefacts, buildProgram, mineWell, newFolder, type RunOptions, SMALL } from './program.js';

vi.setConfig({ maxConcurrency: 2, testTimeout: 120_000 });

interface Interaction {
  readonly user: string; // lower case, since tables tell names apart by case and dumps do not
  readonly subreddit: string;
  posts: number;
  comments: number;
  score: number;
  first: number; // s
  last: number; // s
}

const folder = newFolder();
const at = (name: string) => join(folder, name);
const { comments, submissions, interactions } = invent(new Random(1));
let expected: Record<string, string>;

beforeAll(async () => {
  buildProgram();
  writeFileSync(at('RC_plain.ndjson'), comments);
  writeFileSync(at('RS_plain.ndjson'), submissions);
  expected = await graphOf([at('RC_plain.ndjson'), at('RS_plain.ndjson')]);
}, 120_000);

/** Actions of 80 people in 12 places as dumps, and the same summed up. */
function invent(random: Random): { comments: string; submissions: string; interactions: Interaction[] } {
  const [rc, rs]: [string[], string[]] = [[], []];
  const sums = new Map<string, Interaction>();
  for (let i = 0; i < 1500; i++) {
    const [user, place] = [random.below(80), random.below(12)];
    const common = {
      author: `user_${user}`,
      subreddit: `Place_${place}`,
      score: random.below(50) - 5,
      created_utc: 1_600_000_000 + i * 977,
    };
    const isPost = random.below(4) === 0;
    if (isPost) rs.push(JSON.stringify({ ...common, title: 'a title', over_18: false }));
    else rc.push(JSON.stringify({ ...common, body: 'a comment' }));
    const key = `${common.author} ${common.subreddit}`;
    const sum = sums.get(key) ?? {
      user: common.author,
      subreddit: common.subreddit,
      posts: 0,
      comments: 0,
      score: 0,
      first: common.created_utc,
      last: 0,
    };
    sum.posts += isPost ? 1 : 0;
    sum.comments += isPost ? 0 : 1;
    sum.score += common.score;
    sum.last = common.created_utc;
    sums.set(key, sum);
  }
  return { comments: `${rc.join('\n')}\n`, submissions: `${rs.join('\n')}\n`, interactions: [...sums.values()] };
}

/** The graph that comes of an input: all tables of ingest and build-graph. */
async function graphOf(
  inputs: readonly string[],
  options: RunOptions = {},
  flags: readonly string[] = [],
): Promise<Record<string, string>> {
  const out = join(newFolder(), 'run');
  await mineWell(['run', ...inputs, '--out', out, ...SMALL, '--until', 'build-graph', ...flags], options);
  return Object.fromEntries(Object.entries(artefacts(out)).filter(([path]) => path.endsWith('.arrow')));
}

const column = (name: keyof Interaction) => interactions.map((row) => row[name]);
const numbers = (name: keyof Interaction) => column(name) as number[];

/** The columns of a table of interactions under the titles that are understood. */
const COLUMNS = {
  user: 'user',
  subreddit: 'subreddit',
  posts: 'posts',
  comments: 'comments',
  score: 'score',
  first: 'first_utc',
  last: 'last_utc',
} as const satisfies Record<keyof Interaction, string>;
const KEYS = Object.keys(COLUMNS) as (keyof Interaction)[];

function delimited(by: string, header = true): string {
  const rows = interactions.map((row) => KEYS.map((key) => row[key]).join(by));
  return `${[...(header ? [KEYS.map((key) => COLUMNS[key]).join(by)] : []), ...rows].join('\n')}\n`;
}

function arrowTable() {
  return new Table({
    user: vectorFromArray(column('user') as string[], new Utf8()),
    subreddit: vectorFromArray(column('subreddit') as string[], new Utf8()),
    posts: vectorFromArray(Uint32Array.from(numbers('posts'))),
    comments: vectorFromArray(Int32Array.from(numbers('comments'))),
    score: vectorFromArray(Float64Array.from(numbers('score'))),
    first_utc: vectorFromArray(numbers('first').map(BigInt), new Int64()),
    last_utc: vectorFromArray(numbers('last').map(BigInt), new Int64()),
  });
}

describe.concurrent('one graph, whatever the data comes in:', () => {
  it.for([
    ['zstd', ['-q']],
    ['bzip2', []],
    ['xz', ['-0']],
  ] as const)('dumps compressed by %s', async ([program, args], { skip }) => {
    skip(!hasProgram(program), `needs the program ${program}`);
    for (const [name, text] of [
      ['RC', comments],
      ['RS', submissions],
    ])
      writeFileSync(at(`${name}.${program}`), compress(program, args, Buffer.from(text)));
    expect(await graphOf([at(`RS.${program}`), at(`RC.${program}`)])).toEqual(expected);
  });

  it('a dump compressed by gzip, in two members, under a wrong name', async () => {
    writeFileSync(at('both.zst'), Buffer.concat([gzipSync(comments), gzipSync(submissions)]));
    expect(await graphOf([at('both.zst')])).toEqual(expected);
  });

  it.each(['plain', 'compressed'])('standard input, %s', async (how) => {
    const text = comments + submissions;
    expect(await graphOf(['-'], { stdin: how === 'plain' ? text : gzipSync(text) })).toEqual(expected);
  });

  it('a named pipe', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    const through = [
      'sh',
      '-c',
      `cat "$1" "$2" > "$3" & shift 3; exec "$@"`,
      'sh',
      at('RC_plain.ndjson'),
      at('RS_plain.ndjson'),
      at('pipe'),
    ];
    expect(await graphOf([at('pipe')], { through })).toEqual(expected);
  });

  it('a folder, and a glob', async () => {
    mkdirSync(at('folder/deeper'), { recursive: true });
    writeFileSync(at('folder/RC_2024-01.ndjson'), comments);
    writeFileSync(at('folder/deeper/RS_2024-01.gz'), gzipSync(submissions));
    writeFileSync(at('folder/README.md'), 'about these files\n');
    expect(await graphOf([at('folder')])).toEqual(expected);
    expect(await graphOf([at('folder/**/R?_2024-*')], { cwd: folder })).toEqual(expected);
  });

  it('a table of commas', async () => {
    writeFileSync(at('table.csv'), delimited(','));
    expect(await graphOf([at('table.csv')])).toEqual(expected);
  });

  it('a table of tabs, without a header and compressed', async () => {
    writeFileSync(at('table.tsv.gz'), gzipSync(delimited('\t', false)));
    expect(await graphOf([at('table.tsv.gz')], {}, ['--columns', KEYS.map((key) => COLUMNS[key]).join(',')])).toEqual(
      expected,
    );
  });

  it('Arrow, as a file and as a stream', async () => {
    writeFileSync(at('table.arrow'), tableToIPC(arrowTable(), 'file'));
    expect(await graphOf([at('table.arrow')])).toEqual(expected);
    expect(await graphOf(['-'], { stdin: Buffer.from(tableToIPC(arrowTable(), 'stream')) })).toEqual(expected);
  });

  it('Parquet', async () => {
    const columnData = KEYS.map((key) =>
      key === 'user' || key === 'subreddit'
        ? { name: COLUMNS[key], data: column(key), type: 'STRING' as const }
        : { name: COLUMNS[key], data: numbers(key).map(BigInt), type: 'INT64' as const },
    );
    writeFileSync(at('table.parquet'), Buffer.from(parquetWriteBuffer({ columnData })));
    expect(await graphOf([at('table.parquet')])).toEqual(expected);
  });
});
