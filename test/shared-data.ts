import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** A file of the real data that tests may use, or undefined where it is not here: the test then skips and says why. */
export function sharedFile(name: string): string | undefined {
  const base = process.env['MINE_PERSONAS_SHARED'];
  const folders = base === undefined ? ['../shared/data'] : [base, join(base, 'data')];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}
