import { readFile } from 'node:fs/promises';
import { InputError } from '../core/errors.js';
import type { RunConfig } from '../pipeline/config.js';

/** The key of the server, from the file that is named or from the environment. */
export async function apiKeyOf(config: RunConfig, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const path = config.llmApiKeyFile;
  if (!path) return environment['MINE_PERSONAS_LLM_API_KEY'];
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError('ERR_LLM_KEY', `There is no readable key in ${path}.`, { path }, { cause });
  });
  return text.trim();
}
