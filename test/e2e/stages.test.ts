import { cpSync, existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { STAGE_NAMES } from '../../src/pipeline/stage.js';
import { type Answer, chaosServer, type Seen, says } from '../llm/chaos-server.js';
import {
  artefacts,
  buildProgram,
  filesBelow,
  finishedStages,
  mine,
  mineWell,
  newFolder,
  SMALL,
  sha256Of,
  smallDump,
  start,
  waitUntil,
} from './program.js';

vi.setConfig({ maxConcurrency: 2, testTimeout: 120_000 });

const dump = newFolder();
const whole = join(newFolder(), 'run'); // never touched again

beforeAll(async () => {
  buildProgram();
  await smallDump(dump);
  await mineWell(['run', dump, '--out', whole, ...SMALL]);
}, 120_000);

/** A copy of the finished run that a test may change. */
function copyOfRun(): string {
  const out = join(newFolder(), 'run');
  cpSync(whole, out, { recursive: true, preserveTimestamps: true });
  return out;
}

/** What a command that ran stages says it did: `ran` in order. */
function stagesRun(stderr: string): string[] {
  return STAGE_NAMES.filter((stage) => new RegExp(`^${stage}: [0-9.]+ s, `, 'm').test(stderr));
}

describe.concurrent('run, again', () => {
  it('does nothing where nothing changed', async () => {
    const out = copyOfRun();
    const times = () =>
      Object.fromEntries(
        STAGE_NAMES.flatMap((stage) => filesBelow(join(out, stage))).map((path) => [path, statSync(path).mtimeMs]),
      );
    const before = times();
    const { stderr } = await mineWell(['run', dump, '--out', out, ...SMALL]);
    expect(stagesRun(stderr)).toEqual([]);
    for (const stage of STAGE_NAMES) expect(stderr).toContain(`${stage}: unchanged\n`);
    expect(times()).toEqual(before);
  });

  it('runs the stages that a changed setting concerns, and no other', async () => {
    const out = copyOfRun();
    const { stderr } = await mineWell(['run', dump, '--out', out, ...SMALL, '--clusters', '3']);
    expect(stagesRun(stderr)).toEqual(['cluster', 'verbalize', 'export']);
    expect(readFileSync(join(out, 'export/personas.jsonl'), 'utf8').trimEnd().split('\n').length).toBe(3);
    const back = await mineWell(['run', dump, '--out', out, ...SMALL]);
    expect(stagesRun(back.stderr)).toEqual(['cluster', 'verbalize', 'export']);
    expect(artefacts(out)).toEqual(artefacts(whole));
  });

  it('reads a changed file again, and goes no further where that gives the same', async () => {
    const out = copyOfRun();
    const links = newFolder();
    for (const name of readdirSync(dump)) cpSync(join(dump, name), join(links, name), { preserveTimestamps: true });
    const [file] = readdirSync(links).filter((name) => name.startsWith('RC_'));
    utimesSync(join(links, file), 1_700_000_000, 1_700_000_000);
    const { stderr } = await mineWell(['run', links, '--out', out, ...SMALL]);
    expect(stagesRun(stderr)).toEqual(['ingest']);
    expect(artefacts(out)['export/manifest.json']).toBe(artefacts(whole)['export/manifest.json']);
  });

  it('runs what it is forced to, from a stage on or up to a stage', async () => {
    const out = copyOfRun();
    const forced = await mineWell(['run', '--force', 'embed', '--force', 'export', dump, '--out', out, ...SMALL]);
    expect(stagesRun(forced.stderr)).toEqual(['embed', 'export']);
    const from = await mineWell(['run', dump, '--out', out, ...SMALL, '--from', 'cluster', '--until', 'verbalize']);
    expect(stagesRun(from.stderr)).toEqual(['cluster', 'verbalize']);
    expect(artefacts(out)).toEqual(artefacts(whole));
  });

  it('makes a file that is missing or was changed again', async () => {
    const out = copyOfRun();
    writeFileSync(join(out, 'cluster/clusters.arrow'), 'short');
    const { stderr } = await mineWell(['run', dump, '--out', out, ...SMALL]);
    expect(stagesRun(stderr)).toEqual(['cluster']);
    expect(artefacts(out)).toEqual(artefacts(whole));
  });
});

describe.concurrent('the commands of the stages', () => {
  it('one after another give what `run` gives, with the settings that the run began with', {
    timeout: 60_000,
  }, async () => {
    const out = join(newFolder(), 'run');
    await mineWell(['ingest', dump, '--out', out, ...SMALL]);
    expect(finishedStages(out)).toEqual(['ingest']);
    const tooEarly = await mine(['embed', '--out', out]);
    expect(tooEarly.status).toBe(3);
    expect(tooEarly.stderr).toContain('embed: build-graph has not finished. Run it first, or use: mine-personas run');
    for (const command of ['graph', 'train', 'embed', 'cluster', 'verbalize', 'export'])
      await mineWell([command, '--out', out]);
    expect(artefacts(out)).toEqual(artefacts(whole));
  });

  it('take a setting that is given to them, and --force', async () => {
    const out = copyOfRun();
    const changed = await mineWell(['cluster', '--out', out, '--clusters', '2', '--json']);
    const printed = JSON.parse(changed.stdout) as { stages: { cluster: { counts: { clusters: number } } } };
    expect(printed.stages.cluster.counts.clusters).toBe(2);
    expect(stagesRun((await mineWell(['verbalize', '--out', out])).stderr)).toEqual(['verbalize']);
    expect(stagesRun((await mineWell(['verbalize', '--out', out])).stderr)).toEqual([]);
    expect(stagesRun((await mineWell(['verbalize', '--out', out, '--force'])).stderr)).toEqual(['verbalize']);
  });
});

describe.concurrent('status and plan', () => {
  it('say that nothing is to do after a whole run', async () => {
    const { stdout, stderr } = await mineWell(['status', '--out', whole]);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/\s+/).slice(0, 2)),
    ).toEqual(STAGE_NAMES.map((stage) => [stage, 'done']));
    expect(stderr).toBe('');
    const { stdout: planned } = await mineWell(['plan', dump, '--out', whole, ...SMALL, '--json']);
    const plan = JSON.parse(planned) as { inputFiles: number; inputBytes: number; stages: { todo: boolean }[] };
    expect(plan.inputFiles).toBe(4);
    expect(plan.inputBytes).toBe(dumpFiles().reduce((sum, path) => sum + statSync(path).size, 0));
    expect(plan.stages.map(({ todo }) => todo)).toEqual(STAGE_NAMES.map(() => false));
  });

  it('say why a stage must run again, and what hangs on it', async () => {
    const out = copyOfRun();
    writeFileSync(join(out, 'train/history.jsonl'), '');
    const { stdout } = await mineWell(['status', '--out', out, '--json']);
    const { stages } = JSON.parse(stdout) as { stages: { stage: string; done: boolean; stale: string | null }[] };
    expect(Object.fromEntries(stages.map(({ stage, stale }) => [stage, stale]))).toEqual({
      ingest: null,
      'build-graph': null,
      train: 'history.jsonl is missing or was changed',
      embed: 'depends on train',
      cluster: 'depends on embed',
      verbalize: 'depends on embed',
      export: 'depends on train',
    });
    const { stdout: planned } = await mineWell(['plan', dump, '--out', whole, ...SMALL, '--dim', '32']);
    expect(planned).toMatch(/^train +to do: its settings changed/m);
    expect(planned).toMatch(/^llm +template: no calls, no cost$/m);
  });

  it('plan makes nothing', async () => {
    const out = join(newFolder(), 'not/yet');
    const { stdout } = await mineWell(['plan', dump, '--out', out, ...SMALL, '--json']);
    const { freeDiskBytes } = JSON.parse(stdout) as { freeDiskBytes: number };
    expect(freeDiskBytes).toBeGreaterThan(0);
    expect(existsSync(join(out, '..'))).toBe(false);
  });
});

function dumpFiles(): string[] {
  return readdirSync(dump)
    .filter((name) => /^R[CS]_/.test(name))
    .map((name) => join(dump, name));
}

describe.concurrent('config and doctor', () => {
  it('config shows every setting with where it comes from', async () => {
    const file = join(newFolder(), 'config.json');
    writeFileSync(file, JSON.stringify({ dim: 32, heads: 2, seed: 5 }));
    const env = { MINE_PERSONAS_SEED: '6', MINE_PERSONAS_HEADS: '8' };
    const { stdout } = await mineWell(['config', '--config', file, '--heads', '4'], { env });
    const settings = JSON.parse(stdout) as Record<string, unknown>;
    expect(settings).toMatchObject({
      dim: { value: 32, origin: 'config file' },
      seed: { value: 6, origin: 'environment' },
      heads: { value: 4, origin: 'flag' },
      minUsers: { value: 1000, origin: 'default' },
    });
  });

  it('config --schema describes a configuration file', async () => {
    const { stdout } = await mineWell(['config', '--schema']);
    const schema = JSON.parse(stdout) as {
      type: string;
      additionalProperties: boolean;
      properties: Record<string, { description: string }>;
    };
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
    expect(schema.properties['minUsers'].description).toContain('people a persona must stand for');
  });

  it('doctor looks at the machine, for people and for programs', async () => {
    const { stdout } = await mineWell(['doctor'], { cwd: newFolder() });
    expect(stdout).toMatch(/^ok {6}node +Node /m);
    const { stdout: json } = await mineWell(['doctor', '--json', '--out', newFolder()]);
    const { findings } = JSON.parse(json) as { findings: { what: string; state: string; found: string }[] };
    expect(findings.map(({ what }) => what)).toEqual([
      'node',
      'processor',
      'memory',
      'disk',
      'zstd',
      'bzip2',
      'xz',
      'gpu',
      'engine',
      'engine',
      'engine',
      'engine',
      'llm',
    ]);
    for (const { state } of findings) expect(['good', 'missing', 'bad']).toContain(state);
    expect(findings.find(({ what }) => what === 'disk')).toMatchObject({ state: 'good' });
  });

  it('help and version come without the engine being loaded', async () => {
    const { stdout } = await mineWell(['--help']);
    expect(stdout).toMatch(/^Examples:\n {2}mine-personas run /);
    expect((await mineWell(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await mineWell(['run', '--help'])).stdout).toContain('--min-users <number>');
  });
});

describe.concurrent('graph export', () => {
  it.each(['projection', 'bipartite'])('writes the %s as GEXF and GraphML', async (kind) => {
    const folder = newFolder();
    const gexf = await mineWell([
      'graph',
      'export',
      '--out',
      whole,
      '--to',
      join(folder, 'g.gexf'),
      '--kind',
      kind,
      '--top',
      '10',
    ]);
    const [, nodes, edges] = /(\d+) nodes, (\d+) edges/.exec(gexf.stderr) ?? [];
    const text = readFileSync(join(folder, 'g.gexf'), 'utf8');
    expect(text.match(/<node /g)?.length).toBe(Number(nodes));
    expect(text.match(/<edge /g)?.length).toBe(Number(edges));
    await mineWell([
      'graph',
      'export',
      '--out',
      whole,
      '--to',
      join(folder, 'g.graphml'),
      '--kind',
      kind,
      '--top',
      '10',
    ]);
    const graphml = readFileSync(join(folder, 'g.graphml'), 'utf8');
    expect(graphml.match(/<node /g)?.length).toBe(Number(nodes));
    expect(graphml.match(/<edge /g)?.length).toBe(Number(edges));
    if (kind === 'projection') expect(Number(nodes)).toBe(10);
  });

  it.each(['projection', 'bipartite'])('writes the %s as Parquet tables that hold it', async (kind) => {
    const folder = `${newFolder()}/tables/`;
    const { stderr } = await mineWell(['graph', 'export', '--out', whole, '--to', folder, '--kind', kind]);
    const [, nodes, edges] = /(\d+) nodes, (\d+) edges/.exec(stderr) ?? [];
    const read = async (file: string) => {
      const { buffer, byteOffset, byteLength } = readFileSync(join(folder, file));
      return parquetReadObjects({
        file: buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer,
        compressors,
      });
    };
    const subreddits = await read('subreddits.parquet');
    const users = kind === 'bipartite' ? await read('users.parquet') : [];
    const links = await read('edges.parquet');
    expect([subreddits.length + users.length, links.length]).toEqual([Number(nodes), Number(edges)]);
    const [first, second] = kind === 'bipartite' ? ['user', 'subreddit'] : ['source', 'target'];
    const ends = kind === 'bipartite' ? users.length : subreddits.length;
    for (const link of links) {
      expect(link[first]).toBeLessThan(ends);
      expect(link[second]).toBeLessThan(subreddits.length);
    }
    if (kind === 'bipartite') {
      const counted = new Array<number>(subreddits.length).fill(0);
      for (const link of links) counted[link['subreddit']]++;
      expect(subreddits.map((row) => row['users'])).toEqual(counted);
      expect(links[0]).toHaveProperty('recency');
    }
  });

  it('refuses what it cannot write', async () => {
    const cases: [string[], number, string][] = [
      [['--to', 'graph.txt'], 2, 'should end in .gexf or .graphml'],
      [['--to', 'g.gexf', '--kind', 'tripartite'], 2, '--kind is projection or bipartite'],
      [['--to', 'g.gexf', '--top', 'many'], 2, 'Expected whole numbers'],
      [['--to', 'g.gexf', '--subreddits', 'NoSuchPlace'], 3, 'nosuchplace'],
      [['--to', 'nowhere/g.gexf'], 3, 'nowhere/g.gexf'],
    ];
    for (const [args, status, words] of cases) {
      const outcome = await mine(['graph', 'export', '--out', whole, ...args], { cwd: newFolder() });
      expect(outcome).toMatchObject({ status, stdout: '' });
      expect(outcome.stderr).toContain(words);
    }
  });
});

describe.concurrent('after the miner', () => {
  const command = (text: string) => mineWell(text.trim().split(/\s+/));

  it('personas become a benchmark, rewrites and a table with intervals, without a model', async () => {
    const folder = newFolder();
    await smallDump(join(folder, 'dump'), '3'); // the months of the run and one more
    await mineWell(['ingest', join(folder, 'dump'), '--out', join(folder, 'later'), ...SMALL]);
    const histories = join(folder, 'histories.jsonl');
    const topics = ['a rose', 'a robot', 'a castle', 'a fox', 'a lake', 'a loaf of bread'];
    const rows = topics.map((prompt, i) => ({ user: 'ann', prompt, persona: 'cluster-0000', image: `${i}.png` }));
    writeFileSync(histories, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const build = `benchmark build --run ${whole} --later ${folder}/later --prompts data/prompts.jsonl
      --histories ${histories} --dev-share 0.3 --json --out ${folder}`;
    const { stdout } = await command(`${build}/benchmark`);
    const { counts, accounting } = JSON.parse(stdout) as BenchmarkSaid;
    expect(counts.dev['prompts.jsonl'] * counts.test['prompts.jsonl']).toBeGreaterThan(0);
    for (const { read, kept, dropped } of accounting)
      expect(read).toBe(kept + Object.values(dropped).reduce((sum, n) => sum + n, 0));
    const later = accounting.find(({ unit }) => unit === 'later links');
    expect(later?.dropped['known-to-run']).toBeGreaterThan(1000); // the months that the run has read
    expect(later?.dropped['person-not-in-run']).toBe(0);
    const behaviour = readLines(join(folder, 'benchmark/test/behaviour.jsonl'));
    expect(behaviour.length).toBeGreaterThan(0);

    await command(`${build}/again`); // the same in another folder
    const hashes = (of: string) => filesBelow(join(folder, of)).map((path) => [path.split(of)[1], sha256Of(path)]);
    expect(hashes('again')).toEqual(hashes('benchmark'));
    const foreign = await mine(`${build}/dump`.split(/\s+/));
    expect(foreign).toMatchObject({ status: 3 });
    expect(foreign.stderr).toContain('which is of no benchmark');

    await command(`rewrite --personas ${folder}/benchmark/personas.jsonl --prompts ${folder}/benchmark/test/prompts.jsonl
      --baseline --out ${folder}/rewrites.jsonl`);
    const table = await command(`evaluate rewrites --rewrites ${folder}/rewrites.jsonl
      --personas ${folder}/benchmark/personas.jsonl --replicates 200 --out ${folder}/metrics`);
    expect(table.stdout).toMatch(/^\| template \| \d+ \| 0 \[0, 0\.\d+\] \|/m);
    expect(readdirSync(join(folder, 'metrics')).sort()).toEqual([
      'metrics.json',
      'metrics.md',
      'persona-lift-in-words.csv',
      'rewrites.csv',
    ]);
  });

  it('rewrite goes on after a kill -9, with the same bytes in the end', async () => {
    const folder = newFolder();
    const prompts = join(folder, 'prompts.txt');
    writeFileSync(prompts, Array.from({ length: 1500 }, (_, i) => `a castle number ${i}`).join('\n'));
    const rewrite = (out: string) =>
      `rewrite --personas ${whole}/export/personas.jsonl --prompts ${prompts} --out ${folder}/${out}`.split(' ');
    await mineWell(rewrite('whole.jsonl'));
    const partial = join(folder, 'killed.jsonl.partial');
    const running = start(rewrite('killed.jsonl'));
    expect(await waitUntil(() => (statSync(partial, { throwIfNoEntry: false })?.size ?? 0) > 0)).toBe(true);
    running.child.kill('SIGKILL');
    await running.ended;
    expect(existsSync(join(folder, 'killed.jsonl'))).toBe(false);
    const { stderr } = await mineWell(rewrite('killed.jsonl'));
    expect(stderr).toMatch(/going on after [1-9]\d* of 6000 lines/);
    expect(sha256Of(join(folder, 'killed.jsonl'))).toBe(sha256Of(join(folder, 'whole.jsonl')));
  });

  it('rewriting by a server pays once for each reply across a stop, and across a kill for those under way again', async () => {
    const folder = newFolder();
    const prompts = join(folder, 'prompts.txt');
    writeFileSync(prompts, Array.from({ length: 80 }, (_, i) => `a castle number ${i}`).join('\n'));
    const answers: Answer = ({ body }, response, n) => {
      const [, prompt] = /PROMPT\n(.*)\nPROMPT/.exec(body.messages[1].content) ?? [];
      const rewritten = `${prompt}, soft light, calm colours, wide framing`;
      const reply = says(JSON.stringify({ rewritten, kept_subjects: [], changed: [] }));
      setTimeout(() => reply({} as Seen, response, n), 30 + (n % 5) * 10); // ms: they overtake each other
    };
    const server = await chaosServer(answers);
    const rewrite = (out: string) =>
      `rewrite --personas ${whole}/export/personas.jsonl --prompts ${prompts} --out ${folder}/${out} --llm openai-compatible
       --llm-model parrot --llm-base-url ${server.baseURL} --llm-concurrency 16`.split(/\s+/);
    const asked = (from: number) => server.seen.slice(from).map(({ body }) => JSON.stringify(body));
    try {
      await mineWell(rewrite('whole.jsonl'));
      const once = new Set(asked(0)).size;
      expect(server.seen).toHaveLength(once);
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const before = server.seen.length;
        const running = start(rewrite(`${signal}.jsonl`));
        await waitUntil(() => server.seen.length > before + 100);
        running.child.kill(signal);
        expect((await running.ended).status).toBe(signal === 'SIGTERM' ? 143 : null);
        expect(server.seen.length - before).toBeLessThan(once);
        await mineWell(rewrite(`${signal}.jsonl`));
        expect(new Set(asked(before)).size).toBe(once);
        const again = server.seen.length - before - once;
        if (signal === 'SIGTERM') expect(again).toBe(0);
        else expect(again).toBeLessThanOrEqual(16);
        expect(sha256Of(join(folder, `${signal}.jsonl`))).toBe(sha256Of(join(folder, 'whole.jsonl')));
      }
    } finally {
      await server.close();
    }
  });

  it.each<[string, number, string]>([
    ['rewrite --personas nowhere.jsonl --prompts p.txt --out o', 3, 'nowhere.jsonl cannot be read'],
    ['sweep --models m.csv --personas p --prompts p', 2, 'Name the folder of the sweep with --out'],
    ['draw --rewrites nowhere.jsonl --out o --base-url http://127.0.0.1:9', 3, 'nowhere.jsonl cannot be read'],
    ['benchmark build --prompts p --out o', 2, 'Name the personas with --run DIR or --personas FILE'],
    ['benchmark build --personas p --prompts p --out o --dev-share 1', 2, 'expected a share from 0 to below 1'],
    ['evaluate images --images nowhere.jsonl --image-vectors v --text-vectors v', 3, 'nowhere.jsonl cannot be read'],
    ['evaluate diversity --generated v.arrow --reference v.arrow --sigma 0', 2, 'expected a number above 0'],
    ['evaluate bias --scores s.csv --metrics m --margins nowhere.tsv', 3, 'nowhere.tsv cannot be read'],
    ['evaluate choices --choices nowhere.csv', 3, 'nowhere.csv cannot be read'],
  ])('%s is refused', async (args, status, words) => {
    const cwd = newFolder();
    const outcome = await mine(args.split(' '), { cwd });
    expect(outcome).toMatchObject({ status, stdout: '' });
    expect(outcome.stderr).toContain(words);
    expect(outcome.stderr).not.toMatch(/^ {4}at /m);
    expect(readdirSync(cwd)).toEqual([]);
  });
});

interface BenchmarkSaid {
  readonly counts: Readonly<Record<'dev' | 'test', Readonly<Record<string, number>>>>;
  readonly accounting: readonly { unit: string; read: number; kept: number; dropped: Record<string, number> }[];
}

function readLines(path: string): unknown[] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}
