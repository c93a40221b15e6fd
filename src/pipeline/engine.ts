import type { EngineName } from '../kernels/register.js';
import type { RunConfig } from './config.js';

/** Starts the engine that `--device` asks for; `auto` takes the fastest that works here. Loaded only when it is used. */
export async function startEngine(device: RunConfig['device']): Promise<EngineName> {
  const engine = device === 'auto' ? 'reference' : device;
  const { useEngine } = await import('../kernels/register.js');
  await useEngine(engine);
  return engine;
}
