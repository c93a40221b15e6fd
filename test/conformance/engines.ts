import { beforeAll, describe } from 'vitest';
import { nativeAddon, whyNoNative } from '../../src/kernels/native.js';
import { useEngine } from '../../src/kernels/register.js';

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
}
