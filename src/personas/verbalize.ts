import { ExternalError, InputError, MinerError } from '../core/errors.js';
import { type GenerateRequest, type LanguageModel, NO_USAGE, sumUsage, type Usage } from '../llm/language-model.js';
import { generateStructured } from '../llm/structured.js';
import { EVIDENCE_DEFAULTS, type EvidencePack } from './evidence.js';
import { judgeClaims } from './judge.js';
import type { Evidence, Persona, PersonaDraft } from './persona.js';
import {
  type PersonaPrompt,
  PROMPT_VERSION,
  type PromptOptions,
  personaPrompt,
  promptWords,
  replyJsonSchema,
  replySchema,
} from './prompt.js';
import { TEMPLATE_VERSION, templateDrafts, toldApart } from './template.js';
import { VerbatimIndex } from './verbatim.js';
import { verifyDraft } from './verify.js';

export interface VerbalizeOptions {
  readonly model?: LanguageModel | undefined; // without one the template writes
  readonly judge?: LanguageModel | undefined; // asked whether claims follow from their evidence
  readonly promptForm?: PromptOptions['form'];
  readonly runFingerprint: string; // goes into every persona's provenance
  readonly seed: number; // for the model
  readonly temperature?: number; // default 0.3
  readonly maxOutputTokens?: number; // default 2000
  readonly minShare?: number; // smallest part of the members that a cited row must have
  readonly inFlight?: number; // personas under way at once, default 8; the model may serve fewer
  readonly giveUpAfter?: number; // failures of the model before its first success that end the run, default 20
  readonly signal?: AbortSignal | undefined;
  /** Gets every persona in the order of the packs; the next one waits until it has returned. */
  onPersona(persona: Persona): void | Promise<void>;
  onFailure?(failure: VerbalizeFailure): void | Promise<void>;
}

export interface VerbalizeFailure {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

/** packs = written + failed. */
export interface VerbalizeSummary {
  readonly written: number;
  readonly failed: number;
  readonly calls: number; // answered by the model, repairs and judgements included
  readonly usage: Usage; // of those calls
}

/**
 * Puts evidence into words, pack by pack, and verifies them. A persona that fails is listed and the others go on; where
 * nothing but failures comes, the first of them is thrown, and a spent budget always is. Titles of groups differ; those
 * of single users, who may come in millions, need not.
 *
 * @param packs a list, or a stream of any length: memory does not grow with a stream of users
 */
export async function verbalize(
  packs: readonly EvidencePack[] | AsyncIterable<EvidencePack>,
  options: VerbalizeOptions,
): Promise<VerbalizeSummary> {
  const { model, signal, inFlight = 8, giveUpAfter = 20 } = options;
  const stop = new AbortController(); // ends the requests under way when the run ends early
  const anySignal = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const writer = model ? modelWriter(model, options, anySignal) : templateWriter(packs, options);

  const titles = new Map<string, EvidencePack[]>(); // packs of groups by the title they were given first
  let firstError: MinerError | undefined;
  let refusals = 0; // failures of the model
  let written = 0;
  let failed = 0;
  let calls = 0;
  let usage = NO_USAGE;

  for await (const { pack, outcome } of inOrder(packs, inFlight, writer, () => stop.abort())) {
    signal?.throwIfAborted();
    if ('error' in outcome) {
      const { error } = outcome;
      if (!(error instanceof MinerError) || error.code === 'ERR_LLM_BUDGET') throw error;
      firstError ??= error;
      failed++;
      await options.onFailure?.({ id: pack.id, code: error.code, message: error.message });
      if (error instanceof ExternalError) refusals++;
      if (written === 0 && refusals >= giveUpAfter) throw firstError;
      continue;
    }
    calls += outcome.calls;
    usage = sumUsage(usage, outcome.usage);
    let { persona } = outcome;
    if (pack.unit === 'cluster') {
      const key = persona.title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, ' ');
      const same = titles.get(key) ?? [];
      if (same.length > 0) persona = { ...persona, title: toldApart(persona.title, pack, same) };
      titles.set(key, [...same, pack]);
    }
    await options.onPersona(persona);
    written++;
  }
  if (written === 0 && firstError) throw firstError;
  return { written, failed, calls, usage };
}

/** What the model is asked about a pack. */
export function personaRequest(
  pack: EvidencePack,
  model: Pick<LanguageModel, 'maxInputTokens' | 'countTokens'>,
  options: Pick<VerbalizeOptions, 'promptForm' | 'seed' | 'temperature' | 'maxOutputTokens' | 'signal'>,
): { prompt: PersonaPrompt; request: GenerateRequest } {
  const { seed, temperature = 0.3, maxOutputTokens = 2000, signal, promptForm } = options;
  const prompt = personaPrompt(pack, {
    maxInputTokens: model.maxInputTokens,
    countTokens: model.countTokens?.bind(model),
    ...(promptForm && { form: promptForm }),
  });
  const request = {
    messages: prompt.messages,
    schema: replyJsonSchema(prompt.evidence, prompt.form),
    schemaName: 'persona',
    maxOutputTokens,
    temperature,
    seed,
    signal,
  };
  return { prompt, request };
}

interface Written {
  readonly persona: Persona;
  readonly calls: number;
  readonly usage: Usage;
}

type Writer = (pack: EvidencePack) => Promise<Written>;

function templateWriter(
  packs: readonly EvidencePack[] | AsyncIterable<EvidencePack>,
  options: VerbalizeOptions,
): Writer {
  const known = new Map<EvidencePack, PersonaDraft>();
  if (Symbol.iterator in packs) {
    const withEvidence = packs.filter((pack) => pack.evidence.length > 0);
    templateDrafts(withEvidence).forEach((draft, n) => void known.set(withEvidence[n], draft));
  }
  return async (pack) => {
    if (pack.evidence.length === 0) throw noEvidence(pack);
    const draft = known.get(pack) ?? templateDrafts([pack])[0];
    const provenance = {
      generator: 'template' as const,
      model: null,
      promptVersion: TEMPLATE_VERSION,
      promptSha256: null,
      runFingerprint: options.runFingerprint,
      trust: 'template' as const,
    };
    return { persona: assemble(pack, draft, pack.evidence, provenance, options), calls: 0, usage: NO_USAGE };
  };
}

function modelWriter(model: LanguageModel, options: VerbalizeOptions, signal: AbortSignal): Writer {
  const words = promptWords();
  return async (pack) => {
    if (pack.evidence.length === 0) throw noEvidence(pack);
    const { prompt, request } = personaRequest(pack, model, { ...options, signal });
    const reply = await generateStructured(model, request, replySchema(prompt.evidence, prompt.form));
    const provenance = {
      generator: 'language-model' as const,
      model: model.id,
      promptVersion: PROMPT_VERSION,
      promptSha256: prompt.sha256,
      runFingerprint: options.runFingerprint,
      trust: 'llm_generated' as const,
    };
    const sources = new VerbatimIndex(prompt.shownTexts);
    const persona = assemble(pack, reply.value, prompt.evidence, provenance, { ...options, sources, prompt: words });
    if (!options.judge) return { persona, calls: reply.calls, usage: reply.usage };
    const judged = await judgeClaims(persona, options.judge, { seed: options.seed, signal });
    return {
      persona: judged.persona,
      calls: reply.calls + judged.calls,
      usage: sumUsage(reply.usage, judged.usage),
    };
  };
}

function assemble(
  pack: EvidencePack,
  written: PersonaDraft,
  evidence: readonly Evidence[],
  provenance: Omit<Persona['provenance'], 'verification'>,
  options: { minShare?: number | undefined; sources?: VerbatimIndex; prompt?: VerbatimIndex },
): Persona {
  const { draft, verification } = verifyDraft(written, evidence, {
    minShare: options.minShare ?? EVIDENCE_DEFAULTS.minShare,
    users: pack.size.users,
    unit: pack.unit,
    ...(options.sources && { sources: options.sources }),
    ...(options.prompt && { prompt: options.prompt }),
  });
  const empty = (['title', 'summary', 'roleplay', 'claims'] as const).filter((part) => draft[part].length === 0);
  if (empty.length > 0)
    throw new ExternalError(
      'ERR_PERSONA_UNVERIFIED',
      `${pack.id}: the checks left nothing of the ${empty.join(', ')} (${JSON.stringify({ ...verification.removed, ...verification.edits })})${provenance.generator === 'template' ? '' : '. Take a stronger model, or run with --llm template'}.`,
      { id: pack.id, empty, verification },
    );
  return {
    schemaVersion: '1.0',
    id: pack.id,
    unit: pack.unit,
    ...draft,
    evidence: [...evidence],
    size: pack.size,
    neighbours: pack.neighbours.map(({ id, contrast }) => ({ id, contrast: [...contrast] })),
    provenance: { ...provenance, verification },
  };
}

function noEvidence(pack: EvidencePack): InputError {
  const message =
    pack.unit === 'user'
      ? `${pack.id}: no subreddit of this user may be shown.`
      : `${pack.id}: no subreddit is both more common among its ${pack.size.users} users than elsewhere and shared by enough of them. Take fewer clusters, or more data.`;
  return new InputError('ERR_NO_EVIDENCE', message, { id: pack.id, users: pack.size.users });
}

type Outcome = Written | { readonly error: unknown };

/**
 * Runs `write` over the packs, at most `inFlight` at once, and yields what came of each in their order. Who stops
 * listening waits, after `onEnd`, for those under way: their replies are paid for and may still be recorded.
 */
async function* inOrder(
  packs: Iterable<EvidencePack> | AsyncIterable<EvidencePack>,
  inFlight: number,
  write: Writer,
  onEnd: () => void,
): AsyncGenerator<{ pack: EvidencePack; outcome: Outcome }> {
  const settled = (pack: EvidencePack): Promise<Outcome> => write(pack).catch((error: unknown) => ({ error }));
  const pending: { pack: EvidencePack; outcome: Promise<Outcome> }[] = [];
  const first = async () => {
    const { pack, outcome } = pending.shift() as (typeof pending)[number];
    return { pack, outcome: await outcome };
  };
  try {
    for await (const pack of packs) {
      pending.push({ pack, outcome: settled(pack) });
      if (pending.length >= inFlight) yield await first();
    }
    while (pending.length > 0) yield await first();
  } finally {
    onEnd();
    await Promise.all(pending.map(({ outcome }) => outcome));
  }
}
