import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { gatV2Attention } from '../../src/kernels/gatv2-attention/op.js';
import {
  dot,
  expectClose,
  expectNoLeak,
  FORWARD,
  float1d,
  float2d,
  GRADIENT,
  golden,
  int1d,
  normals,
  numericGradient,
  rowPtrOf,
} from './numbers.js';

interface Case {
  readonly numHeads: number;
  readonly channels: number;
  readonly edgeDim: number;
  readonly negativeSlope: number;
  readonly rowPtr: number[];
  readonly colIndex: number[];
  readonly z: number[];
  readonly t: number[];
  readonly edgeFeatures: number[];
  readonly edgeWeight: number[];
  readonly attn: number[];
}

interface Graph {
  readonly degrees: number[];
  readonly numSources: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly edgeDim: number;
  readonly seed: number;
}

/** Ragged graphs, empty rows and repeated sources included. */
const graphs = fc.record<Graph>({
  degrees: fc.array(fc.nat(5), { maxLength: 6 }),
  numSources: fc.integer({ min: 1, max: 5 }),
  numHeads: fc.integer({ min: 1, max: 3 }),
  headDim: fc.integer({ min: 1, max: 4 }),
  edgeDim: fc.nat(3),
  seed: fc.nat(),
});

function caseOf({ degrees, numSources, numHeads, headDim, edgeDim, seed }: Graph): Case {
  const random = new Random(seed);
  const channels = numHeads * headDim;
  const rowPtr = rowPtrOf(degrees);
  const numEdges = rowPtr[degrees.length];
  return {
    numHeads,
    channels,
    edgeDim,
    negativeSlope: 0.2,
    rowPtr,
    colIndex: Array.from({ length: numEdges }, () => random.below(numSources)),
    z: normals(random, numSources * channels),
    t: normals(random, degrees.length * channels),
    edgeFeatures: normals(random, numEdges * edgeDim),
    edgeWeight: normals(random, edgeDim * channels),
    attn: normals(random, channels),
  };
}

/** The definition, term by term, in float64. */
function oracle(g: Case): { out: number[]; attention: number[] } {
  const { numHeads, channels, edgeDim, negativeSlope, rowPtr, colIndex } = g;
  const headDim = channels / numHeads;
  const out = g.t.map(() => 0);
  const attention = new Array<number>(colIndex.length * numHeads).fill(0);
  const logitOf = (b: number, e: number, h: number) => {
    let logit = 0;
    for (let i = 0; i < headDim; i++) {
      const c = h * headDim + i;
      let u = g.z[colIndex[e] * channels + c] + g.t[b * channels + c];
      for (let f = 0; f < edgeDim; f++) u += g.edgeFeatures[e * edgeDim + f] * g.edgeWeight[f * channels + c];
      logit += g.attn[c] * (u > 0 ? u : negativeSlope * u);
    }
    return logit;
  };
  for (let b = 0; b + 1 < rowPtr.length; b++) {
    const edges = Array.from({ length: rowPtr[b + 1] - rowPtr[b] }, (_, i) => rowPtr[b] + i);
    for (let h = 0; h < numHeads; h++) {
      const logits = edges.map((e) => logitOf(b, e, h));
      const max = Math.max(...logits);
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit - max), 0);
      edges.forEach((e, i) => {
        const alpha = Math.exp(logits[i] - max) / total;
        attention[e * numHeads + h] = alpha;
        for (let c = h * headDim; c < (h + 1) * headDim; c++)
          out[b * channels + c] += alpha * g.z[colIndex[e] * channels + c];
      });
    }
  }
  return { out, attention };
}

const PARAMETERS = ['z', 't', 'edgeWeight', 'attn'] as const;

function tensorsOf(g: Case) {
  return {
    z: float2d(g.z, [g.z.length / g.channels, g.channels]),
    t: float2d(g.t, [g.rowPtr.length - 1, g.channels]),
    edgeFeatures: float2d(g.edgeFeatures, [g.colIndex.length, g.edgeDim]),
    edgeWeight: float2d(g.edgeWeight, [g.edgeDim, g.channels]),
    attn: float1d(g.attn),
    rowPtr: int1d(g.rowPtr),
    colIndex: int1d(g.colIndex),
  };
}

type Tensors = ReturnType<typeof tensorsOf>;

const apply = (g: Case, { z, t, edgeFeatures, edgeWeight, attn, rowPtr, colIndex }: Tensors) =>
  gatV2Attention(z, t, edgeFeatures, edgeWeight, attn, rowPtr, colIndex, g);

function forward(g: Case): { out: Float32Array; attention: Float32Array } {
  return tf.tidy(() => {
    const { out, attention } = apply(g, tensorsOf(g));
    return { out: out.dataSync<'float32'>(), attention: attention.dataSync<'float32'>() };
  });
}

/** Gradients of Σ out · dOut, in the order of PARAMETERS. */
function gradients(g: Case, dOut: readonly number[]): Float32Array[] {
  return tf.tidy(() => {
    const tensors = tensorsOf(g);
    const f = (...[z, t, edgeWeight, attn]: tf.Tensor[]) =>
      apply(g, { ...tensors, z, t, edgeWeight, attn } as Tensors).out;
    const dys = tf.grads(f)(
      PARAMETERS.map((name) => tensors[name]),
      float2d(dOut, [g.rowPtr.length - 1, g.channels]),
    );
    return dys.map((dy) => dy.dataSync<'float32'>());
  });
}

const oneRow = (degree: number, seed = 1) =>
  caseOf({ degrees: [degree], numSources: 4, numHeads: 2, headDim: 2, edgeDim: 1, seed });

export function describeGatV2Attention(): void {
  it('follows the definition on ragged graphs', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const g = caseOf(graph);
        const expected = oracle(g);
        const { out, attention } = forward(g);
        expectClose(out, expected.out, FORWARD);
        expectClose(attention, expected.attention, FORWARD);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('has the gradients that central differences give', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const g = caseOf(graph);
        const dOut = normals(new Random(graph.seed).fork('dOut'), g.t.length);
        const actual = gradients(g, dOut);
        PARAMETERS.forEach((name, i) => {
          const loss = (x: number[]) => dot(oracle({ ...g, [name]: x }).out, dOut);
          expectClose(actual[i], numericGradient(loss, g[name]), GRADIENT);
        });
      }),
      { seed: 2, numRuns: 25 },
    );
  });

  it('agrees with GATv2Conv of PyTorch Geometric, forward and backward', () => {
    type Golden = Case & Record<'dOut' | 'out' | 'attention' | 'dZ' | 'dT' | 'dEdgeWeight' | 'dAttn', number[]>;
    const g = golden<Golden>('gatv2-attention');
    const { out, attention } = forward(g);
    expectClose(out, g.out, FORWARD);
    expectClose(attention, g.attention, FORWARD);
    const [dZ, dT, dEdgeWeight, dAttn] = gradients(g, g.dOut);
    expectClose(dZ, g.dZ, FORWARD);
    expectClose(dT, g.dT, FORWARD);
    expectClose(dEdgeWeight, g.dEdgeWeight, FORWARD);
    expectClose(dAttn, g.dAttn, FORWARD);
  });

  it('does not care for the order of edges within a row, and attention follows it', () => {
    fc.assert(
      fc.property(graphs, (graph) => {
        const g = caseOf(graph);
        const order = g.rowPtr.slice(1).flatMap((end, b) => {
          const edges = Array.from({ length: end - g.rowPtr[b] }, (_, i) => g.rowPtr[b] + i);
          return new Random(graph.seed).fork('shuffle', b).shuffle(edges) as number[];
        });
        const edgeFeatures = order.flatMap((e) => g.edgeFeatures.slice(e * g.edgeDim, (e + 1) * g.edgeDim));
        const shuffled = forward({ ...g, colIndex: order.map((e) => g.colIndex[e]), edgeFeatures });
        const straight = forward(g);
        expectClose(shuffled.out, straight.out, FORWARD);
        const followed = order.flatMap((e) => [...straight.attention.subarray(e * g.numHeads, (e + 1) * g.numHeads)]);
        expectClose(shuffled.attention, followed, FORWARD);
      }),
      { seed: 3, numRuns: 30 },
    );
  });

  it('gives zeros to a target without edges, and no gradient through it', () => {
    const g = caseOf({ degrees: [0, 2, 0], numSources: 3, numHeads: 2, headDim: 2, edgeDim: 2, seed: 4 });
    const { out } = forward(g);
    expect([...out.subarray(0, 4), ...out.subarray(8, 12)]).toEqual(new Array(8).fill(0));
    const [, dT] = gradients(g, normals(new Random(5), 12));
    expect([...dT.subarray(0, 4), ...dT.subarray(8, 12)]).toEqual(new Array(8).fill(0));
  });

  it('takes a graph without edges and a block without targets', () => {
    const noEdges = caseOf({ degrees: [0, 0], numSources: 3, numHeads: 1, headDim: 2, edgeDim: 1, seed: 6 });
    expect([...forward(noEdges).out]).toEqual([0, 0, 0, 0]);
    expect(gradients(noEdges, [1, 1, 1, 1]).every((d) => d.every((x) => x === 0))).toBe(true);
    const noTargets = caseOf({ degrees: [], numSources: 3, numHeads: 1, headDim: 2, edgeDim: 1, seed: 6 });
    expect(forward(noTargets).out.length).toBe(0);
  });

  it('pays full attention to a single edge, which then copies its source', () => {
    const g = oneRow(1);
    const { out, attention } = forward(g);
    expect([...attention]).toEqual([1, 1]);
    expect([...out]).toEqual(g.z.slice(g.colIndex[0] * 4, g.colIndex[0] * 4 + 4));
  });

  it('divides attention evenly where all logits are equal', () => {
    const g = oneRow(4);
    const { attention } = forward({ ...g, attn: [0, 0, 0, 0] });
    expect([...attention]).toEqual(new Array(8).fill(0.25));
  });

  it.each([80, 1e4])('stays finite with logits of ±%d', (size) => {
    const g = { ...oneRow(4), numHeads: 1, t: [0, 0, 0, 0], edgeWeight: [0, 0, 0, 0], attn: [size, 0, 0, 0] };
    const extreme = { ...g, colIndex: [0, 1, 2, 3], z: [1, 5, 5, 5, -5, 5, 5, 5, 1, 5, 5, 5, 0, 5, 5, 5] };
    const { out, attention } = forward(extreme);
    expectClose(attention, oracle(extreme).attention, FORWARD);
    expect(out.every(Number.isFinite)).toBe(true);
    for (const d of gradients(extreme, [1, -1, 1, -1])) expect(d.every(Number.isFinite)).toBe(true);
  });

  it('takes null for edge features that do not exist, like features of width 0', () => {
    const g = caseOf({ degrees: [3, 1], numSources: 4, numHeads: 2, headDim: 3, edgeDim: 0, seed: 7 });
    const { z, t, attn, rowPtr, colIndex } = tensorsOf(g);
    const { out } = gatV2Attention(z, t, null, null, attn, rowPtr, colIndex, g);
    expect(out.dataSync()).toEqual(forward(g).out);
    const dZ = tf.grad((x) => gatV2Attention(x as tf.Tensor2D, t, null, null, attn, rowPtr, colIndex, g).out)(z);
    expect(dZ.dataSync()).toEqual(gradients(g, new Array(12).fill(1))[0]);
  });

  it('gives the same bytes for the same inputs', () => {
    const g = caseOf({ degrees: [5, 3, 4], numSources: 3, numHeads: 2, headDim: 4, edgeDim: 2, seed: 8 });
    const dOut = normals(new Random(9), g.t.length);
    expect(forward(g)).toEqual(forward(g));
    expect(gradients(g, dOut)).toEqual(gradients(g, dOut));
  });

  it('reads integers that a cast relabelled as floats', () => {
    const g = oneRow(2);
    const tensors = tensorsOf(g);
    const whole = g.z.map(Math.round);
    const cast = { ...tensors, z: tf.cast(tf.tensor2d(whole, tensors.z.shape, 'int32'), 'float32') as tf.Tensor2D };
    expectClose(apply(g, cast).out.dataSync(), oracle({ ...g, z: whole }).out, FORWARD);
  });

  it('gives integer inputs a gradient of zeros', () => {
    const g = oneRow(3);
    const tensors = tensorsOf(g);
    const [, dColIndex] = tf.grads((z, colIndex) => apply(g, { ...tensors, z, colIndex } as Tensors).out)([
      tensors.z,
      tensors.colIndex,
    ]);
    expect([...dColIndex.dataSync()]).toEqual([0, 0, 0]);
  });

  it('refuses a gradient through attention or to edge features instead of answering zero', () => {
    const g = oneRow(3);
    const tensors = tensorsOf(g);
    const through = tf.grad((z) => apply(g, { ...tensors, z } as Tensors).attention);
    expect(() => through(tensors.z)).toThrow(expect.objectContaining({ code: 'ERR_GRADIENT' }));
    const to = tf.grad((edgeFeatures) => apply(g, { ...tensors, edgeFeatures } as Tensors).out);
    expect(() => to(tensors.edgeFeatures)).toThrow(expect.objectContaining({ code: 'ERR_GRADIENT' }));
  });

  it('leaves no tensors behind', () => {
    const g = oneRow(3);
    const tensors = tensorsOf(g);
    const z = tf.variable(tensors.z);
    expectNoLeak(() => {
      const { value, grads } = tf.variableGrads(() => tf.sum(apply(g, { ...tensors, z: z as tf.Tensor2D }).out), [z]);
      tf.dispose([value, grads]);
    });
  });

  it('refuses inputs that do not fit together', () => {
    const g = oneRow(3);
    const tensors = tensorsOf(g);
    const refused = (changed: Partial<Tensors>, code: string) =>
      expect(() => apply(g, { ...tensors, ...changed })).toThrow(expect.objectContaining({ code }));
    refused({ attn: float1d([1, 2]) }, 'ERR_SHAPE');
    refused({ t: float2d([1, 2], [1, 2]) }, 'ERR_SHAPE');
    refused({ edgeFeatures: float2d([1, 2], [2, 1]) }, 'ERR_SHAPE');
    refused({ edgeWeight: float2d([1, 2], [1, 2]) }, 'ERR_SHAPE');
    refused({ z: tf.zeros([4, 4], 'int32') }, 'ERR_SHAPE');
    refused({ rowPtr: float1d([0, 3]) }, 'ERR_SHAPE');
    refused({ rowPtr: int1d([0, 2]) }, 'ERR_INDEX');
    refused({ rowPtr: int1d([1, 3]) }, 'ERR_INDEX');
    refused({ rowPtr: int1d([0, 4, 3]), t: float2d(new Array(8).fill(0), [2, 4]) }, 'ERR_INDEX');
    refused({ colIndex: int1d([0, 1, 4]) }, 'ERR_INDEX');
    refused({ colIndex: int1d([0, -1, 2]) }, 'ERR_INDEX');
    expect(() => apply({ ...g, numHeads: 3 }, tensors)).toThrow(expect.objectContaining({ code: 'ERR_SHAPE' }));
  });
}
