/**
 * Whole training on real links (`reddit2021-train.tsv.zst`, found as in the tests), with the default settings: CPU time
 * of an epoch, links a second, and the share of its time inside the native kernels, in sampling and elsewhere.
 *
 *     npm run bench -- training
 *     COMPARE=1 EPOCH_USERS=2048 npx tsx test/bench/training.bench.ts     # the reference engine, too
 *
 * Wanted: less than 20 % outside of kernels; native and reference agree on the validation links within noise.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadGraph } from '../../src/artifacts/load-graph.js';
import { readManifest } from '../../src/artifacts/manifest.js';
import { silentLog } from '../../src/core/log.js';
import { Random } from '../../src/core/random.js';
import type { BipartiteGraph } from '../../src/graph/bipartite.js';
import { type NativeAddon, nativeAddon, whyNoNative } from '../../src/kernels/native.js';
import { type EngineName, useEngine } from '../../src/kernels/register.js';
import { configSchema } from '../../src/pipeline/config.js';
import { BatchSampler } from '../../src/training/batch.js';
import { type EpochRecord, trainEncoder } from '../../src/training/trainer.js';

const epochUsers = Number(process.env['EPOCH_USERS'] ?? 45_000);
const data = join(process.env['MINE_PERSONAS_SHARED'] ?? '../shared/data', 'reddit/reddit2021-train.tsv.zst');

if (!existsSync(data)) console.log(`skipped: ${data} is not there`);
else if (!nativeAddon()) console.log(`skipped: no native engine, ${whyNoNative()}`);
else {
  const folder = mkdtempSync(join(tmpdir(), 'training-'));
  try {
    const graph = await graphOf(folder);
    console.log(`${graph.userToSubreddit.numRows} users, ${graph.userToSubreddit.colIndex.length} links`);
    console.log('engine, threads | CPU s | links/CPU s | kernels | sampling | elsewhere');
    for (const threads of [1, 2]) await measure(graph, threads);
    if (process.env['COMPARE'] === '1')
      for (const engine of ['native', 'reference'] as const) await quality(graph, engine);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function graphOf(folder: string): Promise<BipartiteGraph> {
  for (const [command, ...args] of [['ingest', data], ['graph']])
    execFileSync(
      process.execPath,
      [
        '--import',
        'tsx',
        'src/cli/main.ts',
        command,
        ...args,
        '--out',
        folder,
        '--key-file',
        'data/sample/key',
        '--quiet',
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
  const built = join(folder, 'build-graph');
  const manifest = await readManifest(built);
  if (!manifest) throw new Error('build-graph left no manifest');
  return loadGraph(built, manifest);
}

/** One epoch of the default settings. */
async function epoch(graph: BipartiteGraph, validationUsers: number): Promise<EpochRecord> {
  const options = { ...configSchema.parse({}), maxEpochs: 1, epochUsers, validationUsers };
  const { history } = await trainEncoder(graph, options, new Random(1), {
    log: silentLog,
    signal: new AbortController().signal,
    isCheckpointDue: () => false,
    saveCheckpoint: async () => {},
  });
  return history[1];
}

async function measure(graph: BipartiteGraph, threads: number): Promise<void> {
  await useEngine('native', { threads });
  const clock = { kernels: 0, sampling: 0 };
  await epoch(graph, 0); // warms up
  const restore = [timeSampling(clock), timeKernels(clock)];
  const cpu = process.cpuUsage();
  const began = performance.now();
  await epoch(graph, 0);
  const wall = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  for (const undo of restore) undo();
  const seconds = (user + system) / 1e6;
  const { numRows: numUsers, colIndex } = graph.userToSubreddit;
  const links = colIndex.length * Math.min(1, epochUsers / numUsers);
  const share = (part: number) => `${((100 * part) / wall).toFixed(1)} %`;
  const { kernels, sampling } = clock;
  console.log(
    [
      `native, ${threads}`,
      seconds.toFixed(2),
      Math.round(links / seconds).toLocaleString('en'),
      share(kernels),
      share(sampling),
      share(wall - kernels - sampling),
    ].join(' | '),
  );
}

/** What an engine learns. The reference takes a hundred times as long as native: give it few users. */
async function quality(graph: BipartiteGraph, engine: EngineName): Promise<void> {
  await useEngine(engine);
  const { loss, validation } = await epoch(graph, 500);
  console.log(`${engine}: loss ${loss?.toFixed(5)}, recall@20 ${validation.recallAt20.toFixed(5)} of 500 users`);
}

/** Adds the wall time of every native kernel to the clock. */
function timeKernels(clock: { kernels: number }): () => void {
  const kernels = (nativeAddon() as NativeAddon).kernels as Record<string, NativeAddon['kernels'][string]>;
  const originals = { ...kernels };
  for (const [name, kernel] of Object.entries(originals))
    kernels[name] = (...args) => {
      const began = performance.now();
      kernel(...args);
      clock.kernels += performance.now() - began;
    };
  return () => Object.assign(kernels, originals);
}

function timeSampling(clock: { sampling: number }): () => void {
  const original = BatchSampler.prototype.sampleTraining;
  BatchSampler.prototype.sampleTraining = function (...args) {
    const began = performance.now();
    const batch = original.apply(this, args);
    clock.sampling += performance.now() - began;
    return batch;
  };
  return () => {
    BatchSampler.prototype.sampleTraining = original;
  };
}
