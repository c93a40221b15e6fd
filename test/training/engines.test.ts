import { afterAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/core/log.js';
import { Random } from '../../src/core/random.js';
import { type Isa, nativeAddon, whyNoNative } from '../../src/kernels/native.js';
import { type EngineName, useEngine } from '../../src/kernels/register.js';
import { trainEncoder } from '../../src/training/trainer.js';
import { plantedGraph } from './planted.js';

const addon = nativeAddon();
const isaBefore = addon?.isa();
afterAll(() => {
  if (isaBefore) addon?.setIsa(isaBefore);
});

/** Losses of a short training, epoch by epoch. */
async function losses(engine: EngineName, threads = 1): Promise<number[]> {
  await useEngine(engine, { threads });
  const options = {
    ...{ dim: 16, heads: 2, layers: 2, fanout: [8, 4], batchUsers: 64, maxEpochs: 3, patience: 3, learningRate: 0.02 },
    ...{
      weightDecay: 0.05,
      temperature: 1,
      candidates: 16,
      smoothingNeighbors: 4,
      validationUsers: 20,
      embedFanout: 16,
    },
  };
  const hooks = {
    log: silentLog,
    signal: new AbortController().signal,
    isCheckpointDue: () => false,
    saveCheckpoint: async () => {},
  };
  const { history } = await trainEncoder(plantedGraph(256, 48, 4, 1), options, new Random(1), hooks);
  return history.slice(1).map(({ loss }) => loss as number);
}

describe.skipIf(!addon)(`training on the native engine${addon ? '' : `: ${whyNoNative()}`}`, () => {
  it.each(addon?.isas() ?? [])('gives the losses of the reference with %s', async (isa: Isa) => {
    const expected = await losses('reference');
    addon?.setIsa(isa);
    const actual = await losses('native');
    const differences = actual.map((loss, epoch) => Math.abs(loss / expected[epoch] - 1));
    expect(Math.max(...differences)).toBeLessThan(1e-4);
  });

  it('gives the same losses on one thread and on two', async () => {
    expect(await losses('native', 2)).toEqual(await losses('native', 1));
  });
});
