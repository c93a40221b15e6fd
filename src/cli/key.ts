import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { InputError, messageOf } from '../core/errors.js';

/**
 * The key of pseudonyms: 32 bytes in hex, in a file that only its owner may read.
 *
 * Whoever has it can recompute pseudonyms from a list of names, so it is never written into a run; a manifest carries
 * its fingerprint only. Without `--key-file` a key of one's own is made at first use, so that two runs of one person
 * give the same pseudonyms. Delete the file and nobody can link a run to names any more.
 *
 * @param make whether such a key may be made; if not, one of zeros stands in for a key that is still to come
 */
export async function loadKey(
  path: string | undefined,
  environment: NodeJS.ProcessEnv,
  make = true,
): Promise<{ key: Uint32Array; keyFingerprint: string; path: string; created: boolean }> {
  const own = join(environment['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'mine-personas', 'key');
  const file = path ?? own;
  let text = await readFile(file, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (path !== undefined || thrown.code !== 'ENOENT')
      throw new InputError(
        'ERR_KEY',
        `Cannot read the key file ${file}: ${thrown.message}.`,
        { path: file },
        { cause: thrown },
      );
    return undefined;
  });
  if (text === undefined && !make)
    return { key: new Uint32Array(4), keyFingerprint: 'not made yet', path: file, created: false };
  const created = text === undefined;
  if (text === undefined) {
    text = randomBytes(32).toString('hex');
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(file, `${text}\n`, { mode: 0o600, flag: 'wx' });
    } catch (thrown) {
      throw new InputError(
        'ERR_KEY',
        `Cannot keep a key of pseudonyms in ${file}: ${messageOf(thrown)}. Give one with --key-file (32 bytes in hex).`,
        { path: file },
        { cause: thrown },
      );
    }
  }
  if (!/^[0-9a-f]{64}\s*$/i.test(text))
    throw new InputError(
      'ERR_KEY',
      `${file} should hold 32 bytes as 64 hex digits. Make one with: openssl rand -hex 32`,
      { path: file },
    );
  const bytes = Buffer.from(text.trim(), 'hex');
  const derived = createHash('sha256').update('mine-personas pseudonyms').update(bytes).digest();
  return {
    key: new Uint32Array(4).map((_, i) => derived.readUInt32LE(4 * i)),
    keyFingerprint: createHash('sha256').update('mine-personas fingerprint').update(bytes).digest('hex').slice(0, 16),
    path: file,
    created,
  };
}
