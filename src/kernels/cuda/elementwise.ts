import * as tf from '@tensorflow/tfjs-core';
import type { CudaBackend } from './backend.js';
import { CUDA } from './backend.js';
import { type CudaCall, cudaKernel, sumRows } from './cuda-kernel.js';
import { type Address, type CudaDevice, float } from './device.js';
import { hostFallback } from './host-fallback.js';

type Shape = readonly number[];

/** Operations by their numbers in elementwise.cu. */
const UNARY_OPS = [
  tf.Neg,
  tf.Abs,
  tf.Sqrt,
  tf.Rsqrt,
  tf.Square,
  tf.Exp,
  tf.Log,
  tf.Reciprocal,
  tf.Relu,
  tf.Elu,
  tf.LeakyRelu,
  tf.Sigmoid,
  tf.Tanh,
  tf.Softplus,
  tf.Sign,
];
const BINARY_OPS = [
  tf.Add,
  tf.Sub,
  tf.Multiply,
  tf.RealDiv,
  tf.Maximum,
  tf.Minimum,
  tf.SquaredDifference,
  tf.EluGrad,
  tf.Pow,
];
const MAX_RANK = 4;

const sizeOf = (shape: Shape) => shape.reduce((size, n) => size * n, 1);
const isFloat = (tensor: unknown) => (tensor as tf.TensorInfo).dtype === 'float32';

/** Four sizes, ones in front. */
const padded = (shape: Shape, fill = 1) => [...new Array<number>(MAX_RANK - shape.length).fill(fill), ...shape];

/** Row-major strides. */
function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

/** The device's kernel where `fits`, else the host's. */
function onDevice(
  kernelName: string,
  fits: (args: Parameters<tf.KernelFunc>[0]) => boolean,
  compute: (call: CudaCall) => tf.TensorInfo,
): tf.KernelConfig {
  const device = cudaKernel(kernelName, compute);
  const host = hostFallback(kernelName);
  return { ...device, kernelFunc: (args) => (fits(args) ? device : host).kernelFunc(args) };
}

function unary(kernelName: string, op: number): tf.KernelConfig {
  return onDevice(
    kernelName,
    ({ inputs }) => isFloat(inputs['x']),
    (call) => {
      const out = call.output(call.shape('x'));
      const size = sizeOf(call.shape('x'));
      const alpha = float(call.attribute<number | undefined>('alpha') ?? 0);
      call.device.launchThreads('unary', size, [call.address('x'), out.address], [size, op, alpha]);
      return out.info;
    },
  );
}

function binary(kernelName: string, op: number): tf.KernelConfig {
  const [left, right] = kernelName === tf.EluGrad ? ['dy', 'y'] : ['a', 'b'];
  return onDevice(
    kernelName,
    ({ inputs }) =>
      isFloat(inputs[left]) &&
      isFloat(inputs[right]) &&
      Math.max((inputs[left] as tf.TensorInfo).shape.length, (inputs[right] as tf.TensorInfo).shape.length) <= MAX_RANK,
    (call) => {
      const shape = tf.broadcast_util.assertAndGetBroadcastShape([...call.shape(left)], [...call.shape(right)]);
      const out = call.output(shape);
      const size = sizeOf(shape);
      const strides = (operand: Shape) => {
        const own = stridesOf(operand);
        return padded(
          operand.map((n, axis) => (n === 1 ? 0 : own[axis])),
          0,
        );
      };
      call.device.launchThreads(
        'binary',
        size,
        [call.address(left), call.address(right), out.address],
        [size, op, ...padded(shape), ...strides(call.shape(left)), ...strides(call.shape(right))],
      );
      return out.info;
    },
  );
}

/** Starts out = a + b over `size` floats; out may be a. */
export function launchAdd(device: CudaDevice, a: Address, b: Address, out: Address, size: number): void {
  const flat = [0, 0, 0, 1];
  device.launchThreads(
    'binary',
    size,
    [a, b, out],
    [size, BINARY_OPS.indexOf(tf.Add), 1, 1, 1, size, ...flat, ...flat],
  );
}

/** Copies a box of `shape` between tensors given by the address of its first entry and strides. */
function launchCopy(
  device: CudaDevice,
  shape: Shape,
  from: Address,
  strideFrom: Shape,
  to: Address,
  strideTo: Shape,
): void {
  const size = sizeOf(shape);
  device.launchThreads(
    'copy_box',
    size,
    [from, to],
    [size, ...padded(shape), ...padded(strideFrom, 0), ...padded(strideTo, 0)],
  );
}

const offsetOf = (begin: Shape, strides: Shape) => 4 * begin.reduce((at, n, axis) => at + n * strides[axis], 0);
const hasBoxRank = (shape: Shape) => shape.length <= MAX_RANK;

const slice = onDevice(
  tf.Slice,
  ({ inputs }) => isFloat(inputs['x']) && hasBoxRank((inputs['x'] as tf.TensorInfo).shape),
  (call) => {
    const shape = call.shape('x');
    const x = { shape: [...shape] } as tf.Tensor;
    const [begin, size] = tf.slice_util.parseSliceParams(x, call.attribute('begin'), call.attribute('size'));
    tf.slice_util.assertParamsValid(x, begin, size);
    const out = call.output(size);
    const strides = stridesOf(shape);
    launchCopy(call.device, size, call.address('x') + offsetOf(begin, strides), strides, out.address, stridesOf(size));
    return out.info;
  },
);

const pad = onDevice(
  tf.PadV2,
  ({ inputs }) => isFloat(inputs['x']) && hasBoxRank((inputs['x'] as tf.TensorInfo).shape),
  (call) => {
    const shape = call.shape('x');
    const paddings = call.attribute<[number, number][]>('paddings');
    const outShape = shape.map((n, axis) => n + paddings[axis][0] + paddings[axis][1]);
    const out = call.output(outShape);
    const constant = new Uint32Array(Float32Array.of(call.attribute<number>('constantValue')).buffer)[0];
    call.device.fill(out.address, sizeOf(outShape), constant);
    const strides = stridesOf(outShape);
    const to =
      out.address +
      offsetOf(
        paddings.map(([before]) => before),
        strides,
      );
    launchCopy(call.device, shape, call.address('x'), stridesOf(shape), to, strides);
    return out.info;
  },
);

const transpose = onDevice(
  tf.Transpose,
  ({ inputs }) => isFloat(inputs['x']) && hasBoxRank((inputs['x'] as tf.TensorInfo).shape),
  (call) => {
    const shape = call.shape('x');
    const perm = call.attribute<number[]>('perm');
    const outShape = perm.map((axis) => shape[axis]);
    const out = call.output(outShape);
    const strides = stridesOf(shape);
    const from = perm.map((axis) => strides[axis]);
    launchCopy(call.device, outShape, call.address('x'), from, out.address, stridesOf(outShape));
    return out.info;
  },
);

/** Sum and Mean over axes that lie together: [outer, reduced, inner]. */
function reduction(kernelName: string): tf.KernelConfig {
  const layout = (shape: Shape, axis: number | number[]) => {
    const axes = tf.util.parseAxisParam(axis, [...shape]).sort((a, b) => a - b);
    const first = axes[0] ?? 0;
    const together = axes.every((a, i) => a === first + i);
    const outer = sizeOf(shape.slice(0, first));
    const reduced = sizeOf(axes.map((a) => shape[a]));
    const inner = sizeOf(shape.slice(first + axes.length));
    return { axes, together, outer, reduced, inner };
  };
  return onDevice(
    kernelName,
    ({ inputs, attrs }) => {
      const x = inputs['x'] as tf.TensorInfo;
      return isFloat(x) && layout(x.shape, attrs?.['axis'] as number | number[]).together;
    },
    (call) => {
      const shape = call.shape('x');
      const { axes, outer, reduced, inner } = layout(shape, call.attribute<number | number[]>('axis'));
      const kept = tf.backend_util.computeOutAndReduceShapes([...shape], axes)[0];
      const keepDims = call.attribute<boolean | undefined>('keepDims') ?? false;
      const out = call.output(keepDims ? tf.backend_util.expandShapeToKeepDim(kept, axes) : kept);
      const scale = float(kernelName === tf.Mean ? 1 / reduced : 1);
      if (outer * inner === 0) return out.info;
      if (inner === 1)
        call.device.launch('sum_cols', [outer], [call.address('x'), out.address], [outer, reduced, scale]);
      else sumRows(call, call.address('x'), out.address, reduced, inner, inner, outer, scale);
      return out.info;
    },
  );
}

const cast = onDevice(
  tf.Cast,
  ({ inputs, attrs }) => {
    const types = [(inputs['x'] as tf.TensorInfo).dtype, attrs?.['dtype']];
    return types[0] !== types[1] && types.every((type) => type === 'float32' || type === 'int32');
  },
  (call) => {
    const toFloat = call.attribute<string>('dtype') === 'float32';
    const info = call.backend.output(call.shape('x'), toFloat ? 'float32' : 'int32');
    const size = sizeOf(info.shape);
    call.device.launchThreads('cast', size, [call.address('x'), call.backend.address(info)], [size, Number(toFloat)]);
    return info;
  },
);

/** Tensors that share their values with their input. */
function relabel(
  kernelName: string,
  shapeOf: (x: tf.TensorInfo, attrs: tf.NamedAttrMap | undefined) => number[],
): tf.KernelConfig {
  return {
    kernelName,
    backendName: CUDA,
    kernelFunc({ inputs, backend, attrs }) {
      const x = (inputs['x'] ?? inputs['input']) as tf.TensorInfo;
      (backend as CudaBackend).incRef(x.dataId);
      return { dataId: x.dataId, shape: shapeOf(x, attrs), dtype: x.dtype };
    },
  };
}

/** One value everywhere. */
function filled(backend: CudaBackend, shape: number[], value: number): tf.TensorInfo {
  const info = backend.output(shape);
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0];
  backend.device.fill(backend.address(info), sizeOf(shape), bits);
  return info;
}

const fill: tf.KernelConfig = {
  kernelName: tf.Fill,
  backendName: CUDA,
  kernelFunc(args) {
    const { shape, value, dtype } = args.attrs as unknown as { shape: number[]; value: number; dtype?: tf.DataType };
    if (typeof value !== 'number' || (dtype !== undefined && dtype !== 'float32'))
      return hostFallback(tf.Fill).kernelFunc(args);
    return filled(args.backend as CudaBackend, shape, value);
  },
};

const like = (kernelName: string, value: number) =>
  onDevice(
    kernelName,
    ({ inputs }) => isFloat(inputs['x']),
    (call) => filled(call.backend, [...call.shape('x')], value),
  );

/** The stock operations that run on the device. */
export const stockCuda: tf.KernelConfig[] = [
  ...UNARY_OPS.map(unary),
  ...BINARY_OPS.map(binary),
  slice,
  pad,
  transpose,
  reduction(tf.Sum),
  reduction(tf.Mean),
  {
    ...cast,
    kernelFunc: (args) =>
      (args.inputs['x'] as tf.TensorInfo).dtype === args.attrs?.['dtype']
        ? identity.kernelFunc(args)
        : cast.kernelFunc(args),
  },
  fill,
  like(tf.ZerosLike, 0),
  like(tf.OnesLike, 1),
  relabel(tf.Reshape, (x, attrs) => tf.util.inferFromImplicitShape(attrs?.['shape'] as number[], sizeOf(x.shape))),
  relabel(tf.ExpandDims, (x, attrs) => {
    const shape = [...x.shape];
    const dim = attrs?.['dim'] as number;
    shape.splice(dim < 0 ? shape.length + 1 + dim : dim, 0, 1);
    return shape;
  }),
];
const identity = relabel(tf.Identity, (x) => [...x.shape]);
stockCuda.push(identity);
