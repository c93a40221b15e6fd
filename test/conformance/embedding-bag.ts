import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { embeddingBag } from '../../src/kernels/embedding-bag/op.js';
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
  readonly dim: number;
  readonly x: number[];
  readonly rowPtr: number[];
  readonly colIndex: number[];
  readonly weights?: number[] | undefined;
}

const bags = fc
  .record({
    degrees: fc.array(fc.nat(5), { maxLength: 6 }),
    numRows: fc.integer({ min: 1, max: 5 }),
    dim: fc.integer({ min: 1, max: 5 }),
    weighted: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ degrees, numRows, dim, weighted, seed }): Case => {
    const random = new Random(seed);
    const rowPtr = rowPtrOf(degrees);
    const numEdges = rowPtr[degrees.length];
    return {
      dim,
      x: normals(random, numRows * dim),
      rowPtr,
      colIndex: Array.from({ length: numEdges }, () => random.below(numRows)),
      weights: weighted
        ? Array.from({ length: numEdges }, () => Math.max(0, Math.fround(random.float() - 0.2)))
        : undefined,
    };
  });

function oracle({ dim, x, rowPtr, colIndex, weights }: Case): number[] {
  return rowPtr.slice(1).flatMap((end, b) => {
    const edges = Array.from({ length: end - rowPtr[b] }, (_, i) => rowPtr[b] + i);
    const total = edges.reduce((sum, e) => sum + (weights?.[e] ?? 1), 0);
    return Array.from({ length: dim }, (_, d) => {
      const sum = edges.reduce((acc, e) => acc + (weights?.[e] ?? 1) * x[colIndex[e] * dim + d], 0);
      return total === 0 ? 0 : sum / total;
    });
  });
}

function forward({ dim, x, rowPtr, colIndex, weights }: Case): Float32Array {
  return tf.tidy(() => {
    const rows = float2d(x, [x.length / dim, dim]);
    return embeddingBag(rows, int1d(rowPtr), int1d(colIndex), weights && float1d(weights)).dataSync<'float32'>();
  });
}

function gradient({ dim, x, rowPtr, colIndex, weights }: Case, dOut: readonly number[]): Float32Array {
  return tf.tidy(() => {
    const f = (rows: tf.Tensor) =>
      embeddingBag(rows as tf.Tensor2D, int1d(rowPtr), int1d(colIndex), weights && float1d(weights));
    const dX = tf.grad(f)(float2d(x, [x.length / dim, dim]), float2d(dOut, [rowPtr.length - 1, dim]));
    return dX.dataSync<'float32'>();
  });
}

export function describeEmbeddingBag(): void {
  it('follows the definition and has the gradient that central differences give', () => {
    fc.assert(
      fc.property(bags, (bag) => {
        expectClose(forward(bag), oracle(bag), FORWARD);
        const dOut = normals(new Random(1), (bag.rowPtr.length - 1) * bag.dim);
        const expected = numericGradient((x) => dot(oracle({ ...bag, x }), dOut), bag.x);
        expectClose(gradient(bag, dOut), expected, GRADIENT);
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('agrees with embedding_bag of PyTorch, plain and weighted', () => {
    type Golden = Case & Record<'dOut' | 'out' | 'dX' | 'outWeighted' | 'dXWeighted' | 'weights', number[]>;
    const g = golden<Golden>('embedding-bag');
    const unweighted = { ...g, weights: undefined };
    expectClose(forward(unweighted), g.out, FORWARD);
    expectClose(gradient(unweighted, g.dOut), g.dX, FORWARD);
    expectClose(forward(g), g.outWeighted, FORWARD);
    expectClose(gradient(g, g.dOut), g.dXWeighted, FORWARD);
  });

  it('gives zeros for an empty bag, for weights of 0 and where there is no edge at all', () => {
    const x = [1, 2, 3, 4];
    expect([...forward({ dim: 2, x, rowPtr: [0, 0, 1], colIndex: [1] })]).toEqual([0, 0, 3, 4]);
    expect([...forward({ dim: 2, x, rowPtr: [0, 2], colIndex: [0, 1], weights: [0, 0] })]).toEqual([0, 0]);
    expect([...forward({ dim: 2, x, rowPtr: [0, 0], colIndex: [] })]).toEqual([0, 0]);
    expect([...gradient({ dim: 2, x, rowPtr: [0, 0], colIndex: [], weights: [] }, [1, 1])]).toEqual([0, 0, 0, 0]);
  });

  it('refuses a gradient to the weights instead of answering zero', () => {
    const weights = tf.grad((w) =>
      embeddingBag(float2d([1, 2], [2, 1]), int1d([0, 2]), int1d([0, 1]), w as tf.Tensor1D),
    );
    expect(() => weights(float1d([1, 2]))).toThrow(expect.objectContaining({ code: 'ERR_GRADIENT' }));
  });

  it('leaves no tensors behind', () => {
    const x = tf.variable(float2d([1, 2, 3, 4], [2, 2]));
    const rowPtr = int1d([0, 2]);
    const colIndex = int1d([0, 1]);
    expectNoLeak(() => {
      const loss = () => tf.sum<tf.Scalar>(embeddingBag(x as tf.Tensor2D, rowPtr, colIndex));
      const { value, grads } = tf.variableGrads(loss, [x]);
      tf.dispose([value, grads]);
    });
  });

  it('refuses inputs that do not fit together', () => {
    const x = float2d([1, 2, 3, 4], [2, 2]);
    const refused = (rowPtr: tf.Tensor1D, colIndex: tf.Tensor1D, weights: tf.Tensor1D | undefined, code: string) =>
      expect(() => embeddingBag(x, rowPtr, colIndex, weights)).toThrow(expect.objectContaining({ code }));
    refused(float1d([0, 1]), int1d([0]), undefined, 'ERR_SHAPE');
    refused(int1d([]), int1d([]), undefined, 'ERR_INDEX');
    refused(int1d([0, 2]), int1d([0]), undefined, 'ERR_INDEX');
    refused(int1d([0, 1]), int1d([2]), undefined, 'ERR_INDEX');
    refused(int1d([0, 1]), int1d([0]), float1d([1, 2]), 'ERR_SHAPE');
    refused(int1d([0, 1]), int1d([0]), float1d([-1]), 'ERR_RANGE');
    refused(int1d([0, 1]), int1d([0]), float1d([Number.NaN]), 'ERR_RANGE');
  });
}
