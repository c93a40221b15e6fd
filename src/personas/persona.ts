import { z } from 'zod';
import type { JsonSchema } from '../llm/language-model.js';

/** What people picture when they imagine: the ten visual interests of the ZIPP heat-map (arXiv 2606.08841). */
export const VISUAL_INTERESTS = [
  'architecture and interiors',
  'products and packaging',
  'people and family',
  'nature and animals',
  'graphic design',
  'culture and religion',
  'cinematic portraits',
  'illustration and concept art',
  'sci-fi and robotics',
  'fashion and beauty',
] as const;
export type VisualInterest = (typeof VISUAL_INTERESTS)[number];

/** Longest texts (UTF-16 units) and lists of a persona. */
export const LIMITS = { title: 100, prose: 1500, claim: 400, term: 60, terms: 12, facets: 8, claims: 20 } as const;

const count = z.int().nonnegative();
const share = z.number().min(0).max(1);
const terms = z.array(z.string().min(1).max(LIMITS.term)).max(LIMITS.terms);
const evidenceIds = z.array(z.string()).min(1);
const demographic = z.string().max(LIMITS.term).nullable();
const counts = z.record(z.string(), count);

/** One subreddit that speaks for the persona. */
const evidenceSchema = z.strictObject({
  id: z
    .string()
    .regex(/^E[1-9][0-9]*$/)
    .describe('What claims cite: E1 is the strongest row'),
  subreddit: z.string().min(1).describe('Name without r/'),
  users: count.describe('Users of the persona active in it'),
  share: share.describe('Their part of all users of the persona'),
  lift: z
    .number()
    .nonnegative()
    .describe('share divided by the same share in the whole corpus; 1 = as common as anywhere'),
  logOdds: z
    .number()
    .describe(
      'z-score of the log-odds ratio against the rest of the corpus, informative Dirichlet prior (Monroe et al. 2008)',
    ),
  attention: share.describe("Mean part of its users' attention, over all users of the persona"),
  facet: count
    .optional()
    .describe('Side of the person that the row belongs to, 0 the heaviest; where --facets told them apart'),
  topic: z.string().optional().describe('What a table of subreddits says it is about'),
  description: z.string().optional().describe("The community's words about itself, shortened"),
  note: z.string().optional().describe('What a reader of the numbers should know besides'),
});

/** A sentence and what it rests on. */
const claimSchema = z.strictObject({
  text: z.string().min(1).max(LIMITS.claim),
  evidence: evidenceIds.describe('Ids of the evidence rows it rests on'),
  confidence: z.enum(['low', 'medium', 'high']),
});

/**
 * One persona: a line of personas.jsonl. The one definition from which the type and the published JSON Schema come.
 * Raise `schemaVersion` when the meaning of a field changes.
 */
export const personaSchema = z.strictObject({
  schemaVersion: z.literal('1.0'),
  id: z.string().min(1).describe('Stable within a run, such as cluster-0007'),
  unit: z.enum(['cluster', 'user']).describe('Whom the persona describes'),
  title: z.string().min(1).max(LIMITS.title),
  summary: z.string().min(1).max(LIMITS.prose).describe('Third person, for people who read about the persona'),
  roleplay: z
    .string()
    .min(1)
    .max(LIMITS.prose)
    .describe('First person, for a language model that is to speak as the persona'),
  demographics: z
    .strictObject({
      ageRange: demographic,
      gender: demographic,
      country: demographic,
      locale: demographic,
      language: demographic,
      profession: demographic,
    })
    .describe('null where the evidence does not say; what is set is named by a claim with strong evidence'),
  interests: terms,
  traits: terms.describe('Affective traits: how they come across'),
  aesthetics: z.array(z.enum(VISUAL_INTERESTS)).describe('Visual interests, strongest first'),
  facets: z
    .array(
      z.strictObject({
        title: z.string().min(1).max(LIMITS.title),
        evidence: evidenceIds,
        weight: share.describe('Part of the persona; the weights of all facets add up to 1 at most'),
      }),
    )
    .max(LIMITS.facets),
  claims: z.array(claimSchema).min(1).max(LIMITS.claims),
  evidence: z.array(evidenceSchema).min(1),
  size: z.strictObject({ users: count, interactions: count }),
  neighbours: z
    .array(
      z.strictObject({ id: z.string(), contrast: z.array(z.string()).describe('Subreddits that tell the two apart') }),
    )
    .optional()
    .describe('The nearest other personas, nearest first'),
  provenance: z.strictObject({
    generator: z.enum(['template', 'language-model']),
    model: z.string().nullable(),
    promptVersion: z.string().describe("Version of the prompt's or the template's wording"),
    promptSha256: z.string().nullable().describe('Of the messages sent for this persona'),
    runFingerprint: z.string(),
    verification: z.strictObject({
      claimsIn: count,
      claimsKept: count,
      removed: counts.describe('Claims removed, by reason: claimsIn = claimsKept + their sum'),
      edits: counts.describe('Other things removed, by reason: sentences, list entries, facets, demographics'),
    }),
    trust: z.enum(['template', 'llm_generated']).describe('llm_generated: text of a model, to be treated as untrusted'),
  }),
});

export type Persona = z.infer<typeof personaSchema>;
export type Evidence = Persona['evidence'][number];
export type Claim = Persona['claims'][number];
export type Verification = Persona['provenance']['verification'];

/** The part of a persona that is written, by the template or by a language model. */
export type PersonaDraft = Pick<
  Persona,
  'title' | 'summary' | 'roleplay' | 'demographics' | 'interests' | 'traits' | 'aesthetics' | 'facets' | 'claims'
>;

export const NO_DEMOGRAPHICS: Persona['demographics'] = {
  ageRange: null,
  gender: null,
  country: null,
  locale: null,
  language: null,
  profession: null,
};

/** The JSON Schema (draft 2020-12) published as persona.schema.json. */
export function personaJsonSchema(): JsonSchema {
  return { title: 'Persona', ...z.toJSONSchema(personaSchema) };
}
