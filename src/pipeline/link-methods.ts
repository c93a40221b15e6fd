import type { Log } from '../core/log.js';
import type { Random } from '../core/random.js';
import { EASE_MAX_SUBREDDITS, ease } from '../evaluation/baselines/ease.js';
import { encoderMethod } from '../evaluation/baselines/encoder.js';
import { itemKnn } from '../evaluation/baselines/item-knn.js';
import { lightGcn } from '../evaluation/baselines/light-gcn.js';
import type { LinkMethod } from '../evaluation/baselines/method.js';
import { popularity } from '../evaluation/baselines/popularity.js';
import { gfCf, spectral } from '../evaluation/baselines/spectral.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import type { RunConfig } from './config.js';

/** The encoder with the settings of a run. */
export function ownMethod(config: RunConfig, random: Random, log: Log, signal: AbortSignal): LinkMethod {
  return encoderMethod(`this encoder, D = ${config.dim}`, config, random.fork('own'), log, signal);
}

/** What an encoder must beat, weakest first. EASE is left out where its dense matrix would not fit. */
export function baselineMethods(
  graph: BipartiteGraph,
  config: RunConfig,
  random: Random,
  log: Log,
  signal: AbortSignal,
): LinkMethod[] {
  const draws = random.fork('baselines');
  const twoLayers = { ...config, layers: 2, fanout: [16, 4] };
  const fits = graph.userToSubreddit.numCols <= EASE_MAX_SUBREDDITS;
  if (!fits) log.warn(`EASE is left out: it takes a matrix of ${graph.userToSubreddit.numCols}² numbers.`);
  return [
    popularity,
    itemKnn,
    spectral(128, draws.fork('svd')),
    gfCf(256, 0.3, draws.fork('gf-cf')),
    ...(fits ? [ease(200)] : []),
    lightGcn(64, draws),
    encoderMethod('GraphSAGE, 2 layers', { ...twoLayers, uniformAttention: true }, draws.fork('sage'), log, signal),
    encoderMethod('GAT, 2 layers', twoLayers, draws.fork('gat'), log, signal),
  ];
}
