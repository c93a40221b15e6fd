import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IntegrityError } from '../../src/core/errors.js';
import { Budget } from '../../src/llm/budget.js';
import { ReplyCache, rememberingModel, requestKey } from '../../src/llm/cache.js';
import type { GenerateRequest, LanguageModel, Reply } from '../../src/llm/language-model.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const newPath = () => join(newFolder(), 'cache.jsonl');

const request = (content: string, changes: Partial<GenerateRequest> = {}): GenerateRequest => ({
  messages: [{ role: 'user', content }],
  schema: { type: 'object' },
  schemaName: 'persona',
  maxOutputTokens: 100,
  temperature: 0.3,
  seed: 1,
  ...changes,
});
const reply = (text: string): Reply => ({ text, usage: { inputTokens: 3, outputTokens: 2 }, finishReason: 'stop' });

/** Answers with the prompt itself, and counts. */
function echo(): LanguageModel & { calls: string[] } {
  const calls: string[] = [];
  return {
    id: 'echo',
    maxInputTokens: 1000,
    calls,
    async generate({ messages }) {
      calls.push(messages[0].content);
      return reply(messages[0].content);
    },
  };
}

describe('the key of a request', () => {
  it('changes with everything that the reply depends on, and with nothing else', () => {
    const one = request('a');
    const others = [
      requestKey('m2', one),
      requestKey('m', request('b')),
      requestKey('m', request('a', { temperature: 0.4 })),
      requestKey('m', request('a', { seed: 2 })),
      requestKey('m', request('a', { maxOutputTokens: 101 })),
      requestKey('m', request('a', { schema: { type: 'array' } })),
      requestKey('m', request('a', { messages: [{ role: 'system', content: 'a' }] })),
    ];
    expect(new Set([requestKey('m', one), ...others]).size).toBe(8);
    expect(requestKey('m', request('a', { signal: new AbortController().signal }))).toBe(requestKey('m', one));
  });
});

describe('recorded replies', () => {
  it('come back as they were, also from a file opened again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.string({ unit: 'binary' }), { maxLength: 8 }), async (texts) => {
        const path = newPath();
        const cache = await ReplyCache.open(path, 'record');
        await Promise.all(texts.map((text) => cache.put(requestKey('m', request(text)), 'm', reply(text))));
        for (const text of texts) expect((await cache.get(requestKey('m', request(text))))?.text).toBe(text);
        await cache.close();
        const again = await ReplyCache.open(path, 'replay');
        expect(again.size).toBe(texts.length);
        for (const text of texts) expect(await again.get(requestKey('m', request(text)))).toEqual(reply(text));
        await again.close();
      }),
      { numRuns: 25, seed: 1 },
    );
  });

  it('survive a kill in the middle of a line: the rest is kept and the file goes on', async () => {
    const path = newPath();
    const first = await ReplyCache.open(path, 'record');
    await first.put(requestKey('m', request('a')), 'm', reply('a'));
    await first.close();
    appendFileSync(path, '{"key":"0123');
    const second = await ReplyCache.open(path, 'record');
    expect(second.size).toBe(1);
    await second.put(requestKey('m', request('b')), 'm', reply('b'));
    await second.close();
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(2);
    const third = await ReplyCache.open(path, 'record');
    expect((await third.get(requestKey('m', request('b'))))?.text).toBe('b');
    await third.close();
  });

  it('are refused where a whole line is damaged', async () => {
    const path = newPath();
    writeFileSync(path, '{"key":"0123"}\n');
    const error = await ReplyCache.open(path, 'record').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(IntegrityError);
    expect((error as IntegrityError).message).toContain('line 1');
  });
});

describe('a model with a memory', () => {
  it('asks once, also when the same is asked twice at a time', async () => {
    const path = newPath();
    const cache = await ReplyCache.open(path, 'record');
    const model = echo();
    const remembering = rememberingModel(model, model, cache);
    await Promise.all(['a', 'b', 'a', 'a'].map((content) => remembering.generate(request(content))));
    await remembering.generate(request('b'));
    expect(model.calls.sort()).toEqual(['a', 'b']);
    await cache.close();
  });

  it('asks for no more than so many replies at a time that are not on the disk yet', async () => {
    const path = newPath();
    const cache = await ReplyCache.open(path, 'record');
    let most = 0;
    let asked = 0;
    const model: LanguageModel = {
      ...echo(),
      generate: async ({ messages }) => {
        asked++;
        most = Math.max(most, asked - readFileSync(path, 'utf8').split('\n').length + 1);
        await new Promise((done) => setTimeout(done, asked % 3));
        return reply(messages[0].content);
      },
    };
    const remembering = rememberingModel(model, model, cache, undefined, 4);
    await Promise.all(Array.from({ length: 40 }, (_, i) => remembering.generate(request(`${i}`))));
    expect(asked).toBe(40);
    expect(most).toBe(4);
    await cache.close();
  });

  it('does not remember failures', async () => {
    const cache = await ReplyCache.open(newPath(), 'record');
    let fails = true;
    const model: LanguageModel = {
      id: 'm',
      maxInputTokens: 10,
      generate: async () => {
        if (fails) throw new Error('down');
        return reply('up');
      },
    };
    const remembering = rememberingModel(model, model, cache);
    await expect(remembering.generate(request('a'))).rejects.toThrow('down');
    fails = false;
    expect((await remembering.generate(request('a'))).text).toBe('up');
    await cache.close();
  });

  it('replays without a model, and says so where nothing was recorded', async () => {
    const path = newPath();
    const recording = await ReplyCache.open(path, 'record');
    const model = echo();
    await rememberingModel(model, model, recording).generate(request('a'));
    await recording.close();
    const cache = await ReplyCache.open(path, 'replay');
    const replaying = rememberingModel(model, undefined, cache);
    expect((await replaying.generate(request('a'))).text).toBe('a');
    await expect(replaying.generate(request('b'))).rejects.toMatchObject({ code: 'ERR_LLM_NOT_RECORDED' });
    await cache.close();
  });

  it('tells the budget what was paid for earlier, each reply once', async () => {
    const cache = await ReplyCache.open(newPath(), 'record');
    const model = echo();
    await rememberingModel(model, model, cache).generate(request('a'));
    const budget = new Budget('echo', { input: 1e6, output: 1e6 });
    const remembering = rememberingModel(model, model, cache, budget);
    await remembering.generate(request('a'));
    await remembering.generate(request('a'));
    expect(budget.spent().remembered).toEqual({ calls: 1, usage: { inputTokens: 3, outputTokens: 2 }, cost: 5 });
    await cache.close();
  });
});
