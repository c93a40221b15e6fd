import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs-core';
import type { HostBackend } from './host-backend.js';

/** Engines whose tensors are typed arrays in the memory of this process: TensorFlow.js backends of that name. */
export type HostEngine = 'reference' | 'native';

/** What a numeric core needs of a running kernel: inputs and outputs as typed arrays, attributes as numbers. */
export interface KernelCall {
  has(input: string): boolean;
  shape(input: string): readonly number[];
  float32(input: string): Float32Array;
  int32(input: string): Int32Array;
  attribute<T = number>(name: string): T;
  /** A float32 tensor of this shape, with room to write its values into; what stands there is undefined. */
  output(shape: readonly number[]): HostOutput;
}

export interface HostOutput {
  readonly info: TensorInfo;
  readonly values: Float32Array;
}

/** A kernel of a host engine: unwrap, call the numeric core, wrap. */
export function hostKernel(
  engine: HostEngine,
  kernelName: string,
  compute: (call: KernelCall) => TensorInfo | TensorInfo[],
): KernelConfig {
  return {
    kernelName,
    backendName: engine,
    kernelFunc({ inputs, backend, attrs }) {
      const host = backend as HostBackend;
      const tensor = (name: string) => inputs[name] as TensorInfo;
      const values = (name: string) => host.data.get(tensor(name).dataId).values as ArrayLike<number>;
      return compute({
        has: (name) => inputs[name] != null,
        shape: (name) => tensor(name).shape,
        // cpu's Cast from int32 to float32 only relabels: the values behind a float32 tensor may still be integers
        float32: (name) => asFloat32(values(name)),
        int32: (name) => asInt32(values(name)),
        attribute: <T>(name: string) => attrs?.[name] as T,
        output: (shape) => host.allocate(shape),
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
