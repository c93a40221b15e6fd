import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { InputError, messageOf } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { Budget, type Price, type Spending } from './budget.js';
import { type CacheMode, ReplyCache, rememberingModel } from './cache.js';
import type { LanguageModel } from './language-model.js';

/** The settings that concern language models, under the names they have everywhere. */
export interface ModelSettings {
  readonly llm: string; // template | openai-compatible | anthropic | gguf:FILE | replay
  readonly llmBaseUrl?: string | undefined;
  readonly llmModel?: string | undefined;
  readonly llmConcurrency: number;
  readonly llmTimeoutSeconds: number;
  readonly llmMaxAttempts: number;
  readonly llmRequestsPerMinute?: number | undefined;
  readonly llmTokensPerMinute?: number | undefined;
  readonly llmContextTokens?: number | undefined;
  readonly llmThreads?: number | undefined;
  readonly llmRuntime?: string | undefined;
  readonly llmCache?: string | undefined;
  readonly llmCacheMode: CacheMode;
  readonly llmPrices?: string | undefined;
  readonly maxCalls?: number | undefined;
  readonly maxCost?: number | undefined;
}

export interface OpenModelOptions {
  readonly apiKey?: string | undefined;
  readonly random: Random; // for waits between attempts
  readonly cachePath: string; // where replies are kept unless the settings say otherwise
}

/** A model ready to be asked. Close it when done: replies under way are kept, files and memory let go. */
export interface OpenedModel {
  readonly model: LanguageModel;
  readonly cache: ReplyCache | undefined;
  spent(): Spending;
  close(): Promise<void>;
}

export const LLM_KINDS = /^(?:template|openai-compatible|anthropic|replay|gguf:.+)$/;

/** Time that requests under way get to finish after a stop was asked for: they are paid for either way. */
const GRACE_MS = 20_000;

/** Refuses settings that cannot work, before anything is begun. */
export async function assertModelSettings(settings: ModelSettings): Promise<void> {
  const { llm, llmBaseUrl, llmModel } = settings;
  if (llm === 'template') return;
  const needsUrl = llm === 'openai-compatible' && settings.llmCacheMode !== 'replay';
  if (!llm.startsWith('gguf:') && (!llmModel || (needsUrl && !llmBaseUrl)))
    throw new InputError(
      'ERR_LLM_SETTING',
      `--llm ${llm} needs ${needsUrl ? '--llm-base-url and --llm-model (or MINE_PERSONAS_LLM_BASE_URL and MINE_PERSONAS_LLM_MODEL)' : '--llm-model (or MINE_PERSONAS_LLM_MODEL)'}.`,
      { llm, baseURL: llmBaseUrl, model: llmModel },
    );
  if (llmBaseUrl) (await import('./endpoint.js')).parseEndpoint(llmBaseUrl);
  await priceOf(settings, llmModel ?? llm);
}

/** The model that the settings ask for, with its memory and its budget; undefined for the template. */
export async function openModel(settings: ModelSettings, options: OpenModelOptions): Promise<OpenedModel | undefined> {
  await assertModelSettings(settings);
  const { llm, llmModel = llm, llmCacheMode, maxCalls, maxCost } = settings;
  if (llm === 'template') return undefined;
  const replayOnly = llm === 'replay' || llmCacheMode === 'replay';
  const budget = new Budget(llmModel, await priceOf(settings, llmModel), replayOnly ? {} : { maxCalls, maxCost });
  const provider = await openProvider(settings, llmModel, budget, options);
  const cachePath = settings.llmCache ?? options.cachePath;
  const cache =
    llmCacheMode === 'off' && !replayOnly
      ? undefined
      : await ReplyCache.open(cachePath, replayOnly ? 'replay' : 'record').catch(async (error: unknown) => {
          await provider.close();
          throw error;
        });
  return {
    model: cache
      ? rememberingModel(
          provider.model,
          replayOnly ? undefined : provider.model,
          cache,
          budget,
          settings.llmConcurrency,
        )
      : provider.model,
    cache,
    spent: () => budget.spent(),
    async close() {
      await cache?.close();
      await provider.close();
    },
  };
}

async function openProvider(
  settings: ModelSettings,
  model: string,
  budget: Budget,
  { apiKey, random }: OpenModelOptions,
): Promise<{ model: LanguageModel; close(): Promise<void> }> {
  const { llm, llmContextTokens: maxInputTokens } = settings;
  if (llm.startsWith('gguf:')) {
    const { ggufModel } = await import('./gguf.js'); // late: most runs need no model
    const local = await ggufModel({
      path: llm.slice('gguf:'.length),
      runtime: settings.llmRuntime,
      threads: settings.llmThreads,
      contextTokens: maxInputTokens,
      budget,
    });
    return { model: local, close: () => local.close() };
  }
  const close = async () => {};
  const limits = maxInputTokens === undefined ? {} : { maxInputTokens };
  if (llm === 'replay' || settings.llmCacheMode === 'replay') {
    const generate = () => Promise.reject(new Error('a replay asks nobody'));
    return { model: { id: model, maxInputTokens: maxInputTokens ?? 8192, generate }, close };
  }
  const http = {
    model,
    apiKey,
    random,
    budget,
    concurrency: settings.llmConcurrency,
    requestsPerMinute: settings.llmRequestsPerMinute,
    tokensPerMinute: settings.llmTokensPerMinute,
    timeoutMs: settings.llmTimeoutSeconds * 1000,
    maxAttempts: settings.llmMaxAttempts,
    graceMs: Math.min(GRACE_MS, settings.llmTimeoutSeconds * 1000),
    ...limits,
  };
  if (llm === 'anthropic') {
    const { anthropic, ANTHROPIC_URL } = await import('./anthropic.js');
    return { model: anthropic({ ...http, baseURL: settings.llmBaseUrl ?? ANTHROPIC_URL }), close };
  }
  const { openAiCompatible } = await import('./openai-compatible.js');
  return { model: openAiCompatible({ ...http, baseURL: settings.llmBaseUrl as string }), close };
}

const pricesSchema = z.record(z.string(), z.strictObject({ input: z.number().min(0), output: z.number().min(0) }));

/** What the model costs by the person's table; undefined without a table. Throws where the table lacks the model. */
export async function priceOf({ llmPrices: path, maxCost }: ModelSettings, model: string): Promise<Price | undefined> {
  if (path === undefined) {
    new Budget(model, undefined, { maxCost }); // says what a limit on cost needs
    return undefined;
  }
  let prices: z.infer<typeof pricesSchema>;
  try {
    prices = pricesSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (thrown) {
    const what = thrown instanceof z.ZodError ? z.prettifyError(thrown) : messageOf(thrown);
    throw new InputError(
      'ERR_LLM_PRICE',
      `${path} is no table of prices: ${what}. Expected something like {"${model}": {"input": 0.15, "output": 0.6}}, per million tokens.`,
      { path },
    );
  }
  if (!(model in prices))
    throw new InputError(
      'ERR_LLM_PRICE',
      `${path} holds no price of ${model}; it knows ${Object.keys(prices).join(', ') || 'none'}.`,
      { path, model },
    );
  return prices[model];
}
