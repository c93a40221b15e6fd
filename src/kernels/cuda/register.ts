import * as tf from '@tensorflow/tfjs-core';
import { embeddingBagCuda } from '../embedding-bag/cuda.js';
import { gatV2AttentionCuda } from '../gatv2-attention/cuda.js';
import { infoNceCuda } from '../info-nce/cuda.js';
import { matMulCuda } from '../mat-mul/cuda.js';
import { CUDA, CudaBackend } from './backend.js';
import { cudaDevice } from './device.js';
import { stockCuda } from './elementwise.js';
import { hostFallback } from './host-fallback.js';

/**
 * Registers the engine `cuda`: our kernels on the first CUDA device, and cpu's on the host for what the training program
 * does not call. Calling it again does nothing. Throws `ERR_ENGINE` where there is no device.
 */
export function registerCudaEngine(): void {
  const device = cudaDevice();
  if (tf.findBackendFactory(CUDA) !== null) return;
  const own = [...stockCuda, ...matMulCuda, ...embeddingBagCuda, ...gatV2AttentionCuda, ...infoNceCuda];
  const names = new Set(own.map(({ kernelName }) => kernelName));
  for (const kernel of own) tf.registerKernel(kernel);
  for (const { kernelName } of tf.getKernelsForBackend('cpu'))
    if (!names.has(kernelName)) tf.registerKernel(hostFallback(kernelName));
  tf.registerBackend(CUDA, () => new CudaBackend(device));
}
