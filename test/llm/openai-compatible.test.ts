import { afterEach, describe, expect, it, vi } from 'vitest';
import { ExternalError, InputError, StopRequested } from '../../src/core/errors.js';
import { Random } from '../../src/core/random.js';
import type { GenerateRequest } from '../../src/llm/language-model.js';
import { type OpenAiCompatibleOptions, openAiCompatible } from '../../src/llm/openai-compatible.js';
import {
  type Answer,
  chaosServer,
  cutBody,
  emptyBody,
  hangs,
  hangsInBody,
  html,
  resets,
  says,
  status,
} from './chaos-server.js';

const KEY = 'sk-canary-0123456789';
const request: GenerateRequest = {
  messages: [
    { role: 'system', content: 'Rules.' },
    { role: 'user', content: 'Evidence.' },
  ],
  schema: {
    type: 'object',
    properties: { title: { type: 'string' } },
    required: ['title'],
    additionalProperties: false,
  },
  schemaName: 'persona',
  maxOutputTokens: 100,
  temperature: 0.2,
  seed: 7,
};

let server: Awaited<ReturnType<typeof chaosServer>> | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
  vi.unstubAllEnvs();
});

async function modelBehind(answers: Answer[], options: Partial<OpenAiCompatibleOptions> = {}) {
  server = await chaosServer(...answers);
  const model = openAiCompatible({
    baseURL: server.baseURL,
    model: 'tiny',
    apiKey: KEY,
    random: new Random(1),
    timeoutMs: 2000,
    maxAttempts: 3,
    retryDelayMs: 1,
    maxRetryDelayMs: 5,
    ...options,
  });
  return { model, seen: server.seen, host: server.host };
}

/** The error that `promise` ends with; fails where it ends well. */
async function errorOf(promise: Promise<unknown>): Promise<ExternalError> {
  const error = await promise.then(
    () => new Error('no error was thrown'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ExternalError);
  expect(String((error as Error).message)).not.toContain(KEY);
  expect(JSON.stringify((error as ExternalError).fields)).not.toContain(KEY);
  return error as ExternalError;
}

const good = says('{"title":"Gardeners"}');

describe('a server that answers', () => {
  it('returns the text as received, with usage and finish reason', async () => {
    const { model, seen } = await modelBehind([good]);
    expect(await model.generate(request)).toEqual({
      text: '{"title":"Gardeners"}',
      usage: { inputTokens: 11, outputTokens: 7 },
      finishReason: 'stop',
    });
    expect(seen[0].path).toBe('/v1/chat/completions');
    expect(seen[0].authorization).toBe(`Bearer ${KEY}`);
    expect(seen[0].body).toMatchObject({ model: 'tiny', max_tokens: 100, temperature: 0.2, seed: 7 });
    expect(seen[0].body.response_format?.json_schema?.schema).toEqual(request.schema);
  });

  it('passes on that the reply was cut at the output limit', async () => {
    const { model } = await modelBehind([says('{"title":"Gard', 'length')]);
    expect((await model.generate(request)).finishReason).toBe('length');
  });

  it('sends no key where none is configured, not even one meant for another server', async () => {
    vi.stubEnv('OPENAI_API_KEY', 'sk-of-someone-else');
    vi.stubEnv('OPENAI_ADMIN_KEY', 'sk-of-an-admin');
    const { model, seen } = await modelBehind([good], { apiKey: undefined });
    await model.generate(request);
    expect(seen[0].authorization).toBeUndefined();
  });

  it('has at most `concurrency` requests in flight', async () => {
    let inFlight = 0;
    let most = 0;
    const slow: Answer = (seen, response, n) => {
      most = Math.max(most, ++inFlight);
      setTimeout(() => {
        inFlight--;
        good(seen, response, n);
      }, 10);
    };
    const { model, seen } = await modelBehind([slow], { concurrency: 3 });
    await Promise.all(Array.from({ length: 12 }, () => model.generate(request)));
    expect(seen).toHaveLength(12);
    expect(most).toBe(3);
  });
});

describe('a server that fails for a while', () => {
  const faults: [string, Answer][] = [
    ['status 500', status(500, 'boom')],
    ['status 503', status(503, 'loading model')],
    ['HTML with status 200', html],
    ['an empty body', emptyBody],
    ['a body cut half-way', cutBody],
    ['a connection reset', resets],
    ['JSON that is no completion', (_, response) => void response.end('{"error":{"message":"upstream"}}')],
    ['a reply without text', says('')],
  ];
  it.each(faults)('is asked again after %s', async (_, fault) => {
    const { model, seen } = await modelBehind([fault, fault, good]);
    expect((await model.generate(request)).text).toBe('{"title":"Gardeners"}');
    expect(seen).toHaveLength(3);
  });

  it.each([
    ['before the first byte', hangs],
    ['in the middle of the body', hangsInBody],
  ])('is asked again when it hangs %s', async (_, fault) => {
    const { model, seen } = await modelBehind([fault, good], { timeoutMs: 150 });
    expect((await model.generate(request)).text).toBe('{"title":"Gardeners"}');
    expect(seen).toHaveLength(2);
  });

  it('waits as long as Retry-After says, and holds back the other workers as well', async () => {
    const busy = status(429, 'slow down', { 'retry-after-ms': '300' });
    const { model, seen } = await modelBehind([busy, good], { concurrency: 2 });
    const first = model.generate(request);
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await Promise.all([first, model.generate(request)]);
    expect(seen).toHaveLength(3);
    for (const later of seen.slice(1)) expect(later.at - seen[0].at).toBeGreaterThanOrEqual(295);
  });

  it('reads Retry-After in seconds', async () => {
    const { model, seen } = await modelBehind([status(503, 'busy', { 'retry-after': '1' }), good]);
    await model.generate(request);
    expect(seen[1].at - seen[0].at).toBeGreaterThanOrEqual(995);
  });
});

describe('a server that goes on failing', () => {
  it.each([
    ['ERR_LLM_SERVER', status(500, 'boom'), 500, 'boom'],
    ['ERR_LLM_RESPONSE', html, 200, 'Sign in to the hotel network'],
    ['ERR_LLM_RESPONSE', emptyBody, 200, 'an empty body'],
    ['ERR_LLM_NETWORK', cutBody, undefined, 'failed after 3 attempts'],
    ['ERR_LLM_RATE_LIMITED', status(429, 'slow down'), 429, 'slow down'],
  ] as const)('ends as %s with host, status, attempts and advice', async (code, fault, statusCode, words) => {
    const { model, seen, host } = await modelBehind([fault]);
    const error = await errorOf(model.generate(request));
    expect(error.code).toBe(code);
    expect(error.fields).toMatchObject({ host, attempts: 3, model: 'tiny' });
    expect(error.fields['status']).toBe(statusCode);
    expect(error.message).toContain(host);
    expect(error.message).toContain(words);
    expect(error.message).toContain('or run with --llm template');
    expect(seen).toHaveLength(3);
  });

  it('ends as ERR_LLM_TIMEOUT when it hangs', async () => {
    const { model } = await modelBehind([hangs], { timeoutMs: 60, maxAttempts: 2 });
    const error = await errorOf(model.generate(request));
    expect(error.code).toBe('ERR_LLM_TIMEOUT');
    expect(error.message).toContain('no answer in 60 ms');
  });

  it('ends as ERR_LLM_NETWORK when nobody listens', async () => {
    const { model } = await modelBehind([good]);
    await server?.close();
    const error = await errorOf(model.generate(request));
    expect(error.code).toBe('ERR_LLM_NETWORK');
    expect(error.message).toContain('ECONNREFUSED');
  });

  it('is not waited for longer than the limit on Retry-After', async () => {
    const { model, seen } = await modelBehind([status(429, 'come back tomorrow', { 'retry-after': '86400' })]);
    const error = await errorOf(model.generate(request));
    expect(error.message).toContain('asks to wait 86400 s');
    expect(seen).toHaveLength(1);
  });
});

describe('a server that refuses', () => {
  it.each([
    [400, 'ERR_LLM_REQUEST', 'maximum context length is 2048 tokens'],
    [401, 'ERR_LLM_AUTH', `Incorrect API key provided: ${KEY}`],
    [403, 'ERR_LLM_AUTH', 'not your model'],
    [404, 'ERR_LLM_NOT_FOUND', 'the model tiny does not exist'],
  ] as const)('is believed at once: status %i', async (code, expected, words) => {
    const { model, seen } = await modelBehind([status(code, words)]);
    const error = await errorOf(model.generate(request));
    expect(error.code).toBe(expected);
    expect(error.message).toContain(words.replace(KEY, '[key]'));
    expect(seen).toHaveLength(1);
  });

  it('is believed when the account is empty, although the status is 429', async () => {
    const { model, seen } = await modelBehind([status(429, 'no credit', { 'x-error-code': 'insufficient_quota' })]);
    expect((await errorOf(model.generate(request))).code).toBe('ERR_LLM_RATE_LIMITED');
    expect(seen).toHaveLength(1);
  });

  it('is not followed to another address', async () => {
    const elsewhere = await chaosServer(good);
    const { model } = await modelBehind([status(307, 'moved', { location: `${elsewhere.baseURL}/chat/completions` })]);
    const error = await errorOf(model.generate(request));
    await elsewhere.close();
    expect(error.code).toBe('ERR_LLM_REDIRECT');
    expect(error.message).toContain(elsewhere.host);
    expect(elsewhere.seen).toHaveLength(0);
  });

  it('cannot write to the terminal through its words', async () => {
    const { model } = await modelBehind([status(400, 'bad\u001b[2J\u202e\nrequest')]);
    expect((await errorOf(model.generate(request))).message).toMatch(/"bad\[2J request"/);
  });
});

describe('the way down to what a server understands', () => {
  const takesOnly =
    (format: 'json_object' | undefined): Answer =>
    (seen, response, n) => {
      const asked = seen.body.response_format?.type;
      if (asked === undefined || asked === format) good(seen, response, n);
      else status(400, `response_format ${asked} is not supported`)(seen, response, n);
    };

  it('goes to json_object with the schema in the prompt, once', async () => {
    const { model, seen } = await modelBehind([takesOnly('json_object')]);
    await model.generate(request);
    await model.generate(request);
    expect(seen.map((s) => s.body.response_format?.type)).toEqual(['json_schema', 'json_object', 'json_object']);
    expect(seen[1].body.messages.at(-1)?.content).toContain('"additionalProperties":false');
    expect(seen[0].body.messages.at(-1)?.content).toBe('Evidence.');
  });

  it('goes to plain text where no format is taken', async () => {
    const { model, seen } = await modelBehind([takesOnly(undefined)]);
    await model.generate(request);
    await model.generate(request);
    expect(seen.map((s) => s.body.response_format?.type)).toEqual(['json_schema', 'json_object', undefined, undefined]);
  });

  it('notices a server that ignores the format without a word', async () => {
    const ignores: Answer = (seen, response, n) =>
      (seen.body.messages.at(-1)?.content.includes('JSON Schema') ? good : says('Gladly! They garden.'))(
        seen,
        response,
        n,
      );
    const { model, seen } = await modelBehind([ignores]);
    expect((await model.generate(request)).text).toBe('{"title":"Gardeners"}');
    await model.generate(request);
    expect(seen.map((s) => s.body.response_format?.type)).toEqual(['json_schema', 'json_object', 'json_object']);
  });

  it('leaves out parameters that the model does not know', async () => {
    const picky: Answer = (seen, response, n) => {
      const { body } = seen;
      if (body.max_tokens !== undefined)
        status(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")(seen, response, n);
      else if (body.temperature !== undefined)
        status(400, "Unsupported value: 'temperature' does not support 0.2")(seen, response, n);
      else if (body.seed !== undefined) status(422, 'unknown field: seed')(seen, response, n);
      else good(seen, response, n);
    };
    const { model, seen } = await modelBehind([picky]);
    await model.generate(request);
    expect(seen.at(-1)?.body).toMatchObject({ max_completion_tokens: 100 });
    await model.generate(request);
    expect(seen).toHaveLength(5);
  });
});

describe('a caller that stops', () => {
  it('gets its own reason, in flight and in the queue', async () => {
    const { model, seen } = await modelBehind([hangs], { concurrency: 1 });
    const controller = new AbortController();
    const both = [1, 2].map(() => model.generate({ ...request, signal: controller.signal }));
    const settled = Promise.allSettled(both);
    while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort(new StopRequested());
    for (const result of await settled)
      expect(result.status === 'rejected' && result.reason).toBeInstanceOf(StopRequested);
    expect(seen).toHaveLength(1);
  });
});

describe('the endpoint', () => {
  it.each([
    'http://169.254.169.254/v1',
    'http://2852039166/v1', // the same in one number
    'http://[fe80::1]/v1',
    'http://[::ffff:169.254.169.254]/v1',
    'http://metadata.google.internal/v1',
    'ftp://127.0.0.1/v1',
    'http://user:secret@127.0.0.1/v1',
    'localhost:8080',
    'nonsense',
  ])('is refused: %s', (baseURL) => {
    let error: unknown;
    try {
      openAiCompatible({ baseURL, model: 'tiny', random: new Random(1) });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).code).toBe('ERR_LLM_ENDPOINT');
    expect((error as InputError).message).not.toContain('secret');
  });

  it.each(['http://127.0.0.1:8080/v1', 'http://localhost:1/v1', 'http://[::1]:1', 'https://10.0.0.5/v1'])(
    'is accepted: %s',
    (baseURL) => {
      expect(openAiCompatible({ baseURL, model: 'tiny', random: new Random(1) }).id).toBe('tiny');
    },
  );
});
