import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { CUDA, type CudaBackend } from './backend.js';

let host: MathBackendCPU | undefined;

/**
 * A stock operation that runs on the host, by cpu's kernel: what the training program does not call in a step. Complete
 * and right, but it waits for the device; `hostCalls` of the backend counts it.
 */
export function hostFallback(kernelName: string): tf.KernelConfig {
  return {
    kernelName,
    backendName: CUDA,
    kernelFunc({ inputs, backend, attrs }) {
      const cuda = backend as CudaBackend;
      host ??= new MathBackendCPU();
      const cpu = host;
      cuda.hostCalls.set(kernelName, (cuda.hostCalls.get(kernelName) ?? 0) + 1);
      const made: tf.TensorInfo[] = [];
      const toHost = (tensor: tf.TensorInfo | null | undefined) => {
        if (tensor == null) return tensor;
        const values = cuda.readSync(tensor.dataId);
        const info = cpu.makeTensorInfo(tensor.shape, tensor.dtype, values);
        made.push(info);
        return info;
      };
      const onHost = Object.fromEntries(
        Object.entries(inputs).map(([name, value]) => [name, Array.isArray(value) ? value.map(toHost) : toHost(value)]),
      ) as tf.NamedTensorInfoMap;
      const { kernelFunc } = tf.getKernel(kernelName, 'cpu');
      const results = kernelFunc(
        attrs === undefined ? { inputs: onHost, backend: cpu } : { inputs: onHost, backend: cpu, attrs },
      );
      const toDevice = ({ dataId, shape, dtype }: tf.TensorInfo): tf.TensorInfo => ({
        dataId: cuda.write(cpu.readSync(dataId) as tf.BackendValues, shape, dtype),
        shape,
        dtype,
      });
      const out = Array.isArray(results) ? results.map(toDevice) : toDevice(results);
      for (const { dataId } of [...made, ...(Array.isArray(results) ? results : [results])])
        cpu.disposeData(dataId, true);
      return out;
    },
  };
}
