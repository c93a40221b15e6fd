import { TableWriter, writeTable } from '../artifacts/arrow.js';
import { loadGraph } from '../artifacts/load-graph.js';
import type { Manifest } from '../artifacts/manifest.js';
import { readSafetensors } from '../artifacts/safetensors.js';
import { ATTENTION, SUBREDDIT_EMBEDDINGS, USER_EMBEDDINGS } from '../artifacts/tables.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import type { Model } from '../training/validation.js';
import { pick, type RunConfig } from './config.js';
import { startEngine } from './engine.js';
import { FacetTables } from './facet-tables.js';
import { rankAttention } from './rank-attention.js';
import type { Stage, StageContext, StageSummary } from './stage.js';

/** Users encoded between two writes. */
const USERS_AT_ONCE = 4096;

/** Facets change nothing where they are not asked for, so they count only where they are. */
export function embedConfig(config: RunConfig): Readonly<Record<string, unknown>> {
  return config.facets > 1 ? pick(config, 'embedFanout', 'facets') : pick(config, 'embedFanout');
}

/** Weights and graph in; a vector per user and subreddit, and who attends to what, out. */
export const embed: Stage = {
  name: 'embed',
  version: 1,
  inputs: ['build-graph', 'train'],
  config: embedConfig,
  async run(context) {
    const { input, config, random, log } = context;
    const { folder: graphFolder, manifest } = input('build-graph');
    const graph = await loadGraph(graphFolder, manifest);
    const train = input('train');
    const engine = await startEngine(config, log);
    const model = await loadModel(train.folder, train.manifest, graph.edgeFeatures.numFeatures);
    log.info('embed: subreddits');
    const { encodeAllSubreddits } = await import('../training/inference.js');
    const states = encodeAllSubreddits(
      graph,
      model.encoder,
      model.inTable,
      config.embedFanout,
      random.fork('subreddits'),
    );
    return { ...(await writeEmbeddings(context, graph, model, states)), engine };
  },
};

/** The encoder that the stage train left in `folder`. The engine must have been started. */
export async function loadModel(folder: string, manifest: Manifest, numEdgeFeatures: number): Promise<Model> {
  const { restoreEncoder } = await import('../training/trainer.js'); // late, like the engine it brings
  const { tensors } = await readSafetensors(`${folder}/weights.safetensors`);
  const { dim, heads, layers } = manifest.config as { dim: number; heads: number; layers: 1 | 2 };
  return restoreEncoder({ dim, numHeads: heads, numEdgeFeatures, numLayers: layers }, tensors);
}

/**
 * Encodes every user of a graph and writes the tables of the stage.
 *
 * @param states float32 [S, D] of `encodeAllSubreddits`
 */
export async function writeEmbeddings(
  { folder, config, log, signal }: StageContext,
  graph: BipartiteGraph,
  model: Model,
  states: Float32Array,
): Promise<StageSummary> {
  const { encoder, inTable, outTable } = model;
  const { encodeUsers } = await import('../training/inference.js');
  const { numRows: numUsers, numCols: numSubreddits } = graph.userToSubreddit;
  const { dim } = encoder.config;
  const users = new TableWriter(folder, USER_EMBEDDINGS, dim);
  const attention = new TableWriter(folder, ATTENTION);
  const facets = config.facets > 1 ? new FacetTables(folder, graph, model, states, config.facets) : undefined;
  for (let begin = 0; begin < numUsers; begin += USERS_AT_ONCE) {
    const end = Math.min(numUsers, begin + USERS_AT_ONCE);
    const some = Uint32Array.from({ length: end - begin }, (_, i) => begin + i);
    for (const encoded of encodeUsers(graph, encoder, inTable, states, some)) {
      users.append({ id: encoded.users, embedding: encoded.vectors });
      attention.append(rankAttention(graph.userToSubreddit, encoded));
      facets?.add(encoded, encodeUsers);
    }
    log.progress({ task: 'embed: users', done: end, total: numUsers, unit: 'users' });
    await new Promise(setImmediate);
    signal.throwIfAborted();
  }
  const written = { users: users.close(), attention: attention.close() };
  const subreddits = writeTable(
    folder,
    SUBREDDIT_EMBEDDINGS,
    { id: Uint32Array.from({ length: numSubreddits }, (_, s) => s), embedding: outTable },
    dim,
  );
  const sides = facets?.close();
  encoder.dispose();
  return {
    rows: {
      [USER_EMBEDDINGS.file]: written.users.rows,
      [SUBREDDIT_EMBEDDINGS.file]: subreddits.rows,
      [ATTENTION.file]: written.attention.rows,
      ...sides?.rows,
    },
    counts: { users: numUsers, subreddits: numSubreddits, dim, ...sides?.counts },
  };
}
