import { z } from 'zod';
import { MinerError } from '../core/errors.js';
import { Random } from '../core/random.js';
import type { GenerateRequest, LanguageModel } from '../llm/language-model.js';
import { generateStructured } from '../llm/structured.js';
import { chooseFacet, visualInterestOf } from './facet.js';
import { addedPhrases, GUARD_REASONS, guardProblems, keptWords } from './guards.js';
import type { PersonaView } from './persona-view.js';
import {
  REWRITE_PROMPT_VERSION,
  REWRITE_REPLY_JSON_SCHEMA,
  repairMessages,
  rewriteMessages,
  rewriteReplySchema,
} from './prompt.js';
import { TEMPLATE_REWRITE_VERSION, templateRewrite } from './template.js';

const reasons = z.array(z.enum(GUARD_REASONS));

/** One line of prompts.jsonl. */
export const rewriteSchema = z.strictObject({
  schemaVersion: z.literal('1.0'),
  promptId: z.string(),
  prompt: z.string().describe('The original'),
  persona: z.string().nullable().describe('Id of the persona; null: rewritten without one, the baseline'),
  facet: z.strictObject({ title: z.string(), similarity: z.number() }).nullable(),
  visualInterest: z.string().nullable().describe('What the words of the prompt picture'),
  model: z.string().describe("Name of the model, or 'template'"),
  shots: z.int().nonnegative().describe('Earlier prompts shown to the model'),
  rewritten: z.string().describe('The original where status is rejected or failed: never anything unchecked'),
  kept: z.array(z.string()).describe('Words of the original that are still there'),
  added: z.array(z.string()).describe('Phrases that are new'),
  status: z.enum(['accepted', 'repaired', 'rejected', 'failed']),
  firstProblems: reasons.describe('What the guards found in the first reply'),
  problems: reasons.describe('What they found in the last one'),
  failure: z.string().optional().describe('Code of the error where status is failed'),
  calls: z.int().nonnegative(),
  version: z.string().describe('Of the wording of the prompt or the template'),
});
export type Rewrite = z.infer<typeof rewriteSchema>;

/** What is to be rewritten. */
export interface RewriteJob {
  readonly promptId: string;
  readonly prompt: string;
  readonly persona: PersonaView | undefined;
  readonly shots: readonly string[];
}

export interface RewriterOptions {
  readonly model: LanguageModel | undefined; // undefined: the template
  readonly seed: number;
  readonly temperature: number;
  readonly maxOutputTokens?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Failures of one prompt: the next one may fare better. All others concern every prompt and end the run. */
const ONE_PROMPT = /^ERR_LLM_(?:REPLY|REQUEST|RESPONSE|TIMEOUT|SERVER|NETWORK)$/;

/** The first request for a job, as a batch file needs it. */
export function rewriteRequest(job: RewriteJob, options: RewriterOptions): GenerateRequest {
  const { persona, prompt, shots } = job;
  const facet = persona && chooseFacet(prompt, persona, randomOf(job, options.seed));
  return {
    messages: rewriteMessages({ prompt, persona, facet, shots }),
    schema: REWRITE_REPLY_JSON_SCHEMA,
    schemaName: 'rewrite',
    maxOutputTokens: options.maxOutputTokens ?? 400,
    temperature: options.temperature,
    seed: options.seed,
    signal: options.signal,
  };
}

/**
 * Rewrites one prompt and checks what comes back. A reply that the guards refuse gets one second chance; after that the
 * original prompt is given instead, so that whoever draws the file draws nothing unchecked. A model that fails on one
 * prompt fails that prompt; what concerns all prompts (a wrong key, a spent budget) is thrown.
 */
export async function rewrite(job: RewriteJob, options: RewriterOptions): Promise<Rewrite> {
  const { prompt, persona, promptId, shots } = job;
  const { model, seed } = options;
  const random = randomOf(job, seed);
  const facet = persona && chooseFacet(prompt, persona, random);
  const about = {
    schemaVersion: '1.0' as const,
    promptId,
    prompt,
    persona: persona?.id ?? null,
    facet: facet ?? null,
    visualInterest: visualInterestOf(prompt) ?? null,
    model: model?.id ?? 'template',
    shots: model ? shots.length : 0,
    version: model ? REWRITE_PROMPT_VERSION : TEMPLATE_REWRITE_VERSION,
  };
  const finished = (
    text: string,
    status: Rewrite['status'],
    rest: Pick<Rewrite, 'firstProblems' | 'problems' | 'calls'> & { failure?: string },
  ): Rewrite => ({
    ...about,
    rewritten: text,
    kept: keptWords(prompt, text),
    added: addedPhrases(prompt, text),
    status,
    ...rest,
  });

  if (!model) {
    const text = templateRewrite(prompt, persona, facet, random);
    const problems = guardProblems(prompt, text, persona);
    if (problems.length === 0) return finished(text, 'accepted', { firstProblems: [], problems, calls: 0 });
    return finished(prompt, 'rejected', { firstProblems: problems, problems, calls: 0 });
  }

  let calls = 0;
  let firstProblems: Rewrite['problems'] = [];
  try {
    const request = rewriteRequest(job, options);
    const first = await generateStructured(model, request, rewriteReplySchema);
    calls += first.calls;
    firstProblems = guardProblems(prompt, first.value.rewritten, persona);
    if (firstProblems.length === 0)
      return finished(first.value.rewritten, 'accepted', { firstProblems, problems: [], calls });
    const messages = repairMessages(request.messages, JSON.stringify(first.value), firstProblems);
    const second = await generateStructured(model, { ...request, messages }, rewriteReplySchema);
    calls += second.calls;
    const problems = guardProblems(prompt, second.value.rewritten, persona);
    if (problems.length === 0) return finished(second.value.rewritten, 'repaired', { firstProblems, problems, calls });
    return finished(prompt, 'rejected', { firstProblems, problems, calls });
  } catch (thrown) {
    options.signal?.throwIfAborted();
    if (!(thrown instanceof MinerError) || !ONE_PROMPT.test(thrown.code)) throw thrown;
    return finished(prompt, 'failed', { firstProblems, problems: firstProblems, calls, failure: thrown.code });
  }
}

function randomOf({ prompt, persona }: RewriteJob, seed: number): Random {
  return new Random(seed).fork('rewrite', persona?.id ?? '', prompt);
}
