import type * as tf from '@tensorflow/tfjs-core';
import { InputError } from '../core/errors.js';

/** Throws `ERR_SHAPE` unless `tensor` has this dtype and shape. */
export function assertTensor(
  op: string,
  name: string,
  tensor: tf.Tensor,
  dtype: 'float32' | 'int32',
  shape: readonly number[],
): void {
  const fits = tensor.rank === shape.length && shape.every((size, axis) => tensor.shape[axis] === size);
  if (fits && tensor.dtype === dtype) return;
  throw new InputError(
    'ERR_SHAPE',
    `${op}: ${name} is ${tensor.dtype} [${tensor.shape}], expected ${dtype} [${shape}].`,
    { op, name, expected: { dtype, shape }, got: { dtype: tensor.dtype, shape: tensor.shape } },
  );
}

/** Throws `ERR_SHAPE` unless `tensor` has this many axes; `axes` names them for the message, e.g. 'U, C'. */
export function assertRank(op: string, name: string, tensor: tf.Tensor, rank: number, axes: string): void {
  if (tensor.rank === rank) return;
  throw new InputError('ERR_SHAPE', `${op}: ${name} has shape [${tensor.shape}], expected [${axes}].`, {
    op,
    name,
    got: tensor.shape,
  });
}

/** Throws `ERR_INDEX` unless `rowPtr` runs from 0 to `numEdges` without falling. */
export function assertRowPtr(op: string, name: string, rowPtr: ArrayLike<number>, numEdges: number): void {
  const fail = (what: string, at: number): never => {
    throw new InputError('ERR_INDEX', `${op}: ${name} ${what}.`, { op, name, at, numEdges });
  };
  const last = rowPtr.length - 1;
  if (last < 0) fail('is empty, expected at least the entry 0', 0);
  if (rowPtr[0] !== 0) fail(`starts at ${rowPtr[0]}, expected 0`, 0);
  for (let i = 0; i < last; i++)
    if (rowPtr[i] > rowPtr[i + 1]) fail(`falls from ${rowPtr[i]} to ${rowPtr[i + 1]} at row ${i}`, i);
  if (rowPtr[last] !== numEdges) fail(`ends at ${rowPtr[last]}, expected ${numEdges}, the number of edges`, last);
}

/** Throws `ERR_INDEX` unless every entry is in [0, bound). */
export function assertIndex(op: string, name: string, index: ArrayLike<number>, bound: number): void {
  for (let e = 0; e < index.length; e++)
    if (!(index[e] >= 0 && index[e] < bound))
      throw new InputError('ERR_INDEX', `${op}: ${name}[${e}] is ${index[e]}, expected 0 to ${bound - 1}.`, {
        op,
        name,
        at: e,
        got: index[e],
        bound,
      });
}

/** Gradient of an input that is data, not a parameter: asking for it throws `ERR_GRADIENT` instead of answering zero. */
export function noGradient(op: string, name: string): () => never {
  return () => {
    throw new InputError(
      'ERR_GRADIENT',
      `${op}: ${name} has no gradient; a loss must not depend on a variable through it.`,
      { op, name },
    );
  };
}
