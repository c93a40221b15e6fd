import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { buildProgram, filesBelow, mine, mineWell, newFolder, SMALL, start, waitUntil } from './program.js';

vi.setConfig({ maxConcurrency: 2, testTimeout: 120_000 });

const folder = newFolder();
const at = (name: string) => join(folder, name);

beforeAll(() => {
  buildProgram();
  writeFileSync(at('good.ndjson'), '{"author":"someone","subreddit":"pics","body":"x","created_utc":1700000000}\n');
  writeFileSync(at('empty.ndjson'), '');
  mkdirSync(at('nothing'));
  mkdirSync(at('of-somebody-else'));
  writeFileSync(at('of-somebody-else/thesis.txt'), 'the only copy\n');
  mkdirSync(at('foreign-marker'));
  writeFileSync(at('foreign-marker/run.json'), '{');
  writeFileSync(at('short.key'), 'abc\n');
  writeFileSync(at('typo.json'), '{"clustrs": 3}');
  writeFileSync(at('bad-value.json'), '{"clusters": "many"}');
  writeFileSync(at('cut.json'), '{"clusters": ');
  writeFileSync(at('list.json'), '[1]');
}, 120_000);

interface Refusal {
  readonly what: string;
  readonly args: readonly string[]; // @name is that file of the folder; --out follows where missing
  readonly env?: NodeJS.ProcessEnv;
  readonly status: number;
  readonly says: readonly (string | RegExp)[];
}

const GOOD = ['run', '@good.ndjson'];
const REFUSALS: readonly Refusal[] = [
  { what: 'an unknown command', args: ['rnu'], status: 2, says: ["unknown command 'rnu'", 'Did you mean run?'] },
  {
    what: 'an unknown flag',
    args: [...GOOD, '--clustr', '3'],
    status: 2,
    says: ["unknown option '--clustr'", 'Did you mean --clusters?'],
  },
  { what: 'no input', args: ['run'], status: 2, says: ["missing required argument 'input'"] },
  {
    what: 'an unknown stage',
    args: [...GOOD, '--until', 'trian'],
    status: 2,
    says: ['There is no stage "trian"', 'build-graph, train'],
  },
  {
    what: 'a number that is none',
    args: [...GOOD, '--dim', 'many'],
    status: 2,
    says: ['--dim', 'expected a number, got "many"'],
  },
  {
    what: 'a number out of bounds',
    args: [...GOOD, '--max-epochs', '0'],
    status: 2,
    says: ['--max-epochs (from flag)', 'got 0'],
  },
  {
    what: 'a choice that there is not',
    args: [...GOOD, '--llm', 'oracle'],
    status: 2,
    says: ['--llm', 'template, openai-compatible'],
  },
  {
    what: 'settings that contradict each other',
    args: [...GOOD, '--dim', '30', '--heads', '4'],
    status: 2,
    says: ['--dim 30 is not a multiple of --heads 4'],
  },
  {
    what: 'personas of too few people',
    args: [...GOOD, '--min-users', '10'],
    status: 7,
    says: ['fewer than 50 people', '--unsafe-small-clusters'],
  },
  {
    what: 'a language model without an address',
    args: [...GOOD, '--llm', 'openai-compatible', '--llm-model', 'm'],
    status: 3,
    says: ['needs --llm-base-url and --llm-model'],
  },
  {
    what: 'an address that holds a password',
    args: [...GOOD, ...'--llm openai-compatible --llm-model m --llm-base-url http://me:secret@localhost/v1'.split(' ')],
    status: 3,
    says: ['holds a user name or password; the key belongs in MINE_PERSONAS_LLM_API_KEY'],
  },
  {
    what: 'an environment variable that is no number',
    args: GOOD,
    env: { MINE_PERSONAS_SEED: 'abc' },
    status: 3,
    says: ['MINE_PERSONAS_SEED: expected a number, got "abc"'],
  },
  {
    what: 'an unknown setting in a configuration file',
    args: [...GOOD, '--config', '@typo.json'],
    status: 3,
    says: ['typo.json: unknown setting "clustrs"', 'Did you mean "clusters"?'],
  },
  {
    what: 'a bad value in a configuration file',
    args: [...GOOD, '--config', '@bad-value.json'],
    status: 3,
    says: ['--clusters (from config file): expected auto or a whole number', 'got "many"'],
  },
  {
    what: 'a configuration file that is cut',
    args: [...GOOD, '--config', '@cut.json'],
    status: 3,
    says: ['cut.json is not a readable JSON file'],
  },
  {
    what: 'a configuration file that holds a list',
    args: [...GOOD, '--config', '@list.json'],
    status: 3,
    says: ['list.json should hold one JSON object'],
  },
  {
    what: 'a configuration file that is not there',
    args: [...GOOD, '--config', '@none.json'],
    status: 3,
    says: ['none.json', 'ENOENT'],
  },
  {
    what: 'an input that is not there',
    args: ['run', '@none.zst'],
    status: 3,
    says: ['none.zst: no such file or folder', 'Check the spelling'],
  },
  { what: 'a glob without a match', args: ['run', '@*.zst'], status: 3, says: ['*.zst: matches no file', 'quote it'] },
  {
    what: 'an empty file',
    args: ['run', '@good.ndjson', '@empty.ndjson'],
    status: 3,
    says: ['empty.ndjson: the file has 0 bytes', 'Fetch it again'],
  },
  { what: 'an empty folder', args: ['run', '@nothing'], status: 3, says: ['nothing: no dump in this folder', 'RC_*'] },
  {
    what: 'a path through a file',
    args: ['run', '@good.ndjson/inside'],
    status: 3,
    says: ['good.ndjson/inside: no such file'],
  },
  {
    what: 'a key file that is not there',
    args: [...GOOD, '--key-file', '@none.key'],
    status: 3,
    says: ['Cannot read the key file', 'none.key'],
  },
  {
    what: 'a key file that is a folder',
    args: [...GOOD, '--key-file', '@nothing'],
    status: 3,
    says: ['Cannot read the key file', 'nothing'],
  },
  {
    what: 'a key that is too short',
    args: [...GOOD, '--key-file', '@short.key'],
    status: 3,
    says: ['64 hex digits', 'openssl rand -hex 32'],
  },
  {
    what: 'a list that cannot be read',
    args: [...GOOD, '--suppress', '@nothing'],
    status: 3,
    says: ['Cannot read the list', 'nothing'],
  },
  {
    what: 'a folder of somebody else',
    args: [...GOOD, '--out', '@of-somebody-else'],
    status: 3,
    says: ['of-somebody-else is not empty and not a run', 'Choose another --out'],
  },
  {
    what: 'a folder with a marker of somebody else',
    args: [...GOOD, '--out', '@foreign-marker'],
    status: 3,
    says: ['run.json was not written by', 'Choose another --out'],
  },
  {
    what: 'a file as the folder of the run',
    args: [...GOOD, '--out', '@good.ndjson'],
    status: 3,
    says: ['good.ndjson is a file; --out needs a folder'],
  },
  {
    what: 'a folder inside a file',
    args: [...GOOD, '--out', '@good.ndjson/run'],
    status: 3,
    says: ['--out needs a folder'],
  },
  {
    what: 'the status of what is no run',
    args: ['status', '--out', '@nothing'],
    status: 3,
    says: ['nothing is not a run of mine-personas', 'Start one with'],
  },
  {
    what: 'a stage of what is no run',
    args: ['train', '--out', '@none'],
    status: 3,
    says: ['none is not a run of mine-personas'],
  },
];

describe.concurrent('refused before anything is written:', () => {
  it.each(REFUSALS)('$what', async ({ args, env, status, says }) => {
    const home = newFolder();
    const before = filesBelow(folder);
    const out = at('out');
    const given = args.map((arg) => (arg.startsWith('@') ? at(arg.slice(1)) : arg));
    const outcome = await mine([...given, ...(args.includes('--out') || args[0] === 'rnu' ? [] : ['--out', out])], {
      env: { HOME: home, ...env },
    });
    expect(outcome).toMatchObject({ status, stdout: '' });
    expect(outcome.stderr).toMatch(/^error: /);
    for (const words of says)
      expect(outcome.stderr).toMatch(words instanceof RegExp ? words : new RegExp(literally(words)));
    expect(outcome.stderr).not.toMatch(/^ {4}at /m);
    expect(existsSync(out)).toBe(false);
    expect(filesBelow(folder)).toEqual(before);
    expect(readdirSync(home), 'no key is made for a run that does not begin').toEqual([]);
  });

  it('and says so in JSON to programs', async () => {
    const { status, stdout, stderr } = await mine([
      'run',
      at('none.zst'),
      '--out',
      at('out'),
      '--json',
      '--log-format',
      'json',
    ]);
    expect(status).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      exitCode: 3,
      error: { code: 'ERR_INPUT_NOT_FOUND', path: at('none.zst') },
    });
    expect(JSON.parse(stderr)).toMatchObject({ code: 'error', error: 'ERR_INPUT_NOT_FOUND', exitCode: 3 });
    const usage = await mine(['run', at('good.ndjson'), '--out', at('out'), '--json', '--clustr']);
    expect(JSON.parse(usage.stdout)).toMatchObject({ ok: false, exitCode: 2, error: { code: 'ERR_USAGE' } });
  });
});

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

describe.concurrent('the lock of a run', () => {
  it('keeps a second program out while the first works, and says which that is', async () => {
    const out = join(newFolder(), 'run');
    const first = start(['run', '-', '--out', out, ...SMALL], { stdin: 'open' });
    await waitUntil(() => existsSync(join(out, '.tmp')));
    const second = await mine(['run', at('good.ndjson'), '--out', out, ...SMALL]);
    expect(second).toMatchObject({ status: 3 });
    expect(second.stderr).toContain(`${out} is in use by process ${first.child.pid} on ${hostname()}`);
    first.child.kill('SIGKILL');
    await first.ended;
    expect(existsSync(join(out, '.lock'))).toBe(true);
    const third = await mineWell(['run', at('good.ndjson'), '--out', out, ...SMALL, '--until', 'ingest']);
    expect(third.stderr).toContain('1 rows read, 1 kept');
    expect(existsSync(join(out, '.lock'))).toBe(false);
  });

  it('lets exactly one of several in that start together', async () => {
    const out = join(newFolder(), 'run');
    const outcomes = await Promise.all(
      [1, 2, 3].map(() => mine(['run', at('good.ndjson'), '--out', out, ...SMALL, '--until', 'ingest'])),
    );
    for (const { status, stderr } of outcomes) expect([0, 3], stderr).toContain(status);
    expect(outcomes.some(({ status }) => status === 0)).toBe(true);
    expect(readdirSync(out).sort()).toEqual(['.cache', '.tmp', 'config.json', 'ingest', 'run.json']);
  });
});

describe.concurrent('streams', () => {
  it('a reader of stdout that has had enough is no failure', async () => {
    const running = start(['config', '--schema']);
    running.child.stdout?.destroy();
    expect(await running.ended).toMatchObject({ status: 0, stderr: '' });
  });

  it('a reader of stderr that has gone does not stop the work', async () => {
    const out = join(newFolder(), 'run');
    const running = start(['run', at('good.ndjson'), '--out', out, ...SMALL, '--until', 'ingest']);
    running.child.stderr?.destroy();
    expect(await running.ended).toMatchObject({ status: 0 });
    expect(existsSync(join(out, 'ingest'))).toBe(true);
  });

  it('control characters of data do not reach the terminal', async () => {
    const { status, stderr } = await mine(['run', at('none\u001b]0;title\u0007\u009b31m'), '--out', at('out')]);
    expect(status).toBe(3);
    expect(stderr).not.toMatch(/[^\P{Cc}\n]/u);
  });

  it('a key is made once, for its owner only, and used again', async () => {
    const [home, folderOfRuns] = [newFolder(), newFolder()];
    const keyOf = async (name: string) => {
      const run = join(folderOfRuns, name);
      const { stderr } = await mineWell(['ingest', at('good.ndjson'), '--out', run], { env: { HOME: home } });
      return [
        stderr.includes('A key of pseudonyms was made in'),
        readFileSync(join(run, 'ingest/users.arrow')).toString('hex'),
      ] as const;
    };
    const [madeFirst, first] = await keyOf('a');
    const [madeAgain, second] = await keyOf('b');
    expect([madeFirst, madeAgain]).toEqual([true, false]);
    expect(second).toBe(first);
  });
});
