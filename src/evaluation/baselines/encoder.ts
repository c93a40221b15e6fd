import type { Log } from '../../core/log.js';
import type { Random } from '../../core/random.js';
import { type BipartiteGraph, createBipartite } from '../../graph/bipartite.js';
import { type UserImages, withoutImagesOf } from '../../training/image-align.js';
import { encodeAllSubreddits, encodeUsers } from '../../training/inference.js';
import { restoreEncoder, type TrainingOptions, trainEncoder } from '../../training/trainer.js';
import { product } from './dense.js';
import type { LinkMethod } from './method.js';

/**
 * This program's encoder, or another of its family, trained from scratch on the links that the task shows.
 *
 * @param images of users, for ImageAlign; those of people who are asked about are left out, so that no hidden link shines
 *   through what its user posted there
 */
export function encoderMethod(
  name: string,
  options: TrainingOptions,
  random: Random,
  log: Log,
  signal: AbortSignal,
  images?: UserImages,
): LinkMethod {
  return {
    name,
    async fit(train: BipartiteGraph, asked: Uint32Array) {
      const hooks = { log, signal, isCheckpointDue: () => false, saveCheckpoint: async () => {} };
      const seen = images && withoutImagesOf(images, asked);
      const { weights } = await trainEncoder(train, options, random, hooks, seen);
      const { dim, heads } = options;
      const numLayers = options.layers === 1 ? 1 : 2;
      const numEdgeFeatures = train.edgeFeatures.numFeatures;
      const { encoder, inTable, outTable } = restoreEncoder(
        { dim, numHeads: heads, numEdgeFeatures, numLayers },
        weights,
      );
      const states = encodeAllSubreddits(train, encoder, inTable, options.embedFanout, random.fork('subreddits'));
      return ({ links, edgeFeatures }) => {
        const graph = createBipartite(links, edgeFeatures);
        return (begin, end) => {
          const users = Uint32Array.from({ length: end - begin }, (_, i) => begin + i);
          const vectors = new Float32Array((end - begin) * dim);
          for (const encoded of encodeUsers(graph, encoder, inTable, states, users))
            vectors.set(encoded.vectors, (encoded.users[0] - begin) * dim);
          return product(vectors, [end - begin, dim], outTable, [links.numCols, dim], false, true);
        };
      };
    },
  };
}
