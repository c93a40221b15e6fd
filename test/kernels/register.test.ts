import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it, vi } from 'vitest';
import { GATV2_ATTENTION } from '../../src/kernels/gatv2-attention/op.js';
import { registerHostEngine, useEngine } from '../../src/kernels/register.js';

describe('registerHostEngine', () => {
  it('can be called again without a word on the console', async () => {
    const warn = vi.spyOn(console, 'warn');
    registerHostEngine('reference');
    registerHostEngine('reference');
    await useEngine('reference');
    await useEngine('reference');
    tf.tensor1d([1]).dispose();
    expect(warn).not.toHaveBeenCalled();
    expect(tf.getBackend()).toBe('reference');
  });

  it('leaves the cpu backend as it was', () => {
    registerHostEngine('reference');
    expect(tf.getKernel(tf.BatchMatMul, 'cpu')).not.toBe(tf.getKernel(tf.BatchMatMul, 'reference'));
    expect(tf.getKernel(GATV2_ATTENTION, 'cpu')).toBeUndefined();
  });

  it('brings the gradients of stock operations with it', async () => {
    await useEngine('reference');
    const slope = tf.grad((x) => tf.sum(tf.elu(tf.mul(x, x))));
    expect([...slope(tf.tensor1d([1, 2])).dataSync()]).toEqual([2, 4]);
  });
});
