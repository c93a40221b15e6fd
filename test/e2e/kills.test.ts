import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Random } from '../../src/core/random.js';
import { hasProgram } from '../reddit/archives.js';
import {
  artefacts,
  buildProgram,
  filesBelow,
  finishedStages,
  mine,
  mineWell,
  NOT_SLOW,
  newFolder,
  SMALL,
  smallDump,
  start,
  waitUntil,
} from './program.js';

vi.setConfig({ maxConcurrency: 2, testTimeout: 120_000 });

const dump = newFolder();
const whole = join(newFolder(), 'run'); // never disturbed
const command = (out: string) => ['run', dump, '--out', out, ...SMALL];
let names: string[]; // of accounts, lower case

beforeAll(async () => {
  buildProgram();
  await smallDump(dump);
  await mineWell(command(whole));
  const truth = readFileSync(join(dump, 'truth.tsv'), 'utf8').trimEnd().split('\n').slice(1);
  names = truth.map((row) => row.split('\t')[0].toLowerCase());
}, 120_000);

/** Where a run can be caught: what is there at that moment, below the folder of the run, and the stage that it hits. */
const MOMENTS: readonly { moment: string; stage: string; isReached: (tmp: string) => boolean }[] = [
  { moment: 'inside the first file', stage: 'ingest', isReached: (tmp) => scans(tmp).some(({ done }) => !done) },
  { moment: 'after the first file', stage: 'ingest', isReached: (tmp) => scans(tmp).some(({ done }) => done) },
  { moment: 'while the scans are merged', stage: 'ingest', isReached: (tmp) => has(tmp, 'ingest/out/users.arrow') },
  { moment: 'in build-graph', stage: 'build-graph', isReached: (tmp) => has(tmp, 'build-graph/out') },
  { moment: 'in the first epoch', stage: 'train', isReached: (tmp) => has(tmp, 'train/fingerprint') },
  { moment: 'after a checkpoint', stage: 'train', isReached: (tmp) => has(tmp, 'train/scratch/checkpoint.json') },
  { moment: 'in embed', stage: 'embed', isReached: (tmp) => has(tmp, 'embed/out/users.arrow') },
  { moment: 'in cluster', stage: 'cluster', isReached: (tmp) => has(tmp, 'cluster/fingerprint') },
  { moment: 'in verbalize', stage: 'verbalize', isReached: (tmp) => has(tmp, 'verbalize/out/personas.jsonl') },
  { moment: 'in export', stage: 'export', isReached: (tmp) => has(tmp, 'export/out/personas.jsonl') },
];

const has = (tmp: string, path: string) => existsSync(join(tmp, path));

function scans(tmp: string): { done: boolean }[] {
  const entries = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  const underWay = entries(join(tmp, 'ingest/scratch')).map(() => ({ done: false }));
  return [...underWay, ...entries(join(tmp, '../.cache/ingest')).map(() => ({ done: true }))];
}

describe.concurrent('kill -9', () => {
  it('in every stage, one after another, changes nothing of the result', async () => {
    const out = join(newFolder(), 'run');
    let wentOn = '';
    for (const { moment, stage, isReached } of MOMENTS) {
      let { stderr, isHit } = await killWhen(out, isReached, stage);
      wentOn += stderr;
      for (let attempt = 1; !isHit && attempt < 5; attempt++) {
        for (const name of [stage, '.cache']) rmSync(join(out, name), { recursive: true, force: true }); // the machine was too busy for us to be in time
        ({ stderr, isHit } = await killWhen(out, isReached, stage));
      }
      expect(isHit, `${moment}: ${stderr}`).toBe(true);
      const all = finishedStages(whole);
      expect(finishedStages(out), `${moment}: all stages before have finished`).toEqual(
        all.slice(0, all.indexOf(stage)),
      );
      expectNoNames(out);
    }
    const { stderr } = await mineWell(command(out));
    expect(stderr.match(/^[a-z-]+: unchanged$/gm)?.length, 'all but export').toBe(6);
    expect(wentOn).toMatch(/^train: goes on from step [1-9]/m);
    expect(artefacts(out)).toEqual(artefacts(whole));
    expect(filesBelow(join(out, '.tmp'))).toEqual([]);
  });

  /** Kills a run when the moment has come; says whether that was before the stage finished. */
  const killWhen = async (out: string, isReached: (tmp: string) => boolean, stage: string) => {
    const mark = randomUUID();
    const running = start(command(out), { env: { MARK: mark } });
    await waitUntil(() => isReached(join(out, '.tmp')) || running.child.exitCode !== null);
    running.child.kill('SIGKILL');
    const { signal, stderr } = await running.ended;
    await expectNoDescendants(mark);
    return { stderr, isHit: signal === 'SIGKILL' && !finishedStages(out).includes(stage) };
  };

  it('while a second run replaces the result of the first leaves one or the other', async () => {
    const out = join(newFolder(), 'run');
    cpSync(whole, out, { recursive: true, preserveTimestamps: true });
    const running = start([...command(out), '--force', 'cluster', '--force', 'export']);
    await waitUntil(() => has(join(out, '.tmp'), 'cluster/out/clusters.arrow'));
    running.child.kill('SIGKILL');
    await running.ended;
    expect(artefacts(out)).toEqual(artefacts(whole));
    await mineWell(command(out));
    expect(artefacts(out)).toEqual(artefacts(whole));
    expect(filesBelow(join(out, '.tmp'))).toEqual([]);
  });

  it.skipIf(NOT_SLOW)(
    `at a hundred random moments changes nothing of the result ${NOT_SLOW}`,
    { timeout: 1_800_000 },
    async () => {
      const random = new Random(1);
      for (let round = 0; round < 20; round++) {
        const out = join(newFolder(), 'run');
        const threads = String(1 + random.below(3));
        for (let kill = 0; kill < 5; kill++) {
          const mark = randomUUID();
          const running = start([...command(out), '--threads', threads], { env: { MARK: mark } });
          const delay = random.below(3000);
          await Promise.race([running.ended, new Promise((done) => setTimeout(done, delay))]);
          running.child.kill('SIGKILL');
          const { status, signal, stderr } = await running.ended;
          expect([0, null], `round ${round}, ${delay} ms: ${signal} ${stderr}`).toContain(status);
          if (existsSync(out)) expectNoNames(out);
          await expectNoDescendants(mark);
        }
        await mineWell(command(out));
        expect(artefacts(out), `round ${round}`).toEqual(artefacts(whole));
        expect(filesBelow(join(out, '.tmp'))).toEqual([]);
      }
    },
  );
});

const CALLS = ['mkdir', 'rename', 'fsync', 'unlink', 'rmdir', 'link', 'ftruncate'];
const noStrace = hasProgram('strace') && process.platform === 'linux' ? '' : 'needs strace on Linux';

describe.skipIf(noStrace).concurrent(`kill -9 at a system call ${noStrace}`, () => {
  /** One thread does all file work, since calls are counted by thread. */
  const traced = (args: readonly string[], ...strace: string[]) =>
    mine(args, { through: ['strace', '-f', ...strace], env: { UV_THREADPOOL_SIZE: '1' } });

  /** Kills a run when it enters its nth call of that name; false where it made fewer. */
  const killAt = async (out: string, call: string, nth: number, ...more: string[]) => {
    const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${nth}`];
    const { status } = await traced([...command(out), ...more], '-o', '/dev/null', ...inject);
    return status !== 0;
  };

  it('that gives a file or a folder its name leaves either nothing or all of it', async () => {
    const [log, undisturbed] = [join(newFolder(), 'log'), join(newFolder(), 'run')];
    await traced([...command(undisturbed), '--until', 'ingest'], '-o', log, '-e', 'trace=rename');
    const renames = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.includes(' rename('));
    for (const name of ['run.json', 'ingest']) {
      const nth = renames.findIndex((line) => line.includes(`, "${undisturbed}/${name}")`)) + 1;
      const out = join(newFolder(), 'run');
      expect(await killAt(out, 'rename', nth, '--until', 'ingest')).toBe(true);
      expect(existsSync(join(out, name))).toBe(false);
      await mineWell([...command(out), '--until', 'ingest']);
      expect(artefacts(out)).toEqual(artefacts(undisturbed));
    }
  });

  it.skipIf(NOT_SLOW)(`of each kind, at each of them ${NOT_SLOW}`, { timeout: 3_600_000 }, async () => {
    for (const call of CALLS)
      for (let nth = 1; ; nth++) {
        const out = join(newFolder(), 'run');
        if (!(await killAt(out, call, nth))) break;
        await mineWell(command(out));
        expect(artefacts(out), `${call} ${nth}`).toEqual(artefacts(whole));
        expect(filesBelow(join(out, '.tmp')), `${call} ${nth}`).toEqual([]);
      }
  });

  it.skipIf(NOT_SLOW)(`of each kind while a stage is replaced ${NOT_SLOW}`, { timeout: 3_600_000 }, async () => {
    const forced = ['--force', 'build-graph', '--force', 'export'];
    for (const call of CALLS)
      for (let nth = 1; ; nth++) {
        const out = join(newFolder(), 'run');
        cpSync(whole, out, { recursive: true, preserveTimestamps: true });
        if (!(await killAt(out, call, nth, ...forced))) break;
        await mineWell(command(out));
        expect(artefacts(out), `${call} ${nth}`).toEqual(artefacts(whole));
        expect(filesBelow(join(out, '.tmp')), `${call} ${nth}`).toEqual([]);
      }
  });
});

function expectNoNames(run: string): void {
  for (const path of filesBelow(run)) {
    const text = readFileSync(path, 'latin1').toLowerCase();
    expect(names.filter((name) => text.includes(name)).length, path).toBe(0);
  }
}

/** No process that inherited the mark lives on, after a moment to notice that its pipe is closed. */
async function expectNoDescendants(mark: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const isMarked = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark);
    } catch {
      return false; // gone, or not ours
    }
  };
  const left = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isMarked(name));
  await waitUntil(() => left().length === 0, 3000);
  expect(left()).toEqual([]);
}
