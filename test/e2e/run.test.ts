import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { DumpManifest } from '../../scripts/generate-dump.js';
import { personaSchema } from '../../src/personas/persona.js';
import { STAGE_NAMES } from '../../src/pipeline/stage.js';
import {
  artefacts,
  buildProgram,
  filesBelow,
  finishedStages,
  KEY_FILE,
  mine,
  mineWell,
  newFolder,
  type Outcome,
  type RawManifest,
  readManifest,
  SMALL,
  smallDump,
} from './program.js';

vi.setConfig({ testTimeout: 120_000 });

const dump = newFolder();
const run = join(newFolder(), 'run');
let planted: DumpManifest;
let outcome: Outcome;

beforeAll(async () => {
  buildProgram();
  planted = await smallDump(dump);
  outcome = await mine(['run', dump, '--out', run, ...SMALL]);
}, 120_000);

describe('a whole run', () => {
  it('ends well, with nothing on stdout and a line for every stage on stderr', () => {
    expect(outcome).toMatchObject({ status: 0, stdout: '' });
    for (const stage of STAGE_NAMES) expect(outcome.stderr).toMatch(new RegExp(`^${stage}: [0-9.]+ s, [0-9]+ MB`, 'm'));
    expect(outcome.stderr).toContain(`4 personas in ${run}/export/personas.jsonl`);
  });

  it('leaves the folders of all stages, and nothing under way', () => {
    expect(finishedStages(run)).toEqual(STAGE_NAMES);
    expect(readdirSync(run).sort()).toEqual(['.cache', '.tmp', ...STAGE_NAMES, 'config.json', 'run.json'].sort());
    expect(filesBelow(join(run, '.tmp'))).toEqual([]);
    expect(Object.keys(artefacts(run)).filter((file) => !file.endsWith('/manifest.json'))).toEqual([
      ...['interactions.arrow', 'subreddits.arrow', 'users.arrow'].map((file) => `ingest/${file}`),
      ...['degrees', 'edges', 'nodes-subreddits', 'nodes-users', 'projection'].map(
        (table) => `build-graph/${table}.arrow`,
      ),
      ...['events.out.tfevents.0', 'history.jsonl', 'weights.safetensors'].map((file) => `train/${file}`),
      ...['attention.arrow', 'subreddits.arrow', 'users.arrow'].map((file) => `embed/${file}`),
      ...['assignments', 'cluster-subreddits', 'clusters'].map((table) => `cluster/${table}.arrow`),
      ...['failures.jsonl', 'persona.schema.json', 'personas.jsonl'].map((file) => `verbalize/${file}`),
      ...['README.md', 'persona.schema.json', 'personas.jsonl', 'personas.parquet', 'report.html'].map(
        (file) => `export/${file}`,
      ),
    ]);
  });

  it('writes personas that fit their schema, one a line', () => {
    const text = readFileSync(join(run, 'export/personas.jsonl'), 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    const personas = text
      .trimEnd()
      .split('\n')
      .map((line) => personaSchema.parse(JSON.parse(line)));
    expect(personas.length).toBe(4);
    for (const { size } of personas) expect(size.users).toBeGreaterThanOrEqual(50);
  });

  it('accounts for every line as the generator planted it', () => {
    const [rows] = readManifest(join(run, 'ingest/manifest.json')).accounting;
    const of = (reason: string) => rows.dropped[reason] ?? 0;
    const sum = Object.values(rows.dropped).reduce((total, n) => total + n, 0);
    expect(rows).toMatchObject({ unit: 'rows', read: planted.lines, kept: planted.kept });
    expect(rows.read).toBe(rows.kept + sum);
    expect({
      deleted: of('deleted-author'),
      bot: of('bot'),
      over18: of('over-18') + of('over-18-subreddit'),
      userProfile: of('user-profile'),
      // a line whose author or subreddit is of the wrong type is broken to the one, without author to the other
      damaged: of('no-author') + of('no-subreddit') + of('not-json') + of('not-a-record'),
    }).toEqual({
      deleted: planted.dropped.deleted,
      bot: planted.dropped.bot,
      over18: planted.dropped.over18Subreddit + planted.dropped.over18Record,
      userProfile: planted.dropped.userProfile,
      damaged: planted.dropped.missingAuthor + planted.dropped.missingSubreddit + planted.dropped.broken,
    });
  });

  it('counts users, subreddits and pairs as planted', () => {
    const { counts } = readManifest(join(run, 'ingest/manifest.json'));
    expect(counts).toMatchObject({
      users: planted.users,
      subreddits: planted.subreddits,
      interactions: planted.pairs,
      decompressedBytes: planted.rawBytes,
    });
  });

  it('prints one JSON object, and nothing else, with --json', async () => {
    const { stdout } = await mineWell(['run', dump, '--out', run, ...SMALL, '--json', '--quiet']);
    expect(stdout.trimEnd().split('\n').length).toBe(1);
    const printed = JSON.parse(stdout) as { ok: boolean; out: string; stages: Record<string, RawManifest> };
    expect(printed).toMatchObject({ ok: true, out: run });
    expect(Object.keys(printed.stages)).toEqual(STAGE_NAMES);
    expect(printed.stages['ingest'].counts['users']).toBe(planted.users);
  });

  it('logs one JSON object a line, with a code, with --log-format json', async () => {
    const { stderr } = await mineWell(['run', dump, '--out', run, ...SMALL, '--log-format', 'json']);
    const events = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { code: string; message: string });
    expect(new Set(events.map(({ code }) => code))).toEqual(new Set(['info']));
    expect(events[0].message).toBe('ingest: unchanged');
  });
});

describe('privacy', () => {
  it('keeps the names of accounts and the key out of every file and message', () => {
    const names = readFileSync(join(dump, 'truth.tsv'), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((row) => row.split('\t')[0].toLowerCase());
    expect(names.length).toBeGreaterThan(planted.users);
    const key = readFileSync(KEY_FILE, 'utf8').trim();
    const secrets = [key, Buffer.from(key, 'hex').toString('latin1'), Buffer.from(key, 'hex').toString('base64')];
    const places = filesBelow(run).map((path) => [path, readFileSync(path, 'latin1')] as const);
    for (const [place, text] of [...places, ['stderr', outcome.stderr] as const]) {
      const lower = text.toLowerCase();
      expect(names.filter((name) => lower.includes(name)).length, place).toBe(0);
      expect(secrets.filter((secret) => text.includes(secret)).length, place).toBe(0);
    }
  });

  it('lets nobody but the owner read the run', () => {
    for (const path of filesBelow(run)) expect([path, modeOf(path) & 0o077]).toEqual([path, 0]);
    expect(modeOf(run) & 0o077).toBe(0);
    expect(existsSync(join(run, '.lock'))).toBe(false);
  });
});

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}
