import { afterEach, describe, expect, it } from 'vitest';
import { ExternalError, InputError, StopRequested } from '../../src/core/errors.js';
import { Random } from '../../src/core/random.js';
import type { LanguageModel } from '../../src/llm/language-model.js';
import { openAiCompatible } from '../../src/llm/openai-compatible.js';
import { buildEvidencePacks } from '../../src/personas/evidence.js';
import { NO_DEMOGRAPHICS, type Persona, personaSchema } from '../../src/personas/persona.js';
import { type VerbalizeFailure, type VerbalizeOptions, verbalize } from '../../src/personas/verbalize.js';
import {
  type Answer,
  chaosServer,
  cutBody,
  emptyBody,
  hangs,
  html,
  resets,
  says,
  status,
} from '../llm/chaos-server.js';
import { CORPUS, PROFILES } from './sample-profiles.js';

const packs = buildEvidencePacks(PROFILES, CORPUS);

/** A reply about the group whose evidence is in the prompt, good but for `changes`. */
function replyFor(prompt: string, changes: Record<string, unknown> = {}): string {
  const first = /"id":"E1","subreddit":"([^"]+)"/.exec(prompt)?.[1];
  return JSON.stringify({
    title: `People of r/${first}`,
    summary: `They meet in r/${first}.`,
    roleplay: `I am often in r/${first}.`,
    demographics: NO_DEMOGRAPHICS,
    interests: ['community'],
    traits: ['curious'],
    aesthetics: ['graphic design'],
    facets: [{ title: 'Main', evidence: ['E1'], weight: 1 }],
    claims: [{ text: `They take part in r/${first}.`, evidence: ['E1'], confidence: 'high' }],
    ...changes,
  });
}

const promptOf = (seen: { body: { messages: { content: string }[] } }) =>
  seen.body.messages.map((message) => message.content).join('\n');
const good: Answer = (seen, response, n) => says(replyFor(promptOf(seen)))(seen, response, n);

let server: Awaited<ReturnType<typeof chaosServer>> | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function modelBehind(answer: Answer, maxAttempts = 3, timeoutMs = 20_000): Promise<LanguageModel> {
  server = await chaosServer(answer);
  const { baseURL } = server;
  const waits = { timeoutMs, retryDelayMs: 1, maxRetryDelayMs: 5 };
  return openAiCompatible({ baseURL, model: 'tiny', random: new Random(1), concurrency: 4, maxAttempts, ...waits });
}

async function run(options: Partial<VerbalizeOptions> = {}, from = packs) {
  const personas: Persona[] = [];
  const failures: VerbalizeFailure[] = [];
  const summary = await verbalize(from, {
    runFingerprint: 'fingerprint',
    seed: 1,
    onPersona: (persona) => void personas.push(persona),
    onFailure: (failure) => void failures.push(failure),
    ...options,
  });
  return { personas, failures, ...summary };
}

describe('verbalize without a model', () => {
  it('writes every pack in order and says that the template did', async () => {
    const { personas, written, failures, calls } = await run();
    expect(personas.map((persona) => persona.id)).toEqual(packs.map((pack) => pack.id));
    expect({ written, failures, calls }).toEqual({ written: packs.length, failures: [], calls: 0 });
    for (const { provenance } of personas)
      expect(provenance).toMatchObject({ generator: 'template', model: null, trust: 'template', promptSha256: null });
  });

  it('lists a pack without evidence and goes on; with nothing else it fails', async () => {
    const bare = { ...packs[0], id: 'cluster-0500', evidence: [] };
    const { written, failures } = await run({}, [bare, packs[1]]);
    expect(written).toBe(1);
    expect(failures).toEqual([{ id: 'cluster-0500', code: 'ERR_NO_EVIDENCE', message: expect.any(String) }]);
    await expect(run({}, [bare])).rejects.toThrow(InputError);
    expect(await run({}, [])).toMatchObject({ written: 0, failures: [] });
  });
});

describe('verbalize with a model', () => {
  it('writes every pack in order, with a provenance that can be checked', async () => {
    const model = await modelBehind(good);
    const { personas, calls, usage } = await run({ model });
    expect(personas.map((persona) => persona.id)).toEqual(packs.map((pack) => pack.id));
    expect(calls).toBe(packs.length);
    expect(usage).toEqual({ inputTokens: 11 * packs.length, outputTokens: 7 * packs.length });
    for (const persona of personas) {
      expect(personaSchema.parse(persona)).toEqual(persona);
      expect(persona.provenance).toMatchObject({ model: 'tiny', trust: 'llm_generated', promptVersion: 'persona-2' });
      expect(persona.provenance.promptSha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  it('writes every persona or lists it, whatever the server does', async () => {
    const faults = [good, status(500, 'boom'), html, good, emptyBody, cutBody, resets, good, hangs, says('{"title":')];
    const random = new Random(5);
    const model = await modelBehind(
      (seen, response, n) => faults[random.below(faults.length)](seen, response, n),
      2,
      250,
    );
    const { personas, failures, written } = await run({ model });
    expect(written).toBe(personas.length);
    expect([...personas.map((p) => p.id), ...failures.map((f) => f.id)].sort()).toEqual(packs.map((p) => p.id));
    expect(personas.map((p) => p.id)).toEqual([...personas.map((p) => p.id)].sort());
    expect(failures.length).toBeGreaterThan(0);
    for (const { code } of failures) expect(code).toMatch(/^ERR_LLM_/);
  });

  it('sends a reply of the wrong shape back once', async () => {
    const model = await modelBehind((seen, response, n) => {
      const repaired = seen.body.messages.length > 2;
      says(replyFor(promptOf(seen), repaired ? {} : { claims: 'many' }))(seen, response, n);
    });
    const { personas, calls } = await run({ model }, packs.slice(0, 2));
    expect(personas).toHaveLength(2);
    expect(calls).toBe(4);
    expect(server?.seen.some(({ body }) => body.messages.at(-1)?.content.includes('claims'))).toBe(true);
  });

  it('removes what the evidence does not carry, and fails a persona of which nothing is left', async () => {
    const lies = { text: 'They all know u/someone.', evidence: ['E1'], confidence: 'high' };
    const model = await modelBehind((seen, response, n) => {
      const prompt = promptOf(seen);
      const claims = prompt.includes('"gardening"') ? { claims: [lies] } : { summary: 'They meet. See www.x.org now.' };
      says(replyFor(prompt, claims))(seen, response, n);
    });
    const { personas, failures } = await run({ model }, packs.slice(0, 2));
    expect(personas[0].summary).toBe('They meet.');
    expect(personas[0].provenance.verification.edits).toEqual({ personal_data: 1 });
    expect(failures).toMatchObject([{ id: 'cluster-0001', code: 'ERR_PERSONA_UNVERIFIED' }]);
  });

  it('tells apart personas to which the model gave one title', async () => {
    const model = await modelBehind((seen, response, n) =>
      says(replyFor(promptOf(seen), { title: 'Enthusiasts' }))(seen, response, n),
    );
    const { personas } = await run({ model });
    expect(new Set(personas.map((persona) => persona.title)).size).toBe(packs.length);
    expect(personas[0].title).toBe('Enthusiasts');
  });

  it('throws the first failure where all fail, and does not try a thousand times', async () => {
    const model = await modelBehind(status(401, 'bad key'));
    const error = await run({ model, giveUpAfter: 3, inFlight: 2 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ExternalError);
    expect((error as ExternalError).code).toBe('ERR_LLM_AUTH');
    expect(server?.seen.length).toBeLessThanOrEqual(5);
  });

  it('stops on request and keeps what was written', async () => {
    const controller = new AbortController();
    const model = await modelBehind((seen, response, n) => (n < 2 ? good : hangs)(seen, response, n), 50);
    const kept: string[] = [];
    const onPersona = (persona: Persona) => {
      kept.push(persona.id);
      if (kept.length === 2) controller.abort(new StopRequested());
    };
    const stopped = run({ model, inFlight: 2, signal: controller.signal, onPersona });
    await expect(stopped).rejects.toThrow(StopRequested);
    expect(kept).toEqual(['cluster-0000', 'cluster-0001']);
  });
});
