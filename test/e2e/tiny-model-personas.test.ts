import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Persona } from '../../src/personas/persona.js';
import { sharedFile } from '../shared-data.js';
import { type LoopbackModel, loopbackModel, NO_LOOPBACK_MODEL, TINY_MODEL } from '../support/loopback-model.js';
import { llamaRuntime } from '../support/runtimes.js';
import { buildProgram, mineWell, newFolder, readManifest, SMALL, smallDump, start, waitUntil } from './program.js';

const PEOPLE = 300; // personas, at least
const LIMIT = 3_000_000; // ms: two and a half minutes of one processor, which may be busy

/** What makes prompts and replies fit into a context of 2,048 tokens of three letters or so. */
const SHORT = '--unit user --unsafe-small-clusters --llm-prompt compact --evidence-rows 4 --llm-concurrency 2'.split(
  ' ',
);

describe.skipIf(NO_LOOPBACK_MODEL)(`personas by a tiny model ${NO_LOOPBACK_MODEL}`, () => {
  const clustered = join(newFolder(), 'run');
  const closers: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    buildProgram();
    const dump = newFolder();
    await smallDump(dump);
    await mineWell(['run', dump, '--out', clustered, ...SMALL, '--until', 'cluster']);
  }, 300_000);
  afterAll(async () => {
    for (const close of closers) await close();
  });

  /** Has the run verbalized with a kill on the way, and checks all that can be said of it whatever wrote the words. */
  const killAndResume = async (...flags: string[]) => {
    const out = join(newFolder(), 'run');
    cpSync(clustered, out, { recursive: true, preserveTimestamps: true });
    const recorded = () => readLines(join(out, 'llm-cache.jsonl')) as { key: string }[];
    const running = start(['verbalize', '--out', out, ...SHORT, ...flags]);
    await waitUntil(() => running.child.exitCode !== null || recorded().length >= PEOPLE / 3, LIMIT);
    running.child.kill('SIGKILL');
    expect((await running.ended).signal).toBe('SIGKILL');
    const before = recorded().length;
    await mineWell(['verbalize', '--out', out, ...SHORT, ...flags]);

    const personas = readLines(join(out, 'verbalize/personas.jsonl')) as Persona[];
    const failures = readLines(join(out, 'verbalize/failures.jsonl')) as { id: string; code: string }[];
    const asked = personas.length + failures.filter(({ code }) => code !== 'ERR_NO_EVIDENCE').length;
    expect(asked).toBeGreaterThanOrEqual(PEOPLE);
    // Every reply was valid at the first call; what the checks left nothing of is another matter: it is nonsense.
    expect(recorded()).toHaveLength(asked);
    expect(new Set(recorded().map(({ key }) => key)).size).toBe(asked);
    for (const { code } of failures) expect(['ERR_NO_EVIDENCE', 'ERR_PERSONA_UNVERIFIED']).toContain(code);
    for (const { provenance } of personas) expect(provenance).toMatchObject({ generator: 'language-model' });
    const { spent } = readManifest(join(out, 'verbalize/manifest.json')).counts as { spent: Record<string, number> };
    expect(spent['calls']).toBe(asked - before);
    console.log(
      `${asked} replies valid, ${personas.length} personas left by the checks, ${before} replies before the kill`,
    );
    return asked;
  };

  it('in this process are all valid, and asked for once although the run is killed', { timeout: LIMIT }, async () => {
    const model = `gguf:${sharedFile(TINY_MODEL)}`;
    await killAndResume('--llm', model, '--llm-runtime', llamaRuntime(), '--llm-threads', '1');
  });

  it('behind a server likewise, which counts what it is asked', { timeout: LIMIT }, async () => {
    const server: LoopbackModel = await loopbackModel();
    closers.push(() => server.close());
    const endpoint = ['--llm', 'openai-compatible', '--llm-model', 'stories260K', '--llm-base-url', server.baseURL];
    const personas = await killAndResume(...endpoint, '--llm-context-tokens', '440');
    expect(new Set(server.asked).size).toBe(personas);
    expect(server.asked.length - personas).toBeLessThanOrEqual(2); // under way when it was killed
  });
});

function readLines(path: string): unknown[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.slice(0, -1).map((line) => JSON.parse(line) as unknown); // the last may be half written
  } catch {
    return []; // not there yet
  }
}
