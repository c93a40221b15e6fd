import { MathBackendCPU } from '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers'; // brings the gradients of the stock ops: the Node build of tfjs-core registers none
import { ResourceError } from '../core/errors.js';
import { embeddingBagGradConfig } from './embedding-bag/op.js';
import { embeddingBagReference } from './embedding-bag/reference.js';
import { gatV2AttentionGradConfig } from './gatv2-attention/op.js';
import { gatV2AttentionReference } from './gatv2-attention/reference.js';
import { infoNceGradConfig } from './info-nce/op.js';
import { infoNceReference } from './info-nce/reference.js';
import { batchMatMulReference, fusedMatMulReference } from './mat-mul/reference.js';
import { REFERENCE } from './reference-kernel.js';

/** Engines that run our ops: TensorFlow.js backends with our kernels. */
export type EngineName = typeof REFERENCE;

/** Makes `name` the engine of all TensorFlow.js operations from here on. */
export async function useEngine(name: EngineName): Promise<void> {
  registerReferenceEngine();
  if (await tf.setBackend(name)) return;
  throw new ResourceError('ERR_ENGINE', `The engine ${name} did not start.`, { name });
}

/**
 * Registers the engine `reference`: the cpu backend of TensorFlow.js under a name of its own, with our kernels added
 * and its matrix products replaced. Calling it again does nothing.
 */
export function registerReferenceEngine(): void {
  if (tf.findBackendFactory(REFERENCE) !== null) return;
  tf.env().set('PROD', true); // otherwise the first tensor makes it advertise tfjs-node on stderr

  tf.copyRegisteredKernels('cpu', REFERENCE);
  const kernels = [
    batchMatMulReference,
    fusedMatMulReference,
    ...embeddingBagReference,
    ...gatV2AttentionReference,
    ...infoNceReference,
  ];
  for (const kernel of kernels) {
    if (tf.getKernel(kernel.kernelName, REFERENCE) != null) tf.unregisterKernel(kernel.kernelName, REFERENCE);
    tf.registerKernel(kernel);
  }
  tf.registerBackend(REFERENCE, () => new MathBackendCPU());
  registerGradients();
}

/** Gradients belong to ops, not to engines. */
function registerGradients(): void {
  const gradients = [embeddingBagGradConfig, gatV2AttentionGradConfig, infoNceGradConfig];
  for (const gradient of gradients) if (tf.getGradient(gradient.kernelName) == null) tf.registerGradient(gradient);
}
