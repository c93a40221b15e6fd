import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import PQueue from 'p-queue';
import { ExternalError, InputError, messageOf } from '../core/errors.js';
import type { Budget } from './budget.js';
import { mostUsage } from './http-caller.js';
import type { GenerateRequest, LanguageModel, Message, Reply } from './language-model.js';

export interface GgufOptions {
  readonly path: string;
  readonly runtime?: string | undefined; // folder in which node-llama-cpp is installed, where it is not with us
  readonly threads?: number | undefined; // default: all but one; busy cores make more of them slower
  readonly contextTokens?: number | undefined; // default: what the model was trained with, 8,192 at the most
  readonly budget?: Budget | undefined;
}

/** The part of node-llama-cpp 3 that we use. It is an optional peer: no types of it are at hand. */
interface LlamaRuntime {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<LlamaModel>;
    createGrammarForJsonSchema(schema: unknown): Promise<unknown>;
    dispose(): Promise<void>;
  }>;
  LlamaChatSession: new (options: {
    contextSequence: LlamaSequence;
  }) => {
    setChatHistory(history: unknown): void;
    promptWithMeta(text: string, options: object): Promise<{ responseText: string; stopReason: string }>;
    dispose(): void;
  };
}
interface LlamaModel {
  readonly trainContextSize: number;
  tokenize(text: string): readonly number[];
  createContext(options: object): Promise<{ getSequence(): LlamaSequence }>;
}
interface LlamaSequence {
  readonly tokenMeter: { getState(): { usedInputTokens: number; usedOutputTokens: number } };
  clearHistory(): Promise<void>;
}

const MAX_DEFAULT_CONTEXT = 8192;
const OUTPUT_SHARE = 0.4; // of the context, kept free for the reply where 2,000 tokens are more than that
const CHAT_TOKENS = 32; // what a chat template adds, about

export interface LocalModel extends LanguageModel {
  close(): Promise<void>;
}

/**
 * A model of a GGUF file in this process, through node-llama-cpp. One request at a time: with one seed the same words
 * come out, whatever else is asked. The reply is held to the schema by a grammar.
 */
export async function ggufModel(options: GgufOptions): Promise<LocalModel> {
  const id = await identityOf(options.path);
  const runtime = await loadRuntime(options.runtime);
  const threads = options.threads ?? Math.max(1, availableParallelism() - 1);
  const llama = await runtime.getLlama({
    gpu: false, // by default it would try Vulkan where no GPU is
    build: 'never',
    maxThreads: threads,
    logLevel: 'error',
    progressLogs: false,
  });
  const model = await llama.loadModel({ modelPath: resolve(options.path) }).catch((cause: unknown) => {
    const { path } = options;
    throw new InputError(
      'ERR_LLM_MODEL',
      `${path} cannot be loaded as a GGUF model: ${messageOf(cause)}.`,
      { path },
      { cause },
    );
  });
  const contextSize = Math.min(
    options.contextTokens ?? Math.min(MAX_DEFAULT_CONTEXT, model.trainContextSize),
    model.trainContextSize,
  );
  const context = await model.createContext({ contextSize, threads });
  const sequence = context.getSequence();
  const queue = new PQueue({ concurrency: 1 });
  const grammars = new Map<string, unknown>();

  const grammarFor = async (schema: unknown) => {
    const key = JSON.stringify(schema);
    const grammar = grammars.get(key) ?? (await llama.createGrammarForJsonSchema(forGrammar(schema)));
    if (grammars.size >= 64) grammars.clear(); // schemas hold the ids of one prompt: there can be many
    grammars.set(key, grammar);
    return grammar;
  };

  const generate = async (request: GenerateRequest): Promise<Reply> => {
    const { messages, maxOutputTokens, temperature, seed, signal } = request;
    signal?.throwIfAborted();
    const promptTokens = model.tokenize(messages.map((m) => m.content).join('\n')).length + CHAT_TOKENS;
    const room = contextSize - promptTokens;
    if (room < 64)
      throw new ExternalError(
        'ERR_LLM_REQUEST',
        `${id}: a prompt of ${promptTokens} tokens leaves no room for a reply in a context of ${contextSize}. Take a model with a longer context.`,
        { model: id, promptTokens, contextSize },
      );
    const before = sequence.tokenMeter.getState();
    await sequence.clearHistory();
    const session = new runtime.LlamaChatSession({ contextSequence: sequence });
    try {
      session.setChatHistory(messages.slice(0, -1).map(asHistory));
      const { responseText, stopReason } = await session.promptWithMeta(messages[messages.length - 1].content, {
        grammar: await grammarFor(request.schema),
        maxTokens: Math.min(maxOutputTokens, room),
        temperature,
        seed,
        ...(signal && { signal }),
      });
      const after = sequence.tokenMeter.getState();
      return {
        text: responseText,
        finishReason: stopReason === 'maxTokens' ? 'length' : 'stop',
        usage: {
          inputTokens: after.usedInputTokens - before.usedInputTokens,
          outputTokens: after.usedOutputTokens - before.usedOutputTokens,
        },
      };
    } catch (error) {
      signal?.throwIfAborted();
      throw new ExternalError('ERR_LLM_LOCAL', `${id} failed: ${messageOf(error)}.`, { model: id }, { cause: error });
    } finally {
      session.dispose();
    }
  };

  return {
    id,
    maxInputTokens: contextSize - Math.min(2000, Math.floor(contextSize * OUTPUT_SHARE)),
    countTokens: (text) => model.tokenize(text).length,
    generate: (request) =>
      queue.add(async () => {
        const settle = await options.budget?.reserve(mostUsage(request));
        let used = { inputTokens: 0, outputTokens: 0 };
        try {
          const reply = await generate(request);
          used = reply.usage;
          return reply;
        } finally {
          settle?.(used);
        }
      }),
    close: () => llama.dispose(),
  };
}

async function loadRuntime(folder: string | undefined): Promise<LlamaRuntime> {
  const specifier = folder
    ? pathToFileURL(resolve(folder, 'node_modules/node-llama-cpp/dist/index.js')).href
    : 'node-llama-cpp';
  try {
    return (await import(specifier)) as LlamaRuntime;
  } catch (cause) {
    throw new InputError(
      'ERR_LLM_RUNTIME',
      `--llm gguf:FILE needs node-llama-cpp, and ${folder ? `${folder} holds none` : 'it is not installed'}. ` +
        'Install it into a folder of its own: npm i --omit=optional --ignore-scripts node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1 ' +
        '(85 MB; the package of your platform), and name the folder with --llm-runtime.',
      { folder },
      { cause },
    );
  }
}

/** Name of the file and the beginning of a hash: of its length and its head, which holds what the model is. */
async function identityOf(path: string): Promise<string> {
  const fields = { path };
  const file = await open(path).catch((cause: unknown) => {
    throw new InputError('ERR_LLM_MODEL', `There is no model in ${path}.`, fields, { cause });
  });
  try {
    const head = Buffer.alloc(4 << 20);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    if (head.toString('latin1', 0, 4) !== 'GGUF')
      throw new InputError('ERR_LLM_MODEL', `${path} is not a GGUF file.`, fields);
    const { size } = await file.stat();
    const hash = createHash('sha256').update(head.subarray(0, bytesRead)).update(String(size)).digest('hex');
    return `${basename(path)}@${hash.slice(0, 12)}`;
  } finally {
    await file.close();
  }
}

function asHistory({ role, content }: Message): object {
  if (role === 'assistant') return { type: 'model', response: [content] };
  return { type: role, text: content };
}

/** JSON Schema as the grammar compiler takes it: `oneOf` for alternatives, and nothing that it does not know. */
function forGrammar(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(forGrammar);
  if (schema === null || typeof schema !== 'object') return schema;
  const { anyOf, $schema: _, description: __, ...rest } = schema as Record<string, unknown>;
  const mapped = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, key === 'enum' ? value : forGrammar(value)]),
  );
  return anyOf ? { ...mapped, oneOf: forGrammar(anyOf) } : mapped;
}
