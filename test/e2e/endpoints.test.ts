import { createHash } from 'node:crypto';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { NO_DEMOGRAPHICS, type Persona } from '../../src/personas/persona.js';
import {
  type Answer,
  type ChatBody,
  chaosServer,
  cutBody,
  emptyBody,
  hangs,
  hangsInBody,
  html,
  resets,
  says,
  status,
} from '../llm/chaos-server.js';
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
  start,
  waitUntil,
} from './program.js';

vi.setConfig({ maxConcurrency: 5, testTimeout: 120_000 }); // they mostly wait

const CANARY = 'sk-canary-7c1f0e5b9a';
const dump = newFolder();
const clustered = join(newFolder(), 'run'); // up to its clusters
const written = join(newFolder(), 'run'); // by the template
const crowded = join(newFolder(), 'run'); // up to its clusters, of which there are forty

beforeAll(async () => {
  buildProgram();
  await smallDump(dump);
  await mineWell(['run', dump, '--out', clustered, ...SMALL, '--until', 'cluster']);
  cpSync(clustered, written, { recursive: true, preserveTimestamps: true });
  cpSync(clustered, crowded, { recursive: true, preserveTimestamps: true });
  const many = '--clusters 40 --min-users 2 --min-evidence-users 2 --unsafe-small-clusters'.split(' ');
  await Promise.all([mineWell(['verbalize', '--out', written]), mineWell(['cluster', '--out', crowded, ...many])]);
}, 120_000);

const closers: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
});

/** Has a copy of the run put into words by a server that answers like that: request by request, or always the same. */
async function verbalizeWith(answers: readonly Answer[], url?: string) {
  const server = await chaosServer(...answers);
  closers.push(() => server.close());
  const out = join(newFolder(), 'run');
  cpSync(clustered, out, { recursive: true, preserveTimestamps: true });
  const flags = `--llm openai-compatible --llm-model parrot --llm-max-attempts 2 --llm-timeout-seconds 1 --llm-concurrency ${answers.length > 1 ? 1 : 4}`;
  const outcome = await mine(
    ['verbalize', '--out', out, ...flags.split(' '), '--llm-base-url', url ?? server.baseURL],
    {
      env: { MINE_PERSONAS_LLM_API_KEY: CANARY, OPENAI_API_KEY: 'meant-for-another-server' },
    },
  );
  for (const path of filesBelow(out)) expect(readFileSync(path, 'latin1'), path).not.toContain(CANARY);
  expect(outcome.stderr + outcome.stdout).not.toContain(CANARY);
  return { ...outcome, out, server };
}

/** Repeats the key that it was sent, as careless servers do. */
const tellsTheKey: Answer = (seen, response, n) => status(401, `bad key ${seen.authorization}`)(seen, response, n);

describe.concurrent('a language model server that', () => {
  it.each<[string, Answer, string]>([
    ['answers 500', status(500, 'the GPU fell off the bus'), 'the GPU fell off the bus'],
    ['never answers', hangs, 'no answer in 1000 ms'],
    ['answers in prose', says('I would rather not.'), ''],
    ['repeats the key in its refusal', tellsTheKey, 'Check MINE_PERSONAS_LLM_API_KEY'],
  ])('%s ends the run with status 6 and no personas', async (_, answer, words) => {
    const { out, status: exit, stderr, stdout } = await verbalizeWith([answer]);
    expect(exit, stderr).toBe(6);
    expect(stdout).toBe('');
    expect(stderr).toContain(words);
    expect(stderr).toContain('--llm template');
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(finishedStages(out)).toEqual(['ingest', 'build-graph', 'train', 'embed', 'cluster']);
  });

  it('is not there ends the run with status 6', async () => {
    const { status: exit, stderr } = await verbalizeWith([hangs], 'http://127.0.0.1:9/v1');
    expect(exit).toBe(6);
    expect(stderr).toContain('parrot at 127.0.0.1:9 failed after 2 attempts');
  });

  it('does its part gets its words into the personas, checked, and marked as a model’s', async () => {
    const drafts = readPersonas(written).map(
      ({ id: _, schemaVersion, unit, size, neighbours, evidence, provenance, ...draft }) => draft,
    );
    const answers = drafts.map((draft) =>
      says(JSON.stringify({ ...draft, interests: ['parrots', '=HYPERLINK("http://x")'] })),
    );
    const { out, status: exit, stderr, server } = await verbalizeWith(answers);
    expect(exit, stderr).toBe(0);
    expect(server.seen.map(({ authorization }) => authorization)).toEqual(drafts.map(() => `Bearer ${CANARY}`));
    const personas = readPersonas(out);
    expect(personas.map(({ title }) => title)).toEqual(drafts.map(({ title }) => title));
    for (const { interests, provenance } of personas) {
      expect(interests).toEqual(['parrots']);
      expect(provenance).toMatchObject({ generator: 'language-model', model: 'parrot', trust: 'llm_generated' });
    }
    await mineWell(['export', '--out', out]);
    expect(artefacts(out)['export/personas.jsonl']).toBe(artefacts(out)['verbalize/personas.jsonl']);
  });
});

/** A reply about the group whose evidence is in the prompt, or a verdict that all claims are supported. */
const good: Answer = (seen, response, n) => {
  const [first] = /(?<="id":"E1","subreddit":")[^"]+/.exec(seen.body.messages[1].content) ?? [];
  const persona = {
    title: `People of r/${first}`,
    summary: `They meet in r/${first}.`,
    roleplay: `I am often in r/${first}.`,
    demographics: NO_DEMOGRAPHICS,
    interests: ['company'],
    traits: ['curious'],
    aesthetics: ['graphic design'],
    facets: [{ title: 'Main', evidence: ['E1'], weight: 1 }],
    claims: [{ text: `They take part in r/${first}.`, evidence: ['E1'], confidence: 'high' }],
  };
  const isVerdict = seen.body.response_format?.json_schema?.name === 'verdict';
  says(JSON.stringify(isVerdict ? { supported: ['C1'] } : persona))(seen, response, n);
};

/** What a server can do wrong; asked again it may do better. */
const FAULTS: Readonly<Record<string, Answer>> = {
  'status 500': status(500, 'out of memory'),
  'status 429': status(429, 'slow down', { 'retry-after': '1' }),
  'a body cut in the middle': cutBody,
  'a web page': html,
  'an empty body': emptyBody,
  'a connection that is reset': resets,
  'no answer': hangs,
  'an answer without end': hangsInBody,
  'the wrong schema': says('{"title":["a","b"],"claims":"none"}'),
  'a reply cut at the limit': says('{"title":"People of', 'length'),
};

describe.concurrent('personas from a server', () => {
  const flags = '--llm openai-compatible --llm-model parrot --llm-concurrency 4'.split(' ');
  const copy = () => {
    const out = join(newFolder(), 'run');
    cpSync(crowded, out, { recursive: true, preserveTimestamps: true });
    return out;
  };
  /** The first request for a persona, by the hash that its provenance holds. */
  const promptOf = ({ messages }: ChatBody) =>
    createHash('sha256')
      .update(JSON.stringify(messages.slice(0, 2)))
      .digest('hex');

  it('that fails in every way arrive or are listed as failed, and none is lost, doubled or asked for again', async () => {
    const kinds = Object.entries(FAULTS).flatMap(([name, answer]) => [
      { name: `${name}, once`, answer, times: 1 },
      { name: `${name}, always`, answer, times: Number.POSITIVE_INFINITY },
    ]);
    const asked = new Map<string, number>(); // prompt → requests, in the order of their coming
    let isMended = false;
    const server = await chaosServer((seen, response, n) => {
      const prompt = promptOf(seen.body);
      const before = asked.get(prompt) ?? 0;
      asked.set(prompt, before + 1);
      const kind = kinds[[...asked.keys()].indexOf(prompt) - 1]; // the first is answered well
      (isMended || before >= (kind?.times ?? 0) ? good : kind.answer)(seen, response, n);
    });
    closers.push(() => server.close());
    const out = copy();
    const limits = ['--llm-max-attempts', '2', '--llm-timeout-seconds', '1'];
    const command = ['verbalize', '--out', out, ...flags, ...limits, '--llm-base-url', server.baseURL];
    const { stderr } = await mineWell(command);
    const prompts = [...asked.keys()];
    const always = prompts.filter((_, n) => kinds[n - 1]?.times === Number.POSITIVE_INFINITY);
    expect(prompts.length).toBeGreaterThan(kinds.length);

    const personas = readPersonas(out);
    const shas = personas.map(({ provenance }) => provenance.promptSha256 as string);
    expect(shas.sort()).toEqual(prompts.filter((prompt) => !always.includes(prompt)).sort());
    const failures = readFailures(out);
    const ids = [...personas, ...failures].map(({ id }) => id);
    expect(new Set(ids).size).toBe(prompts.length);
    expect(failures.map(({ code }) => code).sort()).toEqual(
      ['SERVER', 'RATE_LIMITED', 'NETWORK', 'RESPONSE', 'RESPONSE', 'NETWORK', 'TIMEOUT', 'TIMEOUT', 'REPLY', 'REPLY']
        .map((code) => `ERR_LLM_${code}`)
        .sort(),
    );
    const [{ read, kept, dropped }] = readManifest(join(out, 'verbalize/manifest.json')).accounting;
    expect({ kept, failed: dropped['failed'] }).toEqual({ kept: personas.length, failed: always.length });
    expect(read).toBe(kept + Object.values(dropped).reduce((sum, n) => sum + n, 0));
    expect(stderr).toContain('verbalize --force asks again');
    for (const [prompt, requests] of asked)
      expect(requests, prompt).toBeLessThanOrEqual(always.includes(prompt) ? 4 : 2);

    isMended = true;
    const begin = server.seen.length;
    await mineWell([...command, '--force']);
    const again = readFailures(out);
    expect(again.map(({ code }) => code)).toEqual(['ERR_LLM_REPLY', 'ERR_LLM_REPLY']); // replies that came, of no use
    expect(server.seen.length - begin).toBe(failures.length - again.length);
    expect([...readPersonas(out), ...again].map(({ id }) => id).sort()).toEqual(ids.sort());
  });

  it('are paid for once, whether the run is killed or stopped on the way', async () => {
    const server = await chaosServer((seen, response, n) => void setTimeout(() => good(seen, response, n), 30));
    closers.push(() => server.close());
    const command = (out: string) => ['verbalize', '--out', out, ...flags, '--llm-base-url', server.baseURL, '--judge'];
    const recorded = (out: string) => readLines(join(out, 'llm-cache.jsonl')).length;
    const results: string[] = [];
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const begin = server.seen.length;
      const out = copy();
      const running = start(command(out));
      await waitUntil(() => server.seen.length - begin >= 20);
      running.child.kill(signal);
      expect(await running.ended).toMatchObject(signal === 'SIGINT' ? { status: 130 } : { signal });
      const sent = server.seen.length - begin;
      const kept = recorded(out);
      expect(kept).toBeGreaterThan(0);
      expect(existsSync(join(out, 'verbalize'))).toBe(false);
      // A kill loses at most the requests under way; a stop waits for them and loses nothing.
      expect(sent - kept).toBeLessThanOrEqual(signal === 'SIGKILL' ? 4 : 0);
      await mineWell(command(out));
      const all = 2 * readPersonas(out).length; // a persona and its verdict each
      expect(server.seen.length - begin - sent).toBe(all - kept);
      expect(recorded(out)).toBe(all);
      results.push(artefacts(out)['verbalize/personas.jsonl']);
    }
    expect(results[0]).toBe(results[1]);
  });
});

function readPersonas(run: string): Persona[] {
  return readLines(join(run, 'verbalize/personas.jsonl')) as Persona[];
}

function readFailures(run: string): { id: string; code: string }[] {
  return readLines(join(run, 'verbalize/failures.jsonl')) as { id: string; code: string }[];
}

function readLines(path: string): unknown[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as unknown);
}
