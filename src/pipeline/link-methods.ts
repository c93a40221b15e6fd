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
import type { UserImages } from '../training/image-align.js';
import type { RunConfig } from './config.js';

/** The encoder with the settings of a run. */
export function ownMethod(
  config: RunConfig,
  random: Random,
  log: Log,
  signal: AbortSignal,
  images?: UserImages,
): LinkMethod {
  const name = `this encoder, D = ${config.dim}${images ? WITH_IMAGES : ''}`;
  return encoderMethod(name, config, random.fork('own'), log, signal, images);
}

const WITH_IMAGES = ' + ImageAlign';

/**
 * The ablation of ZIPP's encoder, in the paper's order: TF-IDF, LightGCN, GraphSAGE, GAT, the last two with ImageAlign as
 * well where there are images. Popularity is what each must beat first.
 */
export function ladderMethods(
  config: RunConfig,
  random: Random,
  log: Log,
  signal: AbortSignal,
  images?: UserImages,
): LinkMethod[] {
  const draws = random.fork('baselines');
  const graphSage = (aligned?: UserImages) => sageMethod(config, draws, log, signal, aligned);
  const gat = (aligned?: UserImages) => gatMethod(config, draws, log, signal, aligned);
  return [
    popularity,
    itemKnn,
    lightGcn(64, draws),
    graphSage(),
    ...(images ? [graphSage(images)] : []),
    gat(),
    ...(images ? [gat(images)] : []),
  ];
}

/** The depth of the paper, and none of what it does not have. */
const TWO_LAYERS = { layers: 2, fanout: [16, 4], smoothingNeighbors: 0 } as const;

function sageMethod(config: RunConfig, draws: Random, log: Log, signal: AbortSignal, images?: UserImages): LinkMethod {
  const options = { ...config, ...TWO_LAYERS, uniformAttention: true };
  const name = `GraphSAGE, 2 layers${images ? WITH_IMAGES : ''}`;
  return encoderMethod(name, options, draws.fork('sage'), log, signal, images);
}

function gatMethod(config: RunConfig, draws: Random, log: Log, signal: AbortSignal, images?: UserImages): LinkMethod {
  const name = `GAT, 2 layers${images ? WITH_IMAGES : ''}`;
  return encoderMethod(name, { ...config, ...TWO_LAYERS }, draws.fork('gat'), log, signal, images);
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
  const fits = graph.userToSubreddit.numCols <= EASE_MAX_SUBREDDITS;
  if (!fits) log.warn(`EASE is left out: it takes a matrix of ${graph.userToSubreddit.numCols}² numbers.`);
  return [
    popularity,
    itemKnn,
    spectral(128, draws.fork('svd')),
    gfCf(256, 0.3, draws.fork('gf-cf')),
    ...(fits ? [ease(200)] : []),
    lightGcn(64, draws),
    sageMethod(config, draws, log, signal),
    gatMethod(config, draws, log, signal),
  ];
}
