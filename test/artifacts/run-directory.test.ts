import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { explainSystemError, fileBytes, RunDirectory, writeFileDurably } from '../../src/artifacts/run-directory.js';
import { InputError } from '../../src/core/errors.js';
import { temporaryFolders } from './folders.js';

const newFolder = temporaryFolders();
const open = (path: string, create = true) => RunDirectory.open(path, { create });
const newRun = async () => await open(`${newFolder()}/run`);

describe('RunDirectory.open', () => {
  it('creates a run that only its owner can enter, with parents, and opens it again', async () => {
    const path = `${newFolder()}/deep/er/run`;
    const run = await open(path);
    expect(run.path).toBe(path);
    expect(readdirSync(path)).toEqual(['run.json']);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect((await open(path, false)).path).toBe(path);
  });

  it('takes an empty folder that exists', async () => {
    await open(newFolder());
  });

  it('refuses a folder of something else and leaves it as it was', async () => {
    const folder = newFolder();
    writeFileSync(`${folder}/thesis.txt`, 'years of work');
    await expect(open(folder)).rejects.toMatchObject({ code: 'ERR_NOT_A_RUN', fields: { path: folder } });
    expect(readdirSync(folder)).toEqual(['thesis.txt']);
  });

  it('refuses a file', async () => {
    const path = `${newFolder()}/file`;
    writeFileSync(path, '');
    await expect(open(path)).rejects.toMatchObject({ code: 'ERR_NOT_A_RUN' });
  });

  it.each([
    ['missing', undefined],
    ['empty', []],
  ])('creates nothing in a %s folder where a run should exist', async (_, entries) => {
    const path = entries ? newFolder() : `${newFolder()}/missing`;
    await expect(open(path, false)).rejects.toMatchObject({ code: 'ERR_NOT_A_RUN' });
    expect(existsSync(path) ? readdirSync(path) : undefined).toEqual(entries);
  });

  it.each(['', '{', 'null', '[]', '{"format":"something else"}', '{"format":"mine-personas/run","formatVersion":2}'])(
    'refuses a folder whose run.json says %j',
    async (content) => {
      const folder = newFolder();
      writeFileSync(`${folder}/run.json`, content);
      await expect(open(folder)).rejects.toMatchObject({ code: 'ERR_NOT_A_RUN' });
    },
  );

  it('goes on where a kill came while the run was made', async () => {
    const folder = newFolder();
    writeFileSync(`${folder}/run.json.tmp`, '{"for');
    await open(folder);
    expect(readdirSync(folder)).toEqual(['run.json']);
  });
});

describe('RunDirectory.beginStage', () => {
  it('gives an empty folder to write into, and scratch that outlives a kill with the same fingerprint', async () => {
    const run = await newRun();
    const first = await run.beginStage('train', 'one');
    writeFileSync(`${first.folder}/half-written.arrow`, 'x');
    writeFileSync(`${first.scratch}/checkpoint`, 'x');
    const second = await run.beginStage('train', 'one');
    expect(second).toEqual(first);
    expect(readdirSync(second.folder)).toEqual([]);
    expect(readdirSync(second.scratch)).toEqual(['checkpoint']);
  });

  it('throws away the scratch of another fingerprint', async () => {
    const run = await newRun();
    const { scratch } = await run.beginStage('train', 'one');
    writeFileSync(`${scratch}/checkpoint`, 'x');
    expect(readdirSync((await run.beginStage('train', 'two')).scratch)).toEqual([]);
  });

  it('throws away scratch whose fingerprint was never written', async () => {
    const run = await newRun();
    const { scratch } = await run.beginStage('train', 'one');
    writeFileSync(`${scratch}/checkpoint`, 'x');
    rmSync(`${run.path}/.tmp/train/fingerprint`);
    expect(readdirSync((await run.beginStage('train', 'one')).scratch)).toEqual([]);
  });

  it('keeps stages apart', async () => {
    const run = await newRun();
    const { scratch } = await run.beginStage('train', 'one');
    writeFileSync(`${scratch}/checkpoint`, 'x');
    await run.beginStage('embed', 'two');
    expect(readdirSync(scratch)).toEqual(['checkpoint']);
  });
});

describe('RunDirectory.finishStage', () => {
  const writeStage = async (run: RunDirectory, content: string) => {
    const { folder } = await run.beginStage('train', content);
    writeFileSync(`${folder}/${content}.arrow`, content);
    await run.finishStage('train');
  };

  it('shows a stage under its name only once it is finished', async () => {
    const run = await newRun();
    const { folder, scratch } = await run.beginStage('train', 'one');
    writeFileSync(`${folder}/table.arrow`, 'whole');
    writeFileSync(`${scratch}/checkpoint`, 'x');
    expect(existsSync(run.stageFolder('train'))).toBe(false);
    await run.finishStage('train');
    expect(readdirSync(run.stageFolder('train'))).toEqual(['table.arrow']);
    expect(readdirSync(`${run.path}/.tmp`)).toEqual([]);
  });

  it('replaces an earlier result whole', async () => {
    const run = await newRun();
    await writeStage(run, 'one');
    await writeStage(run, 'two');
    expect(readdirSync(run.stageFolder('train'))).toEqual(['two.arrow']);
  });

  it('replaces it even where a kill left what was replaced before', async () => {
    const run = await newRun();
    await writeStage(run, 'one');
    await run.beginStage('train', 'two');
    mkdirSync(`${run.path}/.tmp/train/replaced`);
    writeFileSync(`${run.path}/.tmp/train/replaced/old.arrow`, '');
    await run.finishStage('train');
    expect(readdirSync(run.stageFolder('train'))).toEqual([]);
  });

  const inodeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.ino;
  const filesIn = (path: string) => {
    try {
      return readdirSync(path).length;
    } catch {
      return -1; // gone between two calls
    }
  };

  it('never shows half a stage to one who looks at it all the time', async () => {
    const run = await newRun();
    const files = Array.from({ length: 200 }, (_, i) => `part-${i}`);
    const write = async (fingerprint: string) => {
      const { folder } = await run.beginStage('train', fingerprint);
      for (const file of files) writeFileSync(`${folder}/${file}`, '');
      await run.finishStage('train');
    };
    await write('one');
    const seen = new Set<number>();
    let done = false;
    const look = async () => {
      while (!done) {
        // a folder that was replaced while it was read is not the one under the final name: only what stayed counts
        const before = inodeOf(run.stageFolder('train'));
        if (before !== undefined) {
          const length = filesIn(run.stageFolder('train'));
          if (inodeOf(run.stageFolder('train')) === before) seen.add(length);
        }
        await new Promise(setImmediate);
      }
    };
    const looking = look();
    for (const fingerprint of ['two', 'three', 'four']) await write(fingerprint);
    done = true;
    await looking;
    expect([...seen]).toEqual([files.length]);
  });
});

describe('RunDirectory.lock', () => {
  const lockFile = (run: RunDirectory) => `${run.path}/.lock`;
  const lockedBy = async (owner: string) => {
    const run = await newRun();
    writeFileSync(lockFile(run), owner);
    return run;
  };

  it('names its owner while it is held and is gone when let go', async () => {
    const run = await newRun();
    const unlock = run.lock();
    expect(JSON.parse(readFileSync(lockFile(run), 'utf8'))).toEqual({ pid: process.pid, host: hostname() });
    unlock();
    expect(existsSync(lockFile(run))).toBe(false);
    run.lock()();
  });

  it('is refused while another process that lives holds it, and taken over once that process is gone', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    const run = await lockedBy(JSON.stringify({ pid: other.pid, host: hostname() }));
    expect(() => run.lock()).toThrow(
      expect.objectContaining({ code: 'ERR_RUN_LOCKED', fields: expect.objectContaining({ pid: other.pid }) }),
    );
    expect(existsSync(lockFile(run))).toBe(true);
    other.kill('SIGKILL');
    await once(other, 'exit');
    run.lock()();
    expect(existsSync(lockFile(run))).toBe(false);
  });

  it('is refused where the owner runs on another machine and cannot be asked', async () => {
    const run = await lockedBy(JSON.stringify({ pid: process.pid, host: 'somewhere-else' }));
    expect(() => run.lock()).toThrow(expect.objectContaining({ code: 'ERR_RUN_LOCKED' }));
  });

  it.each(['', '{"pid": 1', 'null'])('is taken over where a kill cut it to %j', async (content) => {
    (await lockedBy(content)).lock()();
  });

  it('is taken over from an earlier process of the same number, as containers have them', async () => {
    (await lockedBy(JSON.stringify({ pid: process.pid, host: hostname() }))).lock()();
  });
});

describe('writeFileDurably', () => {
  it('writes and replaces, for the owner alone, and leaves nothing beside', async () => {
    const folder = newFolder();
    await writeFileDurably(`${folder}/file`, 'a longer first content');
    await writeFileDurably(`${folder}/file`, new Uint8Array([0x62]));
    expect(readFileSync(`${folder}/file`, 'utf8')).toBe('b');
    expect(statSync(`${folder}/file`).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

describe('explainSystemError', () => {
  it.each([
    ['ENOSPC', 'ERR_DISK_FULL'],
    ['EDQUOT', 'ERR_DISK_FULL'],
    ['EACCES', 'ERR_NO_ACCESS'],
    ['EROFS', 'ERR_NO_ACCESS'],
    ['ENOENT', 'ERR_FILE_GONE'],
    ['EMFILE', 'ERR_LIMIT'],
    ['ENOMEM', 'ERR_LIMIT'],
  ])('explains %s as %s', (systemCode, code) => {
    const thrown = Object.assign(new Error('as the system says'), { code: systemCode });
    expect(explainSystemError(thrown, '/run')).toMatchObject({
      code,
      fields: { path: '/run', systemCode },
      cause: thrown,
    });
  });

  it('passes on what it does not know, and what is explained already', () => {
    for (const thrown of [new TypeError('x'), 'text', undefined, null, new InputError('ERR_EXAMPLE', 'x')])
      expect(explainSystemError(thrown, '/run')).toBe(thrown);
  });
});

describe('fileBytes', () => {
  it('measures a file, and 0 for none', async () => {
    const folder = newFolder();
    writeFileSync(`${folder}/file`, 'four');
    expect(await fileBytes(`${folder}/file`)).toBe(4);
    expect(await fileBytes(`${folder}/none`)).toBe(0);
  });
});
