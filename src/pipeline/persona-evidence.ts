import { readBatches, readTable } from '../artifacts/arrow.js';
import type { Manifest } from '../artifacts/manifest.js';
import { fileBytes } from '../artifacts/run-directory.js';
import {
  ASSIGNMENTS,
  ATTENTION,
  CLUSTERS,
  EDGES,
  FACET_ATTENTION,
  GRAPH_SUBREDDITS,
  GRAPH_USERS,
  INGESTED_SUBREDDITS,
  INGESTED_USERS,
  SNIPPETS,
} from '../artifacts/tables.js';
import { COUNT_OF_CODE } from '../graph/edge-features.js';
import {
  buildEvidencePacks,
  type ClusterProfile,
  type CorpusTotals,
  EVIDENCE_DEFAULTS,
  type EvidenceOptions,
  type EvidencePack,
  withSnippets,
} from '../personas/evidence.js';
import type { Snippet } from '../personas/snippets.js';
import { buildUserPack } from '../personas/user-evidence.js';
import type { RunConfig } from './config.js';
import type { StageName } from './stage.js';
import { readSubredditInfo } from './subreddit-info.js';

/** Other clusters a cluster is compared with. */
const NEIGHBORS = 3;
/** Texts looked at per cluster and subreddit: bounds memory; who comes first is a matter of hashes. */
const MAX_TEXTS = 64;

/** Folders of the stages that evidence comes from. */
export type EvidenceInputs = (stage: StageName) => { readonly folder: string; readonly manifest: Manifest };

/** What the settings say about evidence. */
export async function evidenceOptions(config: RunConfig): Promise<EvidenceOptions> {
  return {
    ...EVIDENCE_DEFAULTS,
    maxRows: config.evidenceRows,
    minEvidenceUsers: config.minEvidenceUsers,
    tokenBudget: config.evidenceTokens,
    allowSensitive: config.includeOver18 ? [...config.includeSensitive, 'over18'] : config.includeSensitive,
    info: config.subredditInfo === undefined ? undefined : await readSubredditInfo(config.subredditInfo),
  };
}

/** What each cluster does, counted from the tables of the run, and the whole that it is compared with. */
export async function profileClusters(
  input: EvidenceInputs,
): Promise<{ profiles: ClusterProfile[]; corpus: CorpusTotals }> {
  const graph = input('build-graph');
  const { name: names, users: usersTotal } = await readTable(graph.folder, GRAPH_SUBREDDITS);
  const { cluster: clusterOf } = await readTable(input('cluster').folder, ASSIGNMENTS);
  const { users: sizes, centroid } = await readTable(input('cluster').folder, CLUSTERS);
  const k = sizes.length;
  const numSubreddits = names.length;

  const usersInCluster = new Uint32Array(k * numSubreddits);
  const interactions = new Float64Array(k);
  let memberships = 0;
  for await (const { user, subreddit, log_posts, log_comments } of readBatches(graph.folder, EDGES)) {
    memberships += user.length;
    for (let i = 0; i < user.length; i++) {
      const c = clusterOf[user[i]];
      if (c < 0) continue;
      usersInCluster[c * numSubreddits + subreddit[i]]++;
      interactions[c] += COUNT_OF_CODE[log_posts[i]] + COUNT_OF_CODE[log_comments[i]];
    }
  }
  const attentionMass = new Float64Array(k * numSubreddits);
  for await (const { user, subreddit, attention } of readBatches(input('embed').folder, ATTENTION))
    for (let i = 0; i < user.length; i++) {
      const c = clusterOf[user[i]];
      if (c >= 0) attentionMass[c * numSubreddits + subreddit[i]] += attention[i];
    }

  const profiles = Array.from({ length: k }, (_, cluster) => ({
    cluster,
    users: sizes[cluster],
    interactions: Math.round(interactions[cluster]),
    subreddits: names.flatMap((name, s) => {
      const at = cluster * numSubreddits + s;
      if (usersInCluster[at] === 0) return [];
      return [
        { name, usersInCluster: usersInCluster[at], usersTotal: usersTotal[s], attentionMass: attentionMass[at] },
      ];
    }),
    nearest: nearestClusters(centroid, cluster, k),
  }));
  return { profiles, corpus: { users: clusterOf.length, memberships } };
}

/** Packs of the clusters given; with texts of their members where the stage ingest kept some and the settings ask for them. */
export async function clusterPacks(
  profiles: readonly ClusterProfile[],
  corpus: CorpusTotals,
  input: EvidenceInputs,
  config: RunConfig,
): Promise<EvidencePack[]> {
  const options = await evidenceOptions(config);
  const packs = buildEvidencePacks(profiles, corpus, options);
  const { folder } = input('ingest');
  if (!config.snippets || (await fileBytes(`${folder}/${SNIPPETS.file}`)) === 0) return packs;
  const written = await textsOf(packs, profiles, input);
  return packs.map((pack) => withSnippets(pack, written.get(pack.id) ?? new Map(), options));
}

/** Texts that members wrote in the subreddits of their cluster's evidence: pack id → subreddit → texts, one a user. */
async function textsOf(
  packs: readonly EvidencePack[],
  profiles: readonly ClusterProfile[],
  input: EvidenceInputs,
): Promise<Map<string, Map<string, Snippet[]>>> {
  const { folder } = input('ingest');
  const { cluster: clusterOf } = await readTable(input('cluster').folder, ASSIGNMENTS);
  const { ingested_user } = await readTable(input('build-graph').folder, GRAPH_USERS);
  const { name: names } = await readTable(folder, INGESTED_SUBREDDITS);
  const clusterOfIngested = new Map<number, number>();
  ingested_user.forEach((user, u) => void clusterOfIngested.set(user, clusterOf[u]));
  const wanted = new Map(profiles.map(({ cluster }, n) => [cluster, packs[n]]));
  const shown = new Map(packs.map((pack) => [pack.id, new Set(pack.evidence.map((row) => row.subreddit))]));
  const texts = new Map<string, Map<string, Snippet[]>>(packs.map(({ id }) => [id, new Map()]));
  for await (const batch of readBatches(folder, SNIPPETS))
    for (let i = 0; i < batch.user.length; i++) {
      const pack = wanted.get(clusterOfIngested.get(batch.user[i]) ?? -1);
      const subreddit = names[batch.subreddit[i]];
      if (!pack || !shown.get(pack.id)?.has(subreddit)) continue;
      const lists = texts.get(pack.id) as Map<string, Snippet[]>;
      const list = lists.get(subreddit) ?? [];
      lists.set(subreddit, list);
      const last = list.at(-1)?.user; // the table is sorted by user
      if (list.length < MAX_TEXTS && last !== batch.user[i]) list.push({ user: batch.user[i], text: batch.text[i] });
    }
  return texts;
}

/** Packs of single users, one after the other: memory holds a few bytes a user, whatever they do. */
export async function* userPacks(input: EvidenceInputs, config: RunConfig): AsyncGenerator<EvidencePack> {
  const options = await evidenceOptions(config);
  const graph = input('build-graph');
  const { name: names, users: usersTotal } = await readTable(graph.folder, GRAPH_SUBREDDITS);
  const { ingested_user } = await readTable(graph.folder, GRAPH_USERS);
  const { pseudonym } = await readTable(input('ingest').folder, INGESTED_USERS);
  const corpus = { users: ingested_user.length, memberships: 0 };
  const interactions = new Float32Array(ingested_user.length);
  for await (const { user, log_posts, log_comments } of readBatches(graph.folder, EDGES)) {
    corpus.memberships += user.length;
    for (let i = 0; i < user.length; i++)
      interactions[user[i]] += COUNT_OF_CODE[log_posts[i]] + COUNT_OF_CODE[log_comments[i]];
  }
  const embedded = input('embed').folder;
  const sides = config.facets > 1 ? byUser(readBatches(embedded, FACET_ATTENTION), ({ facet }) => facet) : undefined;
  for await (const { user, rows } of attentionByUser(embedded)) {
    const facets = new Map<number, number>((await sides?.next())?.value?.rows); // a table of the same users, in the same order
    const subreddits = rows.map(([s, attention]) => {
      return { name: names[s], usersTotal: usersTotal[s], attention, facet: facets.get(s) };
    });
    const id = pseudonym[ingested_user[user]].toString(16).padStart(16, '0');
    yield buildUserPack({ id, interactions: Math.round(interactions[user]), subreddits }, corpus, options);
  }
}

/** Every user with the names of its subreddits. */
export async function* usersWithSubreddits(
  input: EvidenceInputs,
): AsyncGenerator<{ user: number; subreddits: string[] }> {
  const { folder } = input('build-graph');
  const { name: names } = await readTable(folder, GRAPH_SUBREDDITS);
  for await (const { user, rows } of attentionByUser(input('embed').folder))
    yield { user, subreddits: rows.map(([s]) => names[s]) };
}

function attentionByUser(folder: string) {
  return byUser(readBatches(folder, ATTENTION), ({ attention }) => attention);
}

/** Groups the rows of a table sorted by user: what `column` holds, by subreddit. */
async function* byUser<Batch extends { user: Uint32Array; subreddit: Uint32Array }>(
  batches: AsyncIterable<Batch>,
  column: (batch: Batch) => ArrayLike<number>,
): AsyncGenerator<{ user: number; rows: [subreddit: number, value: number][] }> {
  let current = -1;
  let rows: [number, number][] = [];
  for await (const batch of batches) {
    const value = column(batch);
    for (let i = 0; i < batch.user.length; i++) {
      if (batch.user[i] !== current) {
        if (rows.length > 0) yield { user: current, rows };
        current = batch.user[i];
        rows = [];
      }
      rows.push([batch.subreddit[i], value[i]]);
    }
  }
  if (rows.length > 0) yield { user: current, rows };
}

/** Clusters by the cosine of their centroids (unit vectors [k, D]), nearest first. */
function nearestClusters(centroid: Float32Array, cluster: number, k: number): number[] {
  const dim = centroid.length / k;
  const cosine = (other: number) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += centroid[cluster * dim + d] * centroid[other * dim + d];
    return sum;
  };
  const others = Array.from({ length: k }, (_, c) => c).filter((c) => c !== cluster);
  const near = new Map(others.map((c) => [c, cosine(c)]));
  return others.sort((a, b) => (near.get(b) as number) - (near.get(a) as number) || a - b).slice(0, NEIGHBORS);
}
