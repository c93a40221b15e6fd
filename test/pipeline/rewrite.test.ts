import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/core/log.js';
import { configSchema } from '../../src/pipeline/config.js';
import { inOrder, type RewriteSettings, rewriteAll, shotsFor } from '../../src/pipeline/rewrite.js';
import type { Rewrite } from '../../src/rewriting/rewrite.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const PERSONAS = [
  {
    id: 'a',
    title: 'Gardeners',
    roleplay: 'I am a gardener.',
    interests: ['gardening'],
    aesthetics: ['nature and animals'],
  },
  {
    id: 'b',
    title: 'Gamers',
    roleplay: 'I am a gamer.',
    interests: ['video games'],
    aesthetics: ['sci-fi and robotics'],
  },
];

function files(prompts: string): RewriteSettings {
  const folder = newFolder();
  writeFileSync(join(folder, 'personas.jsonl'), PERSONAS.map((persona) => `${JSON.stringify(persona)}\n`).join(''));
  writeFileSync(join(folder, 'prompts.txt'), prompts);
  return {
    personas: join(folder, 'personas.jsonl'),
    prompts: join(folder, 'prompts.txt'),
    out: join(folder, 'out.jsonl'),
    shots: 0,
    baseline: true,
    seed: 1,
    temperature: 0,
    llm: configSchema.parse({}),
  };
}

const linesOf = (path: string): Rewrite[] =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Rewrite);

describe('rewriting a file', () => {
  it('writes a line per prompt and persona, baseline first, in the order of the prompts', async () => {
    const settings = files('a red fox\na castle\n');
    const summary = await rewriteAll(settings, silentLog);
    expect(summary).toMatchObject({ lines: 6, byStatus: { accepted: 6 }, unchanged: false });
    expect(linesOf(settings.out).map(({ promptId, persona }) => [promptId, persona])).toEqual([
      ['p1', null],
      ['p1', 'a'],
      ['p1', 'b'],
      ['p2', null],
      ['p2', 'a'],
      ['p2', 'b'],
    ]);
    expect((await rewriteAll(settings, silentLog)).unchanged).toBe(true);
  });

  it('goes on where a kill cut it, with the same bytes', async () => {
    const settings = files(Array.from({ length: 50 }, (_, i) => `a castle number ${i}`).join('\n'));
    await rewriteAll(settings, silentLog);
    const whole = readFileSync(settings.out);
    for (const cut of [0, 1, 777, whole.length - 1]) {
      const again = { ...settings, out: `${settings.out}-${cut}` };
      const stop = new AbortController();
      stop.abort(new Error('stopped'));
      await expect(rewriteAll(again, silentLog, stop.signal)).rejects.toThrow('stopped'); // leaves the partial file's id
      writeFileSync(`${again.out}.partial`, whole.subarray(0, cut));
      await rewriteAll(again, silentLog);
      expect(readFileSync(again.out).equals(whole)).toBe(true);
    }
  });

  it('begins anew where the settings changed', async () => {
    const settings = files('a red fox\n');
    await rewriteAll(settings, silentLog);
    const first = readFileSync(settings.out, 'utf8');
    writeFileSync(`${settings.out}.partial`, first);
    writeFileSync(`${settings.out}.partial.id`, 'of something else');
    await rewriteAll({ ...settings, seed: 2 }, silentLog);
    expect(linesOf(settings.out)).toHaveLength(3);
    expect(readFileSync(settings.out, 'utf8')).not.toBe(first);
  });

  it.each([
    ['', /holds no rows/],
    ['\n\n', /holds no rows/],
  ])('refuses a file of prompts that holds %j', async (prompts, message) => {
    await expect(rewriteAll(files(prompts), silentLog)).rejects.toThrow(message);
  });

  it('says which line of the personas is wrong', async () => {
    const settings = files('a fox\n');
    writeFileSync(settings.personas, '{"id":"a","roleplay":"I am."}\n{"id":"b"}\n');
    await expect(rewriteAll(settings, silentLog)).rejects.toThrow(/personas.jsonl, line 2: .*roleplay or interests/);
    writeFileSync(settings.personas, '{"id":"a","roleplay":"I am."}\n{"id":"b"');
    await expect(rewriteAll(settings, silentLog)).rejects.toMatchObject({ code: 'ERR_JSONL', fields: { line: 2 } });
  });

  it('refuses a prompt for a persona that is not there', async () => {
    const settings = files('');
    const prompts = settings.prompts.replace('.txt', '.jsonl');
    writeFileSync(prompts, '{"prompt":"a fox","persona":"z"}\n');
    await expect(rewriteAll({ ...settings, prompts }, silentLog)).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_PERSONA',
    });
  });

  it('never shows a model the prompt itself as an earlier one', () => {
    expect(shotsFor('A red fox!', ['a castle', 'red foxes', 'the sea', 'a hill'], 2)).toEqual(['the sea', 'a hill']);
    expect(shotsFor('A red fox!', ['red foxes', 'the sea'], 2)).toEqual(['the sea']);
    expect(shotsFor('A red fox!', ['the sea'], 0)).toEqual([]);
  });
});

describe('work in order', () => {
  it('keeps the order while replies overtake each other, and never has more under way than allowed', async () => {
    let underWay = 0;
    let most = 0;
    const results: number[] = [];
    const work = async (n: number) => {
      most = Math.max(most, ++underWay);
      await new Promise((done) => setTimeout(done, (n * 7) % 5));
      underWay--;
      return n;
    };
    for await (const n of inOrder(
      Array.from({ length: 40 }, (_, i) => i),
      8,
      work,
    ))
      results.push(n);
    expect(results).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(most).toBeLessThanOrEqual(8);
    expect(most).toBeGreaterThan(4);
  });

  it('lets what is under way end before it fails', async () => {
    let ended = 0;
    const work = async (n: number) => {
      await new Promise((done) => setTimeout(done, n));
      if (n === 1) throw new Error('one');
      ended++;
      return n;
    };
    const all = async () => {
      for await (const _ of inOrder([1, 20, 30], 3, work));
    };
    await expect(all()).rejects.toThrow('one');
    expect(ended).toBe(2);
  });
});
