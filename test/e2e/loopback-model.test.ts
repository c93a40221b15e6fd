import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rewrite } from '../../src/rewriting/rewrite.js';
import { type LoopbackModel, loopbackModel, NO_LOOPBACK_MODEL } from '../support/loopback-model.js';
import { buildProgram, mineWell, newFolder, start, waitUntil } from './program.js';

const PERSONAS = [
  { id: 'gardeners', roleplay: 'I grow roses.', interests: ['gardening'], aesthetics: ['nature and animals'] },
  { id: 'gamers', roleplay: 'I play games.', interests: ['video games'], aesthetics: ['sci-fi and robotics'] },
];
const PROMPTS = ['a red fox', 'a castle', 'a boat on a lake'];

describe.skipIf(NO_LOOPBACK_MODEL)(`rewriting by a tiny model behind a server ${NO_LOOPBACK_MODEL}`, () => {
  let server: LoopbackModel;
  const folder = newFolder();

  beforeAll(async () => {
    buildProgram();
    server = await loopbackModel();
    writeFileSync(join(folder, 'personas.jsonl'), PERSONAS.map((one) => `${JSON.stringify(one)}\n`).join(''));
    writeFileSync(join(folder, 'prompts.txt'), PROMPTS.join('\n'));
  }, 300_000);
  afterAll(() => server?.close());

  const command = (out: string) =>
    `rewrite --personas ${folder}/personas.jsonl --prompts ${folder}/prompts.txt --out ${out} --llm openai-compatible
     --llm-model stories260K --llm-base-url ${server.baseURL} --llm-concurrency 2 --llm-max-attempts 1`.split(/\s+/);
  const whole = join(folder, 'whole.jsonl');

  it('gives a checked line for each prompt and persona, and asks nothing twice', async () => {
    await mineWell(command(whole));
    expect(new Set(server.asked).size).toBe(server.asked.length);
    const lines = readFileSync(whole, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Rewrite);
    expect(lines.map(({ prompt, persona }) => [prompt, persona])).toEqual(
      PROMPTS.flatMap((prompt) => PERSONAS.map(({ id }) => [prompt, id])),
    );
    for (const { model, calls, status, prompt, rewritten } of lines) {
      expect(model).toBe('stories260K');
      if (status !== 'failed') expect(calls).toBeGreaterThan(0);
      if (status === 'failed' || status === 'rejected') expect(rewritten).toBe(prompt); // its nonsense reaches nobody
    }
  }, 300_000);

  it('goes on after a kill, with the same file in the end', async () => {
    const out = join(folder, 'killed.jsonl');
    const before = server.asked.length;
    const running = start(command(out));
    await waitUntil(() => server.asked.length >= before + 4, 120_000);
    running.child.kill('SIGKILL');
    await running.ended;
    await mineWell(command(out));
    expect(readFileSync(out, 'utf8')).toBe(readFileSync(whole, 'utf8'));
    const asked = server.asked.slice(before);
    expect(asked.length - new Set(asked).size).toBeLessThanOrEqual(2); // those under way when it was killed
  }, 300_000);
});
