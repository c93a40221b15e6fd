import { beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/core/log.js';
import { Random } from '../../../src/core/random.js';
import { invertSpd, product } from '../../../src/evaluation/baselines/dense.js';
import { ease } from '../../../src/evaluation/baselines/ease.js';
import { encoderMethod } from '../../../src/evaluation/baselines/encoder.js';
import { itemKnn } from '../../../src/evaluation/baselines/item-knn.js';
import { lightGcn } from '../../../src/evaluation/baselines/light-gcn.js';
import { popularity } from '../../../src/evaluation/baselines/popularity.js';
import { gfCf, spectral, spectralVectors } from '../../../src/evaluation/baselines/spectral.js';
import { evaluateMethod } from '../../../src/evaluation/links/evaluate.js';
import { coldStartSplit, randomSplit } from '../../../src/evaluation/links/protocols.js';
import { useEngine } from '../../../src/kernels/register.js';
import { plantedGraph } from '../../training/planted.js';

beforeAll(async () => void (await useEngine('reference')));

const graph = plantedGraph(400, 60, 4, 11);

describe('invertSpd', () => {
  it.each([1, 5, 300])('inverts a matrix of %i rows across blocks', (n) => {
    const random = new Random(n);
    const half = Float32Array.from({ length: n * n }, () => random.normal() / Math.sqrt(n));
    const matrix = product(half, [n, n], half, [n, n], false, true);
    for (let i = 0; i < n; i++) matrix[i * n + i] += 1;
    const inverse = matrix.slice();
    invertSpd(inverse, n);
    const unit = product(matrix, [n, n], inverse, [n, n]);
    const worst = unit.reduce((most, value, at) => Math.max(most, Math.abs(value - (at % (n + 1) === 0 ? 1 : 0))), 0);
    expect(worst).toBeLessThan(1e-4);
  });

  it('refuses what is not positive definite', () => {
    expect(() => invertSpd(Float32Array.of(1, 2, 2, 1), 2)).toThrow('not positive definite');
  });
});

describe('spectralVectors', () => {
  it('are orthonormal eigenvectors of the normalised co-occurrence', () => {
    const vectors = spectralVectors(graph, 4, new Random(1));
    const gram = product(vectors, [60, 4], vectors, [60, 4], true);
    for (let i = 0; i < 4; i++)
      for (let j = 0; j < 4; j++) expect(Math.abs(gram[i * 4 + j] - (i === j ? 1 : 0))).toBeLessThan(1e-4);
    // the first is √degree, whatever the graph: the singular value 1
    const degree = (s: number) => graph.subredditToUser.rowPtr[s + 1] - graph.subredditToUser.rowPtr[s];
    const numEdges = graph.userToSubreddit.colIndex.length;
    for (let s = 0; s < 60; s++) expect(Math.abs(vectors[4 * s])).toBeCloseTo(Math.sqrt(degree(s) / numEdges), 3);
  });
});

describe('ease', () => {
  it('never recommends a subreddit for itself: its diagonal is zero', async () => {
    const fitted = await ease(10).fit(graph, new Uint32Array(0));
    const links = { numRows: 1, numCols: 60, rowPtr: Uint32Array.of(0, 1), colIndex: Uint32Array.of(7) };
    expect(fitted({ links, edgeFeatures: graph.edgeFeatures })(0, 1)[7]).toBe(0);
  });
});

describe('every method', () => {
  const random = new Random(5);
  const options = {
    ...{ dim: 16, heads: 2, layers: 1, fanout: [16, 4], batchUsers: 64, maxEpochs: 6, patience: 6, learningRate: 0.02 },
    ...{
      weightDecay: 0.1,
      temperature: 1,
      candidates: 64,
      smoothingNeighbors: 4,
      validationUsers: 40,
      embedFanout: 16,
    },
  };
  const signal = new AbortController().signal;
  const methods = [
    itemKnn,
    spectral(8, random),
    gfCf(8, 0.3, random),
    ease(20),
    lightGcn(8, random),
    encoderMethod('attention', options, random, silentLog, signal),
    encoderMethod('mean', { ...options, layers: 2, uniformAttention: true }, random, silentLog, signal),
  ];
  const ranked = Uint32Array.from({ length: 60 }, (_, s) => s);
  const tasks = [
    randomSplit(graph, 400, () => true, new Random(1)),
    coldStartSplit(graph, [2], 40, () => true, new Random(2)),
  ];

  it.each(methods)(
    '$name finds planted communities better than popularity, for known and unseen people',
    async (method) => {
      for (const task of tasks) {
        const [chance] = await evaluateMethod(task, popularity, ranked, new Random(3), () => 0);
        const [found] = await evaluateMethod(task, method, ranked, new Random(3), () => 0);
        expect(found.metrics.recallAt20.low).toBeGreaterThan(chance.metrics.recallAt20.high);
        expect(found.metrics.accuracyMatched.mean).toBeGreaterThan(0.6);
      }
    },
    60_000,
  );
});

describe('an encoder with images', () => {
  it('learns nothing from those of people who are asked about, and something from those of others', async () => {
    const options = {
      ...{ dim: 8, heads: 2, layers: 1, fanout: [8, 4], batchUsers: 64, maxEpochs: 1, patience: 1, learningRate: 0.02 },
      ...{
        weightDecay: 0.1,
        temperature: 1,
        candidates: 64,
        smoothingNeighbors: 4,
        validationUsers: 0,
        embedFanout: 16,
      },
    };
    const task = randomSplit(graph, 20, () => true, new Random(1));
    const { numRows } = graph.userToSubreddit;
    const imagesWith = (changed: ArrayLike<number>) => {
      const draws = new Random(4);
      const vectors = Float32Array.from({ length: 2 * numRows }, (_, i) => (i % 2 === 0 ? 1 : draws.normal()));
      for (let i = 0; i < changed.length; i++) vectors[2 * changed[i]] = -1;
      return { rowOf: Int32Array.from({ length: numRows }, (_, u) => u), vectors, dim: 2 };
    };
    const scores = async (changed: ArrayLike<number>) => {
      const images = imagesWith(changed);
      const method = encoderMethod('', options, new Random(5), silentLog, new AbortController().signal, images);
      return (await method.fit(task.train, task.asked))(task.cases[0].case.given)(0, 20);
    };
    const unchanged = await scores([]);
    expect(await scores(task.asked)).toEqual(unchanged);
    const others = [...Array(numRows).keys()].filter((u) => !task.asked.includes(u));
    expect(await scores(others.slice(0, numRows / 2))).not.toEqual(unchanged);
  });
});
