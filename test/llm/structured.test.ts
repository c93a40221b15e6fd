import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ExternalError } from '../../src/core/errors.js';
import type { GenerateRequest, LanguageModel, Reply } from '../../src/llm/language-model.js';
import { extractJson, generateStructured } from '../../src/llm/structured.js';

const schema = z.strictObject({ title: z.string(), rank: z.number() });
const request: GenerateRequest = {
  messages: [{ role: 'user', content: 'Evidence.' }],
  schema: {},
  schemaName: 'persona',
  maxOutputTokens: 100,
  temperature: 0,
  seed: 1,
};

/** Gives the replies in order and keeps what it was asked. */
function scripted(...replies: (Partial<Reply> & { text: string })[]) {
  const asked: GenerateRequest[] = [];
  const model: LanguageModel = {
    id: 'scripted',
    maxInputTokens: 1000,
    async generate(one) {
      asked.push(one);
      return { usage: { inputTokens: 3, outputTokens: 2 }, finishReason: 'stop', ...replies[asked.length - 1] };
    },
  };
  return { model, asked };
}

describe('generateStructured', () => {
  it('takes a good reply in one call', async () => {
    const { model } = scripted({ text: '{"title":"a","rank":1}' });
    expect(await generateStructured(model, request, schema)).toEqual({
      value: { title: 'a', rank: 1 },
      calls: 1,
      usage: { inputTokens: 3, outputTokens: 2 },
    });
  });

  it('sends a wrong reply back once, with what is wrong about it', async () => {
    const { model, asked } = scripted({ text: '{"title":"a"}' }, { text: '{"title":"a","rank":1}' });
    const { value, calls, usage } = await generateStructured(model, request, schema);
    expect(value.rank).toBe(1);
    expect(calls).toBe(2);
    expect(usage).toEqual({ inputTokens: 6, outputTokens: 4 });
    expect(asked[1].messages.map((m) => m.role)).toEqual(['user', 'assistant', 'user']);
    expect(asked[1].messages[2].content).toContain('rank');
  });

  it('gives a reply that was cut twice the room', async () => {
    const { model, asked } = scripted(
      { text: '{"title":"a', finishReason: 'length' },
      { text: '{"title":"a","rank":1}' },
    );
    await generateStructured(model, request, schema);
    expect(asked[1].maxOutputTokens).toBe(200);
    expect(asked[1].messages).toEqual(request.messages);
  });

  it('tries another seed after a content filter', async () => {
    const { model, asked } = scripted({ text: '', finishReason: 'content_filter' }, { text: '{"title":"a","rank":1}' });
    await generateStructured(model, request, schema);
    expect(asked[1].seed).toBe(2);
  });

  it('gives up after the second call and keeps the raw text', async () => {
    const { model } = scripted({ text: 'no' }, { text: 'still no' });
    const error = await generateStructured(model, request, schema).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ExternalError);
    expect((error as ExternalError).code).toBe('ERR_LLM_REPLY');
    expect((error as ExternalError).fields['raw']).toBe('still no');
  });
});

describe('extractJson', () => {
  it('finds any object inside prose, fences and thinking aloud', () => {
    const prose = fc.stringMatching(/^[A-Za-z .,:!?\n]{0,40}$/);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), prose, prose, (value, before, after) => {
        const json = JSON.stringify(value);
        const expected = JSON.parse(json);
        expect(extractJson(`<think>{"a": 1}</think>${before}\n\`\`\`json\n${json}\n\`\`\`${after}`)).toEqual(expected);
      }),
      { seed: 1 },
    );
  });

  it('never throws and never returns anything but an object', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('{', '}', '"', '\\', '[', 'a', ':', ' ') }), (text) => {
        const found = extractJson(text);
        expect(found === undefined || (typeof found === 'object' && !Array.isArray(found))).toBe(true);
      }),
      { seed: 1 },
    );
  });

  it('gives nothing for a cut object', () => {
    expect(extractJson('{"title": "a')).toBeUndefined();
  });
});
