import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers'; // brings the gradients of the stock ops: the Node build of tfjs-core registers none
import { ResourceError } from '../core/errors.js';
import { type Cores, coresOf } from './cores.js';
import { elementwiseKernels } from './elementwise/kernels.js';
import { embeddingBagKernels } from './embedding-bag/kernels.js';
import { embeddingBagGradConfig } from './embedding-bag/op.js';
import { gatV2AttentionKernels } from './gatv2-attention/kernels.js';
import { gatV2AttentionGradConfig } from './gatv2-attention/op.js';
import { HostBackend } from './host-backend.js';
import type { HostEngine } from './host-kernel.js';
import { infoNceKernels } from './info-nce/kernels.js';
import { infoNceGradConfig } from './info-nce/op.js';
import { matMulKernels } from './mat-mul/kernels.js';
import { setNativeThreads, whyNoNative } from './native.js';

/** Engines that run our ops: TensorFlow.js backends with our kernels. */
export type EngineName = HostEngine;

/** The fastest engine that works here, and why a faster one does not. */
export function bestEngine(): { readonly engine: EngineName; readonly why?: string } {
  const why = whyNoNative();
  return why === undefined ? { engine: 'native' } : { engine: 'reference', why: `no native engine: ${why}` };
}

/**
 * Makes `name` the engine of all TensorFlow.js operations from here on.
 *
 * @param threads that its kernels may use; changes speed, never results
 */
export async function useEngine(name: EngineName, { threads = 1 }: { threads?: number } = {}): Promise<void> {
  const why = name === 'native' ? whyNoNative() : undefined;
  if (why === undefined) {
    registerHostEngine(name);
    if (name === 'native') setNativeThreads(threads);
    if (await tf.setBackend(name)) return;
  }
  throw new ResourceError('ERR_ENGINE', `The engine ${name} did not start${why === undefined ? '' : `: ${why}`}.`, {
    name,
    why,
  });
}

/** The arithmetic of the engine in use, for what runs outside TensorFlow.js: tables, clustering. */
export function cores(): Cores {
  return coresOf(tf.getBackend() === 'native' ? 'native' : 'reference');
}

/**
 * Registers an engine: the cpu backend of TensorFlow.js under a name of its own, with our kernels added and its matrix
 * products replaced. Calling it again does nothing.
 */
export function registerHostEngine(engine: HostEngine): void {
  if (tf.findBackendFactory(engine) !== null) return;
  tf.env().set('PROD', true); // otherwise the first tensor makes it advertise tfjs-node on stderr

  tf.copyRegisteredKernels('cpu', engine);
  const core = coresOf(engine);
  const kernels = [
    ...matMulKernels(engine, core),
    ...embeddingBagKernels(engine, core),
    ...gatV2AttentionKernels(engine, core),
    ...infoNceKernels(engine, core),
    ...(engine === 'native' ? elementwiseKernels() : []),
  ];
  for (const kernel of kernels) {
    if (tf.getKernel(kernel.kernelName, engine) != null) tf.unregisterKernel(kernel.kernelName, engine);
    tf.registerKernel(kernel);
  }
  tf.registerBackend(engine, () => new HostBackend());
  registerGradients();
}

/** Gradients belong to ops, not to engines. */
function registerGradients(): void {
  const gradients = [embeddingBagGradConfig, gatV2AttentionGradConfig, infoNceGradConfig];
  for (const gradient of gradients) if (tf.getGradient(gradient.kernelName) == null) tf.registerGradient(gradient);
}
