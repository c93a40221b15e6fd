import { fetch } from 'undici';
import { ExternalError, messageOf } from '../core/errors.js';
import type { Random } from '../core/random.js';
import type { Budget } from './budget.js';
import { endpointAgent, parseEndpoint } from './endpoint.js';
import { estimateTokens, type GenerateRequest, type Reply, type Usage } from './language-model.js';
import { Limiter, type Rates } from './limiter.js';
import { capped, plainText } from './plain-text.js';
import { AttemptError, GaveUp, Retrier, retryAfterMs } from './retry.js';

export interface HttpOptions extends Partial<Rates> {
  readonly baseURL: string;
  readonly model: string;
  readonly apiKey?: string | undefined;
  readonly random: Random; // for the waits between attempts only
  readonly budget?: Budget | undefined;
  readonly concurrency?: number; // requests in flight, default 8
  readonly timeoutMs?: number; // of one attempt, body included; default 10 minutes, for slow local models
  readonly maxAttempts?: number; // default 6
  readonly retryDelayMs?: number; // shortest wait between attempts, default 500
  readonly maxRetryDelayMs?: number; // longest wait between attempts, default 30 s
  readonly maxRetryAfterMs?: number; // longest Retry-After that is waited for, default 10 minutes
  readonly graceMs?: number; // time a request under way gets after its signal: it is paid for either way; default 0
}

const MAX_BODY_BYTES = 16 * 2 ** 20;

/**
 * What every server of language models needs: limits on requests in flight and a minute, attempts, a pause that all
 * callers share, the budget, and errors that say what to do. Adapters turn requests into bodies and bodies into replies.
 *
 * Redirects are not followed: they would carry prompts, and on the same origin the key, to where nobody sent them.
 */
export class HttpCaller {
  readonly endpoint: URL;
  private readonly dispatcher = endpointAgent();
  private readonly limiter: Limiter;
  private readonly retrier: Retrier;
  private readonly timeoutMs: number;
  private requests = 0;

  constructor(private readonly options: HttpOptions) {
    this.endpoint = parseEndpoint(options.baseURL);
    this.timeoutMs = options.timeoutMs ?? 600_000;
    this.limiter = new Limiter({ ...options, concurrency: options.concurrency ?? 8 });
    this.retrier = new Retrier({
      maxAttempts: options.maxAttempts ?? 6,
      delayMs: options.retryDelayMs ?? 500,
      maxDelayMs: options.maxRetryDelayMs ?? 30_000,
      maxRetryAfterMs: options.maxRetryAfterMs ?? 600_000,
    });
  }

  /** Runs `attempt` until it succeeds. Throws an `ExternalError`, the budget's refusal, or the signal's reason. */
  async run(request: GenerateRequest, attempt: (request: GenerateRequest) => Promise<Reply>): Promise<Reply> {
    // A signal of its own, since a shared one would gather a listener from every request in flight.
    const signal = request.signal && AbortSignal.any([request.signal]);
    const own = { ...request, signal: signal && delayed(signal, this.options.graceMs ?? 0) };
    const random = this.options.random.fork('request', this.requests++);
    try {
      const account = () => this.account(own, attempt, signal);
      return await this.limiter.run(() => this.retrier.run(account, random, signal), signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof GaveUp) throw this.asExternalError(error);
      throw error;
    }
  }

  /** Posts JSON and returns the body of a good answer. Throws `AttemptError`. */
  async post(
    path: string,
    headers: Readonly<Record<string, string>>,
    body: unknown,
    signal: AbortSignal | undefined,
  ): Promise<{ text: string; status: number }> {
    const timeout = AbortSignal.timeout(this.timeoutMs); // of the body too
    try {
      const response = await fetch(`${this.endpoint.href.replace(/\/$/, '')}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
        body: JSON.stringify(body),
        dispatcher: this.dispatcher,
        redirect: 'manual',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      const text = await readBody(response.body, response.status);
      if (!response.ok) throw this.refusal(response.status, response.headers, text);
      return { text, status: response.status };
    } catch (error) {
      signal?.throwIfAborted();
      if (timeout.aborted) throw new AttemptError('ERR_LLM_TIMEOUT', `no answer in ${this.timeoutMs} ms`, true);
      if (error instanceof AttemptError) throw error;
      throw new AttemptError('ERR_LLM_NETWORK', this.quote(innermost(error)), true);
    }
  }

  /** For an answer that came with a good status and is not what it should be. */
  unreadable(expected: string, body: string, status: number): AttemptError {
    const got = body.trim() === '' ? 'an empty body' : JSON.stringify(this.quote(body));
    return new AttemptError('ERR_LLM_RESPONSE', `expected ${expected}, got ${got}`, true, status);
  }

  /** Words of a server, fit for a message: short, visible, and without the key that some servers repeat. */
  private quote(text: string): string {
    const visible = plainText(text);
    const { apiKey } = this.options;
    return capped(apiKey ? visible.replaceAll(apiKey, '[key]') : visible, 300);
  }

  /** One attempt with its place in the rates and its price in the budget. */
  private async account(
    request: GenerateRequest,
    attempt: (request: GenerateRequest) => Promise<Reply>,
    signal: AbortSignal | undefined, // without grace: nothing is sent after it
  ): Promise<Reply> {
    const most = mostUsage(request);
    await this.limiter.admit(most.inputTokens + most.outputTokens, signal);
    const settle = await this.options.budget?.reserve(most);
    const begunAt = performance.now();
    try {
      const reply = await attempt(request);
      settle?.(reply.usage);
      this.limiter.good();
      return reply;
    } catch (error) {
      const { status, code } = error instanceof AttemptError ? error : { status: undefined, code: undefined };
      // What was cut, timed out or unreadable may have been paid for; refusals and closed doors cost nothing.
      const paid = code === 'ERR_LLM_TIMEOUT' || code === 'ERR_LLM_RESPONSE' || code === undefined;
      settle?.(paid ? { inputTokens: most.inputTokens, outputTokens: 0 } : { inputTokens: 0, outputTokens: 0 });
      if (status === 429 || status === 503 || status === 529) this.limiter.overloaded(begunAt);
      throw error;
    }
  }

  private refusal(status: number, headers: { get(name: string): string | null }, body: string): AttemptError {
    const { message, code } = serverWords(body);
    const words = `status ${status}, ${JSON.stringify(this.quote(message))}`;
    const after = retryAfterMs(headers, Date.now());
    if (status >= 300 && status < 400) {
      const target = headers.get('location') ?? '';
      const to = URL.canParse(target, this.endpoint.href) ? new URL(target, this.endpoint).host : 'nowhere';
      return new AttemptError('ERR_LLM_REDIRECT', `status ${status}, a redirect to ${to}`, false, status);
    }
    if (status === 401 || status === 403) return new AttemptError('ERR_LLM_AUTH', words, false, status);
    if (status === 404) return new AttemptError('ERR_LLM_NOT_FOUND', words, false, status);
    if (status === 429) {
      const spent = code === 'insufficient_quota'; // waiting does not fill an empty account
      return new AttemptError('ERR_LLM_RATE_LIMITED', words, !spent, status, after);
    }
    if (status >= 500 || status === 408 || status === 409 || status === 425)
      return new AttemptError('ERR_LLM_SERVER', words, true, status, after);
    return new AttemptError('ERR_LLM_REQUEST', words, false, status);
  }

  private asExternalError({ last, attempts }: GaveUp): ExternalError {
    const { host } = this.endpoint;
    const { model } = this.options;
    const times = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
    return new ExternalError(
      last.code,
      `${model} at ${host} failed after ${times}: ${last.message}. ${adviceOn(last)}, or run with --llm template.`,
      { host, model, status: last.status, attempts, retryAfterMs: last.retryAfterMs },
    );
  }
}

/** A signal that follows another one after some time. */
function delayed(signal: AbortSignal, milliseconds: number): AbortSignal {
  if (milliseconds === 0) return signal;
  const controller = new AbortController();
  const abort = () => void setTimeout(() => controller.abort(signal.reason), milliseconds).unref();
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  return controller.signal;
}

/** The most that a request can use, as far as anybody can tell beforehand. */
export function mostUsage({ messages, maxOutputTokens }: GenerateRequest): Usage {
  return {
    inputTokens: estimateTokens(messages.map((message) => message.content).join('\n')),
    outputTokens: maxOutputTokens,
  };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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

async function readBody(body: AsyncIterable<unknown> | null, status: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const part of body ?? []) {
    const chunk = part as Uint8Array;
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES)
      throw new AttemptError('ERR_LLM_RESPONSE', `the body exceeds ${MAX_BODY_BYTES} bytes`, false, status);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** What the server says about a refusal, whatever shape it gives it. */
function serverWords(body: string): { message: string; code?: unknown } {
  const parsed = parseJson(body) as { error?: unknown; message?: unknown } | null | undefined;
  const error = parsed?.error ?? parsed;
  if (typeof error === 'string') return { message: error };
  const { message, code } = (error ?? {}) as { message?: unknown; code?: unknown };
  return { message: typeof message === 'string' ? message : body, code };
}

/** The message nearest the fault: undici's own says no more than "fetch failed". */
function innermost(error: unknown): string {
  let at = error;
  for (let depth = 0; depth < 8 && at instanceof Error && at.cause instanceof Error; depth++) at = at.cause;
  if (at instanceof AggregateError && at.errors.length > 0) return messageOf(at.errors[0]);
  return messageOf(at);
}
