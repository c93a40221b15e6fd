import { readTable, writeTable } from '../artifacts/arrow.js';
import { loadGraph } from '../artifacts/load-graph.js';
import { loadInteractions } from '../artifacts/load-interactions.js';
import { type Manifest, outputsHash, readManifest } from '../artifacts/manifest.js';
import type { RunDirectory } from '../artifacts/run-directory.js';
import { EDGES, GRAPH_SUBREDDITS, GRAPH_USERS, INGESTED_SUBREDDITS } from '../artifacts/tables.js';
import { InputError } from '../core/errors.js';
import { createBipartite } from '../graph/bipartite.js';
import { type Adjacency, transpose } from '../graph/csr.js';
import { EDGE_FEATURE_VALUES, NUM_EDGE_FEATURES } from '../graph/edge-features.js';
import { keepNodes } from '../graph/pruning.js';
import { writeEdges } from './build-graph.js';
import { pick } from './config.js';
import { embedConfig, loadModel, writeEmbeddings } from './embed.js';
import { startEngine } from './engine.js';
import { ingest } from './ingest.js';
import type { Stage } from './stage.js';

/**
 * The stages that embed people whom a finished run has never seen: read what they did, keep their links to subreddits
 * that the model knows, encode. Nothing is trained, and the model's run is only read.
 *
 * What they leave has the tables of a run; its subreddits are those of the model, in the model's order.
 */
export async function embedNewStages(model: RunDirectory): Promise<readonly Stage[]> {
  const trained = await finished(model, 'train');
  return [ingest, knownLinks(model, outputsHash(trained)), encodeNew(model, trained)];
}

async function finished(run: RunDirectory, stage: string): Promise<Manifest> {
  const manifest = await readManifest(run.stageFolder(stage));
  if (manifest) return manifest;
  throw new InputError(
    'ERR_STAGE_MISSING',
    `${run.path} holds no model: its stage ${stage} has not finished. Make one with: mine-personas run INPUT... --until embed --out ${run.path}`,
    { model: run.path, stage },
  );
}

/** Links of new people to the subreddits of the model. A person is kept with a single one. */
function knownLinks(model: RunDirectory, identity: string): Stage {
  return {
    name: 'build-graph',
    version: 1,
    inputs: ['ingest'],
    config: (config) => pick(config, 'recencyHalfLifeDays'),
    external: async () => ({ model: identity }),
    async run({ input, folder, config, signal }) {
      const ingested = input('ingest').folder;
      const { name: names } = await readTable(ingested, INGESTED_SUBREDDITS);
      const { graph, codes, rows } = await loadInteractions(ingested, names.length, config.recencyHalfLifeDays, signal);
      const known = await readTable(model.stageFolder('build-graph'), GRAPH_SUBREDDITS);
      const modelId = new Map(known.name.map((name, s) => [name.toLowerCase(), s]));
      const subredditIds = count(names.length).filter((s) => modelId.has(names[s].toLowerCase()));
      const isKnown = new Uint8Array(names.length);
      for (const s of subredditIds) isKnown[s] = 1;
      const userIds = count(graph.numRows).filter((u) => {
        for (let e = graph.rowPtr[u]; e < graph.rowPtr[u + 1]; e++) if (isKnown[graph.colIndex[e]]) return true;
        return false;
      });
      const numPairs = graph.colIndex.length;
      const numUsers = graph.numRows;
      if (userIds.length === 0)
        throw new InputError(
          'ERR_DATA_TOO_SMALL',
          `None of the ${numUsers} people has a link to one of the ${known.name.length} subreddits that the model knows.`,
          { users: numUsers, subreddits: known.name.length },
        );

      const kept = keepNodes(graph, codes, { userIds, subredditIds });
      // both sides are sorted by lower-cased name, so the order inside a row stays ascending
      const toModel = Uint32Array.from(subredditIds, (s) => modelId.get(names[s].toLowerCase()) as number);
      const colIndex = kept.graph.colIndex.map((s) => toModel[s]);
      const adjacency: Adjacency = { ...kept.graph, numCols: known.name.length, colIndex };
      const features = { numFeatures: NUM_EDGE_FEATURES, codes: kept.codes, values: EDGE_FEATURE_VALUES };
      const edges = await writeEdges(folder, createBipartite(adjacency, features), signal);
      const users = writeTable(folder, GRAPH_USERS, { id: count(userIds.length), ingested_user: userIds });
      const { rowPtr } = transpose(adjacency);
      const subreddits = writeTable(folder, GRAPH_SUBREDDITS, {
        ...known,
        users: known.users.map((_, s) => rowPtr[s + 1] - rowPtr[s]),
      });
      return {
        rows: { [EDGES.file]: edges.rows, [GRAPH_USERS.file]: users.rows, [GRAPH_SUBREDDITS.file]: subreddits.rows },
        accounting: [
          {
            unit: 'interactions',
            read: rows,
            kept: edges.rows,
            dropped: { merged: rows - numPairs, 'subreddit-unknown-to-model': numPairs - edges.rows },
          },
          {
            unit: 'users',
            read: numUsers,
            kept: userIds.length,
            dropped: { 'no-subreddit-known-to-model': numUsers - userIds.length },
          },
        ],
        counts: { subreddits: names.length, subredditsKnown: subredditIds.length },
      };
    },
  };
}

function encodeNew(model: RunDirectory, trained: Manifest): Stage {
  return {
    name: 'embed',
    version: 1,
    inputs: ['build-graph'],
    config: embedConfig,
    external: async () => ({ model: outputsHash(trained) }),
    async run(context) {
      const { input, config, random, log } = context;
      const graph = await loadGraph(input('build-graph').folder, input('build-graph').manifest);
      const engine = await startEngine(config, log);
      const encoder = await loadModel(model.stageFolder('train'), trained, graph.edgeFeatures.numFeatures);
      const { encodeAllSubreddits } = await import('../training/inference.js');
      const seen = await loadGraph(model.stageFolder('build-graph'), await finished(model, 'build-graph'));
      const states = encodeAllSubreddits(
        seen,
        encoder.encoder,
        encoder.inTable,
        config.embedFanout,
        random.fork('subreddits'),
      );
      return { ...(await writeEmbeddings(context, graph, encoder, states)), engine };
    },
  };
}

function count(length: number): Uint32Array {
  return Uint32Array.from({ length }, (_, i) => i);
}
