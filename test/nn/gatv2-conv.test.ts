import * as tf from '@tensorflow/tfjs-core';
import { input, layers, loadLayersModel, model } from '@tensorflow/tfjs-layers';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { useEngine } from '../../src/kernels/register.js';
import { GatV2Conv } from '../../src/nn/gatv2-conv.js';
import {
  dot,
  expectClose,
  FORWARD,
  float2d,
  GRADIENT,
  int1d,
  normals,
  numericGradient,
} from '../conformance/numbers.js';

beforeAll(async () => await useEngine('reference'));

/** A bipartite block with its inputs: B targets listen to U sources. Rows may be empty, sources may repeat. */
interface Block {
  readonly numHeads: number;
  readonly headDim: number;
  readonly dims: { readonly source: number; readonly target: number; readonly edge: number };
  readonly source: number[][]; // [U, Ds]
  readonly target: number[][]; // [B, Dt]
  readonly edges: { readonly source: number; readonly features: number[] }[][]; // of each target
  readonly weights: Weights;
}

/** Row-major, in the order in which the layer lists them. */
interface Weights {
  readonly source: number[]; // [Ds, C]
  readonly target: number[]; // [Dt, C]
  readonly edge: number[]; // [F, C]
  readonly attn: number[]; // [C]
  readonly bias: number[]; // [C]
}
const NAMES = ['source', 'target', 'edge', 'attn', 'bias'] as const;

const blocks = fc
  .record({
    numHeads: fc.integer({ min: 1, max: 3 }),
    headDim: fc.integer({ min: 1, max: 3 }),
    dims: fc.record({
      source: fc.integer({ min: 1, max: 4 }),
      target: fc.integer({ min: 1, max: 4 }),
      edge: fc.integer({ min: 1, max: 3 }),
    }),
    numSources: fc.integer({ min: 1, max: 5 }),
    degrees: fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }),
    seed: fc.nat(),
  })
  .map(({ numHeads, headDim, dims, numSources, degrees, seed }): Block => {
    const random = new Random(seed);
    const rows = (count: number, dim: number) => Array.from({ length: count }, () => normals(random, dim));
    const channels = numHeads * headDim;
    return {
      numHeads,
      headDim,
      dims,
      source: rows(numSources, dims.source),
      target: rows(degrees.length, dims.target),
      edges: degrees.map((degree) =>
        Array.from({ length: degree }, () => ({
          source: random.below(numSources),
          features: normals(random, dims.edge),
        })),
      ),
      weights: {
        source: normals(random, dims.source * channels),
        target: normals(random, dims.target * channels),
        edge: normals(random, dims.edge * channels),
        attn: normals(random, channels),
        bias: normals(random, channels),
      },
    };
  });

/** The definition, target by target and head by head, in float64. */
function oracle({ numHeads, headDim, source, target, edges, weights }: Block): number[] {
  const channels = numHeads * headDim;
  const project = (x: readonly number[], matrix: readonly number[], c: number) =>
    x.reduce((sum, value, d) => sum + value * matrix[d * channels + c], 0);
  const z = (u: number, c: number) => project(source[u], weights.source, c) + weights.bias[c];
  return target.flatMap((x, b) => {
    const out = new Array<number>(channels).fill(0);
    for (let h = 0; h < numHeads; h++) {
      const mine = Array.from({ length: headDim }, (_, d) => h * headDim + d);
      const strengths = edges[b].map((edge) => {
        const logit = mine.reduce((sum, c) => {
          const u = z(edge.source, c) + project(x, weights.target, c) + project(edge.features, weights.edge, c);
          return sum + weights.attn[c] * (u > 0 ? u : 0.2 * u);
        }, 0);
        return Math.exp(logit);
      });
      const total = strengths.reduce((sum, s) => sum + s, 0);
      edges[b].forEach((edge, i) => {
        for (const c of mine) out[c] += (strengths[i] / total) * z(edge.source, c);
      });
    }
    return out;
  });
}

function inputsOf({ source, target, edges, dims }: Block): tf.Tensor[] {
  const flat = edges.flat();
  const ends = edges.map(
    (
      (sum) => (row: unknown[]) =>
        (sum += row.length)
    )(0),
  );
  return [
    float2d(source.flat(), [source.length, dims.source]),
    float2d(target.flat(), [target.length, dims.target]),
    float2d(
      flat.flatMap((edge) => edge.features),
      [flat.length, dims.edge],
    ),
    int1d([0, ...ends]),
    int1d(flat.map((edge) => edge.source)),
  ];
}

/** A layer of its own with the weights of the block. */
function layerOf(block: Block): GatV2Conv {
  const { numHeads, headDim } = block;
  const layer = new GatV2Conv({ numHeads, headDim });
  layer.build(inputsOf(block).map((tensor) => tensor.shape));
  layer.built = true;
  setWeights(layer, block.weights);
  return layer;
}

function setWeights(layer: GatV2Conv, weights: Weights): void {
  layer.setWeights(layer.getWeights().map((weight, i) => tf.tensor(weights[NAMES[i]], weight.shape)));
}

const forward = (block: Block) => layerOf(block).apply(inputsOf(block)) as tf.Tensor2D;

describe('GatV2Conv', () => {
  it('follows the definition, bias and edge features included', () => {
    fc.assert(
      fc.property(blocks, (block) => {
        const out = tf.tidy(() => forward(block));
        expect(out.shape).toEqual([block.target.length, block.numHeads * block.headDim]);
        expectClose(out.dataSync(), oracle(block), FORWARD);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('has the gradients of all its weights that central differences give', () => {
    fc.assert(
      fc.property(blocks, (block) => {
        const layer = layerOf(block);
        const inputs = inputsOf(block);
        const dOut = normals(new Random(1), block.target.length * block.numHeads * block.headDim);
        const variables = layer.trainableWeights.map((weight) => weight.read() as tf.Variable);
        const { grads } = tf.variableGrads(() => {
          const out = layer.apply(inputs) as tf.Tensor2D;
          return tf.sum(tf.mul(out, float2d(dOut, out.shape)));
        }, variables);
        NAMES.forEach((name, i) => {
          const loss = (x: number[]) => dot(oracle({ ...block, weights: { ...block.weights, [name]: x } }), dOut);
          const expected = numericGradient(loss, block.weights[name]);
          expectClose(grads[variables[i].name].dataSync(), expected, GRADIENT);
        });
        tf.dispose([grads, inputs]);
      }),
      { seed: 2, numRuns: 25 },
    );
  });

  it('does not care for the order of edges, and its rows follow the order of targets', () => {
    fc.assert(
      fc.property(blocks, fc.nat(), (block, seed) => {
        const random = new Random(seed);
        const order = random.shuffle([...block.target.keys()]);
        const shuffled = {
          ...block,
          target: order.map((b) => block.target[b]),
          edges: order.map((b) => random.shuffle([...block.edges[b]])),
        };
        const channels = block.numHeads * block.headDim;
        const straight = tf.tidy(() => forward(block).dataSync());
        const followed = order.flatMap((b) => [...straight.subarray(b * channels, (b + 1) * channels)]);
        expectClose(
          tf.tidy(() => forward(shuffled).dataSync()),
          followed,
          FORWARD,
        );
      }),
      { seed: 3, numRuns: 40 },
    );
  });

  it('does not care for the numbering of sources, nor for sources that nobody listens to', () => {
    fc.assert(
      fc.property(blocks, fc.nat(), (block, seed) => {
        const order = new Random(seed).shuffle([...block.source.keys(), block.source.length]);
        const unheard = block.source[0].map(() => 99);
        const sources = [...block.source, unheard];
        const renamed = {
          ...block,
          source: order.map((u) => sources[u]),
          edges: block.edges.map((row) => row.map((edge) => ({ ...edge, source: order.indexOf(edge.source) }))),
        };
        expectClose(
          tf.tidy(() => forward(renamed).dataSync()),
          tf.tidy(() => forward(block).dataSync()),
          FORWARD,
        );
      }),
      { seed: 4, numRuns: 40 },
    );
  });

  it('gives zeros, not the bias, to a target without edges', () => {
    const [block] = fc.sample(blocks, { seed: 5, numRuns: 1 });
    const lonely = { ...block, edges: block.edges.map(() => []) };
    expect(tf.tidy(() => forward(lonely).dataSync()).every((x) => x === 0)).toBe(true);
  });

  it('comes back from its configuration and weights as the same layer', () => {
    const [block] = fc.sample(blocks, { seed: 6, numRuns: 1 });
    const layer = new GatV2Conv({ name: 'mine', numHeads: 2, headDim: 3, negativeSlope: 0.05 });
    const inputs = inputsOf(block);
    const before = (layer.apply(inputs) as tf.Tensor).dataSync();
    const config = JSON.parse(JSON.stringify(layer.getConfig()));
    expect(config).toMatchObject({ name: 'mine', numHeads: 2, headDim: 3, negativeSlope: 0.05 });
    const [byName, fromConfig] = tf.serialization.SerializationMap.getMap().classNameMap['GatV2Conv'];
    const copy = fromConfig(byName, config) as GatV2Conv;
    copy.apply(inputs);
    copy.setWeights(layer.getWeights().map((weight) => tf.mul(weight, 1)));
    expect((copy.apply(inputs) as tf.Tensor).dataSync()).toEqual(before);
    expect(copy.getConfig()).toEqual(layer.getConfig());
  });

  it('starts from weights that its name alone decides', () => {
    const [block] = fc.sample(blocks, { seed: 7, numRuns: 1 });
    const started = (name: string) => {
      const layer = new GatV2Conv({ name, numHeads: 2, headDim: 2 });
      layer.apply(inputsOf(block));
      return layer.getWeights().map((weight) => [...weight.dataSync()]);
    };
    expect(started('one')).toEqual(started('one'));
    expect(started('one')).not.toEqual(started('two'));
    const weights = started('one').slice(0, 4); // all but the bias, which starts at zero
    for (const values of weights) expect(new Set(values).size).toBe(values.length);
  });

  it('tells the shape of its output without running, as symbolic models ask', () => {
    const layer = new GatV2Conv({ numHeads: 3, headDim: 2 });
    const shapes = [[null, 4], [7, 5], [null, 2], [null], [null]];
    expect(layer.computeOutputShape(shapes)).toEqual([7, 6]);
    const symbols = [
      input({ batchShape: [null, 4] }),
      input({ batchShape: [null, 5] }),
      input({ batchShape: [null, 2] }),
      input({ batchShape: [null], dtype: 'int32' }),
      input({ batchShape: [null], dtype: 'int32' }),
    ];
    expect((layer.apply(symbols) as { shape: unknown }).shape).toEqual([null, 6]);
  });

  it('is saved and loaded inside a model', async () => {
    const [block] = fc.sample(blocks, { seed: 11, numRuns: 1 });
    const { source, target, edge } = block.dims;
    const symbols = [source, target, edge].map((dim) => input({ batchShape: [null, dim] }));
    const indices = [0, 1].map(() => input({ batchShape: [null], dtype: 'int32' }));
    const conv = new GatV2Conv({ numHeads: 2, headDim: 3 });
    const states = conv.apply([...symbols, ...indices]) as (typeof symbols)[number];
    const outputs = layers.dense({ units: 2 }).apply(states) as typeof states;
    const whole = model({ inputs: [...symbols, ...indices], outputs });

    let saved: tf.io.ModelArtifacts | undefined;
    await whole.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    const loaded = await loadLayersModel(tf.io.fromMemory(saved as tf.io.ModelArtifacts));
    const inputs = inputsOf(block);
    const before = (whole.apply(inputs) as tf.Tensor).dataSync();
    expect((loaded.apply(inputs) as tf.Tensor).dataSync()).toEqual(before);
    expect(loaded.layers.map((layer) => layer.getClassName())).toContain('GatV2Conv');
  });

  it('refuses inputs that do not fit the weights it has', () => {
    const [block] = fc.sample(blocks, { seed: 8, numRuns: 1 });
    const layer = layerOf(block);
    const [, target, edgeFeatures, rowPtr, colIndex] = inputsOf(block);
    const wide = tf.zeros([block.source.length, block.dims.source + 1]);
    expect(() => layer.apply([wide, target, edgeFeatures, rowPtr, colIndex])).toThrow();
  });

  it('leaves nothing but its output behind, outside of a tidy too', () => {
    const [block] = fc.sample(blocks, { seed: 9, numRuns: 1 });
    const layer = layerOf(block);
    const inputs = inputsOf(block);
    const before = tf.memory().numTensors;
    const out = layer.apply(inputs) as tf.Tensor;
    expect(tf.memory().numTensors).toBe(before + 1);
    out.dispose();
  });

  it('can be trained by somebody in a model of their own', () => {
    // Sources carry a class; each target listens to sources of one class and of noise, and is asked for its class.
    const random = new Random(10);
    const [numSources, numTargets, degree] = [40, 30, 6];
    const classes = Array.from({ length: numTargets }, () => random.below(2));
    const colIndex = classes.flatMap((one) =>
      Array.from({ length: degree }, (_, i) => (i < 3 ? one : 2) + 3 * random.below(Math.floor(numSources / 3))),
    );
    const source = tf.tensor2d(
      Array.from({ length: numSources }, (_, u) =>
        [0, 1, 2].map((one) => (u % 3 === one ? 1 : 0) + 0.1 * random.normal()),
      ),
    );
    const inputs = [
      source,
      tf.ones([numTargets, 1]),
      tf.zeros([colIndex.length, 1]),
      int1d(Array.from({ length: numTargets + 1 }, (_, b) => b * degree)),
      int1d(colIndex),
    ];
    const labels = tf.oneHot(int1d(classes), 2);
    const conv = new GatV2Conv({ name: 'trainable', numHeads: 2, headDim: 4 });
    const dense = layers.dense({ units: 2 });
    const optimizer = tf.train.adam(0.05);
    const loss = () =>
      tf.losses.softmaxCrossEntropy(
        labels,
        dense.apply(tf.relu(conv.apply(inputs) as tf.Tensor)) as tf.Tensor,
      ) as tf.Scalar;
    tf.tidy(loss); // builds the layers: TensorFlow.js collects variables before it runs the loss
    const losses: number[] = [];
    for (let step = 0; step < 60; step++) {
      const value = optimizer.minimize(loss, true);
      losses.push(value?.dataSync()[0] ?? Number.NaN);
      value?.dispose();
    }
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses[losses.length - 1]).toBeLessThan(losses[0] / 5);
  });
});
