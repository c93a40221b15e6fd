import { z } from 'zod';
import { configSchema } from '../pipeline/config.js';
import { resolveSettings } from './settings.js';
import type { Shell } from './shell.js';

/** `config`: every setting with where it comes from; `config --schema`: what a configuration file may say. */
export async function printConfig(shell: Shell, flags: Readonly<Record<string, unknown>>): Promise<void> {
  if (flags['schema']) {
    shell.print(JSON.stringify(z.toJSONSchema(configSchema, { io: 'input' }), null, 2));
    return;
  }
  const { config, origin } = await resolveSettings(flags, shell.environment, flags['config'] as string | undefined);
  const settings = Object.entries(origin).map(([key, from]) => [
    key,
    { value: config[key as keyof typeof config] ?? null, origin: from },
  ]);
  shell.print(JSON.stringify(Object.fromEntries(settings), null, 2));
}
