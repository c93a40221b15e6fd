import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { InputError, MinerError, messageOf, ResourceError } from '../core/errors.js';

const MARKER = { format: 'mine-personas/run', formatVersion: 1 };

/**
 * The folder of a run: one sub-folder per finished stage, `.tmp/` for what is under way.
 *
 * A folder that exists under its final name is a stage that finished: stages write into `.tmp/`, are flushed, and then
 * renamed.
 */
export class RunDirectory {
  private constructor(readonly path: string) {}

  /** Opens or creates a run. Throws `ERR_NOT_A_RUN` where the folder belongs to something else. */
  static async open(path: string, options: { create: boolean }): Promise<RunDirectory> {
    const entries = await readdir(path).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === 'ENOENT') return undefined;
      if (thrown.code === 'ENOTDIR')
        throw new InputError('ERR_NOT_A_RUN', `${path} is a file; --out needs a folder.`, { path });
      throw thrown;
    });
    if (entries?.includes('run.json')) {
      const text = await readFile(`${path}/run.json`, 'utf8').catch(() => '');
      if (!isMarker(text))
        throw new InputError(
          'ERR_NOT_A_RUN',
          `${path}/run.json was not written by this version of mine-personas. Choose another --out.`,
          { path },
        );
      return new RunDirectory(path);
    }
    if (entries?.some((entry) => entry !== 'run.json.tmp'))
      // alone, it is what a kill while making the run left
      throw new InputError(
        'ERR_NOT_A_RUN',
        `${path} is not empty and not a run of mine-personas; nothing was written to it. Choose another --out.`,
        { path },
      );
    if (!options.create)
      throw new InputError(
        'ERR_NOT_A_RUN',
        `${path} is not a run of mine-personas. Start one with: mine-personas run INPUT... --out ${path}`,
        {
          path,
        },
      );
    await mkdir(path, { recursive: true, mode: 0o700 });
    await writeFileDurably(`${path}/run.json`, `${JSON.stringify(MARKER)}\n`);
    return new RunDirectory(path);
  }

  stageFolder(stage: string): string {
    return `${this.path}/${stage}`;
  }

  /**
   * The folder a stage writes into until it is finished, its scratch folder for work that outlives a kill, and its cache
   * for work that outlives the stage. What an earlier attempt with another fingerprint left in the first two is removed.
   */
  async beginStage(stage: string, fingerprint: string): Promise<{ folder: string; scratch: string; cache: string }> {
    const base = `${this.path}/.tmp/${stage}`;
    const left = await readFile(`${base}/fingerprint`, 'utf8').catch(() => undefined);
    if (left !== fingerprint) await rm(base, { recursive: true, force: true });
    await rm(`${base}/out`, { recursive: true, force: true });
    await mkdir(`${base}/out`, { recursive: true, mode: 0o700 });
    await mkdir(`${base}/scratch`, { recursive: true, mode: 0o700 });
    if (left !== fingerprint) await writeFileDurably(`${base}/fingerprint`, fingerprint);
    const cache = `${this.path}/.cache/${stage}`;
    await mkdir(cache, { recursive: true, mode: 0o700 });
    return { folder: `${base}/out`, scratch: `${base}/scratch`, cache };
  }

  /** Gives the stage its final name, replacing what an earlier run left there. */
  async finishStage(stage: string): Promise<void> {
    const base = `${this.path}/.tmp/${stage}`;
    const final = this.stageFolder(stage);
    await syncFolder(`${base}/out`);
    await rm(`${base}/replaced`, { recursive: true, force: true });
    // moved away whole: a kill while removing must not leave half a stage under its final name
    await rename(final, `${base}/replaced`).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'ENOENT') throw thrown;
    });
    await rename(`${base}/out`, final);
    await syncFolder(this.path);
    await this.discardAttempt(stage);
  }

  /** Removes what an attempt at the stage left behind. */
  async discardAttempt(stage: string): Promise<void> {
    await rm(`${this.path}/.tmp/${stage}`, { recursive: true, force: true });
  }

  /** Takes the run for this process; returns the function that lets it go. Throws `ERR_RUN_LOCKED`. */
  lock(): () => void {
    const path = `${this.path}/.lock`;
    const draft = `${path}.${process.pid}`;
    try {
      writeFileSync(draft, JSON.stringify({ pid: process.pid, host: hostname() }), { mode: 0o600 });
      for (let attempt = 0; ; attempt++) {
        if (createFrom(draft, path)) return () => rmSync(path, { force: true });
        const owner = ownerOf(path);
        if (attempt > 0 || (owner && isAlive(owner)))
          throw new InputError(
            'ERR_RUN_LOCKED',
            `${this.path} is in use by process ${owner?.pid ?? '?'} on ${owner?.host ?? '?'}. If that process is gone, remove ${path}.`,
            { path, ...owner },
          );
        rmSync(path, { force: true }); // its owner was killed
      }
    } finally {
      rmSync(draft, { force: true });
    }
  }
}

/** Gives a file a second name; false where that name is taken. Nobody ever sees it under that name without content. */
function createFrom(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
  }
  try {
    copyFileSync(draft, path, constants.COPYFILE_EXCL); // file systems without links: all but the last promise
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw thrown;
  }
}

function isMarker(text: string): boolean {
  try {
    const marker = JSON.parse(text) as Partial<typeof MARKER> | null;
    return marker?.format === MARKER.format && marker.formatVersion === MARKER.formatVersion;
  } catch {
    return false;
  }
}

interface LockOwner {
  readonly pid: number;
  readonly host: string;
}

function ownerOf(path: string): LockOwner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockOwner;
  } catch {
    return undefined; // cut by a crash of the machine
  }
}

function isAlive(owner: LockOwner): boolean {
  if (owner.host !== hostname()) return true; // cannot be told from here
  if (owner.pid === process.pid) return false; // a container restarted with the same process numbers
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Writes a small file so that after a crash it is either the old or the new one, whole. */
export async function writeFileDurably(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Makes renames inside a folder durable. */
async function syncFolder(path: string): Promise<void> {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } catch {
    // some file systems refuse to sync a folder; the rename itself has happened
  } finally {
    closeSync(fd);
  }
}

/** Turns what the operating system says about disks and rights into an error a person can act on. */
export function explainSystemError(thrown: unknown, path: string): unknown {
  if (thrown instanceof MinerError) return thrown;
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code;
  const fields = { path, systemCode: code };
  const cause = { cause: thrown };
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new ResourceError(
        'ERR_DISK_FULL',
        `No room left while writing below ${path} (${code}). Free some space and run the same command again; finished work is kept.`,
        fields,
        cause,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new InputError('ERR_NO_ACCESS', `No permission: ${messageOf(thrown)}.`, fields, cause);
    case 'ENOENT':
      return new InputError(
        'ERR_FILE_GONE',
        `A file that was there is gone: ${messageOf(thrown)}. Put it back, or run the stage that makes it again with --force.`,
        fields,
        cause,
      );
    case 'EMFILE':
    case 'ENOMEM':
      return new ResourceError('ERR_LIMIT', `The machine ran out of a resource: ${messageOf(thrown)}.`, fields, cause);
    default:
      return thrown;
  }
}

/** Bytes of a file, or 0 where there is none. */
export async function fileBytes(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}
