/**
 * The benchmark step, one layer and two, 1,024 and 16,384 users: the native engine against PyTorch (one thread each, the
 * same mathematics on the same numbers) and against the stock operations of TensorFlow.js.
 *
 *     npm run bench -- kernels            all of it; wants the machine for itself, some minutes and 8 GB
 *     MINE_PERSONAS_BENCH_USERS=1024      one size only
 *     MINE_PERSONAS_PYTHON=venv/bin/python3   where PyTorch is installed; without it its rows are left out
 *
 * Steps of all programs alternate within one run. Sampling is not part of a step. The floor is what the step needs at
 * least, at the speed that this machine showed in this run: operations over the speed of a product in the cache, plus
 * bytes of the table over the speed of adding long arrays.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { nativeAddon, nativeKernel, setNativeThreads } from '../../src/kernels/native.js';
import { useEngine } from '../../src/kernels/register.js';
import { countFlops, countTableBytes, createProblem, type Problem, writeProblem } from './kernels/problem.js';
import { createStep, genericModel, ourModel, repairSegmentSum } from './kernels/step.js';
import { startTorch } from './kernels/torch.js';

interface Timing {
  readonly cpu: number; // ms
  readonly wall: number; // ms
  readonly loss: number;
}

function time(step: () => number): Timing {
  const begin = process.cpuUsage();
  const wallBegin = performance.now();
  const loss = step();
  const wall = performance.now() - wallBegin;
  const { user, system } = process.cpuUsage(begin);
  return { cpu: (user + system) / 1000, wall, loss };
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const spread = (values: readonly number[]) =>
  `${median(values).toFixed(1)} (${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)})`;
const ratio = (a: readonly number[], b: readonly number[]) => {
  const each = a.map((x, i) => x / b[i]);
  return `${median(each).toFixed(2)} (${Math.min(...each).toFixed(2)} to ${Math.max(...each).toFixed(2)})`;
};

/** The shortest of some runs, in seconds. */
function shortest(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    const begin = performance.now();
    run();
    best = Math.min(best, performance.now() - begin);
  }
  return best / 1000;
}

/** What one core does here: operations a second in the cache, bytes a second out of it. */
function measureMachine(): { readonly flops: number; readonly bandwidth: number } {
  setNativeThreads(1);
  const [m, n, k] = [384, 64, 256];
  const product = [new Float32Array(m * k).fill(1), new Float32Array(k * n).fill(1), new Float32Array(m * n)];
  const flops = (2 * m * n * k) / shortest(() => nativeKernel('matMul')(...product, m, n, k, 0, 0, 0));
  const length = 1 << 24;
  const long = Array.from({ length: 3 }, () => new Float32Array(length).fill(1));
  const bandwidth = (3 * 4 * length) / shortest(() => nativeKernel('binary')(...long, 0, 1, length, 0, 1, 0, 1));
  return { flops, bandwidth };
}

async function compare(problem: Problem, rounds: number, machine: ReturnType<typeof measureMachine>): Promise<void> {
  const { numUsers, layers, numStates, rows } = problem;
  const folder = mkdtempSync(join(os.tmpdir(), 'kernels-bench-'));
  writeProblem(problem, folder);
  const torch = await startTorch(folder, 1);
  try {
    await useEngine('native');
    const step = createStep(problem, ourModel(problem));
    const ours: Timing[] = [];
    const two: Timing[] = [];
    const theirs: Record<string, Timing[]> = { dense: [], scatter: [] };
    for (let round = -2; round < rounds; round++) {
      setNativeThreads(1);
      const one = time(step);
      setNativeThreads(2);
      const both = time(step);
      const others: [string, Timing][] = [];
      for (const name of torch ? Object.keys(theirs) : []) others.push([name, await torch!.step(name)]);
      if (round < 0) {
        // the first rounds fill caches and compile; their losses show that all compute the same
        console.log(
          `  losses: native ${one.loss.toFixed(5)}, ${both.loss.toFixed(5)};`,
          others.map(([name, { loss }]) => `${name} ${loss.toFixed(5)}`).join(', '),
        );
        continue;
      }
      ours.push(one);
      two.push(both);
      for (const [name, timing] of others) theirs[name].push(timing);
    }

    const cpu = ours.map((timing) => timing.cpu);
    const { read, update } = countTableBytes(problem);
    const floor = 1000 * (countFlops(problem) / machine.flops + (read + update) / machine.bandwidth);
    const table = [
      {
        program: 'floor, one core',
        'CPU ms a step': floor.toFixed(1),
        'times native': (floor / median(cpu)).toFixed(2),
      },
      { program: 'native, 1 thread', 'CPU ms a step': spread(cpu), 'times native': '1' },
      ...Object.entries(theirs)
        .filter(([, timings]) => timings.length > 0)
        .map(([name, timings]) => {
          const theirCpu = timings.map((timing) => timing.cpu);
          return {
            program: `PyTorch ${torch?.version}, ${name}, 1 thread`,
            'CPU ms a step': spread(theirCpu),
            'times native': ratio(theirCpu, cpu),
          };
        }),
    ];
    if (numUsers <= 1024) {
      await useEngine('reference'); // sets TensorFlow.js up; then its own backend
      await tf.setBackend('cpu');
      repairSegmentSum('cpu');
      const generic = createStep(problem, genericModel(problem));
      const timings = [time(generic), time(generic)];
      console.log(`  losses: tfjs ${timings.map(({ loss }) => loss.toFixed(5)).join(', ')}`);
      table.push({
        program: 'tfjs cpu, stock ops, gather gradient repaired',
        'CPU ms a step': timings[1].cpu.toFixed(0),
        'times native': (timings[1].cpu / median(cpu)).toFixed(0),
      });
    } else {
      table.push({ program: 'tfjs cpu, stock ops', 'CPU ms a step': 'not run: minutes', 'times native': '' });
    }
    console.log(
      `B=${numUsers}, ${layers === 1 ? 'one layer' : 'two layers'}: S=${numStates} projected subreddits, R=${rows.length} rows, ${(countFlops(problem) / 1e9).toFixed(2)} GFLOP, ${((read + update) / 1e6).toFixed(0)} MB of table; ${rounds} rounds, median (least to most)`,
    );
    console.table(table);
    const walls = (timings: readonly Timing[]) => timings.map((timing) => timing.wall);
    console.log(
      `two threads: wall ms ${spread(walls(two))} against ${spread(walls(ours))} with one: ${ratio(walls(ours), walls(two))} times as fast; native over floor: ${(median(cpu) / floor).toFixed(2)}\n`,
    );
  } finally {
    torch?.stop();
    rmSync(folder, { recursive: true });
  }
}

const addon = nativeAddon();
if (!addon) throw new Error('this benchmark needs the native engine: npm run build');
const machine = measureMachine();
console.log(
  `${os.cpus()[0].model}, ${os.availableParallelism()} cores, ${addon.isa()}, node ${process.version}, load ${os.loadavg()[0].toFixed(1)}`,
);
console.log(
  `one core: ${(machine.flops / 1e9).toFixed(0)} GFLOP/s in the cache, ${(machine.bandwidth / 1e9).toFixed(1)} GB/s out of it\n`,
);
const only = Number(process.env['MINE_PERSONAS_BENCH_USERS'] ?? 0);
for (const [numUsers, rounds] of [
  [1024, 15],
  [16_384, 4],
])
  for (const layers of [1, 2] as const)
    if (only === 0 || only === numUsers) await compare(createProblem(numUsers, layers), rounds, machine);
process.exit(); // tensors of all problems are still there; nobody needs them
