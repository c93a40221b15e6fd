import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readTable } from '../../src/artifacts/arrow.js';
import { INGESTED_USERS } from '../../src/artifacts/tables.js';
import { loadKey } from '../../src/cli/key.js';
import type { Persona } from '../../src/personas/persona.js';
import { COPIED_WORDS, VerbatimIndex } from '../../src/personas/verbatim.js';
import { personOf, searchTraces } from '../../src/pipeline/forget.js';
import { openDecompressed } from '../../src/reddit/decompress.js';
import { type Answer, chaosServer, says } from '../llm/chaos-server.js';
import {
  artefacts,
  buildProgram,
  filesBelow,
  finishedStages,
  mine,
  mineWell,
  newFolder,
  readManifest,
  SMALL,
  smallDump,
} from './program.js';

vi.setConfig({ testTimeout: 120_000 });

const dump = newFolder();
const info = join(newFolder(), 'info.tsv');
const whole = join(newFolder(), 'run');
/** Where texts are kept for prompts: the table, and the scan of each file that a later run need not repeat. */
const TEXTS = ['ingest/snippets.arrow', 'snippets.ndjson'];
const SNIPPETS = ['--snippets', '--subreddit-info', info];
let names: string[]; // of accounts
let texts: string[]; // that they wrote
let victims: string[];
let key: Uint32Array;

beforeAll(async () => {
  buildProgram();
  await smallDump(dump);
  const truth = readFileSync(join(dump, 'truth.tsv'), 'utf8').trim().split('\n');
  const people = truth.filter((line) => !line.startsWith('#')).slice(1);
  names = people.map((line) => line.split('\t')[0]);
  victims = names.slice(5, 8);
  texts = await textsOf(dump);
  writeFileSync(info, 'subreddit\ttopic\n');
  await mineWell(['run', dump, '--out', whole, ...SMALL, ...SNIPPETS]);
  key = (await loadKey(SMALL[SMALL.indexOf('--key-file') + 1], {}, false)).key;
}, 120_000);

const closers: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
});

/** Everything that people wrote into a dump: bodies, titles, texts of posts. */
async function textsOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const file of readdirSync(folder).filter((name) => /^R[CS]_/.test(name))) {
    const chunks: Buffer[] = [];
    for await (const chunk of await openDecompressed({ path: join(folder, file), isStdin: false })) chunks.push(chunk);
    for (const line of Buffer.concat(chunks).toString('utf8').split('\n'))
      for (const [, text] of line.matchAll(/"(?:body|title|selftext)":\s?("(?:[^"\\]|\\.)*")/g))
        found.push(JSON.parse(text) as string);
  }
  return found;
}

/** No file holds an account's name, and none but those that are named a run of words that somebody wrote. */
function expectNothingOfPeople(run: string, ...mayHoldTexts: string[]): void {
  const written = new VerbatimIndex(texts);
  for (const path of filesBelow(run)) {
    const content = readFileSync(path, 'utf8');
    const lower = content.toLowerCase();
    expect(
      names.filter((name) => lower.includes(name.toLowerCase())),
      path,
    ).toEqual([]);
    if (!mayHoldTexts.some((name) => path.endsWith(name))) expect(written.repeats(content), path).toBe(false);
  }
}

/** Answers with what it was shown of what people wrote, word for word, beside something harmless. */
const tellsTales: Answer = (seen, response, n) => {
  const rows = seen.body.messages[1].content.split('\n').flatMap((line) => {
    if (!line.startsWith('{"id"')) return [];
    return [JSON.parse(line) as { id: string; subreddit: string; said?: string[] }];
  });
  const [first] = rows;
  const tales = rows.flatMap(({ said = [] }) => said);
  const harmless = `They meet in r/${first.subreddit}.`;
  const claims = [harmless, ...tales.map((text) => `They say: ${text}`)];
  const reply = {
    title: `People of r/${first.subreddit}`,
    summary: [harmless, ...tales].join(' '),
    roleplay: [`I am often in r/${first.subreddit}.`, ...tales].join(' '),
    demographics: { ageRange: null, gender: null, country: null, locale: null, language: null, profession: null },
    interests: ['company', ...tales],
    traits: [],
    aesthetics: [],
    facets: [],
    claims: claims.map((text) => ({ text, evidence: [first.id], confidence: 'low' })),
  };
  says(JSON.stringify(reply))(seen, response, n);
};

describe('what a run leaves', () => {
  it('names nobody and repeats nobody, except in the table of texts that prompts are made from', () => {
    expect(texts.length).toBeGreaterThan(3000);
    const sentence = texts.find((text) => text.split(' ').length > COPIED_WORDS) as string;
    expect(new VerbatimIndex(texts).repeats(`"${sentence.toUpperCase()}"`)).toBe(true); // the search can find
    expect(existsSync(join(whole, 'ingest/snippets.arrow'))).toBe(true);
    expectNothingOfPeople(whole, ...TEXTS);
  });

  it('stays so with a model that is shown texts and repeats them; topics of a table are shown, over-18 rows are not', async () => {
    const server = await chaosServer(tellsTales);
    closers.push(() => server.close());
    const out = join(newFolder(), 'run');
    cpSync(whole, out, { recursive: true, preserveTimestamps: true });
    const before = readPersonas(out);
    const [[, hidden], [, told]] = before.map(({ evidence }) => evidence.map((row) => row.subreddit));
    writeFileSync(info, `subreddit\ttopic\tover18\n${hidden}\tsecrets\ttrue\n${told}\tstar gazing\tfalse\n`);
    const endpoint = ['--llm', 'openai-compatible', '--llm-model', 'parrot', '--llm-base-url', server.baseURL];
    const { stderr } = await mineWell(['verbalize', '--out', out, ...endpoint, ...SNIPPETS]);
    expect(stderr).not.toContain('verbalize: unchanged');

    const prompts = server.seen.map(({ body }) => body.messages[1].content);
    expect(prompts.length).toBe(before.length);
    const shown = prompts.filter((prompt) => prompt.includes('"said":["'));
    expect(shown.length).toBe(prompts.length); // else this test shows nothing
    for (const prompt of prompts) {
      expect(names.filter((name) => prompt.toLowerCase().includes(name.toLowerCase()))).toEqual([]);
      expect(prompt).not.toContain(`"subreddit":"${hidden}"`);
    }
    expect(prompts.some((prompt) => prompt.includes('"topic":"star gazing"'))).toBe(true);

    const personas = readPersonas(out);
    for (const { provenance, summary, claims } of personas) {
      expect(provenance.verification.removed['verbatim']).toBeGreaterThan(0);
      expect(provenance.verification.edits['verbatim']).toBeGreaterThan(0);
      expect(summary).toMatch(/^They meet in r\/\S+\./);
      expect(claims[0].text).toMatch(/^They meet in r\/\S+\.$/);
    }
    await mineWell(['export', '--out', out]);
    expectNothingOfPeople(out, ...TEXTS, 'llm-cache.jsonl'); // what the model said is kept as it came
  });

  it('is nothing where only sensitive communities set groups apart, and of single people nothing unasked', async () => {
    const all = new Set(readPersonas(whole).flatMap(({ evidence }) => evidence.map((row) => row.subreddit)));
    const over18 = join(newFolder(), 'over18.csv');
    writeFileSync(over18, ['subreddit,over18', ...[...all].map((name) => `${name},true`)].join('\n'));
    const out = join(newFolder(), 'run');
    cpSync(whole, out, { recursive: true, preserveTimestamps: true });
    const results = [
      await mine(['verbalize', '--out', out, '--unit', 'user']),
      await mine(['verbalize', '--out', out, '--subreddit-info', over18]), // the refused setting was not kept
    ];
    expect(results).toMatchObject([{ status: 7 }, { status: 7 }]);
    expect(results[1].stderr).toContain('ERR_GROUPS_SENSITIVE');
    expect(results[0].stderr).toContain('--unsafe-small-clusters');
    expect(readManifest(join(whole, 'verbalize/manifest.json')).counts['reidentification']).toMatchObject({
      rate: expect.any(Number),
    });
  });
});

function readPersonas(run: string): Persona[] {
  const lines = readFileSync(join(run, 'verbalize/personas.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Persona);
}

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
    const result = JSON.parse(stdout.trim().split('\n').at(-1) as string) as { texts: number };
    expect(result).toMatchObject({ people: 3, found: present.length, traces: [] });
    expect(result.texts).toBeGreaterThan(0);
    expect((await searchTraces(out, people)).traces).toEqual([]);
    for (const path of filesBelow(out))
      for (const name of victims) expect(readFileSync(path, 'latin1'), path).not.toContain(name);

    const list = join(newFolder(), 'suppress.txt');
    writeFileSync(list, victims.join('\n'));
    const never = join(newFolder(), 'run');
    await mineWell(['run', dump, '--out', never, ...SMALL, ...SNIPPETS, '--suppress', list]);
    // all but what tells of the forgetting, and the sample of texts: nothing takes the place of what was removed
    const tables = (run: string) =>
      Object.entries(artefacts(run)).filter(
        ([path]) => !/(?:manifest\.json|README\.md|report\.html|snippets\.arrow)$/.test(path),
      );
    expect(tables(out)).toEqual(tables(never));

    // read again from the dumps, they stay out
    await mineWell(['run', dump, '--out', out, ...SMALL, ...SNIPPETS, '--force', 'ingest', '--until', 'ingest']);
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
