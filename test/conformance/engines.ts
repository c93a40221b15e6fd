import { beforeAll, describe } from 'vitest';
import { nativeAddon, whyNoNative } from '../../src/kernels/native.js';
import { probeEngine, useEngine } from '../../src/kernels/register.js';
import { emulatedCuda } from '../kernels/cuda/emulated-driver.js';

/** Runs one suite on every engine and every instruction set, so that an op has one meaning and several implementations. */
export function describeEachEngine(name: string, suite: () => void): void {
  describe(`${name} on reference`, () => {
    beforeAll(async () => await useEngine('reference'));
    suite();
  });
  const addon = nativeAddon();
  if (!addon) describe.skip(`${name} on native: ${whyNoNative()}`, suite);
  for (const isa of addon?.isas() ?? [])
    describe(`${name} on native, ${isa}`, () => {
      beforeAll(async () => {
        addon?.setIsa(isa);
        await useEngine('native');
      });
      suite();
    });
  const tensorflow = probeEngine('tensorflow');
  if (!tensorflow.usable) describe.skip(`${name} on tensorflow: ${tensorflow.missing}`, suite);
  else
    describe(`${name} on tensorflow`, () => {
      beforeAll(async () => await useEngine('tensorflow'));
      suite();
    });
  const driver = emulatedCuda();
  if (driver === undefined) describe.skip(`${name} on cuda, emulated: no C++ compiler`, suite);
  else
    describe(`${name} on cuda${driver.includes('emulated') ? ', emulated' : ''}`, () => {
      beforeAll(async () => await useEngine('cuda'));
      suite();
    });
}
