import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'vitest';
import type { Random } from '../../src/core/random.js';

/** Forward values are sums rounded once to float32, gradients are compared with float64 differences of step 1e-5. */
export const FORWARD = 1e-5;
export const GRADIENT = 1e-4;

/** Each entry within `tolerance`, relative where it is larger than 1. */
export function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const allowed = tolerance * Math.max(1, Math.abs(expected[i]));
    if (!(Math.abs(actual[i] - expected[i]) <= allowed))
      expect.fail(`entry ${i} is ${actual[i]}, expected ${expected[i]} ± ${allowed}`);
  }
}

/** Central differences of `f` at `x`, in float64. */
export function numericGradient(f: (x: number[]) => number, x: readonly number[]): number[] {
  const step = 1e-5;
  return x.map((_, i) => {
    const moved = (by: number) => f(x.map((value, j) => (i === j ? value + by : value)));
    return (moved(step) - moved(-step)) / (2 * step);
  });
}

/** Standard normal draws that float32 holds exactly, so that oracle and kernel see the same inputs. */
export function normals(random: Random, length: number, scale = 1): number[] {
  return Array.from({ length }, () => Math.fround(scale * random.normal()));
}

export const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((s, x, i) => s + x * b[i], 0);

export const int1d = (values: ArrayLike<number>) => tf.tensor1d(Int32Array.from(values), 'int32');
export const float1d = (values: readonly number[]) => tf.tensor1d([...values], 'float32');
export const float2d = (values: readonly number[], shape: [number, number]) =>
  tf.tensor2d([...values], shape, 'float32');

export function golden<Case>(name: string): Case {
  return JSON.parse(readFileSync(new URL(`../golden/kernels/${name}.json`, import.meta.url), 'utf8')) as Case;
}

/** Offsets of rows with these many edges. */
export function rowPtrOf(degrees: readonly number[]): number[] {
  const rowPtr = [0];
  for (const degree of degrees) rowPtr.push(rowPtr[rowPtr.length - 1] + degree);
  return rowPtr;
}

/** Twenty runs of `step` leave as many tensors as one. */
export function expectNoLeak(step: () => void): void {
  tf.tidy(step); // first use may set something up for good
  const before = tf.memory().numTensors;
  for (let i = 0; i < 20; i++) step();
  expect(tf.memory().numTensors).toBe(before);
}
