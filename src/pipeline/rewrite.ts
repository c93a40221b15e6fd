import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { GrowingJsonl, readJsonLines } from '../artifacts/jsonl.js';
import { hashFile } from '../artifacts/manifest.js';
import { writeFileDurably } from '../artifacts/run-directory.js';
import { ExternalError, InputError, IntegrityError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { Random } from '../core/random.js';
import { emitBatch, ingestBatch } from '../llm/batch.js';
import { type ModelSettings, openModel } from '../llm/open-model.js';
import type { PersonaView } from '../rewriting/persona-view.js';
import { type Rewrite, type RewriteJob, rewrite, rewriteRequest, rewriteSchema } from '../rewriting/rewrite.js';
import { promptKey } from '../rewriting/words.js';
import { PACKAGE_VERSION } from './package-version.js';
import { type PromptLine, readHistory, readPersonas, readPrompts } from './prompt-files.js';

export interface RewriteSettings {
  readonly personas: string;
  readonly prompts: string;
  readonly out: string;
  readonly history?: string | undefined;
  readonly shots: number; // earlier prompts shown to the model
  readonly baseline: boolean; // also each prompt without a persona
  readonly seed: number;
  readonly temperature: number;
  readonly llm: ModelSettings;
  readonly modelName?: string | undefined; // what the lines say in place of the model's own name
  readonly apiKey?: string | undefined;
  readonly emitBatch?: string | undefined; // folder: write the requests instead of asking
  readonly ingestBatch?: readonly string[] | undefined; // result files to take in first
}

export interface RewriteSummary {
  readonly out: string;
  readonly unchanged: boolean;
  readonly lines: number;
  readonly byStatus: Readonly<Record<Rewrite['status'], number>>;
  readonly firstProblems: Readonly<Record<string, number>>; // of first replies, by reason
  readonly calls: number;
}

const MAX_FAILURES_IN_A_ROW = 20; // then the server, not the prompt, is what fails

/**
 * Personas × prompts → a line each, in the order of the prompts file. A killed run goes on where its file ends; replies
 * that came after that are in the cache of the model. The manifest beside the file says what it was made from.
 */
export async function rewriteAll(settings: RewriteSettings, log: Log, signal?: AbortSignal): Promise<RewriteSummary> {
  const { out, llm, seed, temperature } = settings;
  const personas = await readPersonas(settings.personas);
  const prompts = await readPrompts(settings.prompts);
  const history = settings.history ? await readHistory(settings.history) : new Map<string, string[]>();
  const plan = planOf(personas, prompts, history, settings);
  const fingerprint = await fingerprintOf(settings);
  const manifestPath = `${out}.manifest.json`;

  const done = await readManifest(manifestPath);
  if (done?.fingerprint === fingerprint && !settings.emitBatch && (await isWhole(out, done.sha256)))
    return { ...done.summary, unchanged: true };

  const opened = await openModel(llm, {
    apiKey: settings.apiKey,
    random: new Random(seed).fork('retries'),
    cachePath: `${out}.llm-cache.jsonl`,
  });
  try {
    const model = opened && settings.modelName ? named(opened.model, settings.modelName) : opened?.model;
    const options = { model, seed, temperature, signal };
    if ((settings.emitBatch || settings.ingestBatch) && !opened)
      throw new InputError(
        'ERR_LLM_SETTING',
        'Batch files are for a language model: name it with --llm and --llm-model.',
      );
    if (settings.ingestBatch && opened?.cache) {
      const taken = await ingestBatch(settings.ingestBatch, opened.cache, opened.model.id);
      log.info(`${taken.read} replies read, ${taken.kept} kept, ${JSON.stringify(taken.dropped)} dropped`);
    }
    if (settings.emitBatch && opened) {
      const requests = (function* () {
        for (const job of plan.jobs()) yield rewriteRequest(job, options);
      })();
      const emitted = await emitBatch(requests, {
        model: opened.model.id,
        folder: settings.emitBatch,
        cache: opened.cache,
      });
      log.info(`${emitted.requests} requests in ${emitted.files.length} files; ${emitted.known} are answered already`);
      return emptySummary(out);
    }

    const file = await GrowingJsonl.open(out, fingerprint);
    const tally = new Tally();
    try {
      if (file.linesFound > 0) {
        for await (const line of readJsonLines(`${out}.partial`, rewriteSchema)) tally.add(line);
        log.info(`${out}: going on after ${file.linesFound} of ${plan.size} lines`);
      }
      if (file.linesFound > plan.size)
        throw new IntegrityError('ERR_PARTIAL', `${out}.partial holds more lines than there are rewrites; remove it.`, {
          out,
        });
      let failuresInARow = 0;
      const ahead = model ? 4 * llm.llmConcurrency : 1; // replies may overtake each other this far
      for await (const line of inOrder(plan.jobs(file.linesFound), ahead, (job) => rewrite(job, options))) {
        signal?.throwIfAborted();
        await file.add(line);
        tally.add(line);
        failuresInARow = line.status === 'failed' ? failuresInARow + 1 : 0;
        if (failuresInARow >= MAX_FAILURES_IN_A_ROW)
          throw new ExternalError(
            'ERR_LLM_FAILING',
            `${MAX_FAILURES_IN_A_ROW} prompts in a row failed, the last with ${line.failure}. Check the server and run the same command again; finished lines are kept.`,
            { failure: line.failure },
          );
        log.progress({ task: 'rewrite', done: tally.lines, total: plan.size, unit: 'prompts' });
      }
    } catch (thrown) {
      await file.leave();
      throw thrown;
    }
    await file.finish();
    const summary = tally.summary(out);
    const sha256 = await hashFile(out);
    const manifest = {
      formatVersion: 1,
      program: `mine-personas ${PACKAGE_VERSION}`,
      fingerprint,
      sha256,
      seed,
      personas: personas.length,
      prompts: prompts.length,
      ...(opened && { spent: opened.spent() }),
      summary,
    };
    await writeFileDurably(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
    return summary;
  } finally {
    await opened?.close();
  }
}

/** The jobs in their order, from any position, without a list of them: personas × prompts can be tens of millions. */
function planOf(
  personas: readonly PersonaView[],
  prompts: readonly PromptLine[],
  history: ReadonlyMap<string, readonly string[]>,
  { baseline, shots, prompts: path }: RewriteSettings,
): { size: number; jobs(from?: number): Generator<RewriteJob> } {
  const byId = new Map(personas.map((persona) => [persona.id, persona]));
  const firstOf = new Map<string, PromptLine>(); // a prompt given for several personas has one baseline
  for (const line of prompts) {
    if (line.persona !== undefined && !byId.has(line.persona))
      throw new InputError(
        'ERR_UNKNOWN_PERSONA',
        `${path}: prompt "${line.id}" is for persona "${line.persona}", which the file of personas lacks.`,
        { id: line.id, persona: line.persona },
      );
    if (!firstOf.has(line.id)) firstOf.set(line.id, line);
  }
  const targetsOf = (line: PromptLine): readonly (PersonaView | undefined)[] => {
    const withPersona = line.persona === undefined ? personas : [byId.get(line.persona) as PersonaView];
    return baseline && firstOf.get(line.id) === line ? [undefined, ...withPersona] : withPersona;
  };
  const size = prompts.reduce((sum, line) => sum + targetsOf(line).length, 0);
  return {
    size,
    *jobs(from = 0) {
      let skip = from;
      for (const line of prompts) {
        const targets = targetsOf(line);
        if (skip >= targets.length) {
          skip -= targets.length;
          continue;
        }
        for (const persona of targets.slice(skip)) {
          const earlier = persona ? shotsFor(line.prompt, history.get(line.user ?? persona.id) ?? [], shots) : [];
          yield { promptId: line.id, prompt: line.prompt, persona, shots: earlier };
        }
        skip = 0;
      }
    },
  };
}

/** The last k earlier prompts that are not the prompt itself in other letters. */
export function shotsFor(prompt: string, earlier: readonly string[], k: number): string[] {
  if (k === 0) return [];
  const own = promptKey(prompt);
  return earlier.filter((one) => promptKey(one) !== own).slice(-k);
}

/** Results in the order of the jobs, with at most `ahead` of them under way. */
export async function* inOrder<J, R>(
  jobs: Iterable<J>,
  ahead: number,
  work: (job: J) => Promise<R>,
): AsyncGenerator<R> {
  const pending: Promise<R>[] = [];
  try {
    for (const job of jobs) {
      const result = work(job);
      result.catch(() => {}); // looked at when its turn comes
      pending.push(result);
      if (pending.length >= ahead) yield await (pending.shift() as Promise<R>);
    }
    while (pending.length > 0) yield await (pending.shift() as Promise<R>);
  } finally {
    await Promise.allSettled(pending); // what is under way ends before the model is closed
  }
}

function named(model: NonNullable<Parameters<typeof rewrite>[1]['model']>, id: string) {
  return {
    id,
    maxInputTokens: model.maxInputTokens,
    generate: (request: Parameters<typeof model.generate>[0]) => model.generate(request),
  };
}

class Tally {
  lines = 0;
  private calls = 0;
  private readonly byStatus = { accepted: 0, repaired: 0, rejected: 0, failed: 0 };
  private readonly firstProblems: Record<string, number> = {};

  add({ status, firstProblems, calls }: Rewrite): void {
    this.lines++;
    this.calls += calls;
    this.byStatus[status]++;
    for (const reason of firstProblems) this.firstProblems[reason] = (this.firstProblems[reason] ?? 0) + 1;
  }

  summary(out: string): RewriteSummary {
    const { lines, calls, byStatus, firstProblems } = this;
    return { out, unchanged: false, lines, byStatus, firstProblems, calls };
  }
}

const emptySummary = (out: string) => new Tally().summary(out);

/** Of everything that the lines depend on. Where a model runs, and how fast, does not count. */
async function fingerprintOf(settings: RewriteSettings): Promise<string> {
  const { llm, llmModel } = settings.llm;
  const files = await Promise.all(
    [settings.personas, settings.prompts, ...(settings.history ? [settings.history] : [])].map(hashFile),
  );
  const { shots, baseline, seed, temperature, modelName } = settings;
  const asked =
    llm === 'template' ? { llm } : { llm: llm.replace(/^gguf:.*[/\\]/, 'gguf:'), llmModel, temperature, modelName };
  const all = { version: 1, program: PACKAGE_VERSION, files, shots, baseline, seed, ...asked };
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

async function readManifest(path: string) {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as { fingerprint: string; sha256: string; summary: RewriteSummary };
  } catch {
    return undefined; // none, or not ours: the work is done anew
  }
}

async function isWhole(path: string, sha256: string): Promise<boolean> {
  return (await hashFile(path).catch(() => '')) === sha256;
}
