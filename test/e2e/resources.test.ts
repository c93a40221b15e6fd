import { spawnSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { STAGE_NAMES } from '../../src/pipeline/stage.js';
import { hasProgram } from '../reddit/archives.js';
import {
  artefacts,
  buildProgram,
  finishedStages,
  mine,
  mineWell,
  NOT_SLOW,
  newFolder,
  SMALL,
  smallDump,
} from './program.js';

vi.setConfig({ testTimeout: 120_000 });

const dump = newFolder();
const whole = join(newFolder(), 'run');
const command = (out: string) => ['run', dump, '--out', out, ...SMALL];

beforeAll(async () => {
  buildProgram();
  await smallDump(dump);
  await mineWell(command(whole));
}, 120_000);

const disk = join(newFolder(), 'disk');
mkdirSync(disk);
const mounted =
  process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status === 0;
const noDisk = mounted ? '' : '(needs the right to mount a small disk)';
afterAll(() => {
  if (mounted) spawnSync('umount', [disk]);
});

/** Fills the small disk up to so many bytes. */
function fillDisk(freeBytes: number): void {
  const { bavail, bsize } = statfsSync(disk);
  const fd = openSync(join(disk, 'filler'), 'w');
  writeSync(fd, Buffer.alloc(Math.max(0, bavail * bsize - freeBytes)));
  closeSync(fd);
}

describe.skipIf(noDisk)(`a full disk ${noDisk}`, () => {
  const stages = NOT_SLOW ? (['ingest', 'train', 'export'] as const) : STAGE_NAMES;

  it.each(stages)(
    'in %s ends the run with what to do, and the same command goes on when there is room',
    { timeout: 60_000 },
    async (stage) => {
      const out = join(disk, 'run');
      rmSync(out, { recursive: true, force: true });
      const before = STAGE_NAMES.slice(0, STAGE_NAMES.indexOf(stage));
      mkdirSync(out, { mode: 0o700 });
      for (const name of ['run.json', ...before])
        cpSync(join(whole, name), join(out, name), { recursive: true, preserveTimestamps: true });
      fillDisk(12 * 1024); // for the lock and the settings
      const { status, stderr } = await mine(command(out));
      expect(status, stderr).toBe(5);
      expect(stderr).toContain(
        `No room left while writing below ${out} (ENOSPC). Free some space and run the same command again`,
      );
      expect(finishedStages(out)).toEqual(before);
      expect(existsSync(join(out, '.lock'))).toBe(false);
      rmSync(join(disk, 'filler'));
      await mineWell(command(out));
      expect(artefacts(out)).toEqual(artefacts(whole));
    },
  );
});

const noLimit = hasProgram('prlimit') && process.platform === 'linux' ? '' : '(needs prlimit)';

describe.skipIf(noLimit)(`a limit on the size of files ${noLimit}`, () => {
  it('ends the run like a full disk', async () => {
    const out = join(newFolder(), 'run');
    const { status, stderr } = await mine(command(out), { through: ['prlimit', '--fsize=20000'] });
    expect(status, stderr).toBe(5);
    expect(stderr).toContain('(EFBIG). Free some space');
    expect(finishedStages(out)).toEqual([]);
    await mineWell(command(out));
    expect(artefacts(out)).toEqual(artefacts(whole));
  });
});

const noStrace = hasProgram('strace') && process.platform === 'linux' ? '' : '(needs strace on Linux)';

describe.skipIf(noStrace || NOT_SLOW)(`a call that the system refuses ${noStrace || NOT_SLOW}`, () => {
  it.each(['write', 'fsync', 'rename', 'mkdir', 'openat'])(
    '%s, each of them once, never leaves a stage that is not whole',
    { timeout: 3_600_000 },
    async (call) => {
      const inject = (nth: number) => [
        'strace',
        '-f',
        '-o',
        '/dev/null',
        '-e',
        `trace=${call}`,
        '-e',
        `inject=${call}:error=ENOSPC:when=${nth}`,
      ];
      const step = call === 'openat' || call === 'write' ? 17 : 1;
      let refused = 0;
      for (let nth = 1; nth < 1000; nth += step) {
        const out = join(newFolder(), 'run');
        const { status } = await mine(command(out), { through: inject(nth), env: { UV_THREADPOOL_SIZE: '1' } });
        if (status !== 0) refused++;
        await mineWell(command(out));
        expect(artefacts(out), `${call} ${nth}`).toEqual(artefacts(whole));
        if (status === 0 && nth > 60) break;
      }
      expect(refused).toBeGreaterThan(0);
    },
  );
});
