import { z } from 'zod';
import { HttpCaller, type HttpOptions, parseJson } from './http-caller.js';
import {
  estimateTokens,
  type GenerateRequest,
  type LanguageModel,
  type Message,
  type Reply,
} from './language-model.js';
import { AttemptError } from './retry.js';
import { readJson } from './structured.js';

export interface OpenAiCompatibleOptions extends HttpOptions {
  readonly maxInputTokens?: number; // default 8192
}

/**
 * A language model behind a server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, SGLang, LM Studio,
 * OpenAI and others. `baseURL` usually ends in /v1; without a key no Authorization header is sent.
 *
 * The requests are our own: of a client library only the address and the encoding would be used, since retries, time
 * limits and the reading of replies have to survive bodies cut half-way, HTML with status 200, and waits of five minutes.
 */
export function openAiCompatible(options: OpenAiCompatibleOptions): LanguageModel {
  return new OpenAiCompatibleModel(options);
}

/**
 * What a server turned out to understand: it starts with the most exact request and only ever gives up parts of it, so
 * the first calls find the level and all later ones use it.
 */
interface Dialect {
  readonly format: 'json_schema' | 'json_schema without limits' | 'json_object' | 'text';
  readonly tokenLimit: 'max_tokens' | 'max_completion_tokens';
  readonly temperature: boolean;
  readonly seed: boolean;
}

const FORMATS: readonly Dialect['format'][] = ['json_schema', 'json_schema without limits', 'json_object', 'text'];

/** The part of a chat completion that we read. */
export const completionSchema = z.object({
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
  private readonly caller: HttpCaller;
  private readonly headers: Readonly<Record<string, string>>;
  private dialect: Dialect = { format: 'json_schema', tokenLimit: 'max_tokens', temperature: true, seed: true };

  constructor(options: OpenAiCompatibleOptions) {
    this.id = options.model;
    this.maxInputTokens = options.maxInputTokens ?? 8192;
    this.caller = new HttpCaller(options);
    this.headers = options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` };
  }

  generate(request: GenerateRequest): Promise<Reply> {
    return this.caller.run(request, (own) => this.attempt(own));
  }

  /** One attempt in the server's dialect; repeated at once where the server shows that it speaks less than assumed. */
  private async attempt(request: GenerateRequest): Promise<Reply> {
    for (;;) {
      const dialect = this.dialect;
      let simpler: Dialect | undefined;
      try {
        const body = chatBody(this.id, request, dialect);
        const { text, status } = await this.caller.post('/chat/completions', this.headers, body, request.signal);
        const reply = readCompletion(parseJson(text), request);
        if (reply === undefined) throw this.caller.unreadable('a chat completion', text, status);
        if (reply.text.trim() === '' && reply.finishReason === 'stop')
          throw new AttemptError('ERR_LLM_RESPONSE', 'the reply holds no text', true, status);
        const ignoresFormat = reply.finishReason === 'stop' && readJson(reply.text) === undefined;
        if (ignoresFormat) simpler = withSimplerFormat(dialect, true);
        if (simpler === undefined) return reply;
      } catch (error) {
        if (!(error instanceof AttemptError) || (error.status !== 400 && error.status !== 422)) throw error;
        simpler = dialectAfter(dialect, error.message);
        if (simpler === undefined) throw error;
      }
      if (this.dialect === dialect) this.dialect = simpler; // else another worker has learned it meanwhile
    }
  }
}

/** A reply from the JSON of a chat completion; undefined where it is none. */
export function readCompletion(completion: unknown, request: Pick<GenerateRequest, 'messages'>): Reply | undefined {
  const parsed = completionSchema.safeParse(completion);
  if (!parsed.success) return undefined;
  const { choices, usage } = parsed.data;
  const { message, finish_reason } = choices[0];
  const text = message.content ?? '';
  const filtered = message.refusal || finish_reason === 'content_filter';
  return {
    text,
    finishReason: filtered ? 'content_filter' : finish_reason === 'length' ? 'length' : 'stop',
    usage: {
      inputTokens: usage?.prompt_tokens ?? estimateTokens(request.messages.map((m) => m.content).join('\n')),
      outputTokens: usage?.completion_tokens ?? estimateTokens(text),
    },
  };
}

/** The body of a request for a chat completion, in the most exact dialect unless another one is named. */
export function chatBody(model: string, request: GenerateRequest, dialect?: Dialect): Record<string, unknown> {
  const { schema, schemaName, messages, maxOutputTokens, temperature, seed } = request;
  const format = dialect?.format ?? 'json_schema';
  const bySchema = format === 'json_schema' || format === 'json_schema without limits';
  return {
    model,
    messages: bySchema ? messages : withSchema(messages, JSON.stringify(schema)),
    [dialect?.tokenLimit ?? 'max_tokens']: maxOutputTokens,
    ...(dialect?.temperature !== false && { temperature }),
    ...(dialect?.seed !== false && { seed }),
    ...(bySchema && {
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: schemaName,
          schema: format === 'json_schema' ? schema : withoutLimits(schema),
          strict: true,
        },
      },
    }),
    ...(format === 'json_object' && { response_format: { type: 'json_object' } }),
  };
}

/** For servers that do not take a schema: the same schema in words, at the end of the last message. */
function withSchema(messages: readonly Message[], schema: string): Message[] {
  const last = messages[messages.length - 1];
  const content = `${last.content}\n\nAnswer with one JSON object that fits this JSON Schema, and nothing else:\n${schema}`;
  return [...messages.slice(0, -1), { ...last, content }];
}

const LIMIT_KEYWORDS = ['maxLength', 'minLength', 'maxItems', 'minItems'];

/** Limits on lengths keep small models from running on; some servers refuse schemas that hold them. */
function withoutLimits(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutLimits);
  if (schema === null || typeof schema !== 'object') return schema;
  const kept = Object.entries(schema).filter(([key]) => !LIMIT_KEYWORDS.includes(key));
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutLimits(value)]));
}

/** The next format down the ladder; undefined at its foot. */
function withSimplerFormat(dialect: Dialect, ignored: boolean): Dialect | undefined {
  let next = FORMATS.indexOf(dialect.format) + 1;
  if (ignored && FORMATS[next] === 'json_schema without limits') next++; // who ignores a schema ignores the other one
  return next < FORMATS.length ? { ...dialect, format: FORMATS[next] } : undefined;
}

/** What to try after a refusal that names something optional; undefined where the refusal is about something else. */
function dialectAfter(dialect: Dialect, words: string): Dialect | undefined {
  if (dialect.tokenLimit === 'max_tokens' && /use '?max_completion_tokens/i.test(words))
    return { ...dialect, tokenLimit: 'max_completion_tokens' };
  const refused = /unsupported|not support|unknown|unrecognized|unexpected|not permitted|invalid/i.test(words);
  if (refused && dialect.temperature && /temperature/i.test(words)) return { ...dialect, temperature: false };
  if (refused && dialect.seed && /\bseed\b/i.test(words)) return { ...dialect, seed: false };
  if (/maxLength|maxItems|minItems|minLength/.test(words)) return withSimplerFormat(dialect, false);
  if (/response_format|json_schema|json_object|json schema|grammar|schema/i.test(words))
    return withSimplerFormat(dialect, !/invalid schema/i.test(words));
  return undefined;
}
