import type { Random } from '../core/random.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import { assign } from '../kernels/row-adam/parameter.js';
import type { Encoder } from '../nn/encoder.js';
import type { Smoothing } from './smoothing.js';

/** Size of the constant that users multiply popularity with: keeps its column of the output rows about as small as others. */
const POPULARITY_SCALE = 10;

/**
 * Weights with which training starts, from our own seed so that every engine agrees.
 *
 * The first column of the output rows, once smoothed, holds the log of a subreddit's share of all links, and the bias that all users
 * have in common picks it up: the start predicts popularity, and training adds taste to it. Layer 1 adds nothing yet and
 * layer 2 passes states through, so a user starts as the mean of its subreddits and attention has to earn its place.
 * All else is drawn: tables normal with variance 1 / 3D, so that what is drawn hardly moves the start, matrices glorot-uniform, attention vectors normal.
 *
 * @returns input and output rows of subreddits, float32 [S, D]; the encoder's weights are set in place
 */
export function initializeWeights(
  encoder: Encoder,
  graph: BipartiteGraph,
  smoothing: Smoothing,
  random: Random,
): { input: Float32Array; output: Float32Array } {
  const { dim, numHeads } = encoder.config;
  for (const { name, variable } of encoder.variables()) {
    const draws = random.fork(name);
    const [rows, cols] = variable.shape;
    const limit = Math.sqrt(6 / (rows + cols));
    if (name === 'users_to_subreddits/source') assign(variable, new Float32Array(variable.size));
    else if (name === 'subreddits_to_users/source') assign(variable, identity(dim));
    else if (name === 'bias')
      assign(
        variable,
        Float32Array.from({ length: dim }, (_, d) => (d === 0 ? POPULARITY_SCALE : 0)),
      );
    else if (name.endsWith('attn')) assign(variable, normals(variable.size, (dim / numHeads) ** -0.5, draws));
    else if (variable.rank === 2)
      assign(
        variable,
        Float32Array.from({ length: variable.size }, () => limit * (2 * draws.float() - 1)),
      );
  }

  const { numRows: numSubreddits, rowPtr, colIndex } = graph.subredditToUser;
  const input = normals(numSubreddits * dim, (3 * dim) ** -0.5, random.fork('input rows'));
  const output = normals(numSubreddits * dim, (3 * dim) ** -0.5, random.fork('output rows'));
  const uniform = Math.log((colIndex.length + 1) / numSubreddits);
  // against an even share: about 0 in the middle
  const logShares = Float32Array.from(
    { length: numSubreddits },
    (_, s) => Math.log(rowPtr[s + 1] - rowPtr[s] + 1) - uniform,
  );
  smoothing.inverseOf(logShares).forEach((value, s) => {
    input[s * dim] = 0;
    output[s * dim] = value / POPULARITY_SCALE;
  });
  return { input, output };
}

function identity(n: number): Float32Array {
  const values = new Float32Array(n * n);
  for (let i = 0; i < n; i++) values[i * n + i] = 1;
  return values;
}

function normals(length: number, stddev: number, random: Random): Float32Array {
  return Float32Array.from({ length }, () => stddev * random.normal());
}
