import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { readTable } from '../../src/artifacts/arrow.js';
import { INGESTED_USERS } from '../../src/artifacts/tables.js';
import { loadKey } from '../../src/cli/key.js';
import { personOf, searchTraces } from '../../src/pipeline/forget.js';
import {
  artefacts,
  buildProgram,
  filesBelow,
  finishedStages,
  mine,
  mineWell,
  newFolder,
  SMALL,
  smallDump,
} from './program.js';

vi.setConfig({ testTimeout: 120_000 });

const dump = newFolder();
const whole = join(newFolder(), 'run');
let victims: string[];
let key: Uint32Array;

beforeAll(async () => {
  buildProgram();
  await smallDump(dump);
  await mineWell(['run', dump, '--out', whole, ...SMALL]);
  const truth = readFileSync(join(dump, 'truth.tsv'), 'utf8').trim().split('\n');
  victims = truth
    .filter((line) => !line.startsWith('#'))
    .slice(1)
    .map((line) => line.split('\t')[0])
    .slice(5, 8);
  key = (await loadKey(SMALL[SMALL.indexOf('--key-file') + 1], {}, false)).key;
}, 120_000);

describe('forget', () => {
  it('leaves a run as it would be had the people never been read, and nothing that leads to them', async () => {
    const { pseudonym } = await readTable(join(whole, 'ingest'), INGESTED_USERS);
    const people = victims.map((name) => personOf(name, key));
    const present = people.filter((person) => pseudonym.includes(person.pseudonym));
    expect(present.length).toBeGreaterThan(0); // else this test shows nothing
    expect((await searchTraces(whole, present)).traces).toContain('ingest/users.arrow');

    const out = join(newFolder(), 'run');
    cpSync(whole, out, { recursive: true, preserveTimestamps: true });
    const flags = victims.flatMap((name) => ['--user', name]);
    const { stdout } = await mineWell(['forget', '--out', out, ...flags, '--rebuild', '--json']);
    const result = JSON.parse(stdout.trim().split('\n').at(-1) as string) as { found: number; traces: string[] };
    expect(result).toMatchObject({ people: 3, found: present.length, traces: [] });
    expect((await searchTraces(out, people)).traces).toEqual([]);
    for (const path of filesBelow(out))
      for (const name of victims) expect(readFileSync(path, 'latin1'), path).not.toContain(name);

    const list = join(newFolder(), 'suppress.txt');
    writeFileSync(list, victims.join('\n'));
    const never = join(newFolder(), 'run');
    await mineWell(['run', dump, '--out', never, ...SMALL, '--suppress', list]);
    const tables = (run: string) =>
      Object.fromEntries(
        Object.entries(artefacts(run)).filter(
          ([path]) => !path.endsWith('manifest.json') && !path.endsWith('README.md'),
        ),
      );
    expect(tables(out)).toEqual(tables(never));

    // read again from the dumps, they stay out
    await mineWell(['run', dump, '--out', out, ...SMALL, '--force', 'ingest', '--until', 'ingest']);
    const again = await readTable(join(out, 'ingest'), INGESTED_USERS);
    expect(people.some((person) => again.pseudonym.includes(person.pseudonym))).toBe(false);
  });

  it('takes pseudonyms, removes what was made from them, and keeps the accounts in order', async () => {
    const { pseudonym } = await readTable(join(whole, 'ingest'), INGESTED_USERS);
    const hex = pseudonym[3].toString(16).padStart(16, '0');
    const out = join(newFolder(), 'run');
    cpSync(whole, out, { recursive: true, preserveTimestamps: true });
    writeFileSync(join(out, 'llm-cache.jsonl'), '');
    await mineWell(['forget', '--out', out, '--user', hex]);
    expect(finishedStages(out)).toEqual(['ingest']);
    expect(existsSync(join(out, 'llm-cache.jsonl'))).toBe(false);
    const after = await readTable(join(out, 'ingest'), INGESTED_USERS);
    expect(after.pseudonym.length).toBe(pseudonym.length - 1);
    expect([...after.id]).toEqual([...after.id.keys()]);
    const { stdout } = await mineWell(['status', '--out', out, '--json']);
    expect(stdout).toContain('ingest');
  });

  it('says so where nobody is named, and where a stranger is', async () => {
    expect((await mine(['forget', '--out', whole])).status).toBe(2);
    const out = join(newFolder(), 'run');
    cpSync(whole, out, { recursive: true, preserveTimestamps: true });
    const { stderr, status } = await mine(['forget', '--out', out, '--user', 'nobody_we_know']);
    expect(status).toBe(0);
    expect(stderr).toContain('0 of 1 people were in the run');
    expect(finishedStages(out)).toEqual(finishedStages(whole)); // nothing was made from them
  });
});
