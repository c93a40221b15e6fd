import { execFileSync } from 'node:child_process';
import { buildEmulatedDriver } from './kernels/cuda/emulated-driver.js';

/**
 * Compiles the native kernels before the first test, so that tests never run on those of older sources, and the emulated
 * CUDA device, so that no two of them compile it at a time.
 */
export default function setup(): void {
  execFileSync(process.execPath, ['scripts/build-native.mjs'], { stdio: 'inherit' });
  buildEmulatedDriver();
}
