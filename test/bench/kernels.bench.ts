/** Times every op of the reference engine at the size of a training step: `npx tsx test/bench/kernels.bench.ts`. */
import os from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { Random } from '../../src/core/random.js';
import { embeddingBag } from '../../src/kernels/embedding-bag/op.js';
import { gatV2Attention } from '../../src/kernels/gatv2-attention/op.js';
import { infoNce } from '../../src/kernels/info-nce/op.js';
import { useEngine } from '../../src/kernels/register.js';
import { rowAdam } from '../../src/kernels/row-adam/numeric.js';

const B = 1024; // users
const K = 16; // edges per user
const U = 6000; // distinct subreddits
const C = 64; // channels
const H = 4; // heads
const F = 4; // edge features
const M = 1500; // candidates
const V = 50_000; // rows of the table
const E = B * K;
const RUNS = 7;

const random = new Random(1);
const normals = (rows: number, cols: number) =>
  tf.tensor2d(
    Float32Array.from({ length: rows * cols }, () => random.normal()),
    [rows, cols],
  );
const integers = (length: number, bound: number) =>
  tf.tensor1d(
    Int32Array.from({ length }, () => random.below(bound)),
    'int32',
  );
const evenRows = (rows: number, perRow: number) =>
  tf.tensor1d(
    Int32Array.from({ length: rows + 1 }, (_, b) => b * perRow),
    'int32',
  );

interface Row {
  readonly op: string;
  readonly ms: number; // of CPU
  readonly gflops: number;
}
const table: Row[] = [];

/** CPU time of the shortest of a few runs: what the op costs when nobody else takes the core. */
function time(op: string, flops: number, run: () => void): void {
  run();
  run();
  let best = Infinity;
  for (let i = 0; i < RUNS; i++) {
    const begin = process.cpuUsage();
    tf.tidy(run);
    const { user, system } = process.cpuUsage(begin); // µs
    best = Math.min(best, (user + system) / 1000);
  }
  table.push({ op, ms: Number(best.toFixed(2)), gflops: Number((flops / best / 1e6).toFixed(2)) });
}

await useEngine((process.env.ENGINE ?? 'native') as 'native');

const x = normals(U, C);
const w = normals(C, C);
time('matMul [U, C] · [C, C]', 2 * U * C * C, () => void tf.matMul(x, w));
time('matMul [U, C]ᵀ · [U, C]', 2 * U * C * C, () => void tf.matMul(x, x, true, false));
const y = tf.div<tf.Tensor2D>(normals(B, C), 8);
const c = tf.div<tf.Tensor2D>(normals(M, C), 8);
time('matMul [B, C] · [M, C]ᵀ', 2 * B * M * C, () => void tf.matMul(y, c, false, true));
const square = normals(512, 512);
time('matMul 512³', 2 * 512 ** 3, () => void tf.matMul(square, square));

const t = normals(B, C);
const edgeFeatures = normals(E, F);
const edgeWeight = normals(F, C);
const attn = tf.reshape<tf.Rank.R1>(normals(1, C), [C]);
const rowPtr = evenRows(B, K);
const colIndex = integers(E, U);
const attend = (z: tf.Tensor, target: tf.Tensor, v: tf.Tensor, a: tf.Tensor) =>
  gatV2Attention(
    z as tf.Tensor2D,
    target as tf.Tensor2D,
    edgeFeatures,
    v as tf.Tensor2D,
    a as tf.Tensor1D,
    rowPtr,
    colIndex,
    { numHeads: H, negativeSlope: 0.2 },
  ).out;
const dOut = normals(B, C); // given outright: the gradient of tf.sum alone would take longer than most ops here
const attentionFlops = E * C * (1 + 2 * F + 4 + 2);
const attentionGradFlops = E * C * (2 + 1 + 2 * F + 8 + 2 * F);
time('gatV2Attention', attentionFlops, () => void attend(x, t, edgeWeight, attn));
time('gatV2Attention + gradient', attentionFlops + attentionGradFlops, () => {
  tf.grads(attend)([x, t, edgeWeight, attn], dOut);
});

const targets = {
  posPtr: evenRows(B, 4),
  posIndex: integers(B * 4, M),
  maskPtr: evenRows(B, K),
  maskIndex: integers(B * K, M),
  logQ: tf.zeros<tf.Rank.R1>([M]),
};
const loss = (users: tf.Tensor, candidates: tf.Tensor) =>
  infoNce(users as tf.Tensor2D, candidates as tf.Tensor2D, targets, { temperature: 0.1 });
time('infoNce', 2 * B * M * C, () => void loss(y, c));
time('infoNce + gradient', 8 * B * M * C, () => void tf.grads(loss)([y, c]));

time('embeddingBag', 2 * E * C, () => void embeddingBag(x, rowPtr, colIndex));
time('embeddingBag + gradient', 4 * E * C, () => {
  tf.grad((rows) => embeddingBag(rows as tf.Tensor2D, rowPtr, colIndex))(x, dOut);
});

const rows = Int32Array.from({ length: U }, (_, i) => i * 8);
const grad = x.dataSync<'float32'>();
const state = { table: new Float32Array(V * C), m: new Float32Array(V * C), v: new Float32Array(V * C) };
let step = 0;
time('rowAdam [U, C]', 12 * U * C, () => {
  step++;
  const options = { learningRate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 };
  rowAdam({ ...state, dim: C, rows, grad, step, ...options });
});

console.log(
  `B=${B} K=${K} U=${U} C=${C} H=${H} F=${F} M=${M}, CPU time, shortest of ${RUNS}; node ${process.version},`,
);
console.log(`${os.cpus()[0].model}, load ${os.loadavg()[0].toFixed(1)}`);
console.table(table);
