/**
 * k-means of 1 M × 64 around planted centers, k = 100, ten iterations from the same start: ours with the native
 * kernel and in TypeScript, scikit-learn's where a Python has it. One thread each, alternated.
 *
 *     npm run bench -- k-means
 *     MINE_PERSONAS_PYTHON=python3 POINTS=1000000 ROUNDS=3 npx tsx test/bench/k-means.bench.ts
 *
 * Wanted: at most 1.3 times scikit-learn's CPU time at its inertia.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kMeans } from '../../src/clustering/k-means.js';
import { Random } from '../../src/core/random.js';
import { nativeAddon, setNativeThreads, whyNoNative } from '../../src/kernels/native.js';
import { nearestCentroid } from '../../src/kernels/nearest-centroid/native.js';

const DIM = 64;
const K = 100;
const ITERATIONS = 10;
const numPoints = Number(process.env['POINTS'] ?? 1_000_000);
const rounds = Number(process.env['ROUNDS'] ?? 3);
const python = process.env['MINE_PERSONAS_PYTHON'];

interface Result {
  readonly cpuSeconds: number;
  readonly inertia: number;
  readonly iterations: number;
  readonly peakMegabytes: number;
}

const [contender, file] = process.argv.slice(2);
if (contender !== undefined) process.stdout.write(JSON.stringify(measure(contender, file)));
else {
  const folder = mkdtempSync(join(tmpdir(), 'k-means-'));
  try {
    compare(join(folder, 'points'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compare(path: string): void {
  writePoints(path);
  const ours = [...(nativeAddon() ? ['native', 'native seeded'] : []), 'typescript'];
  if (!nativeAddon()) console.log(`native: skipped, ${whyNoNative()}`);
  if (!python) console.log('scikit-learn: skipped, MINE_PERSONAS_PYTHON names no Python');
  const theirs = python ? ['sklearn', 'sklearn seeded', 'sklearn mini-batch'] : [];
  const results = new Map<string, Result[]>([...ours, ...theirs].map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const name of results.keys()) {
      if (name === 'typescript' && round > 0) continue;
      const isOurs = ours.includes(name);
      const script = fileURLToPath(isOurs ? import.meta.url : new URL('k-means.py', import.meta.url));
      const args = isOurs ? ['--import', 'tsx', script, name, path] : [script, name, path];
      const environment = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
      for (const set of ['OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE']) delete environment[set as keyof typeof environment];
      const command = isOurs ? process.execPath : (python as string);
      const out = execFileSync(command, args, { encoding: 'utf8', env: environment });
      results.get(name)?.push(JSON.parse(out) as Result);
    }
  console.log(`${numPoints} × ${DIM}, k = ${K}, ${ITERATIONS} iterations, ${rounds} rounds`);
  console.table(
    [...results].map(([name, all]) => {
      const times = all.map(({ cpuSeconds }) => cpuSeconds);
      const base = results.get(name.includes('seeded') ? 'sklearn seeded' : 'sklearn') ?? [];
      const ratio = Math.min(...times) / Math.min(...base.map(({ cpuSeconds }) => cpuSeconds));
      return {
        name,
        'CPU s, best': Math.min(...times).toFixed(2),
        worst: Math.max(...times).toFixed(2),
        'of sklearn': ratio.toFixed(2),
        inertia: all[0].inertia.toFixed(0),
        iterations: all[0].iterations,
        'peak MB': Math.round(all[0].peakMegabytes),
      };
    }),
  );
}

function measure(name: string, path: string): Result {
  const { buffer, byteOffset, byteLength } = readFileSync(path);
  const points = new Float32Array(buffer, byteOffset, byteLength / 4);
  setNativeThreads(1);
  const before = process.cpuUsage();
  const { inertia, iterations } = kMeans(points, points.length / DIM, DIM, K, {
    random: new Random(1),
    maxIterations: ITERATIONS,
    tolerance: 0,
    restarts: 1,
    ...(!name.includes('seeded') && { initial: points.slice(0, K * DIM) }),
    ...(name.startsWith('native') && { nearest: nearestCentroid }),
  });
  const { user, system } = process.cpuUsage(before);
  const peakMegabytes = process.resourceUsage().maxRSS / 1024;
  return { cpuSeconds: (user + system) / 1e6, inertia, iterations, peakMegabytes };
}

/** 200 centers, unequal sizes; the spread is such that neighbors overlap. */
function writePoints(path: string): void {
  const random = new Random(1).fork('points');
  const centers = Float32Array.from({ length: 200 * DIM }, () => random.normal());
  const points = new Float32Array(numPoints * DIM);
  for (let i = 0; i < numPoints; i++) {
    const c = Math.floor(200 * random.float() ** 2);
    for (let d = 0; d < DIM; d++) {
      const noise = random.float() + random.float() + random.float() - 1.5; // nearly normal, variance 1/4
      points[i * DIM + d] = centers[c * DIM + d] + 1.6 * noise;
    }
  }
  writeFileSync(path, Buffer.from(points.buffer));
}
