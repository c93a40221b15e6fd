import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { expectClose, expectNoLeak, FORWARD, float2d, normals } from './numbers.js';

const BINARY = {
  add: [tf.add, (a: number, b: number) => a + b],
  sub: [tf.sub, (a: number, b: number) => a - b],
  mul: [tf.mul, (a: number, b: number) => a * b],
  div: [tf.div, (a: number, b: number) => a / b],
} as const;

const UNARY = {
  elu: [tf.elu, (x: number) => (x >= 0 ? x : Math.exp(x) - 1)],
  relu: [tf.relu, (x: number) => Math.max(0, x)],
  sqrt: [tf.sqrt, Math.sqrt],
  rsqrt: [tf.rsqrt, (x: number) => 1 / Math.sqrt(x)],
  square: [tf.square, (x: number) => x * x],
  neg: [tf.neg, (x: number) => -x],
} as const;

/** Shapes of an output and of two operands that broadcast to it: any axis of either may be 1, leading ones may be absent. */
const broadcasts = fc
  .array(fc.record({ size: fc.integer({ min: 1, max: 9 }), a: fc.boolean(), b: fc.boolean() }), { maxLength: 4 })
  .chain((axes) => fc.record({ axes: fc.constant(axes), dropA: fc.nat(4), dropB: fc.nat(4), seed: fc.nat() }))
  .map(({ axes, dropA, dropB, seed }) => {
    const shape = (side: 'a' | 'b', drop: number) => {
      const sizes = axes.map((axis) => (axis[side] ? axis.size : 1));
      const leadingOnes = sizes.findIndex((size) => size !== 1);
      return sizes.slice(Math.min(drop, leadingOnes < 0 ? sizes.length : leadingOnes));
    };
    return { a: shape('a', dropA), b: shape('b', dropB), seed };
  });

const sizeOf = (shape: readonly number[]) => shape.reduce((size, n) => size * n, 1);

/** Position in an operand of position `at` of the output. */
function operandIndex(at: number, out: readonly number[], operand: readonly number[]): number {
  let index = 0;
  let stride = 1;
  let rest = at;
  for (let i = out.length - 1; i >= 0; i--) {
    const position = rest % out[i];
    rest = Math.floor(rest / out[i]);
    const axis = i - (out.length - operand.length);
    if (axis < 0) continue;
    if (operand[axis] !== 1) index += position * stride;
    stride *= operand[axis];
  }
  return index;
}

export function describeElementwise(): void {
  it.each(Object.keys(BINARY) as (keyof typeof BINARY)[])('%s broadcasts in every way', (name) => {
    const [op, f] = BINARY[name];
    fc.assert(
      fc.property(broadcasts, ({ a, b, seed }) => {
        const random = new Random(seed);
        const left = normals(random, sizeOf(a));
        const right = normals(random, sizeOf(b)).map((x) => x + (x < 0 ? -1 : 1)); // away from 0: divisors
        const out = tf.tidy(() => op(tf.tensor(left, a, 'float32'), tf.tensor(right, b, 'float32')));
        const size = sizeOf(out.shape);
        const expected = Array.from({ length: size }, (_, i) =>
          f(left[operandIndex(i, out.shape, a)], right[operandIndex(i, out.shape, b)]),
        );
        expectClose(out.dataSync(), expected, FORWARD);
        out.dispose();
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it.each(Object.keys(UNARY) as (keyof typeof UNARY)[])('%s of every entry', (name) => {
    const [op, f] = UNARY[name];
    for (const length of [0, 1, 7, 16, 33, 70_001]) {
      const draws = normals(new Random(length), length);
      const x = name.endsWith('sqrt') ? draws.map((value) => Math.abs(value) + 0.1) : draws;
      expectClose(
        tf.tidy(() => op(tf.tensor1d(x, 'float32')).dataSync()),
        x.map(f),
        FORWARD,
      );
    }
  });

  it('passes on what is no number', () => {
    const strange = tf.tensor1d([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    expect([...tf.elu(strange).dataSync()]).toEqual([Number.NaN, Number.POSITIVE_INFINITY, -1]);
    expect([...tf.sqrt(strange).dataSync()]).toEqual([Number.NaN, Number.POSITIVE_INFINITY, Number.NaN]);
    expect([...tf.add(strange, 1).dataSync()]).toEqual([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  it('sums over any axes', () => {
    const shape = [3, 1, 5, 70];
    const x = normals(new Random(3), sizeOf(shape));
    for (let axes = 0; axes < 16; axes++) {
      const axis = [0, 1, 2, 3].filter((i) => axes & (1 << i));
      const expected = new Map<number, number>();
      const kept = shape.map((size, i) => (axis.includes(i) ? 1 : size));
      x.forEach((value, i) => {
        const at = operandIndex(i, shape, kept);
        expected.set(at, (expected.get(at) ?? 0) + value);
      });
      for (const keepDims of [true, false]) {
        const out = tf.tidy(() => tf.sum(tf.tensor(x, shape, 'float32'), axis, keepDims));
        expect(out.shape).toEqual(keepDims ? kept : shape.filter((_, i) => !axis.includes(i)));
        expectClose(out.dataSync(), [...expected.values()], FORWARD);
      }
    }
  });

  it('sums nothing to 0, integers to integers, and long columns', () => {
    expect([...tf.sum(tf.zeros([0, 2]), 0).dataSync()]).toEqual([0, 0]);
    const integers = tf.sum(tf.tensor1d([1, 2], 'int32'));
    expect([integers.dtype, integers.dataSync()[0]]).toEqual(['int32', 3]);
    expect([...tf.sum(tf.ones([1300, 3]), 0).dataSync()]).toEqual([1300, 1300, 1300]);
    expectClose(tf.sum(tf.fill([50_000], 0.1)).dataSync(), [5000], FORWARD);
  });

  it('pads with rows and along other axes', () => {
    const x = float2d([1, 2, 3, 4], [2, 2]);
    const rows = tf.pad(x, [
      [1, 2],
      [0, 0],
    ]);
    expect([...rows.dataSync()]).toEqual([0, 0, 1, 2, 3, 4, 0, 0, 0, 0]);
    const columns = tf.pad(
      x,
      [
        [0, 0],
        [1, 0],
      ],
      9,
    );
    expect([...columns.dataSync()]).toEqual([9, 1, 2, 9, 3, 4]);
  });

  it('has the gradients of ELU, of broadcast products and of slices', () => {
    const x = float2d([1, -1, 2, -2, 3, -3], [3, 2]);
    const scale = float2d([1, 2, 3], [3, 1]);
    const f = (rows: tf.Tensor, factor: tf.Tensor) =>
      tf.sum(tf.mul(tf.elu(tf.slice(rows, [1, 0], [2, 2])), tf.slice(factor, [1, 0], [2, 1])));
    const [dX, dScale] = tf.grads(f)([x, scale]);
    expectClose(dX.dataSync(), [0, 0, 2, 2 * Math.exp(-2), 3, 3 * Math.exp(-3)], FORWARD);
    expectClose(dScale.dataSync(), [0, 2 + Math.exp(-2) - 1, 3 + Math.exp(-3) - 1], FORWARD);
  });

  it('leaves no tensors behind', () => {
    const x = tf.variable(float2d([1, 2, 3, 4], [2, 2]));
    expectNoLeak(() => {
      const loss = () => tf.sum<tf.Scalar>(tf.mul(tf.elu(x), tf.rsqrt(tf.sum(tf.square(x), 1, true))));
      const { value, grads } = tf.variableGrads(loss, [x]);
      tf.dispose([value, grads]);
    });
  });
}
