import type { Log } from '../core/log.js';
import type { EngineName } from '../kernels/register.js';
import type { RunConfig } from './config.js';

let said = false; // one word about the engine in a run of many stages

/** Starts the engine that `--device` asks for; `auto` takes the fastest that works here. Loaded only when it is used. */
export async function startEngine({ device, threads }: RunConfig, log: Log): Promise<EngineName> {
  const { bestEngine, useEngine } = await import('../kernels/register.js');
  const { engine, lacking } = device === 'auto' ? bestEngine() : { engine: device, lacking: [] };
  await useEngine(engine, { threads });
  if (!said) log.info(`engine: ${engine}${lacking.map((why) => `\n  ${why}`).join('')}`);
  said = true;
  return engine;
}
