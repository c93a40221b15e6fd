import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { buildEmulatedDriver } from './emulated-driver.js';

vi.setConfig({ testTimeout: 120_000 });

const root = fileURLToPath(new URL('../../../', import.meta.url));
const driver = buildEmulatedDriver();

/** Runs a program in a process of its own, because a process opens one device and keeps it. */
function run(program: string, environment: Record<string, string>): unknown {
  const code = `
    const { cudaDevice, whyNoCuda } = await import('./src/kernels/cuda/device.ts');
    const failure = (work) => { try { work(); } catch ({ code, message, fields }) { return { code, message, fields }; } };
    const answer = await (async () => { ${program} })();
    console.log(JSON.stringify(answer ?? null));`;
  const options = { cwd: root, env: { ...process.env, ...environment }, encoding: 'utf8' } as const;
  return JSON.parse(
    execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], options)
      .trim()
      .split('\n')
      .at(-1) as string,
  );
}

const why = (environment: Record<string, string>) => run('return whyNoCuda()', environment);

describe('without a device', () => {
  it('says which part is missing', () => {
    expect(why({ MINE_PERSONAS_CUDA: 'off' })).toBe('MINE_PERSONAS_CUDA=off');
    expect(why({ MINE_PERSONAS_CUDA: '/nowhere/libcuda.so.1' })).toMatch(/^no NVIDIA driver \(.*nowhere/);
    expect(why({ MINE_PERSONAS_CUDA: 'libm.so.6' })).toMatch(/has no cuInit: the driver is too old/);
  });

  it('refuses to start the engine with the same words', () => {
    const program = `
      const { useEngine } = await import('./src/kernels/register.ts');
      try { await useEngine('cuda'); } catch ({ code, message }) { return { code, message }; }`;
    expect(run(program, { MINE_PERSONAS_CUDA: 'off' })).toEqual({
      code: 'ERR_ENGINE',
      message: 'The engine cuda does not run here: MINE_PERSONAS_CUDA=off. Leave --device at auto to take what does.',
    });
  });
});

describe.skipIf(driver === undefined)('on the emulated device', () => {
  const emulated = { MINE_PERSONAS_CUDA: driver as string };

  it('says that the driver has no device, or one that is too old', () => {
    expect(why({ ...emulated, FAKE_CUDA_DEVICES: '0' })).toBe('the NVIDIA driver finds no device');
    expect(why({ ...emulated, FAKE_CUDA_CAPABILITY: '70' })).toMatch(/compute capability 7.0, expected 7.5 or later/);
  });

  it('takes an image for each architecture, and PTX for those to come', () => {
    for (const FAKE_CUDA_CAPABILITY of ['75', '86', '120'])
      expect(why({ ...emulated, FAKE_CUDA_CAPABILITY })).toBeNull();
  });

  it('keeps count of memory, and says how much smaller a batch would fit when it ends', () => {
    const program = `
      const device = cudaDevice();
      const held = device.allocate(16_000_000);
      const tooMuch = failure(() => device.allocate(8_000_000));
      device.free(held);
      const other = device.allocate(18_000_000); // only by giving back what lies idle in another size
      device.free(other);
      for (let i = 0; i < 10; i++) device.free(device.allocate(18_000_000 - i)); // the same size class, no new memory
      return { tooMuch, inUse: device.bytesInUse, peak: device.peakBytes, free: device.memory().free };`;
    expect(run(program, { ...emulated, FAKE_CUDA_MEMORY: '20000000' })).toMatchObject({
      tooMuch: {
        code: 'ERR_DEVICE_MEMORY',
        message: expect.stringMatching(/has \d MB left, \d MB more .* --batch-users: about 7\d % .* --device native/),
        fields: { needed: 8_388_608 },
      },
      inUse: 0,
      peak: 18_874_368,
      free: 1_125_632,
    });
  });

  it('carries tensors to the device and back unharmed, through pinned memory that holds a part of them', () => {
    const program = `
      const tf = await import('@tensorflow/tfjs-core');
      await (await import('./src/kernels/register.ts')).useEngine('cuda');
      const device = cudaDevice();
      const values = Float32Array.from({ length: 13_000_001 }, (_, i) => i % 1013);
      const address = device.allocate(4 * values.length);
      device.upload(address, values);
      const back = new Float32Array(values.length);
      device.download(address, back);
      const indices = tf.tensor1d([3, -1], 'int32').dataSync();
      const flags = tf.tensor1d([true, false]).dataSync();
      const text = tf.tensor1d(['a', 'b']).dataSync();
      return [Buffer.compare(Buffer.from(values.buffer), Buffer.from(back.buffer)), [...indices], [...flags], text];`;
    expect(run(program, emulated)).toEqual([0, [3, -1], [1, 0], ['a', 'b']]);
  });
});
