import { open } from 'node:fs/promises';
import { readBatches, readTable } from '../artifacts/arrow.js';
import { writeFileDurably } from '../artifacts/run-directory.js';
import { ASSIGNMENTS, ATTENTION, CLUSTERS, EDGES, GRAPH_SUBREDDITS } from '../artifacts/tables.js';
import { PrivacyError } from '../core/errors.js';
import { COUNT_OF_CODE } from '../graph/edge-features.js';
import { openModel } from '../llm/open-model.js';
import { buildEvidencePacks, type ClusterProfile, EVIDENCE_DEFAULTS } from '../personas/evidence.js';
import { personaJsonSchema } from '../personas/persona.js';
import { verbalize as verbalizePacks } from '../personas/verbalize.js';
import { pick } from './config.js';
import type { Stage, StageContext } from './stage.js';

/** Other clusters a cluster is compared with. */
const NEIGHBORS = 3;

/** Clusters in; personas.jsonl out. A cluster of fewer people than `minUsers` is never described. */
export const verbalize: Stage = {
  name: 'verbalize',
  version: 1,
  inputs: ['ingest', 'build-graph', 'embed', 'cluster'],
  config: (config) => ({
    ...pick(config, 'minUsers', 'evidenceRows'),
    ...(config.llm === 'template' ? {} : pick(config, 'llmModel', 'llmTemperature')),
    llm: config.llm.replace(/^gguf:.*[/\\]/, 'gguf:'), // where a model lies does not matter
  }),
  async run(context) {
    const { folder, config, random, log, signal } = context;
    const { profiles, corpus } = await profileClusters(context);
    const speakable = profiles.filter(({ users }) => users >= config.minUsers);
    if (speakable.length === 0)
      throw new PrivacyError(
        'ERR_GROUPS_TOO_SMALL',
        `No cluster holds ${config.minUsers} people (the largest: ${Math.max(0, ...profiles.map(({ users }) => users))}), so no persona may be written. ` +
          'Add data, take fewer clusters with --clusters, or lower --min-users.',
        { minUsers: config.minUsers, clusters: profiles.length },
      );
    const packs = buildEvidencePacks(speakable, corpus, { ...EVIDENCE_DEFAULTS, maxRows: config.evidenceRows });

    const opened = await openModel(config, {
      apiKey: context.secrets.llmApiKey,
      random: random.fork('retries'),
      cachePath: `${context.runFolder}/llm-cache.jsonl`,
    });
    const file = await open(`${folder}/personas.jsonl`, 'w', 0o600);
    const failures: { id: string; code: string; message: string }[] = [];
    try {
      let written = 0;
      const summary = await verbalizePacks(packs, {
        model: opened?.model,
        runFingerprint: context.input('cluster').manifest.fingerprint.slice(0, 16),
        seed: config.seed,
        temperature: config.llmTemperature,
        inFlight: 2 * config.llmConcurrency,
        signal,
        async onPersona(persona) {
          await file.writeFile(`${JSON.stringify(persona)}\n`);
          written++;
          log.progress({ task: 'verbalize', done: written, total: packs.length, unit: 'personas' });
        },
        onFailure(failure) {
          failures.push(failure);
          log.warn(`a persona was not written: ${failure.message}`);
        },
      });
      await file.sync();
      await writeFileDurably(`${folder}/persona.schema.json`, `${JSON.stringify(personaJsonSchema(), null, 2)}\n`);
      await writeFileDurably(
        `${folder}/failures.jsonl`,
        failures.map((failure) => `${JSON.stringify(failure)}\n`).join(''),
      );
      const tooSmall = profiles.length - speakable.length;
      return {
        rows: { 'personas.jsonl': summary.written, 'failures.jsonl': failures.length },
        accounting: [
          {
            unit: 'clusters',
            read: profiles.length,
            kept: summary.written,
            dropped: { 'below-min-users': tooSmall, failed: failures.length },
          },
        ],
        counts: {
          personas: summary.written,
          generator: opened?.model.id ?? 'template',
          calls: summary.calls,
          usage: summary.usage,
          ...(opened && { spent: opened.spent() }),
        },
        notes: [
          ...(tooSmall > 0 ? [`${tooSmall} clusters of fewer than ${config.minUsers} people were not described`] : []),
          ...(config.minUsers < 1000
            ? [
                `personas may describe groups of only ${config.minUsers} people (default 1,000): check them before you publish them`,
              ]
            : []),
        ],
      };
    } finally {
      await file.close();
      await opened?.close();
    }
  },
};

/** Counts what each cluster does, from the tables of the run. */
async function profileClusters({
  input,
}: StageContext): Promise<{ profiles: ClusterProfile[]; corpus: { users: number; memberships: number } }> {
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
