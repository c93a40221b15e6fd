import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers'; // brings the gradients of the stock ops: the Node build of tfjs-core registers none
import { messageOf, ResourceError } from '../core/errors.js';
import { type Cores, coresOf } from './cores.js';
import { CUDA } from './cuda/backend.js';
import { cudaDevice, SEEN_ON_HARDWARE } from './cuda/device.js';
import { registerCudaEngine } from './cuda/register.js';
import { elementwiseKernels } from './elementwise/kernels.js';
import { embeddingBagKernels } from './embedding-bag/kernels.js';
import { embeddingBagGradConfig } from './embedding-bag/op.js';
import { gatV2AttentionKernels } from './gatv2-attention/kernels.js';
import { gatV2AttentionGradConfig } from './gatv2-attention/op.js';
import { HostBackend } from './host-backend.js';
import type { HostEngine } from './host-kernel.js';
import { infoNceKernels } from './info-nce/kernels.js';
import { matMulKernels } from './mat-mul/kernels.js';
import { nativeAddon, setNativeThreads, whyNoNative } from './native.js';
import { registerTensorflowEngine } from './tensorflow.js';

/** Engines that run our ops, best first: TensorFlow.js backends with our kernels. */
export const ENGINES = [CUDA, 'native', 'tensorflow', 'reference'] as const;
export type EngineName = (typeof ENGINES)[number];

/** An engine as this machine has it: what it runs on, or what is missing for it to run. */
export type EngineState = { readonly name: EngineName } & (
  | { readonly usable: true; readonly found: string }
  | { readonly usable: false; readonly missing: string }
);

/** Looks whether an engine would run here. Loads the library of `tensorflow`, where there is one. */
export function probeEngine(name: EngineName): EngineState {
  try {
    return { name, usable: true, found: PREPARE[name]() };
  } catch (thrown) {
    return { name, usable: false, missing: messageOf(thrown) };
  }
}

/** The best engine that works here, and what better ones lack. */
export function bestEngine(): { readonly engine: EngineName; readonly lacking: readonly string[] } {
  const lacking: string[] = [];
  for (const name of ENGINES) {
    const state = probeEngine(name);
    if (name === CUDA && !SEEN_ON_HARDWARE) {
      if (state.usable) lacking.push(`The engine cuda waits for --device cuda (${state.found}).`);
      continue;
    }
    if (state.usable) return { engine: name, lacking };
    lacking.push(state.missing);
  }
  return { engine: 'reference', lacking };
}

/**
 * Makes `name` the engine of all TensorFlow.js operations from here on.
 *
 * @param threads that its kernels may use; changes speed, never results
 */
export async function useEngine(name: EngineName, { threads = 1 }: { threads?: number } = {}): Promise<void> {
  PREPARE[name]();
  setNativeThreads(threads);
  if (await tf.setBackend(name)) return;
  throw new ResourceError('ERR_ENGINE', `The engine ${name} did not start.`, { name });
}

/** Registers an engine. Returns what it runs on; throws a `ResourceError` that says what is missing. */
const PREPARE: Readonly<Record<EngineName, () => string>> = {
  [CUDA]: () => {
    registerCudaEngine();
    registerGradients();
    return `${cudaDevice().info.name}${SEEN_ON_HARDWARE ? '' : ', not yet run on hardware'}`;
  },
  native: () => {
    const addon = nativeAddon();
    if (!addon)
      throw new ResourceError('ERR_ENGINE', `The engine native does not run here: ${whyNoNative()}.`, {
        engine: 'native',
        why: whyNoNative(),
      });
    registerHostEngine('native');
    return `C++, ${addon.isa()}`;
  },
  tensorflow: () => {
    const found = registerTensorflowEngine();
    registerGradients();
    return found;
  },
  reference: () => {
    registerHostEngine('reference');
    return 'TypeScript';
  },
};

/** The arithmetic for what runs outside TensorFlow.js: tables, clustering. In the memory of this process on any engine. */
export function cores(): Cores {
  return coresOf(tf.getBackend() === 'reference' || !nativeAddon() ? 'reference' : 'native');
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
  const gradients = [embeddingBagGradConfig, gatV2AttentionGradConfig];
  for (const gradient of gradients) if (tf.getGradient(gradient.kernelName) == null) tf.registerGradient(gradient);
}
