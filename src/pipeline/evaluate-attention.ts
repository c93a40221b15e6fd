import { loadGraph } from '../artifacts/load-graph.js';
import { readManifest } from '../artifacts/manifest.js';
import type { RunDirectory } from '../artifacts/run-directory.js';
import { InputError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { Random } from '../core/random.js';
import type { EvidenceTest } from '../evaluation/attention.js';
import type { RunConfig } from './config.js';
import { loadModel } from './embed.js';
import { startEngine } from './engine.js';

/** Links a person needs, so that every share of them is at least one and leaves one. */
const MIN_LINKS = 10;

/** Tests the attention of a finished run as evidence, on people drawn at random. The run is only read. */
export async function runAttentionEvaluation(
  run: RunDirectory,
  config: RunConfig,
  maxUsers: number,
  log: Log,
): Promise<EvidenceTest> {
  const built = await readManifest(run.stageFolder('build-graph'));
  const trained = await readManifest(run.stageFolder('train'));
  if (!built || !trained)
    throw new InputError(
      'ERR_STAGE_MISSING',
      `${run.path} has no encoder yet. Make one with: mine-personas run INPUT... --until train --out ${run.path}`,
      { out: run.path },
    );
  await startEngine(config, log);
  const graph = await loadGraph(run.stageFolder('build-graph'), built);
  const model = await loadModel(run.stageFolder('train'), trained, graph.edgeFeatures.numFeatures);
  const { encodeAllSubreddits } = await import('../training/inference.js');
  const { testEvidence } = await import('../evaluation/attention.js');
  const random = new Random(config.seed).fork('evaluate attention');
  const states = encodeAllSubreddits(graph, model.encoder, model.inTable, config.embedFanout, random.fork('states'));
  const { numRows, rowPtr } = graph.userToSubreddit;
  const eligible = Array.from({ length: numRows }, (_, u) => u).filter((u) => rowPtr[u + 1] - rowPtr[u] >= MIN_LINKS);
  if (eligible.length === 0)
    throw new InputError('ERR_DATA_TOO_SMALL', `Nobody in ${run.path} has ${MIN_LINKS} links, which the tests need.`, {
      out: run.path,
    });
  const users = Uint32Array.from(random.fork('users').shuffle(eligible).slice(0, maxUsers)).sort();
  return testEvidence(graph, model, states, users, random);
}
