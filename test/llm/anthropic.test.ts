import { afterEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { anthropic } from '../../src/llm/anthropic.js';
import type { GenerateRequest } from '../../src/llm/language-model.js';
import { type Answer, chaosServer, cutBody, html, status } from './chaos-server.js';

const request: GenerateRequest = {
  messages: [
    { role: 'system', content: 'Rules.' },
    { role: 'user', content: 'Evidence.' },
  ],
  schema: { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] },
  schemaName: 'persona',
  maxOutputTokens: 100,
  temperature: 0.2,
  seed: 7,
};

const message =
  (changes: Record<string, unknown> = {}): Answer =>
  (_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        content: [
          { type: 'text', text: 'Here it is.' },
          { type: 'tool_use', id: 't', name: 'persona', input: { title: 'Gardeners' } },
        ],
        stop_reason: 'tool_use',
        usage: { input_tokens: 11, output_tokens: 7, cache_read_input_tokens: 30 },
        ...changes,
      }),
    );
  };

let server: Awaited<ReturnType<typeof chaosServer>> | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});
async function modelBehind(...answers: Answer[]) {
  server = await chaosServer(...answers);
  const times = { timeoutMs: 2000, maxAttempts: 3, retryDelayMs: 1, maxRetryDelayMs: 5 };
  const baseURL = `http://${server.host}`;
  return anthropic({ baseURL, model: 'claude', apiKey: 'sk-canary', random: new Random(1), ...times });
}

describe('the Messages API', () => {
  it('is asked for a tool call, and its input is the reply', async () => {
    const model = await modelBehind(message());
    expect(await model.generate(request)).toEqual({
      text: '{"title":"Gardeners"}',
      usage: { inputTokens: 41, outputTokens: 7 },
      finishReason: 'stop',
    });
    expect(server?.seen[0]).toMatchObject({
      path: '/v1/messages',
      body: {
        model: 'claude',
        max_tokens: 100,
        temperature: 0.2,
        system: [{ type: 'text', text: 'Rules.' }],
        messages: [{ role: 'user', content: 'Evidence.' }],
        tools: [{ name: 'persona', input_schema: request.schema }],
        tool_choice: { type: 'tool', name: 'persona' },
      },
    });
    expect(server?.seen[0].authorization).toBeUndefined();
  });

  it.each([
    ['max_tokens', 'length'],
    ['refusal', 'content_filter'],
    ['end_turn', 'stop'],
  ] as const)('says %s as %s', async (stop_reason, expected) => {
    const model = await modelBehind(message({ stop_reason }));
    expect((await model.generate(request)).finishReason).toBe(expected);
  });

  it('is asked again after overload, HTML and a cut body', async () => {
    const model = await modelBehind(status(529, 'Overloaded'), html, message());
    expect((await model.generate(request)).text).toBe('{"title":"Gardeners"}');
    const other = await modelBehind(cutBody, message());
    expect((await other.generate(request)).text).toBe('{"title":"Gardeners"}');
  });

  it('is not sent a temperature by models that take none', async () => {
    const picky: Answer = (seen, response, n) =>
      (seen.body.temperature === undefined ? message() : status(400, 'temperature: not supported by this model'))(
        seen,
        response,
        n,
      );
    const model = await modelBehind(picky);
    await model.generate(request);
    await model.generate(request);
    expect(server?.seen.map((s) => s.body.temperature)).toEqual([0.2, undefined, undefined]);
  });
});
