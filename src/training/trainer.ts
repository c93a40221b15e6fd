import * as tf from '@tensorflow/tfjs-core';
import { InputError, IntegrityError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import type { Random } from '../core/random.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import { nearestSubreddits } from '../graph/projection.js';
import { infoNce } from '../kernels/info-nce/op.js';
import { assign, createTable, type Parameter, type Table } from '../kernels/row-adam/parameter.js';
import { Encoder, type EncoderConfig, type NamedVariable } from '../nn/encoder.js';
import type { BatchOptions, TrainingBatch } from './batch.js';
import { type BatchOrigin, type BatchSource, batchesOnDemand } from './batch-source.js';
import { bagTensors, blockTensors } from './blocks.js';
import { ImageAlign, type UserImages } from './image-align.js';
import { learningRateAt, Optimizer } from './optimizer.js';
import type { RankingQuality } from './ranking.js';
import { Smoothing } from './smoothing.js';
import { initializeWeights } from './start.js';
import { type SubredditFeatures, SubredditText } from './subreddit-text.js';
import { type Model, Validation } from './validation.js';

export interface TrainingOptions {
  readonly dim: number;
  readonly layers: number; // 1 or 2
  readonly uniformAttention?: boolean; // attends to all links alike, like GraphSAGE: for comparison
  readonly heads: number;
  readonly fanout: readonly number[]; // per user, per subreddit
  readonly batchUsers: number;
  readonly epochUsers?: number | undefined; // users of an epoch at the most, drawn anew for each; all by default
  readonly maxEpochs: number;
  readonly patience: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly temperature: number;
  readonly candidates: number;
  readonly smoothingNeighbors: number; // nearest subreddits that a subreddit's rows lean on; 0 = none
  readonly validationUsers: number;
  readonly embedFanout: number;
  readonly imageWeight?: number; // of ImageAlign against the loss of links, where there are images
  readonly imageTemperature?: number;
}

/** Weights by name: the encoder's, and the two tables of subreddits. All float32. */
export type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;

/** One line of the learning curve. */
export interface EpochRecord {
  readonly epoch: number; // 0: before the first step
  readonly step: number;
  readonly loss: number | null; // mean over the steps of the epoch
  readonly learningRate: number;
  readonly validation: RankingQuality;
}

/** All that must outlive a kill for training to go on as if nothing had happened. */
export interface Checkpoint {
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
  /** Where batches come from, by default sampled on demand. Does not change the result. */
  batches?(origin: BatchOrigin): BatchSource;
}

/**
 * Trains the encoder to predict links that it cannot see.
 *
 * Each step hides a random part of the links of some users, encodes the users from what is left and asks for exactly
 * the hidden ones. Stops when the ranking of validation links has not improved for `patience` epochs, and returns the
 * weights of the best epoch. The same graph, options and seed give the same weights, bit by bit, however often the run
 * was killed and resumed.
 *
 * @param images   pooled pictures of users, for ImageAlign; without them the links alone are learned from
 * @param features of subreddits beside who visits them
 */
export async function trainEncoder(
  graph: BipartiteGraph,
  options: TrainingOptions,
  random: Random,
  hooks: TrainingHooks,
  images?: UserImages,
  features?: SubredditFeatures,
): Promise<TrainedModel> {
  const validation = new Validation(graph, options.validationUsers, random.fork('validation'));
  const seeds = trainableUsers(validation.visible);
  if (seeds.length === 0)
    throw new InputError(
      'ERR_DATA_TOO_SMALL',
      'No user has two links: there is nothing to hide and nothing to learn from.',
      {
        users: graph.userToSubreddit.numRows,
      },
    );
  const { dim, imageTemperature: temperature = 0.07 } = options;
  const align = images && new ImageAlign(images, validation.users, { dim, temperature }, random.fork('image head'));
  const smoothing = await smoothingOf(validation.visible, options.smoothingNeighbors);
  const trainer = new Trainer(validation.visible, options, random, smoothing, align, features);
  const origin = { graph: validation.visible, options: batchOptionsOf(options), seed: random.seed };
  const batches = (hooks.batches ?? batchesOnDemand)(origin);
  try {
    if (hooks.resumeFrom) trainer.restore(hooks.resumeFrom);
    else
      trainer.record(
        { epoch: 0, step: 0, loss: null, learningRate: 0, validation: trainer.rank(validation) },
        hooks.log,
      );
    while (!trainer.isFinished()) await trainEpoch(trainer, batches, seeds, validation, options, random, hooks);
    const { best, history, bestEpoch, step } = trainer;
    return { weights: best, history, bestEpoch, steps: step, popularity: validation.popularity() };
  } finally {
    await batches.dispose();
    trainer.dispose();
  }
}

/** As many show which subreddits are near each other; to look at twenty million would take longer than an epoch. */
const NEIGHBOR_USERS = 1_000_000;

/**
 * Nearest by the links that training may see, so that what is validated on stays hidden here too. Not the symmetric
 * projection: there a popular subreddit has thousands of rare ones for neighbors, and their mean says nothing.
 */
async function smoothingOf(visible: BipartiteGraph, topK: number): Promise<Smoothing> {
  const { graph } = await nearestSubreddits(visible, { topK, maxUsers: NEIGHBOR_USERS });
  return new Smoothing(graph);
}

/** One pass over the users in an order of its own, or the rest of one that was interrupted. */
async function trainEpoch(
  trainer: Trainer,
  batches: BatchSource,
  seeds: Uint32Array,
  validation: Validation,
  { batchUsers, maxEpochs, epochUsers }: TrainingOptions,
  random: Random,
  hooks: TrainingHooks,
): Promise<void> {
  const epoch = trainer.history.length;
  const order = random.fork('order', epoch).shuffle(seeds.slice()).subarray(0, epochUsers);
  const stepsPerEpoch = stepsOfEpoch(order.length, batchUsers);
  const doneAfter = (steps: number) => Math.floor((steps * order.length) / stepsPerEpoch); // users
  const usersOf = (s: number) => order.subarray(doneAfter(s), doneAfter(s + 1));
  for (let s = trainer.step - (epoch - 1) * stepsPerEpoch; s < stepsPerEpoch; s++) {
    const batch = await batches.take({ step: trainer.step + 1, users: usersOf(s) });
    if (s + 1 < stepsPerEpoch) batches.ask({ step: trainer.step + 2, users: usersOf(s + 1) });
    trainer.trainStep(batch, usersOf(s), stepsPerEpoch);
    hooks.log.progress({
      task: `train: epoch ${epoch} of at most ${maxEpochs}`,
      done: doneAfter(s + 1),
      total: order.length,
      unit: 'users',
      detail: trainer.describe(),
    });
    await new Promise(setImmediate); // lets signals through
    if (hooks.signal.aborted || hooks.isCheckpointDue()) await hooks.saveCheckpoint(trainer.checkpoint());
    hooks.signal.throwIfAborted();
  }
  trainer.finishEpoch(stepsPerEpoch, trainer.rank(validation), hooks.log);
  await hooks.saveCheckpoint(trainer.checkpoint());
}

function batchOptionsOf({ layers, fanout, candidates, batchUsers }: TrainingOptions): BatchOptions {
  return {
    numLayers: layers === 1 ? 1 : 2,
    fanout: [fanout[0], fanout[1]],
    numCandidates: candidates,
    batchUsers,
  };
}

/** An epoch of few users still takes this many steps, as long as each has this many users to learn from. */
const MIN_STEPS = 40;
const MIN_BATCH = 64;

function stepsOfEpoch(numUsers: number, batchUsers: number): number {
  const wanted = Math.round(numUsers / batchUsers);
  return Math.max(1, wanted, Math.min(MIN_STEPS, Math.round(numUsers / MIN_BATCH)));
}

/** Rows of tables meet a gradient now and then and need large steps; the encoder meets one at every step. */
const ENCODER_RATE = 0.1;

/** What features say of subreddits is a part of their rows, and learned at their pace: at the encoder's it hardly moves. */
function shareOfRate({ name }: NamedVariable): number {
  return name.startsWith('subreddit_text/') ? 1 : ENCODER_RATE;
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
  private pendingLoss: tf.Scalar | undefined; // of the last step
  private readonly optimizer: Optimizer;
  private readonly text: SubredditText | undefined;

  constructor(
    private readonly graph: BipartiteGraph,
    private readonly options: TrainingOptions,
    random: Random,
    private readonly smoothing: Smoothing,
    private readonly align: ImageAlign | undefined,
    features: SubredditFeatures | undefined,
  ) {
    const { dim, heads, weightDecay } = options;
    const { numLayers } = batchOptionsOf(options);
    const numEdgeFeatures = graph.edgeFeatures.numFeatures;
    this.encoder = new Encoder({ dim, numHeads: heads, numEdgeFeatures, numLayers });
    const tables = initializeWeights(this.encoder, graph, smoothing, random.fork('weights'));
    this.inTable = createTable(tables.input, dim);
    this.outTable = createTable(tables.output, dim);
    if (options.uniformAttention)
      for (const { name, variable } of this.encoder.variables())
        if (name.endsWith('attn')) assign(variable, new Float32Array(variable.size));
    this.text = features && new SubredditText(features, dim);
    this.optimizer = new Optimizer(this.variables(), weightDecay);
  }

  get bestEpoch(): number {
    return bestOf(this.history);
  }

  isFinished(): boolean {
    const { maxEpochs, patience } = this.options;
    const epochs = this.history.length - 1;
    return epochs >= maxEpochs || epochs - this.bestEpoch >= patience;
  }

  /** Forward, loss, backward, update. */
  trainStep(batch: TrainingBatch, seeds: Uint32Array, stepsPerEpoch: number): void {
    const { maxEpochs, learningRate } = this.options;
    this.settleLoss();
    this.step++;
    const rate = learningRateAt(this.step, learningRate, stepsPerEpoch, maxEpochs * stepsPerEpoch);

    const variables = this.variables();
    const input = this.smoothing.blockOf(batch.input.rows);
    const output = this.smoothing.blockOf(batch.candidates);
    const rows = tf.tidy(() => tf.variable(this.inTable.gather(input.rows)));
    const candidates = tf.tidy(() => tf.variable(this.outTable.gather(output.rows)));
    const { value, grads } = tf.variableGrads(() => {
      const read = this.text?.add('input', rows as tf.Tensor2D, input.rows) ?? (rows as tf.Tensor2D);
      const asked = this.text?.add('output', candidates as tf.Tensor2D, output.rows) ?? (candidates as tf.Tensor2D);
      const vectors = this.encode(this.smoothing.smooth(read, input), batch);
      return this.lossOf(vectors, this.smoothing.smooth(asked, output), batch, seeds);
    }, [rows, candidates, ...variables.map(({ variable }) => variable)]);
    for (const named of variables)
      if (grads[named.variable.name] && !(this.options.uniformAttention && named.name.endsWith('attn')))
        this.optimizer.updateVariable(named, grads[named.variable.name], this.step, rate * shareOfRate(named));
    this.optimizer.updateRows(this.inTable, input.rows, grads[rows.name], this.step, rate);
    this.optimizer.updateRows(this.outTable, output.rows, grads[candidates.name], this.step, rate);
    tf.dispose([grads, rows, candidates]);
    this.pendingLoss = value;
  }

  /**
   * Takes note of the last step's loss. On a device, reading it waits for the step to end: so it is read as late as can be,
   * after the next batch was sampled.
   */
  private settleLoss(): void {
    if (this.pendingLoss === undefined) return;
    const loss = this.pendingLoss.dataSync()[0];
    this.pendingLoss.dispose();
    this.pendingLoss = undefined;
    const { learningRate } = this.options;
    if (!Number.isFinite(loss))
      throw new InputError(
        'ERR_DIVERGED',
        `Training diverged: the loss of step ${this.step} is ${loss}. Take a smaller --learning-rate (now ${learningRate}) or a larger --temperature.`,
        { step: this.step, loss, learningRate },
      );
    this.lossSum += loss;
  }

  /** Vectors of the users of a batch [B, D]. */
  private encode(rows: tf.Tensor2D, { input }: TrainingBatch): tf.Tensor2D {
    const numEdgeFeatures = this.graph.edgeFeatures.numFeatures;
    const block = blockTensors(input.toUsers, numEdgeFeatures);
    const { degree } = input;
    if (this.encoder.config.numLayers === 1) return this.encoder.encodeUsers(rows, rows, block, degree).vectors;
    const hopUsers = this.encoder.userFeatures(rows, bagTensors(input.hopUsers));
    const ownRows = tf.slice(rows, [0, 0], [input.numStates, this.options.dim]);
    const states = this.encoder.encodeSubreddits(ownRows, hopUsers, blockTensors(input.toSubreddits, numEdgeFeatures));
    return this.encoder.encodeUsers(ownRows, states, block, degree).vectors;
  }

  private lossOf(vectors: tf.Tensor2D, candidates: tf.Tensor2D, batch: TrainingBatch, users: Uint32Array): tf.Scalar {
    const int32 = (values: Int32Array) => tf.tensor1d(values, 'int32');
    const { posPtr, posIndex, maskPtr, maskIndex, logQ } = batch;
    const targets = {
      posPtr: int32(posPtr),
      posIndex: int32(posIndex),
      maskPtr: int32(maskPtr),
      maskIndex: int32(maskIndex),
      logQ: tf.tensor1d(logQ),
    };
    const links = infoNce(vectors, candidates, targets, { temperature: this.options.temperature });
    const images = this.align?.loss(vectors, users);
    return images ? tf.add(links, tf.mul(this.options.imageWeight ?? 1, images)) : links;
  }

  rank(validation: Validation): RankingQuality {
    this.settleLoss(); // before validating weights that may have diverged
    const [inTable, outTable] = [this.publishedTable('input'), this.publishedTable('output')];
    return validation.rank({ encoder: this.encoder, inTable, outTable }, this.align);
  }

  finishEpoch(stepsPerEpoch: number, validation: RankingQuality, log: Log): void {
    const { learningRate, maxEpochs } = this.options;
    const rate = learningRateAt(this.step, learningRate, stepsPerEpoch, maxEpochs * stepsPerEpoch);
    this.settleLoss();
    const loss = this.lossSum / stepsPerEpoch;
    this.lossSum = 0;
    this.record({ epoch: this.history.length, step: this.step, loss, learningRate: rate, validation }, log);
  }

  /** Adds a line to the learning curve and keeps the weights if they are the best so far. */
  record(record: EpochRecord, log: Log): void {
    const { epoch, loss, validation } = record;
    this.history.push(record);
    if (this.bestEpoch === epoch) this.best = this.publishedWeights();
    const images = validation.images ? `, found by pictures ${validation.images.recallAt10.toFixed(4)}` : '';
    const quality =
      validation.users === 0
        ? 'nobody to validate on'
        : `validation recall@20 ${validation.recallAt20.toFixed(4)}, ndcg@20 ${validation.ndcgAt20.toFixed(4)}${images}`;
    log.info(`train: ${loss === null ? 'start' : `epoch ${epoch}, loss ${loss.toFixed(4)}`}, ${quality}`);
  }

  checkpoint(): Checkpoint {
    this.settleLoss();
    const { history, step, lossSum, best } = this;
    return { step, lossSum, history: [...history], current: this.trainedWeights(), best };
  }

  restore(checkpoint: Checkpoint): void {
    const value = (name: string) => {
      const weight = checkpoint.current.get(name);
      if (!weight) throw new Error(`the checkpoint has no ${name}`);
      return weight.values;
    };
    for (const [name, parameter] of this.parameters())
      for (const part of ['values', 'm', 'v'] as const)
        parameter.restore(part, value(part === 'values' ? name : `${name}:${part}`));
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
    this.pendingLoss?.dispose();
    this.inTable.dispose();
    this.outTable.dispose();
    this.optimizer.dispose();
    this.encoder.dispose();
    this.align?.dispose();
    this.text?.dispose();
  }

  /** What every step moves as a whole. */
  private variables(): NamedVariable[] {
    return [...this.encoder.variables(), ...(this.align?.variables() ?? []), ...(this.text?.variables() ?? [])];
  }

  /** All that is trained, by its published name. */
  private parameters(): [name: string, parameter: Parameter, shape: readonly number[]][] {
    const tables = { 'subreddits/input': this.inTable, 'subreddits/output': this.outTable };
    const shape = [this.graph.userToSubreddit.numCols, this.options.dim];
    return [
      ...this.variables().map(({ name, variable }): [string, Parameter, readonly number[]] => [
        name,
        this.optimizer.parameter(name),
        variable.shape,
      ]),
      ...Object.entries(tables).map(([name, table]): [string, Parameter, readonly number[]] => [name, table, shape]),
    ];
  }

  /** A copy of all weights as others read them: tables smoothed. */
  private publishedWeights(): Weights {
    const weights = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const [name, parameter, shape] of this.parameters()) {
      const side = parameter === this.inTable ? 'input' : parameter === this.outTable ? 'output' : undefined;
      weights.set(name, { shape, values: side ? this.publishedTable(side) : parameter.values.slice() });
    }
    return weights;
  }

  /** A copy of all weights as the optimizer moves them, with all that it remembers. */
  private trainedWeights(): Weights {
    const weights = new Map<string, { shape: readonly number[]; values: Float32Array }>();
    for (const [name, parameter, shape] of this.parameters()) {
      weights.set(name, { shape, values: parameter.values.slice() });
      weights.set(`${name}:m`, { shape, values: parameter.m.slice() });
      weights.set(`${name}:v`, { shape, values: parameter.v.slice() });
    }
    return weights;
  }

  /** A table as others read it: with what is known from features, smoothed. */
  private publishedTable(side: 'input' | 'output'): Float32Array {
    const { values } = side === 'input' ? this.inTable : this.outTable;
    return this.smoothing.smoothTable(this.text?.fold(side, values) ?? values, this.options.dim);
  }
}

/** Puts an encoder back together from its weights; `ERR_WEIGHTS` where one is missing. */
export function restoreEncoder(config: EncoderConfig, weights: Weights): Model {
  const value = (name: string) => {
    const weight = weights.get(name);
    if (!weight)
      throw new IntegrityError(
        'ERR_WEIGHTS',
        `The weights have no ${name}: another version of this program made them. Train the model again.`,
        { name },
      );
    return weight.values;
  };
  const encoder = new Encoder(config);
  for (const { name, variable } of encoder.variables()) assign(variable, value(name));
  return { encoder, inTable: value('subreddits/input'), outTable: value('subreddits/output') };
}

/** Epoch with the best validation; the last where there is nothing to validate on. */
function bestOf(history: readonly EpochRecord[]): number {
  let best = 0;
  for (const { epoch, validation } of history)
    if (validation.users === 0 || validation.recallAt20 > history[best].validation.recallAt20) best = epoch;
  return best;
}

/** Users with a link to hide and one to see. */
function trainableUsers({ userToSubreddit: { numRows, rowPtr } }: BipartiteGraph): Uint32Array {
  const users = new Uint32Array(numRows);
  let count = 0;
  for (let u = 0; u < numRows; u++) if (rowPtr[u + 1] - rowPtr[u] >= 2) users[count++] = u;
  return users.slice(0, count);
}
