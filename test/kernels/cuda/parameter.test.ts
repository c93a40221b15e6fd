import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import type { EngineName } from '../../../src/kernels/register.js';
import { useEngine } from '../../../src/kernels/register.js';
import { createTable, parameterOf } from '../../../src/kernels/row-adam/parameter.js';
import { expectClose, FORWARD, float2d, normals } from '../../conformance/numbers.js';
import { emulatedCuda } from './emulated-driver.js';

const [V, D] = [11, 6];
const OPTIONS = { learningRate: 0.02, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };

/** A table and a variable after five steps, with their moments, and rows gathered at the end. */
async function train(engine: EngineName): Promise<Float32Array[]> {
  await useEngine(engine);
  const random = new Random(3);
  const table = createTable(Float32Array.from(normals(random, V * D)), D);
  const variable = tf.variable(float2d(normals(random, V * D), [V, D]));
  const parameter = parameterOf(variable);
  for (let step = 1; step <= 5; step++) {
    const rows = Int32Array.of(step, 0, V - step);
    const [sparse, dense] = [float2d(normals(random, 3 * D), [3, D]), float2d(normals(random, V * D), [V, D])];
    table.updateRows(rows, sparse, { ...OPTIONS, step });
    parameter.update(dense, { ...OPTIONS, step });
  }
  const gathered = table.gather(Int32Array.of(10, 2, 2)).dataSync<'float32'>();
  return [table, parameter].flatMap(({ values, m, v }) => [values, m, v]).concat(gathered);
}

describe.skipIf(emulatedCuda() === undefined)('parameters on the device', () => {
  it('move as on the host', async () => {
    const reference = await train('reference');
    const cuda = await train('cuda');
    reference.forEach((expected, i) => {
      expectClose(cuda[i], expected, FORWARD);
    });
  });

  it('take back what was read from them', async () => {
    await useEngine('cuda');
    const table = createTable(new Float32Array(V * D).fill(1), D);
    table.restore('m', new Float32Array(V * D).fill(2));
    table.restore('values', new Float32Array(V * D).fill(3));
    expect([table.values[0], table.m[V * D - 1], table.v[5]]).toEqual([3, 2, 0]);
  });

  it('refuse rows that they do not have', async () => {
    await useEngine('cuda');
    const table = createTable(new Float32Array(V * D), D);
    expect(() => table.gather(Int32Array.of(V))).toThrow(expect.objectContaining({ code: 'ERR_INDEX' }));
    expect(() => table.updateRows(Int32Array.of(-1), tf.zeros([1, D]), { ...OPTIONS, step: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_INDEX' }),
    );
  });
});
