import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { type Cores, coresOf } from '../../src/kernels/cores.js';
import { nativeAddon, nativeKernel, whyNoNative } from '../../src/kernels/native.js';
import { rowPtrOf } from './numbers.js';

/**
 * The native cores at sizes that take every path: several tasks, tiles, strips and parts, and none of them full. Small
 * cases, definitions and gradients are the conformance suite's.
 */
const random = new Random(7);
const normals = (length: number, scale = 1) => Float32Array.from({ length }, () => scale * random.normal());
const indices = (length: number, bound: number) => Int32Array.from({ length }, () => random.below(bound));

const B = 333; // targets, users, bags
const U = 450; // sources
const C = 48; // channels: 3 heads of 16
const H = 3;
const degrees = Array.from({ length: B }, (_, b) => (b % 50 === 0 ? 0 : random.below(24)));
const rowPtr = Int32Array.from(rowPtrOf(degrees));
const E = rowPtr[B];
const M = 1111; // candidates
const D = 40; // dimensions: no whole number of wide vectors

const graph = {
  z: normals(U * C),
  t: normals(B * C),
  edgeFeatures: normals(E * 4),
  edgeWeight: normals(4 * C),
  attn: normals(C, 0.3),
  rowPtr,
  colIndex: indices(E, U),
};
const shape = { channels: C, edgeDim: 4, numHeads: H, negativeSlope: 0.2 };
const dOut = normals(B * C);

const contrast = {
  dim: D,
  temperature: 0.7,
  y: normals(B * D, 0.5),
  c: normals(M * D, 0.5),
  posPtr: rowPtr,
  posIndex: indices(E, M),
  maskPtr: rowPtr,
  maskIndex: indices(E, M),
  logQ: normals(M),
};
const bags = { rowPtr, colIndex: graph.colIndex, weights: normals(E).map(Math.abs) };
const long = { a: normals(5000 * 24), b: normals(5000 * 70, 5000 ** -0.5) };
const wide = { a: normals(301 * 300), b: normals(300 * 1100, 300 ** -0.5) };
const rows = Int32Array.from(new Random(8).shuffle(Array.from({ length: 2000 }, (_, i) => i))).subarray(0, 1500);
const table = normals(2000 * D);
const tableGrad = normals(1500 * D);

/** Everything that every op writes. */
function runAll(core: Cores): Record<string, Float32Array> {
  const zeros = (length: number) => new Float32Array(length).fill(Number.NaN); // what is not written shows
  const out = zeros(B * C);
  const attention = zeros(E * H);
  core.gatV2Attention(shape, graph, out, attention);
  const gradients = { dZ: zeros(U * C), dT: zeros(B * C), dEdgeWeight: zeros(4 * C), dAttn: zeros(C) };
  core.gatV2AttentionGrad(shape, graph, attention, dOut, gradients);

  const dY = zeros(B * D);
  const dC = zeros(M * D);
  const loss = Float32Array.of(core.infoNce(contrast, dY, dC));

  const mean = zeros(B * C);
  core.embeddingBag(graph.z, bags, C, mean);
  const dX = zeros(U * C);
  core.embeddingBagGrad(dOut, bags, C, dX);

  const longProduct = zeros(24 * 70);
  core.matMul({ m: 24, n: 70, k: 5000, transposeA: true }, long.a, long.b, longProduct);
  const wideProduct = zeros(301 * 1100);
  core.matMul({ m: 301, n: 1100, k: 300, transposeB: true }, wide.a, wide.b, wideProduct);

  const state = { table: table.slice(), m: new Float32Array(table.length), v: new Float32Array(table.length) };
  const adam = { learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };
  for (let step = 1; step <= 3; step++) core.rowAdam({ ...state, dim: D, rows, grad: tableGrad, step, ...adam });
  const gathered = zeros(rows.length * D);
  core.gatherRows(state.table, D, rows, gathered);
  return {
    ...{ out, attention, ...gradients, loss, dY, dC, mean, dX, longProduct, wideProduct },
    ...{ table: state.table, m: state.m, v: state.v, gathered },
  };
}

const addon = nativeAddon();
describe.skipIf(!addon)(`native cores${addon ? '' : `: ${whyNoNative()}`}`, () => {
  let expected: Record<string, Float32Array>;
  const threadsBefore = addon?.threads() ?? 1;
  const isaBefore = addon?.isa() ?? 'baseline';
  beforeAll(() => {
    expected = runAll(coresOf('reference'));
  });
  afterAll(() => {
    addon?.setThreads(threadsBefore);
    addon?.setIsa(isaBefore);
  });

  it('serves several JavaScript threads at a time', async () => {
    addon?.setThreads(2);
    const [m, n, k] = [512, 64, 96];
    const a = normals(m * k);
    const b = normals(k * n);
    const alone = new Float32Array(m * n);
    coresOf('native').matMul({ m, n, k }, a, b, alone);
    const path = fileURLToPath(
      new URL(`../../build/${process.platform}-${process.arch}/kernels.node`, import.meta.url),
    );
    const body = `
      const { parentPort, workerData: { path, a, b, m, n, k } } = require('node:worker_threads');
      const out = new Float32Array(m * n);
      for (let i = 0; i < 50; i++) require(path).kernels.matMul(a, b, out, m, n, k, 0, 0, 0);
      parentPort.postMessage(out);`;
    const workers = [1, 2, 3].map(() => new Worker(body, { eval: true, workerData: { path, a, b, m, n, k } }));
    const products = workers.map((worker) => once(worker, 'message') as Promise<[Float32Array]>);
    const mine = new Float32Array(m * n);
    for (let i = 0; i < 50; i++) coresOf('native').matMul({ m, n, k }, a, b, mine);
    expect(mine).toEqual(alone);
    for (const product of products) expect((await product)[0]).toEqual(alone);
  });

  it('says which argument of a kernel is of the wrong kind', () => {
    expect(() => nativeKernel('gatherRows')(new Float32Array(4), new Float32Array(1), new Float32Array(2), 2)).toThrow(
      'gatherRows: argument 1 should be of kind i, got f',
    );
    expect(() => nativeKernel('gatherRows')(1)).toThrow('gatherRows takes 4 arguments, got 1');
    expect(() => nativeKernel('nothing')).toThrow(expect.objectContaining({ code: 'ERR_ENGINE' }));
  });

  describe.each(addon?.isas() ?? [])('%s', (isa) => {
    it('agrees with the reference at sizes of several tasks', () => {
      addon?.setIsa(isa);
      const actual = runAll(coresOf('native'));
      for (const [name, values] of Object.entries(expected)) {
        // float32 sums: exact relative to the size of what is summed, which the largest entry stands for
        const size = values.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
        let worst = 0;
        for (let i = 0; i < values.length; i++) {
          const error = Math.abs(actual[name][i] - values[i]);
          worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / size);
        }
        expect(worst, name).toBeLessThan(name.startsWith('d') ? 1e-4 : 1e-5);
      }
    });

    it('gives the same bytes on 1, 2 and 4 threads', () => {
      addon?.setIsa(isa);
      addon?.setThreads(1);
      const bytes = () => {
        const written = Object.entries(runAll(coresOf('native')));
        return new Map(written.map(([name, values]) => [name, Buffer.from(values.buffer)]));
      };
      const alone = bytes();
      for (const threads of [2, 4]) {
        addon?.setThreads(threads);
        for (let repeat = 0; repeat < 3; repeat++)
          for (const [name, got] of bytes())
            expect(alone.get(name)?.equals(got), `${name} on ${threads} threads`).toBe(true);
      }
    });
  });
});
