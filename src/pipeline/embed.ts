import { TableWriter, writeTable } from '../artifacts/arrow.js';
import { loadGraph } from '../artifacts/load-graph.js';
import type { Manifest } from '../artifacts/manifest.js';
import { readSafetensors } from '../artifacts/safetensors.js';
import { ATTENTION, SUBREDDIT_EMBEDDINGS, USER_EMBEDDINGS } from '../artifacts/tables.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import type { Adjacency } from '../graph/csr.js';
import type { EncodedUsers } from '../training/inference.js';
import type { Model } from '../training/validation.js';
import { pick } from './config.js';
import { startEngine } from './engine.js';
import type { Stage, StageContext, StageSummary } from './stage.js';

/** Links up to which sorting them in one by one is fastest. */
const INSERTION_SORT = 64;
/** Users encoded between two writes. */
const USERS_AT_ONCE = 4096;

/** Weights and graph in; a vector per user and subreddit, and who attends to what, out. */
export const embed: Stage = {
  name: 'embed',
  version: 1,
  inputs: ['build-graph', 'train'],
  config: (config) => pick(config, 'embedFanout'),
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
  { folder, log, signal }: StageContext,
  graph: BipartiteGraph,
  { encoder, inTable, outTable }: Model,
  states: Float32Array,
): Promise<StageSummary> {
  const { encodeUsers } = await import('../training/inference.js');
  const { numRows: numUsers, numCols: numSubreddits } = graph.userToSubreddit;
  const { dim } = encoder.config;
  const users = new TableWriter(folder, USER_EMBEDDINGS, dim);
  const attention = new TableWriter(folder, ATTENTION);
  for (let begin = 0; begin < numUsers; begin += USERS_AT_ONCE) {
    const end = Math.min(numUsers, begin + USERS_AT_ONCE);
    const some = Uint32Array.from({ length: end - begin }, (_, i) => begin + i);
    for (const encoded of encodeUsers(graph, encoder, inTable, states, some)) {
      users.append({ id: encoded.users, embedding: encoded.vectors });
      attention.append(rankAttention(graph.userToSubreddit, encoded));
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
  encoder.dispose();
  return {
    rows: {
      [USER_EMBEDDINGS.file]: written.users.rows,
      [SUBREDDIT_EMBEDDINGS.file]: subreddits.rows,
      [ATTENTION.file]: written.attention.rows,
    },
    counts: { users: numUsers, subreddits: numSubreddits, dim },
  };
}

/** Each user's subreddits by attention, descending; ties to the smaller id. */
function rankAttention(graph: Adjacency, { users, rowPtr, attention }: EncodedUsers) {
  const numEdges = attention.length;
  const columns = {
    user: new Uint32Array(numEdges),
    subreddit: new Uint32Array(numEdges),
    attention: new Float32Array(numEdges),
  };
  for (let b = 0; b < users.length; b++) {
    const begin = rowPtr[b];
    const end = rowPtr[b + 1];
    const first = graph.rowPtr[users[b]] - begin;
    columns.user.fill(users[b], begin, end);
    if (end - begin > INSERTION_SORT) {
      const order = Uint32Array.from({ length: end - begin }, (_, i) => begin + i);
      order.sort((i, j) => attention[j] - attention[i] || i - j);
      order.forEach((e, rank) => {
        columns.subreddit[begin + rank] = graph.colIndex[first + e];
        columns.attention[begin + rank] = attention[e];
      });
      continue;
    }
    for (let e = begin; e < end; e++) {
      let to = e;
      for (; to > begin && columns.attention[to - 1] < attention[e]; to--) {
        columns.attention[to] = columns.attention[to - 1];
        columns.subreddit[to] = columns.subreddit[to - 1];
      }
      columns.attention[to] = attention[e];
      columns.subreddit[to] = graph.colIndex[first + e];
    }
  }
  return columns;
}
