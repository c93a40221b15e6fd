import { EDGE_FEATURE_VALUES } from '../graph/edge-features.js';

/**
 * Data dictionary: every table that stages leave on disk, its columns and their types, in one place.
 *
 * Tables are Arrow IPC files. Column names and types are spelled here and nowhere else; raise a stage's version when one
 * changes its meaning. `vector` is a fixed-size list of float32 whose length the file itself carries. `code` is a
 * dictionary-encoded float32: a byte a row for us, numbers for whoever reads the file.
 */
export type ColumnType = 'u32' | 'i32' | 'u64' | 'i64' | 'f32' | 'utf8' | 'vector' | 'code';

export interface TableDefinition {
  readonly file: string;
  readonly description: string;
  readonly columns: Readonly<Record<string, ColumnDefinition>>;
}

export interface ColumnDefinition {
  readonly type: ColumnType;
  readonly description: string;
  readonly values?: Float32Array; // [256] what each code stands for; given for `code` alone
}

/** Codes of the f-th feature of edges. */
const edgeFeatureCode = (f: number) => ({
  type: 'code' as const,
  values: EDGE_FEATURE_VALUES.subarray(256 * f, 256 * (f + 1)),
});

export const INTERACTIONS = {
  file: 'interactions.arrow',
  description: 'What each user did in each subreddit, summed over the whole input; sorted by user, then subreddit.',
  columns: {
    user: { type: 'u32', description: 'row of users.arrow' },
    subreddit: { type: 'u32', description: 'row of subreddits.arrow' },
    posts: { type: 'u32', description: 'submissions' },
    comments: { type: 'u32', description: 'comments; a bare count of a table is taken as comments' },
    score: { type: 'i64', description: 'sum of scores' },
    first_utc: { type: 'i64', description: 'seconds since 1970, 0 where unknown' },
    last_utc: { type: 'i64', description: 'seconds since 1970, 0 where unknown' },
  },
} as const satisfies TableDefinition;

export const INGESTED_USERS = {
  file: 'users.arrow',
  description: 'One row per user. The pseudonym is SipHash-2-4 of the lower-cased name under the key of the run.',
  columns: {
    id: { type: 'u32', description: 'rank of the pseudonym, from 0' },
    pseudonym: { type: 'u64', description: 'keyed hash; without the key it cannot be recomputed from a list of names' },
  },
} as const satisfies TableDefinition;

export const INGESTED_SUBREDDITS = {
  file: 'subreddits.arrow',
  description: 'One row per subreddit.',
  columns: {
    id: { type: 'u32', description: 'rank of the lower-cased name, from 0' },
    name: { type: 'utf8', description: 'the byte-wise smallest spelling seen' },
  },
} as const satisfies TableDefinition;

export const SNIPPETS = {
  file: 'snippets.arrow',
  description: 'A few texts per user and subreddit, kept where the setting snippets is on; sorted by user.',
  columns: {
    user: { type: 'u32', description: 'row of users.arrow' },
    subreddit: { type: 'u32', description: 'row of subreddits.arrow' },
    created_utc: { type: 'i64', description: 'seconds since 1970, 0 where unknown' },
    text: { type: 'utf8', description: 'as written; personal data: for prompts only, never published' },
  },
} as const satisfies TableDefinition;

export const EDGES = {
  file: 'edges.arrow',
  description: 'The pruned graph; sorted by user, then subreddit. Formulas stand in graph/edge-features.ts.',
  columns: {
    user: { type: 'u32', description: 'row of nodes-users.arrow' },
    subreddit: { type: 'u32', description: 'row of nodes-subreddits.arrow' },
    weight: { type: 'f32', description: 'strength of the tie, > 0' },
    log_posts: { ...edgeFeatureCode(0), description: 'log(1 + posts)' },
    log_comments: { ...edgeFeatureCode(1), description: 'log(1 + comments)' },
    recency: {
      ...edgeFeatureCode(2),
      description: 'halves with each half-life since the last action, in (0, 1]; 1 where unknown',
    },
    mean_score: { ...edgeFeatureCode(3), description: 'signed log of the mean score of an action' },
  },
} as const satisfies TableDefinition;

export const GRAPH_USERS = {
  file: 'nodes-users.arrow',
  description: 'Users that survived pruning.',
  columns: {
    id: { type: 'u32', description: 'position, from 0' },
    ingested_user: { type: 'u32', description: 'row of ingest/users.arrow' },
  },
} as const satisfies TableDefinition;

export const GRAPH_SUBREDDITS = {
  file: 'nodes-subreddits.arrow',
  description: 'Subreddits that survived pruning.',
  columns: {
    id: { type: 'u32', description: 'position, from 0' },
    name: { type: 'utf8', description: 'as in ingest/subreddits.arrow' },
    users: { type: 'u32', description: 'distinct users in the pruned graph' },
    community: { type: 'i32', description: 'Leiden community of the projection, 0 = largest; -1 = no neighbor in it' },
  },
} as const satisfies TableDefinition;

export const DEGREES = {
  file: 'degrees.arrow',
  description: 'How many nodes have how many edges, for plots; ascending on each side.',
  columns: {
    side: { type: 'utf8', description: 'user or subreddit' },
    degree: { type: 'u32', description: 'edges of a node' },
    nodes: { type: 'u32', description: 'nodes with that many' },
    at_least: { type: 'f32', description: 'share of the nodes of the side with at least that many, in (0, 1]' },
  },
} as const satisfies TableDefinition;

export const PROJECTION = {
  file: 'projection.arrow',
  description: 'Subreddit–subreddit projection, both directions; sorted by source, then target.',
  columns: {
    source: { type: 'u32', description: 'row of nodes-subreddits.arrow' },
    target: { type: 'u32', description: 'row of nodes-subreddits.arrow' },
    cosine: { type: 'f32', description: 'shared users / sqrt(users of source × users of target)' },
    shared_users: { type: 'u32', description: 'users with a tie to both' },
  },
} as const satisfies TableDefinition;

export const USER_EMBEDDINGS = {
  file: 'users.arrow',
  description: 'The dot product of a user row with a subreddit row of subreddits.arrow is the link score.',
  columns: {
    id: { type: 'u32', description: 'row of build-graph/nodes-users.arrow' },
    embedding: { type: 'vector', description: 'float32 [D]' },
  },
} as const satisfies TableDefinition;

export const SUBREDDIT_EMBEDDINGS = {
  file: 'subreddits.arrow',
  description: 'Output vectors of subreddits; see users.arrow.',
  columns: {
    id: { type: 'u32', description: 'row of build-graph/nodes-subreddits.arrow' },
    embedding: { type: 'vector', description: 'float32 [D]' },
  },
} as const satisfies TableDefinition;

export const ATTENTION = {
  file: 'attention.arrow',
  description: 'For each user its subreddits by attention, descending; the attentions of a user sum to 1.',
  columns: {
    user: { type: 'u32', description: 'row of build-graph/nodes-users.arrow' },
    subreddit: { type: 'u32', description: 'row of build-graph/nodes-subreddits.arrow' },
    attention: { type: 'f32', description: 'last layer, mean over heads' },
  },
} as const satisfies TableDefinition;

export const FACETS = {
  file: 'facets.arrow',
  description:
    'Sides of each user, where --facets asks for them: clusters of its own subreddits, heaviest first. At least one a user with links.',
  columns: {
    user: { type: 'u32', description: 'row of build-graph/nodes-users.arrow' },
    facet: { type: 'u32', description: 'number of the facet among those of the user, from 0' },
    links: { type: 'u32', description: 'subreddits of the user that belong to it' },
    weight: { type: 'f32', description: "share of the user's attention that falls on them; sums to 1 over its facets" },
    embedding: {
      type: 'vector',
      description: 'float32 [D]: the user as if it had only these links; scores as in users.arrow',
    },
  },
} as const satisfies TableDefinition;

export const FACET_ATTENTION = {
  file: 'facet-attention.arrow',
  description: 'For each facet its subreddits by attention, descending; the attentions of a facet sum to 1.',
  columns: {
    user: { type: 'u32', description: 'row of build-graph/nodes-users.arrow' },
    facet: { type: 'u32', description: 'as in facets.arrow' },
    subreddit: { type: 'u32', description: 'row of build-graph/nodes-subreddits.arrow' },
    attention: { type: 'f32', description: 'last layer, mean over heads, among the links of the facet alone' },
  },
} as const satisfies TableDefinition;

export const ASSIGNMENTS = {
  file: 'assignments.arrow',
  description: 'Cluster of each user.',
  columns: {
    user: { type: 'u32', description: 'row of build-graph/nodes-users.arrow' },
    cluster: { type: 'i32', description: 'row of clusters.arrow; -1 = none' },
  },
} as const satisfies TableDefinition;

export const CLUSTERS = {
  file: 'clusters.arrow',
  description: 'One row per cluster, largest first.',
  columns: {
    id: { type: 'u32', description: 'position, from 0' },
    users: { type: 'u32', description: 'number of users' },
    cohesion: { type: 'f32', description: 'mean cosine between a user and the centroid, both centered; in [-1, 1]' },
    medoids: { type: 'utf8', description: 'JSON array: users nearest to the centroid, nearest first' },
    centroid: { type: 'vector', description: 'float32 [D], unit length, in the centered space' },
  },
} as const satisfies TableDefinition;

export const CLUSTER_SUBREDDITS = {
  file: 'cluster-subreddits.arrow',
  description: 'What distinguishes each cluster: its subreddits by log-odds, descending.',
  columns: {
    cluster: { type: 'u32', description: 'row of clusters.arrow' },
    subreddit: { type: 'u32', description: 'row of build-graph/nodes-subreddits.arrow' },
    users: { type: 'u32', description: 'users of the cluster with a tie to the subreddit' },
    share: { type: 'f32', description: 'users / users of the cluster' },
    lift: { type: 'f32', description: 'share / share among all users' },
    log_odds: { type: 'f32', description: 'z-score with an informative Dirichlet prior (Monroe et al. 2008)' },
    attention: { type: 'f32', description: 'share of the cluster’s attention that falls on the subreddit' },
  },
} as const satisfies TableDefinition;
