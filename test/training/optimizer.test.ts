import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { useEngine } from '../../src/kernels/register.js';
import { createTable } from '../../src/kernels/row-adam/parameter.js';
import { learningRateAt, Optimizer } from '../../src/training/optimizer.js';
import { expectNoLeak } from '../conformance/numbers.js';

beforeAll(async () => await useEngine('reference'));

describe('learningRateAt', () => {
  const [peak, warmup, total] = [0.5, 10, 100];
  const rates = Array.from({ length: total }, (_, i) => learningRateAt(i + 1, peak, warmup, total));

  it('rises evenly to the peak and falls to a twentieth of it', () => {
    expect(rates[0]).toBeCloseTo(peak / warmup, 12);
    expect(rates[4]).toBeCloseTo(peak / 2, 12);
    expect(rates[warmup - 1]).toBeCloseTo(peak, 12);
    expect(rates[total - 1]).toBeCloseTo(peak / 20, 12);
    for (let i = 1; i < total; i++)
      if (i < warmup) expect(rates[i]).toBeGreaterThan(rates[i - 1]);
      else expect(rates[i]).toBeLessThan(rates[i - 1]);
  });

  it('makes no jump where the warm-up ends, and is half-way down in the middle', () => {
    expect(Math.abs(rates[warmup] - rates[warmup - 1])).toBeLessThan(peak / 100);
    expect(learningRateAt((warmup + total) / 2, peak, warmup, total)).toBeCloseTo(peak * (0.05 + 0.95 / 2), 12);
  });

  it('stays above zero for ever, also where there is nothing but a warm-up', () => {
    expect(learningRateAt(1000, peak, warmup, total)).toBeCloseTo(peak / 20, 12);
    expect(learningRateAt(10, peak, 10, 10)).toBe(peak);
    expect(learningRateAt(1, peak, 1, 1)).toBe(peak);
    expect(Number.isFinite(learningRateAt(11, peak, 10, 10))).toBe(true);
  });
});

describe('Optimizer', () => {
  const named = (name: string, values: number[], shape: number[] = [values.length]) => ({
    name,
    variable: tf.variable(tf.tensor(values, shape)),
  });

  it('remembers the moments of each weight by its name', () => {
    const weights = [named('a', [1, 2]), named('b', [3])];
    const optimizer = new Optimizer(weights, 0);
    expect(optimizer.parameter('a').m).toEqual(new Float32Array(2));
    expect(optimizer.parameter('a').v).toEqual(new Float32Array(2));
    optimizer.updateVariable(weights[0], tf.tensor1d([1, -2]), 1, 0.1);
    const { m, v } = optimizer.parameter('a');
    expect(m[0]).toBeCloseTo(0.1, 6);
    expect(m[1]).toBeCloseTo(-0.2, 6);
    expect(v[1]).toBeCloseTo(0.004, 6);
    expect(optimizer.parameter('b').m).toEqual(new Float32Array(1));
    expect(() => optimizer.parameter('c')).toThrow('c');
  });

  it('moves against the gradient, a first step by the learning rate', () => {
    const weight = named('a', [1, 2, 3]);
    new Optimizer([weight], 0).updateVariable(weight, tf.tensor1d([5, -0.001, 0]), 1, 0.1);
    const [a, b, c] = weight.variable.dataSync();
    expect(a).toBeCloseTo(0.9, 5);
    expect(b).toBeCloseTo(2.1, 4);
    expect(c).toBe(3);
  });

  it('decays matrices and rows, but neither biases nor attention vectors', () => {
    const matrix = named('matrix', [1, 1], [1, 2]);
    const vector = named('vector', [1, 1]);
    const optimizer = new Optimizer([matrix, vector], 0.5);
    for (const weight of [matrix, vector]) optimizer.updateVariable(weight, tf.zeros(weight.variable.shape), 1, 0.1);
    for (const x of matrix.variable.dataSync()) expect(x).toBeCloseTo(0.95, 6);
    expect([...vector.variable.dataSync()]).toEqual([1, 1]);
    const table = createTable(Float32Array.of(1, 1, 1, 1), 2);
    optimizer.updateRows(table, Int32Array.of(1), tf.zeros([1, 2]), 1, 0.1);
    expect([...table.values.subarray(0, 2)]).toEqual([1, 1]);
    expect(table.values[2]).toBeCloseTo(0.95, 6);
  });

  it('leaves rows alone that a step did not read, moments included', () => {
    const table = createTable(Float32Array.of(1, 2, 3, 4, 5, 6), 2);
    new Optimizer([], 0.1).updateRows(
      table,
      Int32Array.of(2, 0),
      tf.tensor2d([
        [1, 1],
        [-1, -1],
      ]),
      1,
      0.1,
    );
    expect([...table.values.subarray(2, 4)]).toEqual([3, 4]);
    expect([...table.m.subarray(2, 4), ...table.v.subarray(2, 4)]).toEqual([0, 0, 0, 0]);
    expect(table.values[4]).toBeLessThan(5);
    expect(table.values[0]).toBeGreaterThan(1 - 0.02);
    expect(table.m[0]).toBeLessThan(0);
  });

  it('leaves no tensors behind', () => {
    const weight = named('a', [1, 2]);
    const optimizer = new Optimizer([weight], 0);
    const grad = tf.tensor1d([1, 1]);
    expectNoLeak(() => optimizer.updateVariable(weight, grad, 1, 0.1));
  });
});
