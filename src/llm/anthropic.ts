import { z } from 'zod';
import { HttpCaller, type HttpOptions, parseJson } from './http-caller.js';
import type { GenerateRequest, LanguageModel, Reply } from './language-model.js';
import { AttemptError } from './retry.js';

export const ANTHROPIC_URL = 'https://api.anthropic.com';

/**
 * Anthropic's Messages API. Its OpenAI-compatible endpoint ignores `response_format` without a word, so the reply is
 * asked for as the input of a tool, which is the one that has to be called. It knows no seed.
 */
export function anthropic(options: HttpOptions & { readonly maxInputTokens?: number }): LanguageModel {
  const caller = new HttpCaller(options);
  const headers = {
    'anthropic-version': '2023-06-01',
    ...(options.apiKey !== undefined && { 'x-api-key': options.apiKey }),
  };
  let withTemperature = true; // until a model says that it takes none
  const attempt = async (request: GenerateRequest): Promise<Reply> => {
    for (;;)
      try {
        const body = messagesBody(options.model, request, withTemperature);
        const { text, status } = await caller.post('/v1/messages', headers, body, request.signal);
        const reply = readMessage(parseJson(text));
        if (reply === undefined) throw caller.unreadable('a message', text, status);
        return reply;
      } catch (error) {
        const refused = error instanceof AttemptError && error.status === 400 && /temperature/i.test(error.message);
        if (!refused || !withTemperature) throw error;
        withTemperature = false;
      }
  };
  return {
    id: options.model,
    maxInputTokens: options.maxInputTokens ?? 100_000,
    generate: (request) => caller.run(request, attempt),
  };
}

/** The part of a message that we read. */
const messageSchema = z.object({
  content: z.array(
    z.union([
      z.object({ type: z.literal('tool_use'), input: z.unknown() }),
      z.object({ type: z.literal('text'), text: z.string() }),
      z.object({ type: z.string() }),
    ]),
  ),
  stop_reason: z.string().nullish(),
  usage: z.object({
    input_tokens: z.number(),
    output_tokens: z.number(),
    cache_creation_input_tokens: z.number().nullish(),
    cache_read_input_tokens: z.number().nullish(),
  }),
});

function readMessage(message: unknown): Reply | undefined {
  const parsed = messageSchema.safeParse(message);
  if (!parsed.success) return undefined;
  const { content, stop_reason, usage } = parsed.data;
  const called = content.find((part) => part.type === 'tool_use' && 'input' in part) as { input: unknown } | undefined;
  const said = content.map((part) => ('text' in part ? part.text : '')).join('');
  return {
    text: called ? JSON.stringify(called.input) : said,
    finishReason: stop_reason === 'max_tokens' ? 'length' : stop_reason === 'refusal' ? 'content_filter' : 'stop',
    usage: {
      // read from the cache or not: all were read
      inputTokens: usage.input_tokens + (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0),
      outputTokens: usage.output_tokens,
    },
  };
}

function messagesBody(model: string, request: GenerateRequest, withTemperature: boolean): Record<string, unknown> {
  const { messages, schema, schemaName, maxOutputTokens, temperature } = request;
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content);
  return {
    model,
    max_tokens: maxOutputTokens,
    ...(withTemperature && { temperature: Math.min(1, temperature) }),
    // the same for every request of a kind: the server may keep what it computed for it
    ...(system.length > 0 && {
      system: [{ type: 'text', text: system.join('\n\n'), cache_control: { type: 'ephemeral' } }],
    }),
    messages: messages.filter(({ role }) => role !== 'system'),
    tools: [{ name: schemaName, description: 'Takes the answer.', input_schema: schema }],
    tool_choice: { type: 'tool', name: schemaName },
  };
}
