import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { peek } from '../../src/kernels/host-backend.js';
import { useEngine } from '../../src/kernels/register.js';

const N = 5000; // large enough to be kept for another use

/** A product, which is made in memory of the backend: every entry is `value`. */
const make = (value: number) => tf.matMul(tf.fill([N, 1], value), tf.ones([1, 1]));

describe('HostBackend', () => {
  beforeAll(async () => await useEngine('reference'));

  it('uses the memory of a disposed tensor again', () => {
    const first = make(1);
    const { buffer } = peek(first);
    first.dispose();
    const second = make(2);
    expect(peek(second).buffer).toBe(buffer);
    expect(second.dataSync().every((x) => x === 2)).toBe(true);
  });

  it('never touches values that somebody has read', () => {
    const first = make(1);
    const values = first.dataSync();
    first.dispose();
    for (let i = 0; i < 3; i++) make(2).dispose();
    expect(values.every((x) => x === 1)).toBe(true);
  });

  it('never touches memory that another tensor still shows', () => {
    const whole = make(1);
    const part = tf.slice(whole, [10, 0], [20, 1]); // a view, in the stock kernels
    const reshaped = tf.reshape(make(3), [1, N]);
    whole.dispose();
    for (let i = 0; i < 3; i++) make(2).dispose();
    expect(part.dataSync().every((x) => x === 1)).toBe(true);
    expect(reshaped.dataSync().every((x) => x === 3)).toBe(true);
  });

  it('keeps a variable that took over a tensor', () => {
    const variable = tf.variable(tf.zeros([N, 1]));
    const next = make(4);
    variable.assign(next);
    next.dispose();
    for (let i = 0; i < 3; i++) make(2).dispose();
    expect(variable.dataSync().every((x) => x === 4)).toBe(true);
    variable.dispose();
  });
});
