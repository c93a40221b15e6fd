import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { artefacts, buildProgram, mineWell, newFolder, SMALL, smallDump, start, waitUntil } from './program.js';

vi.setConfig({ maxConcurrency: 2, testTimeout: 120_000 });

const dump = newFolder();
const whole = join(newFolder(), 'run'); // never disturbed
const EPOCHS = ['--max-epochs', '20', '--patience', '20']; // a second in which a signal finds it training
const command = (out: string, ...more: string[]) => ['run', dump, '--out', out, ...SMALL, ...EPOCHS, ...more];

beforeAll(async () => {
  buildProgram();
  await smallDump(dump);
  await mineWell(command(whole, '--until', 'train'));
}, 120_000);

describe.concurrent('a signal', () => {
  it('SIGINT or SIGTERM stops at the next step with a checkpoint, and the same command goes on from there', async () => {
    const out = join(newFolder(), 'run');
    for (const [signal, status] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const running = start(command(out, '--until', 'train', '--json'));
      await waitUntil(() => /train: epoch \d+/.test(running.stderr()));
      running.child.kill(signal);
      const outcome = await running.ended;
      expect(outcome).toMatchObject({ status, signal: null });
      expect(outcome.stderr).toContain('warning: stopping at the next safe point; again to stop at once');
      expect(outcome.stderr).toContain('Run the same command again to go on from here.');
      expect(JSON.parse(outcome.stdout)).toMatchObject({ ok: false, exitCode: status, error: { code: 'ERR_STOPPED' } });
      expect(existsSync(join(out, 'train'))).toBe(false);
      expect(existsSync(join(out, '.tmp/train/scratch/checkpoint.json'))).toBe(true);
      expect(existsSync(join(out, '.lock'))).toBe(false);
    }
    const { stderr } = await mineWell(command(out, '--until', 'train'));
    expect(stderr).toMatch(/^train: goes on from step [1-9]/m);
    expect(artefacts(out)).toEqual(artefacts(whole));
  });

  it.each(['1', '2'])('stops the reading of files and of standard input too, be it by %s threads', async (threads) => {
    const out = join(newFolder(), 'run');
    const running = start(['run', '-', dump, '--out', out, ...SMALL, '--threads', threads], { stdin: 'open' });
    await waitUntil(() => existsSync(join(out, '.tmp/ingest/scratch')));
    running.child.kill('SIGTERM');
    expect(await running.ended).toMatchObject({ status: 143 });
    expect(existsSync(join(out, 'ingest'))).toBe(false);
  });

  it('ends the program at once when it is the second', async () => {
    const out = join(newFolder(), 'run');
    const running = start(command(out));
    await waitUntil(() => running.stderr().includes('train: epoch 3,'));
    // Held still, so that both come before the first can have done anything.
    running.child.kill('SIGSTOP');
    running.child.kill('SIGINT');
    running.child.kill('SIGTERM');
    running.child.kill('SIGCONT');
    const { status, stderr } = await running.ended;
    expect([130, 143]).toContain(status); // the system gives no order to signals that wait
    expect(stderr).not.toContain('Stopped on request');
    const { stderr: again } = await mineWell(command(out, '--until', 'train')); // its lock is taken over
    expect(again).toMatch(/^train: goes on from step [1-9]/m);
    expect(artefacts(out)).toEqual(artefacts(whole));
  });

  it('ends a stage that computes in one go at once, and nothing but that stage is done again', async () => {
    const out = join(newFolder(), 'run');
    const running = start(command(out, '--clusters', 'auto'));
    await waitUntil(() => existsSync(join(out, '.tmp/cluster/fingerprint')));
    running.child.kill('SIGINT');
    const { status, signal } = await running.ended;
    expect(signal ?? status).toBe(status === null ? 'SIGINT' : 130); // as a shell sees it: 130 both
    expect(existsSync(join(out, 'cluster'))).toBe(false);
    const { stderr } = await mineWell(command(out, '--clusters', 'auto', '--until', 'cluster'));
    expect(stderr).toMatch(/^embed: unchanged$/m);
  });

  it('SIGHUP is let pass, so that a run outlives its terminal', async () => {
    const out = join(newFolder(), 'run');
    const running = start(command(out, '--until', 'train'));
    await waitUntil(() => running.stderr().includes('train: epoch 1,'));
    running.child.kill('SIGHUP');
    expect(await running.ended).toMatchObject({ status: 0 });
  });
});
