import { execFileSync } from 'node:child_process';

/** Compiles the native kernels before the first test, so that tests never run on those of older sources. */
export default function setup(): void {
  execFileSync(process.execPath, ['scripts/build-native.mjs'], { stdio: 'inherit' });
}
