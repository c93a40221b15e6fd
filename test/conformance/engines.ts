import { beforeAll, describe } from 'vitest';
import { type EngineName, useEngine } from '../../src/kernels/register.js';

const ENGINES: readonly EngineName[] = ['reference'];

/** Runs one suite on every engine, so that an op has one meaning and several implementations. */
export function describeEachEngine(name: string, suite: () => void): void {
  for (const engine of ENGINES)
    describe(`${name} on ${engine}`, () => {
      beforeAll(async () => await useEngine(engine));
      suite();
    });
}
