import { writeFileSync } from 'node:fs';
import { Random } from '../../../src/core/random.js';

/** Sizes of the benchmark step: the paper's encoder at the size of real subreddits. */
export const V = 50_000; // rows of the table
export const D = 64; // dimensions, and channels of a layer
export const H = 4; // heads
export const F = 4; // edge features
export const K = 16; // subreddits sampled per user
export const K1 = 4; // users sampled per subreddit, where there are two layers
export const TEMPERATURE = 0.1;
export const ADAM = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
const NUM_COMMUNITIES = 64;

export interface Block {
  readonly rowPtr: Int32Array;
  readonly colIndex: Int32Array;
  readonly edgeFeatures: Float32Array; // [E, F]
}

/**
 * One step's input: B users with K subreddits each and one more to predict among those of all users. Rows of the table
 * that are read are listed once: first the S that users are neighbors of, then the rest.
 */
export interface Problem {
  readonly layers: 1 | 2;
  readonly numUsers: number; // B
  readonly numStates: number; // S
  readonly rows: Int32Array; // [R]
  readonly toUsers: Block; // B targets ← S subreddits
  readonly positives: Int32Array; // [B] into rows
  readonly hop?: { readonly bags: Block; readonly toSubreddits: Block }; // S targets ← K1 · S users, each a bag of K rows
  readonly table: Float32Array; // [V, D] at the start
  readonly layerWeights: readonly LayerWeights[]; // of layer 1 (two layers) and of the layer of users
}

export interface LayerWeights {
  readonly source: Float32Array; // [D, D]
  readonly target: Float32Array; // [D, D]
  readonly edge: Float32Array; // [F, D]
  readonly attn: Float32Array; // [D]
  readonly bias: Float32Array; // [D]
}

export function createProblem(numUsers: number, layers: 1 | 2): Problem {
  const random = new Random(1).fork(`${numUsers} ${layers}`);
  const local = new Int32Array(V).fill(-1);
  const rows: number[] = [];
  const localOf = (id: number) => {
    if (local[id] < 0) local[id] = rows.push(id) - 1;
    return local[id];
  };
  // ranks with a heavy tail; nine of ten of a user's subreddits from its community
  const subredditOf = (community: number) => {
    const rank = Math.floor(V ** random.float()) - 1;
    if (random.float() >= 0.9) return rank;
    return rank - (rank % NUM_COMMUNITIES) + community < V ? rank - (rank % NUM_COMMUNITIES) + community : community;
  };
  const block = (numTargets: number, degree: number, draw: (target: number) => number): Block => ({
    rowPtr: Int32Array.from({ length: numTargets + 1 }, (_, b) => b * degree),
    colIndex: Int32Array.from({ length: numTargets * degree }, (_, e) => draw(Math.floor(e / degree))),
    edgeFeatures: Float32Array.from({ length: numTargets * degree * F }, () => random.float()),
  });
  const communities = Int32Array.from({ length: numUsers }, () => random.below(NUM_COMMUNITIES));
  const toUsers = block(numUsers, K, (b) => localOf(subredditOf(communities[b])));
  const numStates = rows.length;
  const positives = Int32Array.from(communities, (community) => localOf(subredditOf(community)));
  const hop = layers === 2 && {
    toSubreddits: block(numStates, K1, () => -1),
    bags: block(numStates * K1, K, (u) => localOf(subredditOf(rows[Math.floor(u / K1)] % NUM_COMMUNITIES))),
  };
  if (hop)
    hop.toSubreddits.colIndex.forEach((_, e, all) => {
      all[e] = e;
    });

  const normals = (length: number, scale: number) => Float32Array.from({ length }, () => scale * random.normal());
  const layerWeights = Array.from({ length: layers }, () => ({
    source: normals(D * D, D ** -0.5),
    target: normals(D * D, D ** -0.5),
    edge: normals(F * D, F ** -0.5),
    attn: normals(D, (D / H) ** -0.5),
    bias: normals(D, 0.1),
  }));
  const table = normals(V * D, D ** -0.5);
  return {
    ...{ layers, numUsers, numStates, rows: Int32Array.from(rows), toUsers, positives, table, layerWeights },
    ...(hop && { hop }),
  };
}

/** Operations that the step needs at least: a multiplication and an addition count as two. */
export function countFlops({ layers, numUsers, numStates, hop }: Problem): number {
  const project = (rows: number) => 6 * rows * D * D; // forward, towards the rows, towards the weights
  const edges = (count: number) => count * D * (15 + 30); // scores, softmax and mean; twice that backward
  const bag = (count: number) => 4 * count * D;
  const users = project(numStates) + project(numUsers) + edges(numUsers * K) + bag(numUsers * K);
  const contrast = 6 * numUsers * numUsers * D;
  if (layers === 1 || !hop) return users + contrast;
  const hopUsers = numStates * K1;
  return users + contrast + project(hopUsers) + project(numStates) + edges(hopUsers) + bag(hopUsers * K);
}

/** Bytes of the table and its moments that the step moves at least: rows are read, then value and moments updated. */
export function countTableBytes({ rows }: Problem): { readonly read: number; readonly update: number } {
  const bytes = rows.length * D * 4;
  return { read: bytes, update: 6 * bytes }; // three arrays, each read and written
}

/** For the script that does the same in PyTorch: every array as a raw file. */
export function writeProblem(problem: Problem, folder: string): void {
  const { layers, numUsers, numStates, rows, toUsers, positives, hop, table, layerWeights } = problem;
  const arrays: Record<string, Int32Array | Float32Array> = {
    ...{ rows, positives, table, colIndex: toUsers.colIndex, edgeFeatures: toUsers.edgeFeatures },
    ...(hop && { bagIndex: hop.bags.colIndex, hopEdgeFeatures: hop.toSubreddits.edgeFeatures }),
  };
  layerWeights.forEach((weights, i) => {
    for (const [name, values] of Object.entries(weights)) arrays[`layer${i}-${name}`] = values;
  });
  for (const [name, values] of Object.entries(arrays)) writeFileSync(`${folder}/${name}.bin`, values);
  const sizes = { layers, numUsers, numStates, V, D, H, F, K, K1, temperature: TEMPERATURE, ...ADAM };
  writeFileSync(`${folder}/sizes.json`, JSON.stringify(sizes));
}
