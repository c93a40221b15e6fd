import * as tf from '@tensorflow/tfjs-core';
import { hostKernel } from '../host-kernel.js';
import { nativeKernel } from '../native.js';

type KernelArgs = Parameters<tf.KernelFunc>[0];

/** Operations by their numbers in native.h. */
const BINARY = [tf.Add, tf.Sub, tf.Multiply, tf.RealDiv, tf.EluGrad];
const UNARY = [tf.Elu, tf.Relu, tf.Sqrt, tf.Rsqrt, tf.Square, tf.Neg];

/**
 * Stock operations between large ops, for the native engine. cpu's kernels define their meaning and take what is not
 * float32 or broadcasts in a way that two axes cannot describe.
 */
export function elementwiseKernels(): tf.KernelConfig[] {
  return [...BINARY.map(binaryKernel), ...UNARY.map(unaryKernel), sumKernel(), padKernel()];
}

function binaryKernel(kernelName: string, operation: number): tf.KernelConfig {
  const [left, right] = kernelName === tf.EluGrad ? ['dy', 'y'] : ['a', 'b'];
  const native = hostKernel('native', kernelName, (call) => {
    const a = call.float32(left);
    const b = call.float32(right);
    const outShape = tf.broadcast_util.assertAndGetBroadcastShape([...call.shape(left)], [...call.shape(right)]);
    const { rows, cols, steps } = layoutOf(call.shape(left), call.shape(right), outShape) as Layout;
    const out = call.output(outShape);
    nativeKernel('binary')(a, b, out.values, operation, rows, cols, ...steps);
    return out.info;
  });
  return orCpu(native, ({ inputs }) => {
    const [a, b] = [inputs[left] as tf.TensorInfo, inputs[right] as tf.TensorInfo];
    if (a.dtype !== 'float32' || b.dtype !== 'float32') return false;
    const outShape = tf.broadcast_util.assertAndGetBroadcastShape(a.shape, b.shape);
    return layoutOf(a.shape, b.shape, outShape) !== undefined;
  });
}

function unaryKernel(kernelName: string, operation: number): tf.KernelConfig {
  const native = hostKernel('native', kernelName, (call) => {
    const out = call.output(call.shape('x'));
    nativeKernel('unary')(call.float32('x'), out.values, operation);
    return out.info;
  });
  return orCpu(native, ({ inputs }) => (inputs['x'] as tf.TensorInfo).dtype === 'float32');
}

/** Sums over the first axes or over the last ones. */
function sumKernel(): tf.KernelConfig {
  const reducedAxes = (shape: readonly number[], axis: number | number[]) =>
    new Set(tf.util.parseAxisParam(axis, [...shape]));
  const groupsOf = (shape: readonly number[], axis: number | number[]) => {
    const reduced = reducedAxes(shape, axis);
    return mergeAxes(shape, (i) => reduced.has(i));
  };
  const native = hostKernel('native', tf.Sum, (call) => {
    const shape = call.shape('x');
    const axis = call.attribute<number | number[]>('axis');
    const reduced = reducedAxes(shape, axis);
    const keepDims = call.attribute<boolean>('keepDims');
    const outShape = shape.flatMap((size, i) => (reduced.has(i) ? (keepDims ? [1] : []) : [size]));
    const out = call.output(outShape);
    const [first, last] = groupsOf(shape, axis);
    if (first.key && last !== undefined) nativeKernel('sumCols')(call.float32('x'), out.values);
    else nativeKernel('sumRows')(call.float32('x'), out.values, (last ?? first).size);
    return out.info;
  });
  return orCpu(native, ({ inputs, attrs }) => {
    const x = inputs['x'] as tf.TensorInfo;
    if (x.dtype !== 'float32' || x.shape.includes(0)) return false;
    const groups = groupsOf(x.shape, attrs?.['axis'] as number | number[]);
    return groups.length === 2 || (groups.length === 1 && groups[0].key);
  });
}

/** Padding with rows before and after: the gradient of taking some rows. */
function padKernel(): tf.KernelConfig {
  const native = hostKernel('native', tf.PadV2, (call) => {
    const shape = call.shape('x');
    const [[before, after]] = call.attribute<[number, number][]>('paddings');
    const [numRows, ...rest] = shape;
    const out = call.output([before + numRows + after, ...rest]);
    const rowSize = tf.util.sizeFromShape(rest);
    const constant = call.attribute<number>('constantValue');
    out.values.fill(constant, 0, before * rowSize);
    out.values.set(call.float32('x'), before * rowSize);
    out.values.fill(constant, (before + numRows) * rowSize);
    return out.info;
  });
  return orCpu(native, ({ inputs, attrs }) => {
    const paddings = attrs?.['paddings'] as [number, number][];
    const x = inputs['x'] as tf.TensorInfo;
    return (
      x.dtype === 'float32' &&
      paddings.length > 0 &&
      paddings
        .slice(1)
        .flat()
        .every((n) => n === 0)
    );
  });
}

function orCpu(native: tf.KernelConfig, fits: (args: KernelArgs) => boolean): tf.KernelConfig {
  const cpu = tf.getKernel(native.kernelName, 'cpu');
  return { ...native, kernelFunc: (args) => (fits(args) ? native : cpu).kernelFunc(args) };
}

/** An output as rows and columns, and the steps of both operands from row to row and column to column. */
interface Layout {
  readonly rows: number;
  readonly cols: number;
  readonly steps: readonly [aRow: number, aCol: number, bRow: number, bCol: number];
}

/** Undefined where the operands broadcast in more ways than rows and columns can tell. */
function layoutOf(a: readonly number[], b: readonly number[], out: readonly number[]): Layout | undefined {
  const has = (shape: readonly number[], i: number) => (shape[i - (out.length - shape.length)] ?? 1) === out[i];
  const groups = mergeAxes(out, (i) => `${has(a, i)} ${has(b, i)}`);
  if (groups.length > 2) return undefined;
  const [outer, inner] = groups.length === 2 ? groups : [undefined, groups[0]];
  const cols = inner?.size ?? tf.util.sizeFromShape([...out]);
  const steps = (operand: 0 | 1): [number, number] => {
    const present = (key: string | undefined) => (key ?? 'true true').split(' ')[operand] === 'true';
    const col = present(inner?.key) ? 1 : 0;
    return [outer && present(outer.key) ? (col === 1 ? cols : 1) : 0, col];
  };
  return { rows: outer?.size ?? 1, cols, steps: [...steps(0), ...steps(1)] };
}

/** Joins neighboring axes of one kind; axes of length 1 belong to any. */
function mergeAxes<Key>(shape: readonly number[], kind: (axis: number) => Key): { key: Key; size: number }[] {
  const groups: { key: Key; size: number }[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const last = groups.at(-1);
    const key = kind(axis);
    if (last?.key === key) last.size *= size;
    else groups.push({ key, size });
  });
  return groups;
}
