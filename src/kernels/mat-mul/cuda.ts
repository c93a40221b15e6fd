import * as tf from '@tensorflow/tfjs-core';
import type { CudaBackend } from '../cuda/backend.js';
import { type CudaCall, cudaKernel, sumRows } from '../cuda/cuda-kernel.js';
import type { Address } from '../cuda/device.js';
import { hostFallback } from '../cuda/host-fallback.js';
import type { MatMulShape } from './numeric.js';

const TILE_M = 128;
const TILE_N = 64;
const BLOCKS_WANTED = 256; // fixed, so that the order of sums does not depend on the device
const SLICE_MIN = 256; // terms of a sum that are worth a block of their own

/** Starts out = op(A) · op(B), all float32 on the device. */
export function launchMatMul(
  call: CudaCall,
  shape: Omit<MatMulShape, 'accumulate'>,
  a: Address,
  b: Address,
  out: Address,
): void {
  const { m, n, k, transposeA = false, transposeB = false } = shape;
  const blocks = Math.ceil(m / TILE_M) * Math.ceil(n / TILE_N);
  const slices = Math.max(1, Math.min(Math.ceil(BLOCKS_WANTED / blocks), Math.floor(k / SLICE_MIN)));
  const target = slices === 1 ? out : call.scratch(slices * m * n);
  call.device.launch(
    'mat_mul',
    [Math.ceil(m / TILE_M), Math.ceil(n / TILE_N), slices],
    [a, b, target],
    [m, n, k, Math.ceil(k / slices), Number(transposeA), Number(transposeB)],
  );
  if (slices > 1) sumRows(call, target, out, slices, m * n, m * n);
}

const oneProduct = cudaKernel(tf.BatchMatMul, (call) => {
  const shapeA = call.shape('a');
  const shapeB = call.shape('b');
  const transposeA = Boolean(call.attribute('transposeA'));
  const transposeB = Boolean(call.attribute('transposeB'));
  const [m, k] = lastTwo(shapeA, transposeA);
  const [, n] = lastTwo(shapeB, transposeB);
  const batch = new Array<number>(Math.max(shapeA.length, shapeB.length) - 2).fill(1);
  const out = call.output([...batch, m, n]);
  launchMatMul(call, { m, n, k, transposeA, transposeB }, call.address('a'), call.address('b'), out.address);
  return out.info;
});

/** One float32 product, with a bias or without, runs on the device; batches, other types and activations on the host. */
export const matMulCuda: tf.KernelConfig[] = [
  {
    ...oneProduct,
    kernelFunc: (args) => (isOneProduct(args) ? oneProduct : hostFallback(tf.BatchMatMul)).kernelFunc(args),
  },
  {
    ...oneProduct,
    kernelName: tf._FusedMatMul,
    kernelFunc(args) {
      const activation = args.attrs?.['activation'] ?? 'linear';
      if (activation !== 'linear' || !isOneProduct(args)) return hostFallback(tf._FusedMatMul).kernelFunc(args);
      const product = oneProduct.kernelFunc(args) as tf.TensorInfo;
      const { bias } = args.inputs;
      if (bias == null) return product;
      const backend = args.backend as CudaBackend;
      const sum = tf.getKernel(tf.Add, oneProduct.backendName).kernelFunc({ inputs: { a: product, b: bias }, backend });
      backend.disposeIntermediate(product);
      return sum;
    },
  },
];

/** Whether both operands are single float32 matrices whose inner sizes agree. What does not agree, cpu's kernel reports. */
function isOneProduct({ inputs, attrs }: Parameters<tf.KernelFunc>[0]): boolean {
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
