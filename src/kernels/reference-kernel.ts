import type { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';

/** Name under which TensorFlow.js knows the reference engine. */
export const REFERENCE = 'reference';

/** What a numeric core needs of a running kernel: inputs as typed arrays, attributes as numbers. */
export interface KernelCall {
  shape(input: string): readonly number[];
  float32(input: string): Float32Array;
  int32(input: string): Int32Array;
  attribute(name: string): number;
  /** Hands `values` over to the engine as a float32 tensor. */
  output(shape: readonly number[], values: Float32Array): TensorInfo;
}

/** A kernel of the reference engine: unwrap, call the numeric core, wrap. */
export function referenceKernel(
  kernelName: string,
  compute: (call: KernelCall) => TensorInfo | TensorInfo[],
): KernelConfig {
  return {
    kernelName,
    backendName: REFERENCE,
    kernelFunc({ inputs, backend, attrs }) {
      const cpu = backend as MathBackendCPU;
      const tensor = (name: string) => inputs[name] as TensorInfo;
      const values = (name: string) => cpu.data.get(tensor(name).dataId).values as ArrayLike<number>;
      return compute({
        shape: (name) => tensor(name).shape,
        // cpu's Cast from int32 to float32 only relabels: the values behind a float32 tensor may still be integers
        float32: (name) => asFloat32(values(name)),
        int32: (name) => asInt32(values(name)),
        attribute: (name) => attrs?.[name] as number,
        output: (shape, out) => cpu.makeTensorInfo([...shape], 'float32', out),
      });
    },
  };
}

function asFloat32(values: ArrayLike<number>): Float32Array {
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

function asInt32(values: ArrayLike<number>): Int32Array {
  return values instanceof Int32Array ? values : Int32Array.from(values);
}
