import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Persona } from '../../src/personas/persona.js';
import { type Answer, chaosServer, cutBody, hangs, hangsInBody, html, says, status } from '../llm/chaos-server.js';
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

vi.setConfig({ maxConcurrency: 5, testTimeout: 120_000 }); // they mostly wait

const CANARY = 'sk-canary-7c1f0e5b9a';
const dump = newFolder();
const clustered = join(newFolder(), 'run'); // up to its clusters
const written = join(newFolder(), 'run'); // by the template

beforeAll(async () => {
  buildProgram();
  await smallDump(dump);
  await mineWell(['run', dump, '--out', clustered, ...SMALL, '--until', 'cluster']);
  cpSync(clustered, written, { recursive: true, preserveTimestamps: true });
  await mineWell(['verbalize', '--out', written]);
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
    ['answers with a web page', html, 'expected a chat completion'],
    ['never answers', hangs, 'no answer in 1000 ms'],
    ['never ends its answer', hangsInBody, 'no answer in 1000 ms'],
    ['hangs up in its answer', cutBody, 'failed after 2 attempts'],
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

function readPersonas(run: string): Persona[] {
  const text = readFileSync(join(run, 'verbalize/personas.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Persona);
}
