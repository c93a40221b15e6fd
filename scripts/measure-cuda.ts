/**
 * Everything that has to be seen of the engine `cuda` on a card, in one run, as a dated table with the card's name.
 *
 *     npx tsx scripts/measure-cuda.ts --out OUT [--only check,sanitizer,kernels,step,graph] [--run RUN]
 *
 * Where only the Node binary can be taken along (the npm package `node` brings it), bundle it to one file first; with
 * `build/` and `src/kernels/cuda/images/` beside it in the same places it needs no node_modules:
 *
 *     npx esbuild scripts/measure-cuda.ts --bundle --platform=node --format=esm --outfile=dist/kernels/cuda/measure-cuda.mjs \
 *       --banner:js="import{createRequire as requireFor}from'module';const require=requireFor(import.meta.url);"
 *     node dist/kernels/cuda/measure-cuda.mjs --out OUT
 *
 * - check: every op against the reference, three seeds. The whole conformance suite, where the checkout is complete:
 *   MINE_PERSONAS_CUDA=libcuda.so.1 npx vitest run test/conformance test/training/cuda.test.ts
 * - sanitizer: `check` again under compute-sanitizer (COMPUTE_SANITIZER names it): memcheck, racecheck, initcheck, synccheck
 * - kernels: bandwidth of the attention kernels beside that of copying
 * - step: the benchmark step, one layer and two, beside PyTorch (dense, scatter) and PyTorch Geometric on the same card
 *   (MINE_PERSONAS_PYTHON names a Python with torch and torch_geometric)
 * - graph: --run names a run whose build-graph is done (scripts/generate-graph.ts makes 22 million users): one epoch, and
 *   the embedding of everybody
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { loadGraph } from '../src/artifacts/load-graph.js';
import type { Manifest } from '../src/artifacts/manifest.js';
import { messageOf } from '../src/core/errors.js';
import { silentLog } from '../src/core/log.js';
import { Random } from '../src/core/random.js';
import type { CudaBackend } from '../src/kernels/cuda/backend.js';
import { cudaDevice } from '../src/kernels/cuda/device.js';
import { gatV2Attention } from '../src/kernels/gatv2-attention/op.js';
import { useEngine } from '../src/kernels/register.js';
import { createTable, parameterOf } from '../src/kernels/row-adam/parameter.js';
import { checkEngine } from '../src/kernels/self-check.js';
import { configSchema } from '../src/pipeline/config.js';
import { encodeAllSubreddits, encodeUsers } from '../src/training/inference.js';
import { restoreEncoder, trainEncoder } from '../src/training/trainer.js';
import { ADAM, createProblem, D, F, H, K, type Problem, writeProblem } from '../test/bench/kernels/problem.js';
import { ourModel } from '../test/bench/kernels/step.js';
import { startTorch, type Torch } from '../test/bench/kernels/torch.js';

type Row = Readonly<Record<string, string | number>>;
interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly failed?: string;
}

const SECTIONS = { check, sanitizer, kernels, step, graph } as const;
const { values: flags } = parseArgs({
  options: {
    out: { type: 'string' },
    only: { type: 'string', default: Object.keys(SECTIONS).join(',') },
    run: { type: 'string' },
    users: { type: 'string', default: '1024,16384,32768,65536' }, // of the benchmark step
    steps: { type: 'string', default: '50' },
    targets: { type: 'string', default: '65536' }, // of the attention kernels
    'torch-device': { type: 'string', default: 'cuda' },
  },
});

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const digits = (value: number, n = 2) => Number(value.toFixed(n));

/** The first of three seeds decides under the sanitizer, which is slow. */
async function check(seeds = [1, 2, 3]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const seed of seeds)
    for (const { what, error, allowed } of await checkEngine('cuda', seed))
      rows.push({ seed, what, error: error.toExponential(1), allowed, agrees: error <= allowed ? 'yes' : 'NO' });
  return rows;
}

async function sanitizer(): Promise<Row[]> {
  const program = process.env['COMPUTE_SANITIZER'] ?? 'compute-sanitizer';
  if (spawnSync(program, ['--version']).error) return [{ tool: program, result: 'not found, NOT RUN' }];
  const script = fileURLToPath(import.meta.url);
  return ['memcheck', 'racecheck', 'initcheck', 'synccheck'].map((tool) => {
    const arguments_ = ['--tool', tool, process.execPath, ...process.execArgv, script, '--only', 'check'];
    const { stdout, stderr, status } = spawnSync(program, arguments_, {
      encoding: 'utf8',
      env: { ...process.env, MINE_PERSONAS_SANITIZED: '1' },
      maxBuffer: 1 << 28,
    });
    const summary = `${stdout}\n${stderr}`.split('\n').filter((line) => line.includes('SUMMARY'));
    return { tool, result: summary.join(' ').trim() || 'no summary', status: status ?? 'killed' };
  });
}

/** Attention alone, with sources that fit a cache and sources that do not. */
async function kernels(): Promise<Row[]> {
  await useEngine('cuda');
  const device = cudaDevice();
  const copy = device.copyBandwidth(1 << 29);
  const rows: Row[] = [];
  for (const numSources of [8192, 65_536, 1 << 20]) {
    const [numTargets, channels] = [Number(flags.targets), D];
    const numEdges = numTargets * K;
    const random = new Random(numSources);
    const normals = (r: number, c: number) =>
      tf.tensor2d(
        Float32Array.from({ length: r * c }, () => random.normal()),
        [r, c],
      );
    const int32 = (values: Int32Array) => tf.tensor1d(values, 'int32');
    const colIndex = int32(Int32Array.from({ length: numEdges }, () => Math.floor(numSources ** random.float()) - 1));
    const rowPtr = int32(Int32Array.from({ length: numTargets + 1 }, (_, b) => b * K));
    const [z, t, features] = [normals(numSources, channels), normals(numTargets, channels), normals(numEdges, F)];
    const [v, a, dOut] = [normals(F, channels), normals(1, channels), normals(numTargets, channels)];
    const attn = tf.reshape(a, [channels]);
    const attend = (...[z_, t_, v_, a_]: tf.Tensor[]) =>
      gatV2Attention(
        z_ as tf.Tensor2D,
        t_ as tf.Tensor2D,
        features,
        v_ as tf.Tensor2D,
        a_ as tf.Tensor1D,
        rowPtr,
        colIndex,
        {
          numHeads: H,
          negativeSlope: 0.2,
        },
      ).out;
    const forward = () => tf.tidy(() => void attend(z, t, v, attn));
    const both = () => tf.tidy(() => void tf.grads(attend)([z, t, v, attn], dOut));
    const time = (work: () => void) => {
      for (let i = 0; i < 5; i++) work();
      return median(Array.from({ length: 15 }, () => device.time(work))) / 1000; // s
    };
    const forwardSeconds = time(forward);
    const gradientSeconds = time(both) - forwardSeconds;
    // per edge: the source's row, index, features, three accesses of the attention; per target: its row in, its row out
    const row = 4 * channels;
    const edge = 4 + 4 * F + 4 * H;
    const forwardBytes = numEdges * (row + edge + 8 * H) + numTargets * 2 * row;
    // by target as forward; by source the rows of source, target and gradient, and the sorted lists
    const gradientBytes = numEdges * (4 * row + 2 * edge + 8 * H + 12) + numTargets * 4 * row + numSources * row;
    for (const [pass, seconds, bytes] of [
      ['forward', forwardSeconds, forwardBytes],
      ['gradient', gradientSeconds, gradientBytes],
    ] as const)
      rows.push({
        sources: numSources,
        pass,
        ms: digits(seconds * 1000, 3),
        'GB/s (gathers counted per edge)': digits(bytes / seconds / 1e9, 0),
        'copy GB/s': digits(copy / 1e9, 0),
        'share of copy': digits(bytes / seconds / copy),
      });
    tf.dispose([colIndex, rowPtr, z, t, features, v, a, dOut, attn]);
  }
  return rows;
}

/** The benchmark step with table, weights and moments on the device. Its loss is read where `read` is set. */
function deviceStep(problem: Problem): { step(read: boolean): number | undefined; dispose(): void } {
  const model = ourModel(problem);
  const table = createTable(problem.table, D);
  const weights = model.variables.map((variable) => ({ variable, parameter: parameterOf(variable) }));
  let count = 0;
  return {
    step(read) {
      const options = { ...ADAM, step: ++count };
      const rows = tf.tidy(() => tf.variable(table.gather(problem.rows)));
      const { value, grads } = tf.variableGrads(() => model.loss(rows as tf.Tensor2D), [rows, ...model.variables]);
      for (const { variable, parameter } of weights) parameter.update(grads[variable.name], options);
      table.updateRows(problem.rows, grads[rows.name], options);
      const loss = read ? value.dataSync()[0] : undefined;
      tf.dispose([value, grads, rows]);
      return loss;
    },
    dispose() {
      table.dispose();
      for (const { variable, parameter } of weights) {
        parameter.dispose();
        variable.dispose();
      }
    },
  };
}

async function step(): Promise<Row[]> {
  await useEngine('cuda');
  const device = cudaDevice();
  const { hostCalls } = tf.backend() as CudaBackend;
  const steps = Number(flags.steps);
  const rows: Row[] = [];
  for (const numUsers of flags.users.split(',').map(Number))
    for (const layers of [1, 2] as const) {
      const problem = createProblem(numUsers, layers);
      device.resetPeak();
      const folder = mkdtempSync(join(tmpdir(), 'measure-cuda-'));
      const torch: Torch[] = [];
      try {
        const ours = deviceStep(problem);
        const losses = [ours.step(true), ours.step(true)];
        for (let i = 0; i < 5; i++) ours.step(false);
        hostCalls.clear();
        const times = Array.from({ length: 5 }, () => {
          device.synchronize();
          const begin = performance.now();
          for (let i = 0; i < steps; i++) ours.step(false);
          device.synchronize();
          return (performance.now() - begin) / steps;
        });
        const onDevice = median(Array.from({ length: 9 }, () => device.time(() => ours.step(false))));
        const common = { users: numUsers, layers };
        const name = device.info.name;
        rows.push({
          ...common,
          program: `cuda, ${name}`,
          'ms a step': digits(median(times), 3),
          'steps a second': digits(1000 / median(times), 1),
          'of it on the device, ms': digits(onDevice, 3),
          'peak MB': digits(device.peakBytes / 1e6, 0),
          'host calls': [...hostCalls.keys()].join(' ') || 'none',
          losses: losses.map((loss) => loss?.toFixed(5)).join(' '),
        });
        ours.dispose();
        writeProblem(problem, folder);
        const started = await startTorch(folder, availableParallelism(), flags['torch-device']);
        if (started) torch.push(started);
        for (const { version, variant, takeStep } of torch.flatMap((process) =>
          process.variants.map((variant) => ({ version: process.version, variant, takeStep: process.step })),
        )) {
          const theirs = [];
          const theirLosses = [];
          for (let i = -5; i < Math.min(steps, 20); i++) {
            const { wall, loss } = await takeStep(variant);
            if (i < 0) theirLosses.push(loss.toFixed(5));
            else theirs.push(wall);
          }
          rows.push({
            ...common,
            program: `PyTorch ${version}, ${variant}, ${flags['torch-device']}`,
            'ms a step': digits(median(theirs), 3),
            'times ours': digits(median(theirs) / median(times)),
            losses: theirLosses.slice(0, 2).join(' '),
          });
        }
      } finally {
        for (const { stop } of torch) stop();
        rmSync(folder, { recursive: true });
      }
    }
  return rows;
}

/** Users a step of a whole epoch. */
const BATCHES = [16_384, 65_536];

/** One epoch and the embedding of everybody, on the graph of a run. */
async function graph(): Promise<Row[]> {
  if (flags.run === undefined) return [{ what: 'no --run given, NOT RUN' }];
  await useEngine('cuda', { threads: availableParallelism() });
  const device = cudaDevice();
  const folder = `${flags.run}/build-graph`;
  const loaded = await loadGraph(folder, JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8')) as Manifest);
  const { numRows, colIndex } = loaded.userToSubreddit;
  const rows: Row[] = [];
  for (const batchUsers of BATCHES) {
    const options = { batchUsers, epochUsers: numRows, maxEpochs: 1, patience: 1, validationUsers: 1000 };
    const config = configSchema.parse({ ...options, device: 'cuda' });
    const startedAt: number[] = [];
    device.resetPeak();
    const trained = await trainEncoder(loaded, config, new Random(1), {
      log: { ...silentLog, progress: () => startedAt.push(performance.now()) },
      signal: new AbortController().signal,
      isCheckpointDue: () => false,
      saveCheckpoint: async () => {},
    });
    const steps = startedAt.length;
    if (steps < 3) {
      rows.push({ what: `epoch, ${batchUsers} users a step: ${steps} steps, too few to time` });
      continue;
    }
    // the first step warms up: the others stand for it
    const seconds = ((startedAt[steps - 1] - startedAt[0]) / 1000) * (steps / (steps - 1));
    rows.push({
      what: `epoch, ${batchUsers} users a step, sampling included`,
      users: numRows,
      links: colIndex.length,
      seconds: digits(seconds, 1),
      'users a second': digits(numRows / seconds, 0),
      'peak MB': digits(device.peakBytes / 1e6, 0),
    });
    if (batchUsers !== BATCHES[BATCHES.length - 1]) continue;
    const { dim, heads: numHeads } = config;
    const numEdgeFeatures = loaded.edgeFeatures.numFeatures;
    const numLayers = config.layers === 1 ? 1 : 2;
    const { encoder, inTable } = restoreEncoder({ dim, numHeads, numEdgeFeatures, numLayers }, trained.weights);
    const begin = performance.now();
    const states = encodeAllSubreddits(loaded, encoder, inTable, config.embedFanout, new Random(2));
    let encoded = 0;
    for (let first = 0; first < numRows; first += 1 << 16) {
      const some = Uint32Array.from({ length: Math.min(1 << 16, numRows - first) }, (_, i) => first + i);
      for (const { users } of encodeUsers(loaded, encoder, inTable, states, some)) encoded += users.length;
    }
    const embedding = (performance.now() - begin) / 1000;
    rows.push({ what: 'embedding, files not included', users: encoded, seconds: digits(embedding, 1) });
  }
  return rows;
}

const TITLES: Readonly<Record<keyof typeof SECTIONS, string>> = {
  check: 'Agreement with the reference',
  sanitizer: 'compute-sanitizer',
  kernels: `Attention kernels, ${flags.targets} targets × ${K} edges, ${H} heads × ${D / H}, ${F} edge features`,
  step: `The benchmark step (test/bench/kernels/problem.ts), sampling not included`,
  graph: 'A whole graph',
};

function asMarkdown(sections: readonly Section[], head: readonly string[]): string {
  const lines = [...head];
  for (const { title, rows, failed } of sections) {
    lines.push('', `## ${title}`, '');
    if (failed !== undefined) lines.push(`FAILED: ${failed}`, '');
    if (rows.length === 0) continue;
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    lines.push(`| ${columns.join(' | ')} |`, `|${columns.map(() => '---').join('|')}|`);
    for (const row of rows) lines.push(`| ${columns.map((column) => row[column] ?? '').join(' | ')} |`);
  }
  return `${lines.join('\n')}\n`;
}

if (process.env['MINE_PERSONAS_SANITIZED'] === '1') {
  const wrong = (await check([1])).filter(({ agrees }) => agrees !== 'yes');
  console.log(wrong.length === 0 ? 'all agree' : wrong);
  process.exit(wrong.length === 0 ? 0 : 1);
}
const device = cudaDevice();
const { name, major, minor, multiprocessors, cudaVersion } = device.info;
const bandwidth = device.copyBandwidth(1 << 29);
const date = new Date().toISOString().slice(0, 10);
const head = [
  `# The engine cuda on ${name}, ${date}`,
  '',
  `Compute capability ${major}.${minor}, ${multiprocessors} multiprocessors, ${digits(device.memory().total / 1e9, 1)} GB; driver for CUDA ${Math.floor(cudaVersion / 1000)}.${(cudaVersion % 1000) / 10}; copying on the device ${digits(bandwidth / 1e9, 0)} GB/s, bytes read and written. ${cpus()[0].model}, ${availableParallelism()} cores, node ${process.version}.`,
];
const sections: Section[] = [];
for (const section of flags.only.split(',') as (keyof typeof SECTIONS)[]) {
  if (!(section in SECTIONS)) throw new Error(`no section ${section}; there are ${Object.keys(SECTIONS).join(', ')}`);
  try {
    sections.push({ title: TITLES[section], rows: await SECTIONS[section]() });
  } catch (thrown) {
    sections.push({ title: TITLES[section], rows: [], failed: messageOf(thrown) }); // the others still count
    process.exitCode = 1;
  }
}
if (sections.some(({ rows }) => rows.some((row) => row['agrees'] === 'NO'))) process.exitCode = 1;
const text = asMarkdown(sections, head);
console.log(text);
if (flags.out !== undefined) {
  mkdirSync(flags.out, { recursive: true });
  const file = join(flags.out, `${date}-cuda-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`);
  writeFileSync(`${file}.md`, text);
  writeFileSync(`${file}.json`, JSON.stringify({ date, device: device.info, bandwidth, sections }, null, 1));
}
