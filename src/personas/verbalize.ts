import { ExternalError, InputError, MinerError } from '../core/errors.js';
import type { LanguageModel, Usage } from '../llm/language-model.js';
import { generateStructured } from '../llm/structured.js';
import type { EvidencePack } from './evidence.js';
import type { Evidence, Persona, PersonaDraft } from './persona.js';
import { PROMPT_VERSION, personaPrompt, replyJsonSchema, replySchema } from './prompt.js';
import { TEMPLATE_VERSION, templateDrafts, toldApart } from './template.js';
import { verifyDraft } from './verify.js';

export interface VerbalizeOptions {
  readonly model?: LanguageModel | undefined; // without one the template writes
  readonly runFingerprint: string; // goes into every persona's provenance
  readonly seed: number; // for the model
  readonly temperature?: number; // default 0.3
  readonly maxOutputTokens?: number; // default 2000
  readonly inFlight?: number; // personas under way at once, default 8; the model may serve fewer
  readonly giveUpAfter?: number; // failures of the model before its first success that end the run, default 20
  readonly signal?: AbortSignal | undefined;
  /** Gets every persona in the order of the packs; the next one waits until it has returned. */
  onPersona(persona: Persona): void | Promise<void>;
  onFailure?(failure: VerbalizeFailure): void;
}

export interface VerbalizeFailure {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

/** packs = written + failures. */
export interface VerbalizeSummary {
  readonly written: number;
  readonly failures: readonly VerbalizeFailure[];
  readonly calls: number; // answered by the model, repairs included
  readonly usage: Usage; // of those calls
}

/**
 * Puts evidence into words, pack by pack, and verifies them. A persona that fails is listed and the others go on; where
 * nothing but failures comes, the first of them is thrown.
 */
export async function verbalize(packs: readonly EvidencePack[], options: VerbalizeOptions): Promise<VerbalizeSummary> {
  const { model, signal, inFlight = 8, giveUpAfter = 20 } = options;
  const stop = new AbortController(); // ends the requests under way when the run ends early
  const anySignal = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const writer = model ? modelWriter(model, options, anySignal) : templateWriter(packs, options);

  const titles = new Map<string, EvidencePack[]>(); // packs by the title they were given first
  const failures: VerbalizeFailure[] = [];
  let firstError: MinerError | undefined;
  let refusals = 0; // failures of the model
  let written = 0;
  let calls = 0;
  const usage = { inputTokens: 0, outputTokens: 0 };

  for await (const { pack, outcome } of inOrder(packs, inFlight, writer, () => stop.abort())) {
    signal?.throwIfAborted();
    if ('error' in outcome) {
      if (!(outcome.error instanceof MinerError)) throw outcome.error;
      firstError ??= outcome.error;
      const failure = { id: pack.id, code: outcome.error.code, message: outcome.error.message };
      failures.push(failure);
      options.onFailure?.(failure);
      if (outcome.error instanceof ExternalError) refusals++;
      if (written === 0 && refusals >= giveUpAfter) throw firstError;
      continue;
    }
    calls += outcome.calls;
    usage.inputTokens += outcome.usage.inputTokens;
    usage.outputTokens += outcome.usage.outputTokens;

    const { persona } = outcome;
    const same = titles.get(persona.title) ?? [];
    const title = same.length === 0 ? persona.title : toldApart(persona.title, pack, same);
    titles.set(persona.title, [...same, pack]);
    await options.onPersona({ ...persona, title });
    written++;
  }
  if (written === 0 && firstError) throw firstError;
  return { written, failures, calls, usage };
}

interface Written {
  readonly persona: Persona;
  readonly calls: number;
  readonly usage: Usage;
}

type Writer = (pack: EvidencePack) => Promise<Written>;

const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0 };

function templateWriter(packs: readonly EvidencePack[], { runFingerprint }: VerbalizeOptions): Writer {
  const withEvidence = packs.filter((pack) => pack.evidence.length > 0);
  const drafts = new Map(templateDrafts(withEvidence).map((draft, n) => [withEvidence[n], draft]));
  return async (pack) => {
    const draft = drafts.get(pack);
    if (draft === undefined) throw noEvidence(pack);
    const provenance = {
      generator: 'template' as const,
      model: null,
      promptVersion: TEMPLATE_VERSION,
      promptSha256: null,
      runFingerprint,
      trust: 'template' as const,
    };
    return { persona: assemble(pack, draft, pack.evidence, provenance), calls: 0, usage: NO_USAGE };
  };
}

function modelWriter(model: LanguageModel, options: VerbalizeOptions, signal: AbortSignal): Writer {
  const { runFingerprint, seed, temperature = 0.3, maxOutputTokens = 2000 } = options;
  return async (pack) => {
    if (pack.evidence.length === 0) throw noEvidence(pack);
    const prompt = personaPrompt(pack, model.maxInputTokens);
    const request = {
      messages: prompt.messages,
      schema: replyJsonSchema(prompt.evidence),
      schemaName: 'persona',
      maxOutputTokens,
      temperature,
      seed,
      signal,
    };
    const { value, calls, usage } = await generateStructured(model, request, replySchema(prompt.evidence));
    const provenance = {
      generator: 'language-model' as const,
      model: model.id,
      promptVersion: PROMPT_VERSION,
      promptSha256: prompt.sha256,
      runFingerprint,
      trust: 'llm_generated' as const,
    };
    return { persona: assemble(pack, value, prompt.evidence, provenance), calls, usage };
  };
}

function assemble(
  pack: EvidencePack,
  written: PersonaDraft,
  evidence: readonly Evidence[],
  provenance: Omit<Persona['provenance'], 'verification'>,
): Persona {
  const { draft, verification } = verifyDraft(written, evidence);
  const empty = (['title', 'summary', 'roleplay', 'claims'] as const).filter((part) => draft[part].length === 0);
  if (empty.length > 0)
    throw new ExternalError(
      'ERR_PERSONA_UNVERIFIED',
      `${pack.id}: the checks left nothing of the ${empty.join(', ')} (${JSON.stringify({ ...verification.removed, ...verification.edits })}). Take a stronger model, or run with --llm template.`,
      { id: pack.id, empty, verification },
    );
  return {
    schemaVersion: '1.0',
    id: pack.id,
    unit: 'cluster',
    ...draft,
    evidence: [...evidence],
    size: pack.size,
    neighbours: pack.neighbours.map(({ id, contrast }) => ({ id, contrast: [...contrast] })),
    provenance: { ...provenance, verification },
  };
}

function noEvidence(pack: EvidencePack): InputError {
  return new InputError(
    'ERR_NO_EVIDENCE',
    `${pack.id}: no subreddit is both more common among its ${pack.size.users} users than elsewhere and shared by enough of them. Take fewer clusters, or more data.`,
    { id: pack.id, users: pack.size.users },
  );
}

type Outcome = Written | { readonly error: unknown };

/**
 * Runs `write` over the packs, at most `inFlight` at once, and yields what came of each in their order. Who stops
 * listening waits, after `onEnd`, for those under way: their replies are paid for and may still be recorded.
 */
async function* inOrder(
  packs: readonly EvidencePack[],
  inFlight: number,
  write: Writer,
  onEnd: () => void,
): AsyncGenerator<{ pack: EvidencePack; outcome: Outcome }> {
  const settled = (pack: EvidencePack): Promise<Outcome> => write(pack).catch((error: unknown) => ({ error }));
  const pending: { pack: EvidencePack; outcome: Promise<Outcome> }[] = [];
  let next = 0;
  try {
    while (next < packs.length || pending.length > 0) {
      while (next < packs.length && pending.length < inFlight) {
        const pack = packs[next++];
        pending.push({ pack, outcome: settled(pack) });
      }
      const head = pending.shift();
      if (head) yield { pack: head.pack, outcome: await head.outcome };
    }
  } finally {
    onEnd();
    await Promise.all(pending.map(({ outcome }) => outcome));
  }
}
