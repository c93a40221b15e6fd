import { z } from 'zod';
import { CACHE_MODES } from '../llm/cache.js';
import { LLM_KINDS } from '../llm/open-model.js';
import { PROMPT_FORMS } from '../personas/prompt.js';
import { SENSITIVE_CATEGORIES } from '../personas/sensitive.js';

/**
 * Every setting of the program, once: type, bounds, default and help. Flags, environment variables, the configuration
 * file, its JSON Schema and the help text are all made from this list.
 */
export const configSchema = z.strictObject({
  seed: z.int().min(0).default(1).describe('start of every random draw'),
  threads: z
    .int()
    .min(1)
    .max(256)
    .default(2)
    .describe('that read files, sample and compute at a time; changes speed, never results'),

  keyFile: z
    .string()
    .optional()
    .describe('file with the 32-byte key of pseudonyms, in hex (default: your own key, made at first use)'),
  format: z
    .enum(['auto', 'dump', 'table', 'arrow', 'parquet', 'shards'])
    .default('auto')
    .describe('kind of input; auto looks at the content, shards are sorted tables of interactions'),
  columns: z.array(z.string()).default([]).describe('names of the columns of a table without header, comma-separated'),
  onBadLine: z.enum(['count', 'stop']).default('count').describe('what to do with a line that is no record'),
  onBadFile: z
    .enum(['stop', 'skip'])
    .default('stop')
    .describe('what to do with an input file that is damaged or no dump: end the run, or go on without it and say so'),
  bots: z.string().optional().describe('file of bot accounts to drop, one a line, beside the built-in list and rules'),
  botBehaviour: z
    .enum(['drop', 'keep'])
    .default('drop')
    .describe('what to do with accounts that act like programs by their rate, repetition or regularity'),
  suppress: z.string().optional().describe('file of people who must not appear: names or pseudonyms, one a line'),
  excludeSubreddits: z.string().optional().describe('file of subreddits to leave out, one a line'),
  over18Subreddits: z
    .string()
    .optional()
    .describe('file of over-18 subreddits, one a line, beside what submissions say themselves'),
  includeOver18: z.boolean().default(false).describe('keep over-18 submissions and subreddits'),

  minSubredditsPerUser: z.int().min(1).default(2).describe('users with fewer subreddits are pruned'),
  minUsersPerSubreddit: z.int().min(1).default(5).describe('subreddits with fewer users are pruned'),
  recencyHalfLifeDays: z.number().positive().default(365).describe('after this time an action counts half'),
  minSharedUsers: z
    .int()
    .min(1)
    .default(3)
    .describe('users two subreddits must share to be neighbors in the projection'),
  projectionNeighbors: z.int().min(1).default(32).describe('nearest neighbors kept per subreddit in the projection'),
  maxProjectionDegree: z
    .int()
    .min(2)
    .default(300)
    .describe('users with more subreddits do not count in the projection'),
  communityResolution: z
    .number()
    .positive()
    .default(1)
    .describe('higher gives more, smaller communities of subreddits'),

  device: z
    .enum(['auto', 'cuda', 'native', 'tensorflow', 'reference'])
    .default('auto')
    .describe('engine that runs the kernels; auto takes the fastest that works here (doctor says which)'),
  dim: z.int().min(4).max(1024).default(128).describe('length of embeddings; a multiple of --heads'),
  heads: z.int().min(1).max(64).default(4).describe('attention heads'),
  layers: z
    .int()
    .min(1)
    .max(2)
    .default(1)
    .describe('of the encoder: with two, subreddits listen to their users before users listen to subreddits'),
  fanout: z.array(z.int().min(1)).length(2).default([64, 4]).describe('neighbors sampled per user and per subreddit'),
  batchUsers: z.int().min(8).max(65536).default(1024).describe('users a training step sees, fewer where there are few'),
  maxEpochs: z.int().min(1).default(20).describe('passes over the users at the most'),
  epochUsers: z
    .int()
    .min(1)
    .default(1_000_000)
    .describe('users an epoch passes over at the most, drawn anew for each; validation comes after it'),
  patience: z.int().min(1).default(6).describe('epochs without a better validation before training stops'),
  learningRate: z
    .number()
    .positive()
    .default(0.004)
    .describe('peak of the schedule, of the tables; the encoder takes a tenth'),
  weightDecay: z.number().min(0).default(0.1).describe('decoupled decay (AdamW)'),
  temperature: z.number().positive().default(1).describe('softness of the contrastive loss; lower is harder'),
  candidates: z
    .int()
    .min(16)
    .default(16384)
    .describe('subreddits drawn per step as extra negatives of the loss; all where they are not twice as many'),
  smoothingNeighbors: z
    .int()
    .min(0)
    .default(32)
    .describe(
      'nearest subreddits that the rows of a subreddit lean on, so that rare ones learn from more than their own',
    ),
  validationUsers: z
    .int()
    .min(0)
    .default(2000)
    .describe('users of whom a fifth of the links is hidden to validate on, a tenth of all at the most'),
  textFeatures: z
    .boolean()
    .default(false)
    .describe('feed the encoder words of names of subreddits, and of what --subreddit-info says about them'),
  subredditVectors: z
    .string()
    .optional()
    .describe('table of vectors of subreddits, by name, fed to the encoder: Arrow, Parquet or .npy'),
  imageVectors: z
    .string()
    .optional()
    .describe(
      'vectors of images that users posted, as Arrow or Parquet with columns user and vector: turns ImageAlign on',
    ),
  imageWeight: z.number().min(0).default(0.5).describe('of ImageAlign against the loss of links'),
  imageTemperature: z.number().positive().default(0.07).describe('softness of ImageAlign; lower is harder'),

  embedFanout: z.int().min(1).default(128).describe('users a subreddit listens to when everybody is embedded'),
  facets: z
    .int()
    .min(1)
    .max(8)
    .default(1)
    .describe(
      'sides of a user that are told apart at the most, each with a vector and attention of its own; 1 for none',
    ),

  clustering: z
    .enum(['kmeans', 'leiden-knn'])
    .default('kmeans')
    .describe('k-means, or communities of the nearest-neighbor graph, which need not be balls'),
  clusters: z
    .union([z.literal('auto'), z.int().min(1).max(100_000)], {
      error: 'expected auto or a whole number from 1 to 100000',
    })
    .default('auto')
    .describe('number of clusters, or auto'),

  minUsers: z
    .int()
    .min(2)
    .default(1000)
    .describe('people a persona must stand for; below 50 only with --unsafe-small-clusters'),
  unsafeSmallClusters: z.boolean().default(false).describe('allow personas of fewer than 50 people'),
  unit: z
    .enum(['cluster', 'user'])
    .default('cluster')
    .describe('whom a persona describes; user, a single person, only with --unsafe-small-clusters'),
  minEvidenceUsers: z.int().min(2).default(10).describe('people who must stand behind every row of evidence'),
  includeSensitive: z
    .array(z.enum(SENSITIVE_CATEGORIES))
    .default([])
    .describe(`sensitive communities that personas may name: ${SENSITIVE_CATEGORIES.join(', ')}; comma-separated`),
  subredditInfo: z.string().optional().describe('table of subreddits with topic, description or over18, as CSV or TSV'),
  snippets: z.boolean().default(false).describe('keep texts while reading and show a few in prompts; never published'),
  evidenceTokens: z.int().min(200).default(4096).describe('tokens of evidence per persona, shared out by attention'),
  evidenceRows: z.int().min(1).max(100).default(20).describe('subreddits a persona may cite'),
  llm: z
    .string()
    .regex(LLM_KINDS, 'expected template, openai-compatible, anthropic, replay or gguf:FILE')
    .default('template')
    .describe('what puts evidence into words: template, openai-compatible, anthropic, gguf:FILE or replay'),
  llmBaseUrl: z
    .string()
    .optional()
    .describe('address of the server, such as http://127.0.0.1:8080/v1; anthropic knows its own'),
  llmModel: z.string().optional().describe('model to ask for'),
  llmTemperature: z.number().min(0).max(2).default(0.3).describe('sampling temperature of the language model'),
  llmConcurrency: z.int().min(1).max(256).default(4).describe('requests under way at a time'),
  llmTimeoutSeconds: z.number().positive().default(120).describe('time a request may take'),
  llmMaxAttempts: z.int().min(1).max(20).default(4).describe('tries of a request before it counts as failed'),
  llmPrompt: z.enum(PROMPT_FORMS).default('auto').describe('full: all rules and fields; compact: for small contexts'),
  judge: z.boolean().default(false).describe('ask the language model whether each claim follows from its evidence'),
  llmRequestsPerMinute: z.number().positive().optional().describe('requests sent in a minute at the most'),
  llmTokensPerMinute: z.number().positive().optional().describe('tokens sent and received in a minute at the most'),
  llmContextTokens: z
    .int()
    .min(256)
    .optional()
    .describe('tokens of a prompt at the most (gguf: of prompt and reply; default: 8192 or what the model takes)'),
  llmThreads: z.int().min(1).max(256).optional().describe('threads of a gguf model (default: all cores but one)'),
  llmRuntime: z.string().optional().describe('folder in which node-llama-cpp is installed, for gguf models'),
  llmApiKeyFile: z.string().optional().describe('file with the key of the server; else MINE_PERSONAS_LLM_API_KEY'),
  llmCache: z.string().optional().describe('file of recorded replies (default: llm-cache.jsonl in the run)'),
  llmCacheMode: z
    .enum(CACHE_MODES)
    .default('record')
    .describe('record: keep replies and never pay twice; replay: recorded replies only; off'),
  llmPrices: z
    .string()
    .optional()
    .describe('JSON file with prices per million tokens: {"MODEL": {"input": 0.15, "output": 0.6}}'),
  maxCalls: z.int().min(1).optional().describe('calls to the language model at the most, earlier attempts included'),
  maxCost: z
    .number()
    .positive()
    .optional()
    .describe('cost of the language model at the most, in the unit of the prices'),
});

export type RunConfig = z.infer<typeof configSchema>;

/** The part of a configuration that a stage depends on. */
export function pick<K extends keyof RunConfig>(config: RunConfig, ...keys: readonly K[]): Pick<RunConfig, K> {
  return Object.fromEntries(keys.map((key) => [key, config[key]])) as Pick<RunConfig, K>;
}
