import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { gatherFeatures } from '../../src/graph/bipartite.js';
import { assertAdjacency } from '../../src/graph/csr.js';
import { useEngine } from '../../src/kernels/register.js';
import { Encoder } from '../../src/nn/encoder.js';
import { encodeAllSubreddits, encodeUsers } from '../../src/training/inference.js';
import { RankingMeter } from '../../src/training/ranking.js';
import { type Model, Validation } from '../../src/training/validation.js';
import { expectNoLeak, normals } from '../conformance/numbers.js';
import { bipartiteWithFeatures, linksOf, plantedGraph } from './planted.js';

beforeAll(async () => await useEngine('reference'));

const DIM = 4;
const graph = plantedGraph(120, 30, 3, 1);
const { numRows: numUsers, numCols: numSubreddits } = graph.userToSubreddit;

function randomModel(): Model {
  const encoder = new Encoder({ dim: DIM, numHeads: 2, numEdgeFeatures: 2, numLayers: 2 });
  for (const { name, variable } of encoder.variables())
    variable.assign(tf.tensor(normals(new Random(1).fork(name), variable.size, 0.5), variable.shape));
  const table = (seed: number) => Float32Array.from(normals(new Random(seed), numSubreddits * DIM));
  return { encoder, inTable: table(2), outTable: table(3) };
}

/** Users with hidden links, and which. */
function hiddenOf({ visible }: Validation): Map<number, number[]> {
  const hidden = new Map<number, number[]>();
  for (let u = 0; u < numUsers; u++) {
    const known = linksOf(visible, u);
    const missing = linksOf(graph, u).filter((s) => !known.includes(s));
    if (missing.length > 0) hidden.set(u, missing);
  }
  return hidden;
}

describe('Validation', () => {
  it('shows training a whole graph without the hidden links, features still at their edges', () => {
    const validation = new Validation(graph, 10, new Random(1));
    const { visible } = validation;
    assertAdjacency(visible.userToSubreddit);
    assertAdjacency(visible.subredditToUser);
    expect(hiddenOf(validation).size).toBe(10);
    for (let u = 0; u < numUsers; u++) {
      const first = visible.userToSubreddit.rowPtr[u];
      linksOf(visible, u).forEach((s, at) => {
        const e = graph.userToSubreddit.rowPtr[u] + linksOf(graph, u).indexOf(s);
        expect(gatherFeatures(visible.edgeFeatures, [first + at])).toEqual(gatherFeatures(graph.edgeFeatures, [e]));
      });
    }
  });

  it('ranks all subreddits by the dot product of vectors made from visible links', () => {
    const validation = new Validation(graph, 10, new Random(1));
    const model = randomModel();
    const { visible } = validation;
    const hidden = hiddenOf(validation);
    const draws = new Random(1).fork('fanout');
    const states = encodeAllSubreddits(visible, model.encoder, model.inTable, 16, draws);
    const meter = new RankingMeter();
    const users = Uint32Array.from(hidden.keys());
    for (const { vectors } of encodeUsers(visible, model.encoder, model.inTable, states, users))
      users.forEach((u, b) => {
        const scores = Float32Array.from({ length: numSubreddits }, (_, s) => {
          let score = 0;
          for (let d = 0; d < DIM; d++) score += vectors[b * DIM + d] * model.outTable[s * DIM + d];
          return score;
        });
        meter.add(scores, linksOf(visible, u), hidden.get(u) ?? []);
      });
    const expected = meter.result();
    const actual = validation.rank(model);
    expect(actual.users).toBe(10);
    expect(actual.recallAt20).toBeCloseTo(expected.recallAt20, 6);
    expect(actual.ndcgAt20).toBeCloseTo(expected.ndcgAt20, 6);
  });

  it('ranks the same model the same each time, and leaves no tensors behind', () => {
    const validation = new Validation(graph, 10, new Random(1));
    const model = randomModel();
    expect(validation.rank(model)).toEqual(validation.rank(model));
    expectNoLeak(() => void validation.rank(model));
  });

  it('measures popularity among the links that training sees', () => {
    const validation = new Validation(graph, 10, new Random(1));
    const users = Array.from({ length: numSubreddits }, () => 0);
    for (let u = 0; u < numUsers; u++) for (const s of linksOf(validation.visible, u)) users[s]++;
    const meter = new RankingMeter();
    for (const [u, missing] of hiddenOf(validation))
      meter.add(Float32Array.from(users), linksOf(validation.visible, u), missing);
    expect(validation.popularity()).toEqual(meter.result());
  });

  it('holds nothing back where nobody has enough links or nobody is asked for', () => {
    const sparse = bipartiteWithFeatures(
      Array.from({ length: 30 }, () => [0, 1]),
      2,
      1,
    );
    for (const validation of [new Validation(sparse, 10, new Random(1)), new Validation(graph, 0, new Random(1))]) {
      expect(validation.rank(randomModel())).toEqual({ users: 0, recallAt20: 0, ndcgAt20: 0 });
      expect(validation.popularity().users).toBe(0);
    }
    expect(new Validation(graph, 0, new Random(1)).visible).toEqual(graph);
  });
});
