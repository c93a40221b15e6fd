import { readManifest } from '../artifacts/manifest.js';
import { fileBytes, type RunDirectory } from '../artifacts/run-directory.js';
import { InputError } from '../core/errors.js';
import { type EmittedBatch, emitBatch, type IngestedBatch, ingestBatch } from '../llm/batch.js';
import { costOf } from '../llm/budget.js';
import { ReplyCache, requestKey } from '../llm/cache.js';
import { estimateTokens, type GenerateRequest } from '../llm/language-model.js';
import { priceOf } from '../llm/open-model.js';
import { personaRequest } from '../personas/verbalize.js';
import type { RunConfig } from './config.js';
import { clusterPacks, type EvidenceInputs, profileClusters, userPacks } from './persona-evidence.js';
import type { StageName } from './stage.js';
import { isDescribable, speakableClusters } from './verbalize.js';

/** Tokens of a reply in practice are fewer; the limit of a request is what can be promised. */
const DEFAULT_CONTEXT = 8192;

/** What asking for all personas of a run would take. Repairs of bad replies come on top; there are few as a rule. */
export interface PersonaPlan {
  readonly calls: number; // to be made
  readonly known: number; // recorded already
  readonly inputTokens: number; // of the calls to be made, estimated
  readonly outputTokensAtMost: number;
  readonly costAtMost: number | null; // null without a price
}

/** Folders of the stages that evidence comes from; undefined where one has not finished. */
export async function evidenceInputs(run: RunDirectory): Promise<EvidenceInputs | undefined> {
  const found = new Map<
    StageName,
    { folder: string; manifest: NonNullable<Awaited<ReturnType<typeof readManifest>>> }
  >();
  for (const stage of ['ingest', 'build-graph', 'embed', 'cluster'] as const) {
    const folder = run.stageFolder(stage);
    const manifest = await readManifest(folder);
    if (!manifest) return undefined;
    found.set(stage, { folder, manifest });
  }
  return (stage) => {
    const input = found.get(stage);
    if (!input) throw new Error(`${stage} is no input of evidence`);
    return input;
  };
}

/** Every first request for a persona, as the stage verbalize would send it. */
async function* personaRequests(input: EvidenceInputs, config: RunConfig): AsyncGenerator<GenerateRequest> {
  const model = { maxInputTokens: config.llmContextTokens ?? DEFAULT_CONTEXT };
  const options = { promptForm: config.llmPrompt, seed: config.seed, temperature: config.llmTemperature };
  const packs = config.unit === 'user' ? userPacks(input, config) : await groupPacks(input, config);
  for await (const pack of packs) if (pack.evidence.length > 0) yield personaRequest(pack, model, options).request;
}

async function groupPacks(input: EvidenceInputs, config: RunConfig) {
  const { profiles, corpus } = await profileClusters(input);
  return (await clusterPacks(speakableClusters(profiles, config), corpus, input, config)).filter(isDescribable);
}

export async function planPersonas(run: RunDirectory, input: EvidenceInputs, config: RunConfig): Promise<PersonaPlan> {
  const model = config.llmModel ?? config.llm;
  const price = await priceOf(config, model);
  const path = config.llmCache ?? defaultCache(run);
  const cache = (await fileBytes(path)) > 0 ? await ReplyCache.open(path, 'replay') : undefined;
  const plan = { calls: 0, known: 0, inputTokens: 0, outputTokensAtMost: 0 };
  for await (const request of personaRequests(input, config)) {
    if (cache?.has(requestKey(model, request))) plan.known++;
    else {
      plan.calls++;
      plan.inputTokens += estimateTokens(request.messages.map(({ content }) => content).join('\n'));
      plan.outputTokensAtMost += request.maxOutputTokens;
    }
  }
  await cache?.close();
  const usage = { inputTokens: plan.inputTokens, outputTokens: plan.outputTokensAtMost };
  return { ...plan, costAtMost: costOf(usage, price) };
}

/** Writes the requests for all personas that are not recorded yet, for a batch service. Needs no key and no network. */
export async function emitPersonaBatch(run: RunDirectory, config: RunConfig, folder: string): Promise<EmittedBatch> {
  const input = await evidenceInputs(run);
  if (!input)
    throw new InputError(
      'ERR_STAGE_MISSING',
      `${run.path}: there are no clusters yet. Run it with --until cluster first.`,
      {
        path: run.path,
      },
    );
  const cache = await ReplyCache.open(config.llmCache ?? defaultCache(run), 'record');
  try {
    return await emitBatch(personaRequests(input, config), { model: modelOf(config), folder, cache });
  } finally {
    await cache.close();
  }
}

/** Records the replies in result files of a batch; verbalize then finds them. */
export async function ingestPersonaBatch(
  run: RunDirectory,
  config: RunConfig,
  paths: readonly string[],
): Promise<IngestedBatch> {
  const cache = await ReplyCache.open(config.llmCache ?? defaultCache(run), 'record');
  try {
    return await ingestBatch(paths, cache, modelOf(config));
  } finally {
    await cache.close();
  }
}

function modelOf({ llmModel }: RunConfig): string {
  if (llmModel) return llmModel;
  throw new InputError('ERR_LLM_SETTING', 'A batch needs the name of the model: give it with --llm-model.');
}

function defaultCache(run: RunDirectory): string {
  return `${run.path}/llm-cache.jsonl`;
}
