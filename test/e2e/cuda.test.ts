import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildEmulatedDriver } from '../kernels/cuda/emulated-driver.js';
import { buildProgram, mine, newFolder, SMALL, smallDump } from './program.js';

const driver = buildEmulatedDriver();
const folder = newFolder();

beforeAll(async () => {
  buildProgram();
  await smallDump(join(folder, 'dump'));
}, 120_000);

describe('--device cuda', () => {
  const run = ['run', join(folder, 'dump'), '--out', join(folder, 'run'), ...SMALL, '--device', 'cuda'];

  it('says plainly why there is none, and keeps what was done before', async () => {
    const { status, stderr } = await mine(run, { env: { MINE_PERSONAS_CUDA: 'no-such-driver.so' } });
    expect(status).toBe(5);
    expect(stderr).toMatch(/engine cuda does not run here: no NVIDIA driver \(no-such-driver.so/);
  }, 120_000);

  it.skipIf(driver === undefined)(
    'trains and embeds on the device, from there on',
    async () => {
      const { status, stderr } = await mine(run, { env: { MINE_PERSONAS_CUDA: driver } });
      expect({ status, stderr }).toMatchObject({ status: 0 });
      expect(stderr).toMatch(/engine: cuda/);
      expect(stderr).toMatch(/personas.jsonl/);
    },
    120_000,
  );

  it.skipIf(driver === undefined)(
    'checks the kernels on the device that doctor finds',
    async () => {
      const { status, stdout } = await mine(['doctor', '--device', 'cuda'], { env: { MINE_PERSONAS_CUDA: driver } });
      expect(status).toBe(0);
      expect(stdout).toMatch(/^device {7}Emulated device/);
      expect(stdout).toMatch(/ok {6}attention 4 × 16: dZ/);
      expect(stdout).toMatch(/not yet run on hardware/);
      expect(stdout).not.toMatch(/BAD/);
    },
    120_000,
  );
});
