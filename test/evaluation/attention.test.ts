import { beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/core/log.js';
import { Random } from '../../src/core/random.js';
import { ORDERS, SHARES, testEvidence } from '../../src/evaluation/attention.js';
import { createBipartite } from '../../src/graph/bipartite.js';
import { EDGE_FEATURE_VALUES, NUM_EDGE_FEATURES } from '../../src/graph/edge-features.js';
import { useEngine } from '../../src/kernels/register.js';
import { assign } from '../../src/kernels/row-adam/parameter.js';
import { encodeAllSubreddits } from '../../src/training/inference.js';
import { restoreEncoder, trainEncoder, type Weights } from '../../src/training/trainer.js';
import { bipartiteWithFeatures, usersWithLinks } from '../training/planted.js';

const SUBREDDITS = 60;
const draws = new Random(3);
// a third of a user's links say what it likes; the others are popular with everybody and say nothing
const { userToSubreddit } = bipartiteWithFeatures(
  Array.from({ length: 500 }, (_, u) => [
    ...Array.from({ length: 5 }, () => 10 + (u % 5) * 10 + draws.below(10)),
    ...Array.from({ length: 12 }, () => draws.below(10)),
  ]),
  SUBREDDITS,
  1,
);
const graph = createBipartite(userToSubreddit, {
  numFeatures: NUM_EDGE_FEATURES,
  codes: [0, 1, 2, 3].map(() => Uint8Array.from(userToSubreddit.colIndex, () => 1 + draws.below(20))),
  values: EDGE_FEATURE_VALUES,
});
const users = usersWithLinks(graph, 10).slice(0, 40);
let weights: Weights;

beforeAll(async () => {
  await useEngine('reference');
  const options = {
    ...{
      dim: 16,
      heads: 2,
      layers: 1,
      fanout: [24, 4],
      batchUsers: 64,
      maxEpochs: 12,
      patience: 12,
      learningRate: 0.05,
    },
    ...{ weightDecay: 0.05, temperature: 1, candidates: 64, validationUsers: 0, embedFanout: 16 },
    smoothingNeighbors: 0,
  };
  const hooks = {
    log: silentLog,
    signal: new AbortController().signal,
    isCheckpointDue: () => false,
    saveCheckpoint: async () => {},
  };
  ({ weights } = await trainEncoder(graph, options, new Random(1), hooks));
}, 60_000);

function evidence(change: (name: string, values: Float32Array) => Float32Array = (_, values) => values) {
  const model = restoreEncoder({ dim: 16, numHeads: 2, numEdgeFeatures: NUM_EDGE_FEATURES, numLayers: 1 }, weights);
  for (const { name, variable } of model.encoder.variables())
    assign(variable, change(name, weights.get(name)?.values as Float32Array));
  const states = encodeAllSubreddits(graph, model.encoder, model.inTable, 16, new Random(1));
  return testEvidence(graph, model, states, users, new Random(2));
}

describe('testEvidence', () => {
  it('finds that what a trained encoder attends to carries its vectors and scores, and chance does not', () => {
    const { areas, points } = evidence();
    const of = (test: string, order: string) => areas.find((area) => area.test === test && area.order === order);
    const attention = of('deletion', 'attention');
    const random = of('deletion', 'random');
    expect(random?.cosine.minusAttention.low).toBeGreaterThan(0);
    expect(attention?.cosine.area.mean).toBeLessThan(random?.cosine.area.mean ?? 0);
    expect(points).toHaveLength(2 * ORDERS.length * SHARES.length);
    for (const { cosine } of points) {
      expect(cosine.low).toBeLessThanOrEqual(cosine.mean);
      expect(cosine.high).toBeLessThanOrEqual(1 + 1e-6);
    }
    // the area is the mean of the curve
    const curve = points.filter(({ test, order }) => test === 'insertion' && order === 'tf-idf');
    const mean = curve.reduce((sum, { linkScore }) => sum + linkScore.mean, 0) / SHARES.length;
    expect(of('insertion', 'tf-idf')?.linkScore.area.mean).toBeCloseTo(mean, 5);
    for (const area of areas.filter(({ order }) => order === 'attention'))
      expect(area.cosine.minusAttention).toEqual({ mean: 0, low: 0, high: 0 });
  });

  it('gives the same figures for the same draws, and follows attention where that is turned around', () => {
    const plain = evidence();
    expect(evidence()).toEqual(plain);
    const turned = evidence((name, values) => (name.endsWith('attn') ? values.map((value) => -value) : values));
    expect(turned.areas).not.toEqual(plain.areas);
  });
});
