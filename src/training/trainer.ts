import * as tf from '@tensorflow/tfjs-core';
import type { Log } from '../core/log.js';
import type { Random } from '../core/random.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import { infoNce } from '../kernels/info-nce/op.js';
import { Encoder, type EncoderConfig } from '../nn/encoder.js';
import { BatchSampler, type TrainingBatch } from './batch.js';
import { bagTensors, blockTensors } from './blocks.js';
import { tableRows } from './inference.js';
import { assign, createTable, learningRateAt, Optimizer, type Table } from './optimizer.js';
import type { RankingQuality } from './ranking.js';
import { type Model, Validation } from './validation.js';

export interface TrainingOptions {
  readonly dim: number;
  readonly heads: number;
  readonly fanout: readonly number[]; // per user, per subreddit
  readonly batchUsers: number;
  readonly maxEpochs: number;
  readonly patience: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly temperature: number;
  readonly candidates: number;
  readonly validationUsers: number;
  readonly embedFanout: number;
}

/** Weights by name: the encoder's, and the two tables of subreddits. All float32. */
export type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;

/** One line of the learning curve. */
export interface EpochRecord {
  readonly epoch: number; // from 1
  readonly step: number;
  readonly loss: number; // mean over the steps of the epoch
  readonly learningRate: number;
  readonly validation: RankingQuality;
}

/** All that must outlive a kill for training to go on as if nothing had happened. */
export interface Checkpoint {
  readonly epoch: number; // epochs finished
  readonly step: number; // steps finished, of all epochs
  readonly lossSum: number; // of the epoch under way
  readonly history: readonly EpochRecord[];
  readonly current: Weights; // with moments
  readonly best: Weights;
}

export interface TrainedModel {
  readonly weights: Weights; // of the best epoch
  readonly history: readonly EpochRecord[];
  readonly bestEpoch: number;
  readonly popularity: RankingQuality; // the baseline on the same validation links
  readonly steps: number;
}

export interface TrainingHooks {
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Called after each step; true asks for a checkpoint. Does not change the result. */
  isCheckpointDue(): boolean;
  saveCheckpoint(checkpoint: Checkpoint): Promise<void>;
  readonly resumeFrom?: Checkpoint;
}

/**
 * Trains the encoder to predict links that it cannot see.
 *
 * Each step hides a random part of the links of some users, encodes the users from what is left and asks for exactly
 * the hidden ones. Stops when the ranking of validation links has not improved for `patience` epochs, and returns the
 * weights of the best epoch. The same graph, options and seed give the same weights, bit by bit, however often the run
 * was killed and resumed.
 */
export async function trainEncoder(
  graph: BipartiteGraph,
  options: TrainingOptions,
  random: Random,
  hooks: TrainingHooks,
): Promise<TrainedModel> {
  const validation = new Validation(graph, options.validationUsers, random.fork('validation'));
  const { visible } = validation;
  const trainer = new Trainer(visible, options, random);
  if (hooks.resumeFrom) trainer.restore(hooks.resumeFrom);
  const seeds = trainableUsers(visible);
  const stepsPerEpoch = Math.max(1, Math.round(seeds.length / options.batchUsers));

  while (!trainer.isFinished()) {
    const epoch = trainer.history.length + 1;
    const order = random.fork('order', epoch).shuffle(seeds.slice());
    for (let s = trainer.step - (epoch - 1) * stepsPerEpoch; s < stepsPerEpoch; s++) {
      const begin = Math.floor((s * order.length) / stepsPerEpoch);
      const end = Math.floor(((s + 1) * order.length) / stepsPerEpoch);
      trainer.trainStep(order.subarray(begin, end), stepsPerEpoch);
      hooks.log.progress({
        task: `train: epoch ${epoch} of at most ${options.maxEpochs}`,
        done: end,
        total: order.length,
        unit: 'users',
        detail: trainer.describe(),
      });
      await new Promise(setImmediate); // lets signals through
      if (hooks.signal.aborted || hooks.isCheckpointDue()) await hooks.saveCheckpoint(trainer.checkpoint());
      hooks.signal.throwIfAborted();
    }
    const { encoder, inTable, outTable } = trainer;
    const quality = validation.rank({ encoder, inTable: inTable.values, outTable: outTable.values });
    const record = trainer.finishEpoch(stepsPerEpoch, quality);
    hooks.log.info(
      `train: epoch ${record.epoch}, loss ${record.loss.toFixed(4)}, validation recall@20 ${record.validation.recallAt20.toFixed(4)}, ndcg@20 ${record.validation.ndcgAt20.toFixed(4)}`,
    );
    await hooks.saveCheckpoint(trainer.checkpoint());
  }
  const { best, history, bestEpoch, step } = trainer;
  trainer.dispose();
  return { weights: best, history, bestEpoch, steps: step, popularity: validation.popularity() };
}

/** The state of training, and one step of it. */
class Trainer {
  readonly encoder: Encoder;
  readonly inTable: Table; // input rows of subreddits
  readonly outTable: Table; // output rows
  readonly history: EpochRecord[] = [];
  best: Weights = new Map();
  step = 0;
  private lossSum = 0;
  private readonly optimizer: Optimizer;
  private readonly sampler: BatchSampler;

  constructor(
    private readonly graph: BipartiteGraph,
    private readonly options: TrainingOptions,
    private readonly random: Random,
  ) {
    const numSubreddits = graph.userToSubreddit.numCols;
    const { dim, heads, fanout, candidates, batchUsers, weightDecay } = options;
    this.encoder = new Encoder({ dim, numHeads: heads, numEdgeFeatures: graph.numEdgeFeatures });
    initialize(this.encoder, random.fork('weights'));
    this.inTable = createTable(normals(numSubreddits * dim, dim ** -0.5, random.fork('input rows')));
    this.outTable = createTable(normals(numSubreddits * dim, dim ** -0.5, random.fork('output rows')));
    this.optimizer = new Optimizer(this.encoder.variables(), weightDecay);
    this.sampler = new BatchSampler(graph, {
      fanout: [fanout[0], fanout[1]],
      numCandidates: candidates,
      batchUsers,
    });
  }

  get bestEpoch(): number {
    return bestOf(this.history);
  }

  isFinished(): boolean {
    const { maxEpochs, patience } = this.options;
    const epochs = this.history.length;
    return epochs >= maxEpochs || epochs - this.bestEpoch >= patience;
  }

  /** Samples, forward, loss, backward, update. */
  trainStep(seeds: Uint32Array, stepsPerEpoch: number): void {
    const { dim, maxEpochs, learningRate } = this.options;
    this.step++;
    const batch = this.sampler.sampleTraining(seeds, this.random.fork('step', this.step));
    const rate = learningRateAt(this.step, learningRate, stepsPerEpoch, maxEpochs * stepsPerEpoch);

    const variables = this.encoder.variables();
    const rows = tf.tidy(() => tf.variable(tableRows(this.inTable.values, dim, batch.input.rows)));
    const candidates = tf.tidy(() => tf.variable(tableRows(this.outTable.values, dim, batch.candidates)));
    const { value, grads } = tf.variableGrads(
      () => this.loss(rows as tf.Tensor2D, candidates as tf.Tensor2D, batch),
      [rows, candidates, ...variables.map(({ variable }) => variable)],
    );
    this.lossSum += value.dataSync()[0];

    for (const named of variables) this.optimizer.updateVariable(named, grads[named.variable.name], this.step, rate);
    this.optimizer.updateRows(this.inTable, dim, batch.input.rows, grads[rows.name], this.step, rate);
    this.optimizer.updateRows(this.outTable, dim, batch.candidates, grads[candidates.name], this.step, rate);
    tf.dispose([value, grads, rows, candidates]);
  }

  private loss(rows: tf.Tensor2D, candidates: tf.Tensor2D, batch: TrainingBatch): tf.Scalar {
    const { input, posPtr, posIndex, maskPtr, maskIndex, logQ } = batch;
    const { numEdgeFeatures } = this.graph;
    const { dim } = this.options;
    const hopUsers = this.encoder.userFeatures(rows, bagTensors(input.hopUsers));
    const ownRows = tf.slice(rows, [0, 0], [input.numStates, dim]);
    const states = this.encoder.encodeSubreddits(ownRows, hopUsers, blockTensors(input.toSubreddits, numEdgeFeatures));
    const { vectors } = this.encoder.encodeUsers(
      ownRows,
      states,
      blockTensors(input.toUsers, numEdgeFeatures),
      tf.tensor1d(input.degree),
    );
    const targets = {
      posPtr: tf.tensor1d(posPtr, 'int32'),
      posIndex: tf.tensor1d(posIndex, 'int32'),
      maskPtr: tf.tensor1d(maskPtr, 'int32'),
      maskIndex: tf.tensor1d(maskIndex, 'int32'),
      logQ: tf.tensor1d(logQ),
    };
    return infoNce(vectors, candidates, targets, { temperature: this.options.temperature });
  }

  finishEpoch(stepsPerEpoch: number, validation: RankingQuality): EpochRecord {
    const { learningRate, maxEpochs } = this.options;
    const record = {
      epoch: this.history.length + 1,
      step: this.step,
      loss: this.lossSum / stepsPerEpoch,
      learningRate: learningRateAt(this.step, learningRate, stepsPerEpoch, maxEpochs * stepsPerEpoch),
      validation,
    };
    this.history.push(record);
    this.lossSum = 0;
    if (this.bestEpoch === record.epoch) this.best = this.weights(false);
    return record;
  }

  checkpoint(): Checkpoint {
    const { history, step, lossSum, best } = this;
    return { epoch: history.length, step, lossSum, history: [...history], current: this.weights(true), best };
  }

  restore(checkpoint: Checkpoint): void {
    const value = (name: string) => {
      const weight = checkpoint.current.get(name);
      if (!weight) throw new Error(`the checkpoint has no ${name}`);
      return weight.values;
    };
    for (const { name, variable } of this.encoder.variables()) {
      assign(variable, value(name));
      const moments = this.optimizer.momentsOf(name);
      moments.m.set(value(`${name}:m`));
      moments.v.set(value(`${name}:v`));
    }
    for (const [name, table] of this.tables())
      for (const part of ['values', 'm', 'v'] as const)
        table[part].set(value(part === 'values' ? name : `${name}:${part}`));
    this.history.push(...checkpoint.history);
    this.step = checkpoint.step;
    this.lossSum = checkpoint.lossSum;
    this.best = checkpoint.best;
  }

  describe(): string {
    const last = this.history.at(-1);
    return last ? `recall@20 ${last.validation.recallAt20.toFixed(4)}` : '';
  }

  dispose(): void {
    this.encoder.dispose();
  }

  private tables(): [string, Table][] {
    return [
      ['subreddits/input', this.inTable],
      ['subreddits/output', this.outTable],
    ];
  }

  /** A copy of all weights; with moments, of all that an optimizer remembers too. */
  private weights(withMoments: boolean): Weights {
    const { dim } = this.options;
    const weights = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const { name, variable } of this.encoder.variables()) {
      weights.set(name, { shape: variable.shape, values: Float32Array.from(variable.dataSync()) });
      if (!withMoments) continue;
      const { m, v } = this.optimizer.momentsOf(name);
      weights.set(`${name}:m`, { shape: variable.shape, values: m.slice() });
      weights.set(`${name}:v`, { shape: variable.shape, values: v.slice() });
    }
    for (const [name, { values, m, v }] of this.tables()) {
      const shape = [values.length / dim, dim];
      weights.set(name, { shape, values: values.slice() });
      if (!withMoments) continue;
      weights.set(`${name}:m`, { shape, values: m.slice() });
      weights.set(`${name}:v`, { shape, values: v.slice() });
    }
    return weights;
  }
}

/** Puts an encoder back together from its weights. */
export function restoreEncoder(config: EncoderConfig, weights: Weights): Model {
  const value = (name: string) => {
    const weight = weights.get(name);
    if (!weight) throw new Error(`the weights have no ${name}`);
    return weight.values;
  };
  const encoder = new Encoder(config);
  for (const { name, variable } of encoder.variables()) assign(variable, value(name));
  return { encoder, inTable: value('subreddits/input'), outTable: value('subreddits/output') };
}

/** Epoch with the best validation, from 1; the last where there is nothing to validate on; 0 before the first. */
function bestOf(history: readonly EpochRecord[]): number {
  let best = 0;
  for (const record of history) {
    const better = best === 0 || record.validation.recallAt20 > history[best - 1].validation.recallAt20;
    if (better || record.validation.users === 0) best = record.epoch;
  }
  return best;
}

/** Glorot-uniform matrices, normal attention vectors, zero biases: from our own seed, so that every engine agrees. */
function initialize(encoder: Encoder, random: Random): void {
  const { dim, numHeads } = encoder.config;
  for (const { name, variable } of encoder.variables()) {
    const draws = random.fork(name);
    const [rows, cols] = variable.shape;
    if (variable.rank === 2) {
      const limit = Math.sqrt(6 / (rows + cols));
      assign(
        variable,
        Float32Array.from({ length: variable.size }, () => limit * (2 * draws.float() - 1)),
      );
    } else if (name.endsWith('attn')) assign(variable, normals(variable.size, (dim / numHeads) ** -0.5, draws));
  }
}

function normals(length: number, stddev: number, random: Random): Float32Array {
  return Float32Array.from({ length }, () => stddev * random.normal());
}

/** Users with a link to hide and one to see. */
function trainableUsers({ userToSubreddit: { numRows, rowPtr } }: BipartiteGraph): Uint32Array {
  const users: number[] = [];
  for (let u = 0; u < numRows; u++) if (rowPtr[u + 1] - rowPtr[u] >= 2) users.push(u);
  return Uint32Array.from(users);
}
