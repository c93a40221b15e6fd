import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readTable } from '../../src/artifacts/arrow.js';
import {
  ATTENTION,
  GRAPH_SUBREDDITS,
  GRAPH_USERS,
  INGESTED_USERS,
  SUBREDDIT_EMBEDDINGS,
  USER_EMBEDDINGS,
} from '../../src/artifacts/tables.js';
import { buildProgram, mine, mineWell, newFolder, SMALL, smallDump } from './program.js';

describe('embed --model', () => {
  const folder = newFolder();
  const model = join(folder, 'model');

  beforeAll(async () => {
    buildProgram();
    await smallDump(join(folder, 'dump'));
    await mineWell(['run', join(folder, 'dump'), '--out', model, '--until', 'embed', ...SMALL]);
  }, 120_000);

  it('gives a person known to the model the vector that the run gave it', async () => {
    const again = join(folder, 'again');
    await mineWell(['embed', '--model', model, '--input', join(folder, 'dump'), '--out', again]);
    const vectors = async (run: string) => {
      const { pseudonym } = await readTable(join(run, 'ingest'), INGESTED_USERS);
      const { ingested_user } = await readTable(join(run, 'build-graph'), GRAPH_USERS);
      const { embedding } = await readTable(join(run, 'embed'), USER_EMBEDDINGS);
      const dim = embedding.length / ingested_user.length;
      return new Map(Array.from(ingested_user, (id, u) => [pseudonym[id], embedding.slice(u * dim, (u + 1) * dim)]));
    };
    const first = await vectors(model);
    const second = await vectors(again);
    expect(second.size).toBeGreaterThanOrEqual(first.size);
    for (const [person, vector] of first) {
      const other = second.get(person) as Float32Array;
      expect(vector.every((value, d) => Math.abs(other[d] - value) < 1e-4)).toBe(true);
    }
    const rows = async (run: string) => (await readTable(join(run, 'embed'), SUBREDDIT_EMBEDDINGS)).embedding;
    expect(await rows(again)).toEqual(await rows(model));
  }, 60_000);

  it('embeds a person with a single link, and drops and counts who has none', async () => {
    const { name } = await readTable(join(model, 'build-graph'), GRAPH_SUBREDDITS);
    const table = join(folder, 'new.tsv');
    writeFileSync(table, `user\tsubreddit\nsomebody\t${name[0].toUpperCase()}\nstranger\tNowhereAtAll\n`);
    const out = join(folder, 'new');
    const { stderr } = await mineWell(['embed', '--model', model, '--input', table, '--out', out]);
    expect(stderr).toContain('1 no-subreddit-known-to-model');
    const { user, attention } = await readTable(join(out, 'embed'), ATTENTION);
    expect([...user]).toEqual([0]);
    expect([...attention]).toEqual([1]);
  }, 60_000);

  it('refuses an input in which the model knows nothing', async () => {
    const table = join(folder, 'strangers.tsv');
    writeFileSync(table, 'user\tsubreddit\nsomebody\tNowhereAtAll\n');
    const refused = await mine(['embed', '--model', model, '--input', table, '--out', join(folder, 'strangers')]);
    expect(refused.status).toBe(3);
    expect(refused.stderr).toContain('None of the 1 people has a link');
  }, 60_000);

  it('wants all three of model, input and out, and leaves the model alone', async () => {
    expect((await mine(['embed', '--model', model, '--out', join(folder, 'x')])).status).toBe(2);
    const intoItself = ['embed', '--model', model, '--input', join(folder, 'dump'), '--out', model];
    expect((await mine(intoItself)).status).toBe(2);
  }, 60_000);
});

describe('evaluate', () => {
  const folder = newFolder();
  const run = join(folder, 'run');

  beforeAll(async () => {
    buildProgram();
    await smallDump(join(folder, 'dump'));
    await mineWell(['run', join(folder, 'dump'), '--out', run, '--until', 'embed', ...SMALL]);
  }, 120_000);

  it('links: trains on splits and prints a table; the same again is the same', async () => {
    const args = ['evaluate', 'links', '--out', run, '--protocol', 'random,cold,time', '--k', '2', '--users', '50'];
    const table = async () => {
      const { stdout } = await mineWell([...args, '--ranked-min-users', '3', '--as', 'json']);
      return (JSON.parse(stdout) as Record<string, unknown>[]).map(({ fitSeconds: _, ...rest }) => rest);
    };
    const first = await table();
    expect(first.map(({ protocol }) => protocol)).toEqual(['random', 'cold', 'time']);
    expect(await table()).toEqual(first);
  }, 60_000);

  it('links --truth: asks the finished run, and people by links given', async () => {
    const { name } = await readTable(join(run, 'build-graph'), GRAPH_SUBREDDITS);
    const rows = (from: number) =>
      Array.from({ length: 20 }, (_, u) => `new${u}\t${name[(u + from) % name.length]}\n`).join('');
    writeFileSync(join(folder, 'given.tsv'), `user\tsubreddit\n${rows(0)}${rows(1)}`);
    writeFileSync(join(folder, 'truth.tsv'), `user\tsubreddit\n${rows(1)}${rows(2)}`);
    const args = ['evaluate', 'links', '--out', run, '--truth', join(folder, 'truth.tsv'), '--ranked-min-users', '1'];
    const { stdout } = await mineWell([...args, '--given', join(folder, 'given.tsv'), '--as', 'csv']);
    expect(stdout).toContain('outside,"unseen","this run",20,recallAt20,');
    const nobody = await mine(args);
    expect(nobody.status).toBe(3);
    expect(nobody.stderr).toContain('Nobody in');
  }, 60_000);

  it('attention: a curve for each order, as a table for plots', async () => {
    const { stdout } = await mineWell(['evaluate', 'attention', '--out', run, '--users', '30', '--as', 'csv']);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(1 + 2 * 3 * 9);
    expect(
      lines[1]
        .split(',')
        .slice(3)
        .every((cell) => Number.isFinite(Number(cell))),
    ).toBe(true);
  }, 60_000);
});
