import type { Random } from '../../core/random.js';
import type { BipartiteGraph } from '../../graph/bipartite.js';
import type { Adjacency } from '../../graph/csr.js';
import { cores } from '../../kernels/register.js';
import { product } from './dense.js';
import { type LinkMethod, sumRows } from './method.js';

const LAYERS = 3;
const STEPS = 400;
/** Links a step learns from, as a share of all. */
const BATCH_SHARE = 0.1;
const LEARNING_RATE = 0.02;
const L2 = 1e-4;
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 } as const;

/**
 * LightGCN (He et al., SIGIR 2020): the mean of the embeddings and of three propagations with the normalised adjacency,
 * trained by BPR with one even negative a link, in 400 large Adam steps instead of the paper's small ones.
 *
 * A user it was not trained on has no embedding of its own and is what propagation makes of its subreddits.
 */
export function lightGcn(dim: number, random: Random): LinkMethod {
  return {
    name: `LightGCN, D = ${dim}`,
    fit(train) {
      const { userToSubreddit } = train;
      const { numRows: numUsers, numCols: numSubreddits } = userToSubreddit;
      const draws = random.fork('light-gcn');
      const params = Float32Array.from({ length: (numUsers + numSubreddits) * dim }, () => 0.1 * draws.normal());
      const m = new Float32Array(params.length);
      const v = new Float32Array(params.length);
      const scale = scalesOf(train);
      const batch = Math.max(1, Math.round(userToSubreddit.colIndex.length * BATCH_SHARE));
      const userOf = rowOfEdge(userToSubreddit);
      for (let step = 1; step <= STEPS; step++) {
        const { final } = propagate(train, scale, params, dim);
        const gradient = new Float32Array(params.length);
        for (let i = 0; i < batch; i++) {
          const e = draws.below(userOf.length);
          const user = userOf[e] * dim;
          const liked = (numUsers + userToSubreddit.colIndex[e]) * dim;
          const other = (numUsers + draws.below(numSubreddits)) * dim;
          let margin = 0;
          for (let d = 0; d < dim; d++) margin += final[user + d] * (final[liked + d] - final[other + d]);
          const pull = 1 / (1 + Math.exp(margin)) / batch;
          for (let d = 0; d < dim; d++) {
            gradient[user + d] -= pull * (final[liked + d] - final[other + d]);
            gradient[liked + d] -= pull * final[user + d];
            gradient[other + d] += pull * final[user + d];
          }
        }
        const grad = propagate(train, scale, gradient, dim).final; // the operator is symmetric: it is its own gradient
        for (let i = 0; i < grad.length; i++) grad[i] += (L2 / batch) * params[i];
        const learningRate = LEARNING_RATE * (0.05 + 0.475 * (1 + Math.cos((Math.PI * step) / STEPS)));
        cores().adam({ param: params, m, v, grad, step, learningRate, ...ADAM });
      }
      const { final, summed } = propagate(train, scale, params, dim);
      const output = final.slice(numUsers * dim);
      const subredditScale = scale.subarray(numUsers);
      return ({ links }) =>
        (begin, end) => {
          // sum over layers 0 to 2 of the subreddits, sent once more: layers 1 to 3 of the user
          const users = sumRows(links, begin, end, summed, dim, subredditScale);
          for (let u = begin; u < end; u++) {
            const degree = Math.max(1, links.rowPtr[u + 1] - links.rowPtr[u]);
            for (let d = 0; d < dim; d++) users[(u - begin) * dim + d] /= Math.sqrt(degree);
          }
          return product(users, [end - begin, dim], output, [numSubreddits, dim], false, true);
        };
    },
  };
}

/** 1 / √degree of users, then of subreddits; 0 for those without links. */
function scalesOf({ userToSubreddit, subredditToUser }: BipartiteGraph): Float32Array {
  const scales: number[] = [];
  for (const { numRows, rowPtr } of [userToSubreddit, subredditToUser])
    for (let i = 0; i < numRows; i++) scales.push(rowPtr[i + 1] > rowPtr[i] ? (rowPtr[i + 1] - rowPtr[i]) ** -0.5 : 0);
  return Float32Array.from(scales);
}

/**
 * The mean of X, AX, A²X and A³X with A = D^−½ [0 R; Rᵀ 0] D^−½.
 *
 * @param values float32 [N + S, D], users first
 * @returns `final`, the mean, and `summed` [S, D]: (X + AX + A²X) / 4 of the subreddits
 */
function propagate(
  { userToSubreddit, subredditToUser }: BipartiteGraph,
  scale: Float32Array,
  values: Float32Array,
  dim: number,
): { final: Float32Array; summed: Float32Array } {
  const numUsers = userToSubreddit.numRows;
  const userScale = scale.subarray(0, numUsers);
  const subredditScale = scale.subarray(numUsers);
  const final = values.slice();
  let layer = values;
  let summed = new Float32Array(0);
  for (let k = 1; k <= LAYERS; k++) {
    if (k === LAYERS) summed = final.slice(numUsers * dim);
    const users = sumRows(userToSubreddit, 0, numUsers, layer.subarray(numUsers * dim), dim, subredditScale);
    const subreddits = sumRows(subredditToUser, 0, subredditToUser.numRows, layer, dim, userScale);
    const next = new Float32Array(values.length);
    next.set(users);
    next.set(subreddits, users.length);
    for (let i = 0; i < scale.length; i++) for (let d = 0; d < dim; d++) next[i * dim + d] *= scale[i];
    for (let i = 0; i < final.length; i++) final[i] += next[i];
    layer = next;
  }
  for (let i = 0; i < final.length; i++) final[i] /= LAYERS + 1;
  for (let i = 0; i < summed.length; i++) summed[i] /= LAYERS + 1;
  return { final, summed };
}

function rowOfEdge({ numRows, rowPtr, colIndex }: Adjacency): Uint32Array {
  const rows = new Uint32Array(colIndex.length);
  for (let i = 0; i < numRows; i++) rows.fill(i, rowPtr[i], rowPtr[i + 1]);
  return rows;
}
