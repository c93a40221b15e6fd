import { availableParallelism } from 'node:os';
import { coresOf } from '../kernels/cores.js';
import { nativeAddon, setNativeThreads } from '../kernels/native.js';
import type { CmmdOptions } from './cmmd.js';

/** The fastest matrix product of this machine: the native one, which sums in float32, else the one in TypeScript. */
export function fastMatMul(): { readonly multiply: CmmdOptions['multiply']; readonly engine: string } {
  const addon = nativeAddon();
  if (!addon) return { multiply: coresOf('reference').matMul, engine: 'the reference kernels (float64 sums)' };
  const threads = setNativeThreads(availableParallelism());
  return {
    multiply: coresOf('native').matMul,
    engine: `native kernels (${addon.isa()}, ${threads} threads, float32 sums)`,
  };
}
