import type { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import type { Cores } from '../cores.js';
import { type HostEngine, hostKernel } from '../host-kernel.js';

type KernelArgs = Parameters<tf.KernelFunc>[0];

/**
 * Replace cpu's BatchMatMul and _FusedMatMul, which `tf.layers` uses for every dense product. One float32 product runs
 * here, with a bias or without; batches, other types and activations go to cpu's kernels.
 */
export function matMulKernels(engine: HostEngine, core: Cores): tf.KernelConfig[] {
  const oneProduct = hostKernel(engine, tf.BatchMatMul, (call) => {
    const shapeA = call.shape('a');
    const shapeB = call.shape('b');
    const transposeA = Boolean(call.attribute('transposeA'));
    const transposeB = Boolean(call.attribute('transposeB'));
    const [m, k] = lastTwo(shapeA, transposeA);
    const [, n] = lastTwo(shapeB, transposeB);
    const batch = new Array<number>(Math.max(shapeA.length, shapeB.length) - 2).fill(1);
    const out = call.output([...batch, m, n]);
    core.matMul({ m, n, k, transposeA, transposeB }, call.float32('a'), call.float32('b'), out.values);
    return out.info;
  });
  return [
    {
      ...oneProduct,
      kernelFunc: (args) => (isOneProduct(args) ? oneProduct : tf.getKernel(tf.BatchMatMul, 'cpu')).kernelFunc(args),
    },
    {
      kernelName: tf._FusedMatMul,
      backendName: engine,
      kernelFunc(args) {
        const activation = args.attrs?.['activation'] ?? 'linear';
        if (activation !== 'linear' || !isOneProduct(args))
          return tf.getKernel(tf._FusedMatMul, 'cpu').kernelFunc(args);
        const product = oneProduct.kernelFunc(args) as tf.TensorInfo;
        const { bias } = args.inputs;
        if (bias == null) return product;
        const { backend } = args;
        const sum = tf.getKernel(tf.Add, engine).kernelFunc({ inputs: { a: product, b: bias }, backend });
        (backend as MathBackendCPU).disposeIntermediateTensorInfo(product);
        return sum;
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

function lastTwo(shape: readonly number[], transposed: boolean): [number, number] {
  const rows = shape[shape.length - 2];
  const cols = shape[shape.length - 1];
  return transposed ? [cols, rows] : [rows, cols];
}
