import { jsonrepair } from 'jsonrepair';
import { z } from 'zod';
import { ExternalError } from '../core/errors.js';
import {
  type GenerateRequest,
  type LanguageModel,
  type Message,
  type Reply,
  sumUsage,
  type Usage,
} from './language-model.js';
import { capped, plainText } from './plain-text.js';

export interface Structured<T> {
  readonly value: T;
  readonly calls: number; // 1, or 2 after a repair
  readonly usage: Usage; // of all calls
}

/**
 * Asks for a value that fits `schema` and never trusts that it does. One second chance: a reply cut short gets twice
 * the room, a filtered one another seed, a wrong one is sent back with what is wrong about it. Throws `ERR_LLM_REPLY`
 * with the raw text of the last reply in its fields.
 */
export async function generateStructured<T>(
  model: LanguageModel,
  request: GenerateRequest,
  schema: z.ZodType<T>,
): Promise<Structured<T>> {
  const first = await model.generate(request);
  const checked = check(first, schema);
  if (checked.problem === undefined) return { value: checked.value, calls: 1, usage: first.usage };

  const second = await model.generate(secondChance(request, first, checked.problem));
  const usage = sumUsage(first.usage, second.usage);
  const repaired = check(second, schema);
  if (repaired.problem === undefined) return { value: repaired.value, calls: 2, usage };
  throw new ExternalError(
    'ERR_LLM_REPLY',
    `${model.id} gave no usable ${request.schemaName} in two calls: ${repaired.problem}. Take a model that follows a JSON Schema, or run with --llm template.`,
    { model: model.id, problem: repaired.problem, finishReason: second.finishReason, raw: second.text },
  );
}

type Checked<T> = { value: T; problem?: undefined } | { problem: string };

function check<T>(reply: Reply, schema: z.ZodType<T>): Checked<T> {
  if (reply.finishReason === 'content_filter') return { problem: 'the reply was withheld by a content filter' };
  const found = reply.finishReason === 'stop' ? readJson(reply.text) : extractJson(reply.text);
  if (found === undefined) {
    if (reply.finishReason === 'length') return { problem: 'the reply was cut at the output limit' };
    return {
      problem: `the reply holds no JSON object, it begins with ${JSON.stringify(capped(plainText(reply.text), 80))}`,
    };
  }
  const parsed = schema.safeParse(found);
  return parsed.success ? { value: parsed.data } : { problem: plainText(z.prettifyError(parsed.error)) };
}

function secondChance(request: GenerateRequest, reply: Reply, problem: string): GenerateRequest {
  if (reply.finishReason === 'length') return { ...request, maxOutputTokens: request.maxOutputTokens * 2 };
  if (reply.finishReason === 'content_filter') return { ...request, seed: request.seed + 1 };
  const repair: Message[] = [
    { role: 'assistant', content: reply.text },
    {
      role: 'user',
      content: `That does not fit the schema: ${capped(problem, 1500)}. Send the whole JSON object again, corrected, and nothing else.`,
    },
  ];
  return { ...request, messages: [...request.messages, ...repair] };
}

/** The JSON object of a reply that is whole, slips such as a trailing comma or a single quote mended. */
export function readJson(text: string): unknown {
  const found = extractJson(text);
  if (found !== undefined) return found;
  const begin = text.indexOf('{');
  const end = text.lastIndexOf('}');
  if (begin === -1 || end < begin) return undefined;
  try {
    const mended: unknown = JSON.parse(jsonrepair(text.slice(begin, end + 1)));
    return mended !== null && typeof mended === 'object' && !Array.isArray(mended) ? mended : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The first JSON object in a reply that may also hold thinking aloud, a code fence or a sentence around it; undefined
 * where there is none or it is cut.
 */
export function extractJson(text: string): unknown {
  const answer = text.replace(/<think>[\s\S]*?<\/think>/g, '');
  let starts = 0;
  for (let begin = answer.indexOf('{'); begin !== -1 && starts < 8; begin = answer.indexOf('{', begin + 1), starts++) {
    const end = endOfObject(answer, begin);
    if (end === -1) continue;
    try {
      return JSON.parse(answer.slice(begin, end));
    } catch {
      // A brace in prose: the next one may open the object.
    }
  }
  return undefined;
}

/** Position after the brace that closes the object at `begin`, or −1. */
function endOfObject(text: string, begin: number): number {
  let depth = 0;
  let inString = false;
  for (let i = begin; i < text.length; i++) {
    const c = text[i];
    if (inString) {
      if (c === '\\') i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === '{') depth++;
    else if (c === '}' && --depth === 0) return i + 1;
  }
  return -1;
}
