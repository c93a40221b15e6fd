import * as tf from '@tensorflow/tfjs-core';
import { embeddingBag } from '../../../src/kernels/embedding-bag/op.js';
import { infoNce } from '../../../src/kernels/info-nce/op.js';
import { createTable, parameterOf } from '../../../src/kernels/row-adam/parameter.js';
import { GatV2Conv } from '../../../src/nn/gatv2-conv.js';
import { ADAM, type Block, D, F, H, type LayerWeights, type Problem, TEMPERATURE } from './problem.js';

/** How a program computes the loss; the rest of a step is the same for all. */
export interface Model {
  readonly variables: readonly tf.Variable[];
  loss(rows: tf.Tensor2D): tf.Scalar;
}

/** A step as training takes it: gather, forward, backward, AdamW on the weights and on the rows that were read. */
export function createStep(problem: Problem, model: Model): () => number {
  const table = createTable(problem.table.slice(), D);
  const parameters = model.variables.map(parameterOf);
  let step = 0;
  return () => {
    step++;
    const rows = tf.tidy(() => tf.variable(table.gather(problem.rows)));
    const { value, grads } = tf.variableGrads(() => model.loss(rows as tf.Tensor2D), [rows, ...model.variables]);
    const loss = value.dataSync()[0];
    parameters.forEach((parameter, i) => {
      parameter.update(grads[model.variables[i].name], { ...ADAM, step });
    });
    table.updateRows(problem.rows, grads[rows.name], { ...ADAM, step });
    tf.dispose([value, grads, rows]);
    return loss;
  };
}

const normalized = (x: tf.Tensor) => tf.mul(x, tf.rsqrt(tf.sum(tf.square(x), 1, true))) as tf.Tensor2D;
const int32 = (values: Int32Array) => tf.tensor1d(values, 'int32');

/** The step with our ops, as the encoder uses them. */
export function ourModel(problem: Problem): Model {
  const { numUsers, numStates, toUsers, positives, hop, layerWeights } = problem;
  const convs = layerWeights.map((weights, i) => createConv(weights, `bench_${numUsers}_${problem.layers}_${i}`));
  const tensors = (block: Block) => ({
    rowPtr: int32(block.rowPtr),
    colIndex: int32(block.colIndex),
    edgeFeatures: tf.tensor2d(block.edgeFeatures, [block.colIndex.length, F]),
  });
  const users = tensors(toUsers);
  const hopBlocks = hop && { bags: tensors(hop.bags), toSubreddits: tensors(hop.toSubreddits) };
  const each = int32(Int32Array.from({ length: numUsers + 1 }, (_, b) => b));
  const positive = int32(positives);
  const targets = {
    ...{ posPtr: each, posIndex: int32(Int32Array.from({ length: numUsers }, (_, b) => b)) },
    ...{ maskPtr: int32(new Int32Array(numUsers + 1)), maskIndex: int32(new Int32Array(0)) },
    logQ: tf.zeros<tf.Rank.R1>([numUsers]),
  };
  return {
    variables: convs.flatMap((conv) => conv.trainableWeights.map((weight) => weight.read() as tf.Variable)),
    loss(rows) {
      const x = tf.slice(rows, [0, 0], [numStates, D]);
      let states = x;
      if (hopBlocks) {
        const hopUsers = embeddingBag(rows, hopBlocks.bags.rowPtr, hopBlocks.bags.colIndex);
        states = tf.add(x, tf.elu(convs[0].attend(hopUsers, x, hopBlocks.toSubreddits).out));
      }
      const q = embeddingBag(x, users.rowPtr, users.colIndex);
      const { out } = (convs.at(-1) as GatV2Conv).attend(states, q, users);
      const y = normalized(tf.elu(tf.add(out, q)));
      const c = normalized(embeddingBag(rows, each, positive));
      return infoNce(y, c, targets, { temperature: TEMPERATURE });
    },
  };
}

function createConv(weights: LayerWeights, name: string): GatV2Conv {
  const conv = new GatV2Conv({ name, numHeads: H, headDim: D / H });
  conv.build([[null, D], [null, D], [null, F], [null], [null]]);
  conv.built = true;
  const shapes = { source: [D, D], target: [D, D], edge: [F, D], attn: [D], bias: [D] };
  for (const weight of conv.trainableWeights) {
    const which = weight.originalName.split('/').at(-1) as keyof LayerWeights;
    weight.write(tf.tensor(weights[which].slice(), shapes[which]));
  }
  return conv;
}

/** The step with the stock operations of TensorFlow.js, every edge projected, as one would write it without our ops. */
export function genericModel(problem: Problem): Model {
  const { numUsers, numStates, toUsers, positives, hop, layerWeights } = problem;
  const layers = layerWeights.map((weights) => ({
    source: tf.variable(tf.tensor2d(weights.source, [D, D])),
    target: tf.variable(tf.tensor2d(weights.target, [D, D])),
    edge: tf.variable(tf.tensor2d(weights.edge, [F, D])),
    attn: tf.variable(tf.tensor(weights.attn, [1, 1, H, D / H])),
    bias: tf.variable(tf.tensor1d(weights.bias)),
  }));
  const attend = (layer: (typeof layers)[number], sources: tf.Tensor2D, target: tf.Tensor2D, block: Block) => {
    const numTargets = target.shape[0];
    const degree = block.colIndex.length / numTargets;
    const z = tf.add(tf.matMul(sources, layer.source), layer.bias);
    const t = tf.matMul(target, layer.target);
    const e = tf.matMul(tf.tensor2d(block.edgeFeatures, [block.colIndex.length, F]), layer.edge);
    const u = tf.add(
      tf.add(tf.reshape(z, [numTargets, degree, D]), tf.expandDims(t, 1)),
      tf.reshape(e, [numTargets, degree, D]),
    );
    const scored = tf.mul(tf.reshape(tf.leakyRelu(u, 0.2), [numTargets, degree, H, D / H]), layer.attn);
    const attention = tf.softmax(tf.transpose(tf.sum(scored, 3), [0, 2, 1]));
    const heads = tf.transpose(tf.reshape(z, [numTargets, degree, H, D / H]), [0, 2, 1, 3]);
    return tf.reshape(tf.sum(tf.mul(tf.expandDims(attention, 3), heads), 2), [numTargets, D]) as tf.Tensor2D;
  };
  return {
    variables: layers.flatMap(
      (layer) => [layer.source, layer.target, layer.edge, layer.attn, layer.bias] as tf.Variable[],
    ),
    loss(rows) {
      const x = tf.slice(rows, [0, 0], [numStates, D]);
      let states = x;
      if (hop) {
        const hopRows = tf.gather(rows, int32(hop.bags.colIndex));
        const hopUsers = tf.mean(tf.reshape(hopRows, [hop.bags.rowPtr.length - 1, -1, D]), 1) as tf.Tensor2D;
        states = tf.add(x, tf.elu(attend(layers[0], hopUsers, x, hop.toSubreddits)));
      }
      const index = int32(toUsers.colIndex);
      const q = tf.mean(tf.reshape(tf.gather(x, index), [numUsers, -1, D]), 1) as tf.Tensor2D;
      const out = attend(layers[layers.length - 1], tf.gather(states, index), q, toUsers);
      const y = normalized(tf.elu(tf.add(out, q)));
      const c = normalized(tf.gather(rows, int32(positives)));
      const logits = tf.div(tf.matMul(y, c, false, true), TEMPERATURE);
      const positiveLogits = tf.div(tf.sum(tf.mul(y, c), 1), TEMPERATURE);
      return tf.mean(tf.sub(tf.logSumExp(logits, 1), positiveLogits)) as tf.Scalar;
    },
  };
}

/**
 * cpu's UnsortedSegmentSum, the gradient of `tf.gather`, builds a mask of the whole input for every segment: minutes for
 * ten thousand rows. This does what it means to.
 */
export function repairSegmentSum(backendName: string): void {
  tf.unregisterKernel(tf.UnsortedSegmentSum, backendName);
  tf.registerKernel({
    kernelName: tf.UnsortedSegmentSum,
    backendName,
    kernelFunc({ inputs, attrs }) {
      const [x, segmentIds] = [inputs['x'] as tf.Tensor, inputs['segmentIds'] as tf.Tensor];
      const numSegments = attrs?.['numSegments'] as number;
      const [values, ids] = [tf.backend().readSync(x.dataId), tf.backend().readSync(segmentIds.dataId)];
      const size = x.shape.slice(1).reduce((product, n) => product * n, 1);
      const out = new Float32Array(numSegments * size);
      for (let i = 0; i < x.shape[0]; i++)
        for (let d = 0; d < size; d++) out[(ids[i] as number) * size + d] += values[i * size + d] as number;
      return tf.tensor(out, [numSegments, ...x.shape.slice(1)]);
    },
  });
}
