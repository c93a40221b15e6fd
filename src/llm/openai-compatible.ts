import OpenAI, { APIConnectionError, APIError } from 'openai';
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';
import PQueue from 'p-queue';
import { type RequestInit as UndiciRequestInit, fetch as undiciFetch } from 'undici';
import { z } from 'zod';
import { ExternalError, messageOf } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { endpointAgent, parseEndpoint } from './endpoint.js';
import {
  estimateTokens,
  type GenerateRequest,
  type LanguageModel,
  type Message,
  type Reply,
} from './language-model.js';
import { capped, plainText } from './plain-text.js';
import { AttemptError, GaveUp, Retrier, retryAfterMs } from './retry.js';
import { extractJson } from './structured.js';

export interface OpenAiCompatibleOptions {
  readonly baseURL: string; // usually ends in /v1
  readonly model: string;
  readonly apiKey?: string | undefined; // without it no Authorization header is sent
  readonly random: Random; // for the waits between attempts only
  readonly concurrency?: number; // requests in flight, default 8
  readonly timeoutMs?: number; // of one attempt, body included; default 10 minutes, for slow local models
  readonly maxAttempts?: number; // default 6
  readonly retryDelayMs?: number; // shortest wait between attempts, default 500
  readonly maxRetryDelayMs?: number; // longest wait between attempts, default 30 s
  readonly maxRetryAfterMs?: number; // longest Retry-After that is waited for, default 10 minutes
  readonly maxInputTokens?: number; // default 8192
}

/**
 * A language model behind a server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, SGLang, LM Studio,
 * OpenAI and others.
 *
 * The `openai` client addresses, encodes and authenticates; retries, time limits and the reading of replies are ours,
 * because the client gives up on bodies cut half-way, stumbles over HTML with status 200, and obeys a Retry-After only
 * for the request that got it.
 */
export function openAiCompatible(options: OpenAiCompatibleOptions): LanguageModel {
  return new OpenAiCompatibleModel(options);
}

/**
 * What a server turned out to understand: it starts with the most exact request and only ever gives up parts of it, so
 * the first calls find the level and all later ones use it.
 */
interface Dialect {
  readonly format: 'json_schema' | 'json_object' | 'text';
  readonly tokenLimit: 'max_tokens' | 'max_completion_tokens';
  readonly temperature: boolean;
  readonly seed: boolean;
}

const MAX_BODY_BYTES = 16 * 2 ** 20;

/** The part of a chat completion that we read. */
const completionSchema = z.object({
  choices: z
    .array(
      z.object({
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    )
    .min(1),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
});

class OpenAiCompatibleModel implements LanguageModel {
  readonly id: string;
  readonly maxInputTokens: number;
  private readonly client: OpenAI;
  private readonly endpoint: URL;
  private readonly apiKey: string | undefined;
  private readonly random: Random;
  private readonly timeoutMs: number;
  private readonly queue: PQueue;
  private readonly retrier: Retrier;
  private dialect: Dialect = { format: 'json_schema', tokenLimit: 'max_tokens', temperature: true, seed: true };
  private requests = 0;

  constructor(options: OpenAiCompatibleOptions) {
    this.endpoint = parseEndpoint(options.baseURL);
    this.id = options.model;
    this.maxInputTokens = options.maxInputTokens ?? 8192;
    this.apiKey = options.apiKey;
    this.random = options.random;
    this.timeoutMs = options.timeoutMs ?? 600_000;
    this.queue = new PQueue({ concurrency: options.concurrency ?? 8 });
    this.retrier = new Retrier({
      maxAttempts: options.maxAttempts ?? 6,
      delayMs: options.retryDelayMs ?? 500,
      maxDelayMs: options.maxRetryDelayMs ?? 30_000,
      maxRetryAfterMs: options.maxRetryAfterMs ?? 600_000,
    });
    this.client = new OpenAI({
      baseURL: this.endpoint.href,
      apiKey: options.apiKey ?? 'none', // the client insists on one; the header below takes it out again
      adminAPIKey: null, // these three would otherwise come from OPENAI_* variables, meant for another server
      organization: null,
      project: null,
      defaultHeaders: options.apiKey === undefined ? { Authorization: null } : {},
      maxRetries: 0,
      timeout: this.timeoutMs,
      logLevel: 'off',
      fetch: endpointFetch(),
    });
  }

  async generate(request: GenerateRequest): Promise<Reply> {
    // A signal of its own, since a shared one would gather a listener from every request in flight.
    const signal = request.signal && AbortSignal.any([request.signal]);
    const own = { ...request, signal };
    const random = this.random.fork('request', this.requests++);
    try {
      return await this.queue.add(
        () => this.retrier.run(() => this.attempt(own), random, signal),
        signal ? { signal } : {},
      );
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof GaveUp) throw this.asExternalError(error);
      throw error;
    }
  }

  /** One attempt in the server's dialect; repeated at once where the server shows that it speaks less than assumed. */
  private async attempt(request: GenerateRequest): Promise<Reply> {
    for (;;) {
      const dialect = this.dialect;
      let simpler: Dialect | undefined;
      try {
        const reply = await this.call(request, dialect);
        const ignoresFormat = reply.finishReason === 'stop' && extractJson(reply.text) === undefined;
        if (ignoresFormat) simpler = withSimplerFormat(dialect);
        if (simpler === undefined) return reply;
      } catch (error) {
        if (!(error instanceof AttemptError) || (error.status !== 400 && error.status !== 422)) throw error;
        simpler = dialectAfter(dialect, error.message);
        if (simpler === undefined) throw error;
      }
      if (this.dialect === dialect) this.dialect = simpler; // else another worker has learned it meanwhile
    }
  }

  private async call(request: GenerateRequest, dialect: Dialect): Promise<Reply> {
    const timeout = AbortSignal.timeout(this.timeoutMs); // covers the body too, which the client's own limit does not
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
    try {
      const response = await this.client.chat.completions
        .create(bodyOf(this.id, request, dialect), { signal })
        .asResponse();
      return this.read(await readBody(response), response.status, request);
    } catch (error) {
      request.signal?.throwIfAborted();
      if (timeout.aborted) throw new AttemptError('ERR_LLM_TIMEOUT', `no answer in ${this.timeoutMs} ms`, true);
      throw this.classify(error);
    }
  }

  private read(body: string, status: number, request: GenerateRequest): Reply {
    const parsed = completionSchema.safeParse(parseJson(body));
    if (!parsed.success) {
      const got = body.trim() === '' ? 'an empty body' : JSON.stringify(this.quote(body));
      throw new AttemptError('ERR_LLM_RESPONSE', `expected a chat completion, got ${got}`, true, status);
    }
    const { choices, usage } = parsed.data;
    const { message, finish_reason } = choices[0];
    const text = message.content ?? '';
    const finishReason =
      message.refusal || finish_reason === 'content_filter'
        ? 'content_filter'
        : finish_reason === 'length'
          ? 'length'
          : 'stop';
    if (text.trim() === '' && finishReason === 'stop')
      throw new AttemptError('ERR_LLM_RESPONSE', 'the reply holds no text', true, status);
    return {
      text,
      finishReason,
      usage: {
        inputTokens: usage?.prompt_tokens ?? estimateTokens(request.messages.map((m) => m.content).join('\n')),
        outputTokens: usage?.completion_tokens ?? estimateTokens(text),
      },
    };
  }

  private classify(error: unknown): AttemptError {
    if (error instanceof AttemptError) return error;
    if (!(error instanceof APIError) || error instanceof APIConnectionError || error.status === undefined)
      return new AttemptError('ERR_LLM_NETWORK', this.quote(innermost(error)), true);
    const status: number = error.status;
    const words = `status ${status}, ${JSON.stringify(this.quote(serverWords(error)))}`;
    const after = retryAfterMs(error.headers, Date.now());
    if (status >= 300 && status < 400) {
      const target = error.headers?.get('location') ?? '';
      const to = URL.canParse(target, this.endpoint.href) ? new URL(target, this.endpoint).host : 'nowhere';
      return new AttemptError('ERR_LLM_REDIRECT', `status ${status}, a redirect to ${to}`, false, status);
    }
    if (status === 401 || status === 403) return new AttemptError('ERR_LLM_AUTH', words, false, status);
    if (status === 404) return new AttemptError('ERR_LLM_NOT_FOUND', words, false, status);
    if (status === 429) {
      const spent = error.code === 'insufficient_quota'; // waiting does not fill an empty account
      return new AttemptError('ERR_LLM_RATE_LIMITED', words, !spent, status, after);
    }
    if (status >= 500 || status === 408 || status === 409 || status === 425)
      return new AttemptError('ERR_LLM_SERVER', words, true, status, after);
    return new AttemptError('ERR_LLM_REQUEST', words, false, status);
  }

  private asExternalError({ last, attempts }: GaveUp): ExternalError {
    const { host } = this.endpoint;
    const times = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
    return new ExternalError(
      last.code,
      `${this.id} at ${host} failed after ${times}: ${last.message}. ${adviceOn(last)}, or run with --llm template.`,
      { host, model: this.id, status: last.status, attempts, retryAfterMs: last.retryAfterMs },
    );
  }

  /** Words of a server, fit for a message: short, visible, and without the key that some servers repeat. */
  private quote(text: string): string {
    const visible = plainText(text);
    return capped(this.apiKey ? visible.replaceAll(this.apiKey, '[key]') : visible, 300);
  }
}

/**
 * undici's fetch with our connections; its types differ from the global ones in name only. Redirects are not followed:
 * they would carry prompts, and on the same origin the key, to where nobody sent them.
 */
function endpointFetch(): typeof fetch {
  const dispatcher = endpointAgent();
  return (url, init) =>
    undiciFetch(String(url), {
      ...(init as unknown as UndiciRequestInit),
      dispatcher,
      redirect: 'manual',
    }) as unknown as Promise<Response>;
}

function adviceOn({ code, retryAfterMs: asked }: AttemptError): string {
  switch (code) {
    case 'ERR_LLM_AUTH':
      return 'Check MINE_PERSONAS_LLM_API_KEY';
    case 'ERR_LLM_NOT_FOUND':
    case 'ERR_LLM_REDIRECT':
      return 'Check MINE_PERSONAS_LLM_BASE_URL (most end in /v1) and MINE_PERSONAS_LLM_MODEL';
    case 'ERR_LLM_RATE_LIMITED':
      return `${asked ? `The server asks to wait ${Math.ceil(asked / 1000)} s: try` : 'Try'} again later with fewer requests at once`;
    case 'ERR_LLM_TIMEOUT':
      return 'Check the server and its load, give each attempt more time';
    case 'ERR_LLM_REQUEST':
      return 'Check that the model takes prompts of this size and kind';
    default:
      return 'Check the server at MINE_PERSONAS_LLM_BASE_URL';
  }
}

function bodyOf(model: string, request: GenerateRequest, dialect: Dialect): ChatCompletionCreateParamsNonStreaming {
  const { schema, schemaName, messages, maxOutputTokens, temperature, seed } = request;
  const inPrompt = dialect.format !== 'json_schema';
  return {
    model,
    messages: [...(inPrompt ? withSchema(messages, JSON.stringify(schema)) : messages)],
    [dialect.tokenLimit]: maxOutputTokens,
    ...(dialect.temperature && { temperature }),
    ...(dialect.seed && { seed }),
    ...(dialect.format === 'json_schema' && {
      response_format: {
        type: 'json_schema' as const,
        json_schema: { name: schemaName, schema: { ...schema }, strict: true },
      },
    }),
    ...(dialect.format === 'json_object' && { response_format: { type: 'json_object' as const } }),
  };
}

/** For servers that do not take a schema: the same schema in words, at the end of the last message. */
function withSchema(messages: readonly Message[], schema: string): Message[] {
  const last = messages[messages.length - 1];
  const content = `${last.content}\n\nAnswer with one JSON object that fits this JSON Schema, and nothing else:\n${schema}`;
  return [...messages.slice(0, -1), { ...last, content }];
}

function withSimplerFormat(dialect: Dialect): Dialect | undefined {
  if (dialect.format === 'text') return undefined;
  return { ...dialect, format: dialect.format === 'json_schema' ? 'json_object' : 'text' };
}

/** What to try after a refusal that names something optional; undefined where the refusal is about something else. */
function dialectAfter(dialect: Dialect, words: string): Dialect | undefined {
  if (dialect.tokenLimit === 'max_tokens' && /use '?max_completion_tokens/i.test(words))
    return { ...dialect, tokenLimit: 'max_completion_tokens' };
  const refused = /unsupported|not support|unknown|unrecognized|unexpected|not permitted|invalid/i.test(words);
  if (refused && dialect.temperature && /temperature/i.test(words)) return { ...dialect, temperature: false };
  if (refused && dialect.seed && /\bseed\b/i.test(words)) return { ...dialect, seed: false };
  if (/response_format|json_schema|json_object|json schema|grammar/i.test(words)) return withSimplerFormat(dialect);
  return undefined;
}

async function readBody(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  if (response.body === null) return text;
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES)
      throw new AttemptError('ERR_LLM_RESPONSE', `the body exceeds ${MAX_BODY_BYTES} bytes`, false, response.status);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the server says about a refusal, whatever shape it gives it. */
function serverWords(error: APIError): string {
  const body: unknown = error.error;
  const { message } = z.object({ message: z.string() }).catch({ message: '' }).parse(body);
  return message || error.message;
}

/** The message nearest the fault: undici's own says no more than "fetch failed". */
function innermost(error: unknown): string {
  let at = error;
  for (let depth = 0; depth < 8 && at instanceof Error && at.cause instanceof Error; depth++) at = at.cause;
  if (at instanceof AggregateError && at.errors.length > 0) return messageOf(at.errors[0]);
  return messageOf(at);
}
