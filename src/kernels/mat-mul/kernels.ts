import * as tf from '@tensorflow/tfjs-core';
import type { Cores } from '../cores.js';
import { type HostEngine, hostKernel } from '../host-kernel.js';

type KernelArgs = Parameters<tf.KernelFunc>[0];

/**
 * Replace cpu's BatchMatMul and _FusedMatMul, which `tf.layers` uses for every dense product. One float32 product runs
 * here, with a bias or without; batches, other types and activations go to cpu's kernels.
 */
export function matMulKernels(engine: HostEngine, core: Cores): tf.KernelConfig[] {
  const product = (kernelName: string) =>
    hostKernel(engine, kernelName, (call) => {
      const shapeA = call.shape('a');
      const shapeB = call.shape('b');
      const transposeA = Boolean(call.attribute('transposeA'));
      const transposeB = Boolean(call.attribute('transposeB'));
      const [m, k] = lastTwo(shapeA, transposeA);
      const [, n] = lastTwo(shapeB, transposeB);
      const batch = new Array<number>(Math.max(shapeA.length, shapeB.length) - 2).fill(1);
      const out = call.output([...batch, m, n]);
      const accumulate = call.has('bias');
      if (accumulate) for (let i = 0; i < m; i++) out.values.set(call.float32('bias'), i * n);
      core.matMul({ m, n, k, transposeA, transposeB, accumulate }, call.float32('a'), call.float32('b'), out.values);
      return out.info;
    });
  const plain = product(tf.BatchMatMul);
  const fused = product(tf._FusedMatMul);
  return [
    {
      ...plain,
      kernelFunc: (args) => (isOneProduct(args) ? plain : tf.getKernel(tf.BatchMatMul, 'cpu')).kernelFunc(args),
    },
    {
      ...fused,
      kernelFunc(args) {
        const isLinear = (args.attrs?.['activation'] ?? 'linear') === 'linear';
        const fits = isLinear && isOneProduct(args) && isRow(args);
        return (fits ? fused : tf.getKernel(tf._FusedMatMul, 'cpu')).kernelFunc(args);
      },
    },
  ];
}

/** Whether both operands are single float32 matrices whose inner sizes agree. What does not agree, cpu's kernel reports. */
function isOneProduct({ inputs, attrs }: KernelArgs): boolean {
  const a = inputs['a'] as tf.TensorInfo;
  const b = inputs['b'] as tf.TensorInfo;
  const isMatrix = (t: tf.TensorInfo) =>
    t.dtype === 'float32' && t.shape.length >= 2 && t.shape.slice(0, -2).every((size) => size === 1);
  return (
    isMatrix(a) &&
    isMatrix(b) &&
    lastTwo(a.shape, Boolean(attrs?.['transposeA']))[1] === lastTwo(b.shape, Boolean(attrs?.['transposeB']))[0]
  );
}

/** Whether the bias, if there is one, has an entry for each column of the product. */
function isRow({ inputs, attrs }: KernelArgs): boolean {
  const bias = inputs['bias'] as tf.TensorInfo | undefined;
  const [, n] = lastTwo((inputs['b'] as tf.TensorInfo).shape, Boolean(attrs?.['transposeB']));
  return bias == null || (bias.dtype === 'float32' && bias.shape.reduce((size, d) => size * d, 1) === n);
}

function lastTwo(shape: readonly number[], transposed: boolean): [number, number] {
  const rows = shape[shape.length - 2];
  const cols = shape[shape.length - 1];
  return transposed ? [cols, rows] : [rows, cols];
}
