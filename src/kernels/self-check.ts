import * as tf from '@tensorflow/tfjs-core';
import { Random } from '../core/random.js';
import { embeddingBag } from './embedding-bag/op.js';
import { gatV2Attention } from './gatv2-attention/op.js';
import { infoNce } from './info-nce/op.js';
import { type EngineName, useEngine } from './register.js';

/** How far an engine is from the reference on one quantity. */
export interface SelfCheck {
  readonly what: string; // op and output
  readonly error: number; // ‖got − reference‖ / ‖reference‖; Infinity where anything is not a number
  readonly allowed: number;
}

const FORWARD = 1e-5;
const GRADIENT = 1e-4;

/** Runs every op, forward and backward, on an engine and on the reference, with random inputs of uneven shapes. */
export async function checkEngine(engine: EngineName, seed: number): Promise<SelfCheck[]> {
  const results: Record<string, Float32Array>[] = [];
  for (const name of ['reference', engine] as const) {
    await useEngine(name);
    results.push(
      tf.tidy(() => ({
        ...attention(seed, 4, 16, 4),
        ...attention(seed, 3, 5, 1),
        ...bags(seed, 64),
        ...bags(seed, 10),
        ...loss(seed),
        ...products(seed),
      })),
    );
  }
  const [reference, got] = results;
  return Object.keys(reference).map((what) => ({
    what,
    error: relativeError(got[what], reference[what]),
    allowed: what.includes(' d') ? GRADIENT : FORWARD,
  }));
}

function attention(seed: number, numHeads: number, headDim: number, edgeDim: number): Record<string, Float32Array> {
  const random = new Random(seed).fork('attention', numHeads);
  const channels = numHeads * headDim;
  const { rowPtr, colIndex, numRows, numSources, numEdges } = raggedLinks(random);
  const [z, t] = [matrix(random, numSources, channels), matrix(random, numRows, channels)];
  const [features, v] = [matrix(random, numEdges, edgeDim), matrix(random, edgeDim, channels)];
  const attn = tf.reshape(matrix(random, 1, channels), [channels]) as tf.Tensor1D;
  const options = { numHeads, negativeSlope: 0.2 };
  const apply = (...[a, b, c, d]: tf.Tensor[]) =>
    gatV2Attention(
      a as tf.Tensor2D,
      b as tf.Tensor2D,
      features,
      c as tf.Tensor2D,
      d as tf.Tensor1D,
      rowPtr,
      colIndex,
      options,
    );
  const { out, attention: weights } = apply(z, t, v, attn);
  const dOut = matrix(random, numRows, channels);
  const gradients = tf.grads((...x: tf.Tensor[]) => apply(...x).out)([z, t, v, attn], dOut);
  const name = `attention ${numHeads} × ${headDim}`;
  return named(name, ['out', 'attention', 'dZ', 'dT', 'dEdgeWeight', 'dAttn'], [out, weights, ...gradients]);
}

function bags(seed: number, dim: number): Record<string, Float32Array> {
  const random = new Random(seed).fork('bags', dim);
  const { rowPtr, colIndex, numRows, numSources, numEdges } = raggedLinks(random);
  const weights = tf.tensor1d(Float32Array.from({ length: numEdges }, () => random.float()));
  const x = matrix(random, numSources, dim);
  const mean = (rows: tf.Tensor) => embeddingBag(rows as tf.Tensor2D, rowPtr, colIndex, weights);
  return named(`bag ${dim}`, ['out', 'dX'], [mean(x), tf.grad(mean)(x, matrix(random, numRows, dim))]);
}

function loss(seed: number): Record<string, Float32Array> {
  const random = new Random(seed).fork('loss');
  const [numUsers, numCandidates, dim] = [300, 1111, 64];
  const links = (perUser: number) => {
    const ptr = Int32Array.from({ length: numUsers + 1 }, (_, b) => b * perUser);
    const index = Int32Array.from({ length: numUsers * perUser }, () => random.below(numCandidates));
    return [tf.tensor1d(ptr, 'int32'), tf.tensor1d(index, 'int32')];
  };
  const [posPtr, posIndex] = links(3);
  const [maskPtr, maskIndex] = links(9);
  const logQ = tf.tensor1d(Float32Array.from({ length: numCandidates }, () => -random.float()));
  const targets = { posPtr, posIndex, maskPtr, maskIndex, logQ };
  const f = (y: tf.Tensor, c: tf.Tensor) => infoNce(y as tf.Tensor2D, c as tf.Tensor2D, targets, { temperature: 0.5 });
  const [y, c] = [matrix(random, numUsers, dim), tf.mul(matrix(random, numCandidates, dim), 0.1)];
  return named('loss', ['value', 'dY', 'dC'], [f(y, c), ...tf.grads(f)([y, c])]);
}

function products(seed: number): Record<string, Float32Array> {
  const random = new Random(seed).fork('products');
  const a = matrix(random, 301, 70);
  const b = matrix(random, 70, 133);
  const tall = matrix(random, 5000, 33);
  const bias = tf.reshape(matrix(random, 1, 133), [133]);
  const glue = (x: tf.Tensor) => tf.sum(tf.square(tf.elu(tf.add(tf.slice(x, [1, 0], [300, 70]), 0.1))), 0);
  return named(
    'product',
    ['A · B', 'A · Aᵀ', 'tall Aᵀ · A', '+ bias', 'glue', 'dGlue'],
    [
      tf.matMul(a, b),
      tf.matMul(a, a, false, true),
      tf.matMul(tall, tall, true),
      tf.add(tf.matMul(a, b), bias),
      glue(a),
      tf.grad(glue)(a),
    ],
  );
}

/** Links of 400 targets to 900 sources: empty rows, long rows, and a source that a third of all links lead to. */
function raggedLinks(random: Random) {
  const [numRows, numSources] = [400, 900];
  const degrees = Array.from({ length: numRows }, (_, b) => (b % 7 === 0 ? 0 : b === 5 ? 700 : random.below(33)));
  const rowPtr = new Int32Array(numRows + 1);
  degrees.forEach((degree, b) => {
    rowPtr[b + 1] = rowPtr[b] + degree;
  });
  const numEdges = rowPtr[numRows];
  const colIndex = Int32Array.from({ length: numEdges }, () => (random.below(3) === 0 ? 17 : random.below(numSources)));
  return {
    rowPtr: tf.tensor1d(rowPtr, 'int32'),
    colIndex: tf.tensor1d(colIndex, 'int32'),
    numRows,
    numSources,
    numEdges,
  };
}

function matrix(random: Random, rows: number, cols: number): tf.Tensor2D {
  return tf.tensor2d(
    Float32Array.from({ length: rows * cols }, () => random.normal()),
    [rows, cols],
  );
}

function named(op: string, outputs: readonly string[], tensors: readonly tf.Tensor[]): Record<string, Float32Array> {
  return Object.fromEntries(outputs.map((output, i) => [`${op}: ${output}`, tensors[i].dataSync() as Float32Array]));
}

function relativeError(got: Float32Array, reference: Float32Array): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < reference.length; i++) {
    difference += (got[i] - reference[i]) ** 2;
    norm += reference[i] ** 2;
  }
  const error = Math.sqrt(difference / norm);
  return got.length === reference.length && Number.isFinite(error) ? error : Number.POSITIVE_INFINITY;
}
