import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { StopRequested } from '../../src/core/errors.js';
import { silentLog } from '../../src/core/log.js';
import { Random } from '../../src/core/random.js';
import { useEngine } from '../../src/kernels/register.js';
import { ImageAlign, type UserImages } from '../../src/training/image-align.js';
import { type Checkpoint, type TrainingHooks, type TrainingOptions, trainEncoder } from '../../src/training/trainer.js';
import { plantedGraph } from './planted.js';

beforeAll(async () => await useEngine('reference'));

const DIM = 4;
const random = () => new Random(3);

/** Unit vectors of those users whose row is not negative. */
function imagesOf(rowOf: readonly number[], dim: number, vectorOf = (_: number, draws: Random) => draws.normal()) {
  const draws = new Random(5);
  const numRows = 1 + Math.max(...rowOf);
  const vectors = new Float32Array(numRows * dim);
  for (let i = 0; i < numRows; i++) {
    const row = Float32Array.from({ length: dim }, (_, d) => vectorOf(i * dim + d, draws));
    const length = Math.hypot(...row);
    vectors.set(
      row.map((value) => value / length),
      i * dim,
    );
  }
  return { rowOf: Int32Array.from(rowOf), vectors, dim } satisfies UserImages;
}

const IMAGES = imagesOf([0, -1, 1, 2, 3], 3);
const USERS = Uint32Array.of(4, 1, 0, 3, 2);
const align = (images = IMAGES, heldOut: number[] = []) =>
  new ImageAlign(images, Uint32Array.from(heldOut), { dim: DIM, temperature: 0.5 }, random());
const vectorsOf = (seed: number, numUsers: number) => {
  const draws = new Random(seed);
  return Float32Array.from({ length: numUsers * DIM }, () => draws.normal());
};

function lossAt(values: Float32Array, of = align(), users = USERS): number {
  const loss = tf.tidy(() => of.loss(tf.tensor2d(values, [users.length, DIM]), users));
  return loss ? loss.dataSync()[0] : Number.NaN;
}

describe('ImageAlign', () => {
  it('has the gradients that finite differences show, of user vectors and of the projection', () => {
    const of = align();
    const y = tf.variable(tf.tensor2d(vectorsOf(1, USERS.length), [USERS.length, DIM]));
    const variables = [y as tf.Variable, ...of.variables().map(({ variable }) => variable)];
    for (const variable of variables.slice(1)) variable.assign(tf.randomNormal(variable.shape, 0, 1, 'float32', 7)); // no zeros
    const loss = () => of.loss(y as tf.Tensor2D, USERS) as tf.Scalar;
    const { grads } = tf.variableGrads(loss, variables);
    const step = 1e-2;
    for (const variable of variables) {
      const values = Float32Array.from(variable.dataSync());
      const analytic = grads[variable.name].dataSync();
      for (let i = 0; i < values.length; i++) {
        const at = (delta: number) => {
          const moved = values.slice();
          moved[i] += delta;
          variable.assign(tf.tensor(moved, variable.shape));
          return tf.tidy(loss).dataSync()[0];
        };
        const numeric = (at(step) - at(-step)) / (2 * step);
        expect(Math.abs(analytic[i] - numeric)).toBeLessThan(2e-3 + 1e-2 * Math.abs(numeric));
      }
      variable.assign(tf.tensor(values, variable.shape));
    }
  });

  it('takes no notice of users without pictures and of those held out, and gives them no gradient', () => {
    const values = vectorsOf(1, USERS.length);
    const moved = values.slice();
    for (let d = 0; d < DIM; d++) moved[1 * DIM + d] += 5; // user 1 posted none
    expect(lossAt(moved)).toBe(lossAt(values));
    for (let d = 0; d < DIM; d++) moved[3 * DIM + d] -= 5; // user 3
    expect(lossAt(moved)).not.toBe(lossAt(values));
    expect(lossAt(moved, align(IMAGES, [3]))).toBe(lossAt(values, align(IMAGES, [3])));
    const grad = tf.grad((y: tf.Tensor) => align(IMAGES, [3]).loss(y as tf.Tensor2D, USERS) as tf.Scalar);
    const rows = grad(tf.tensor2d(values, [USERS.length, DIM])).dataSync();
    const isZero = [...USERS.keys()].map((b) => rows.slice(b * DIM, (b + 1) * DIM).every((value) => value === 0));
    expect(isZero).toEqual([false, true, false, true, false]);
  });

  it('says nothing where fewer than two users can be told apart', () => {
    expect(lossAt(vectorsOf(1, 2), align(), Uint32Array.of(1, 0))).toBeNaN();
    expect(lossAt(vectorsOf(1, 2), align(IMAGES, [2]), Uint32Array.of(2, 0))).toBeNaN();
    expect(lossAt(vectorsOf(1, 2), align(), Uint32Array.of(2, 0))).toBeGreaterThan(0);
  });

  it('is the logarithm of the number of users where nothing tells them apart', () => {
    const same = imagesOf([0, 1, 2, 3], 3, (i) => [1, 2, 3][i % 3]);
    const values = Float32Array.from({ length: 4 * DIM }, (_, i) => i % DIM);
    expect(lossAt(values, align(same), Uint32Array.of(0, 1, 2, 3))).toBeCloseTo(Math.log(4), 5);
  });

  it('finds users by their pictures: all where the projection is right, as chance has it where it is not', () => {
    const numUsers = 200;
    const images = imagesOf([...Array(numUsers).keys()], DIM);
    const users = Uint32Array.from({ length: numUsers }, (_, u) => u);
    const of = align(images);
    const [kernel] = of.variables();
    expect(of.retrieve(users, images.vectors.slice()).chance).toBe(10 / numUsers);
    kernel.variable.assign(tf.eye(DIM));
    expect(of.retrieve(users, images.vectors.slice())).toEqual({ users: numUsers, recallAt10: 1, chance: 0.05 });
    expect(of.retrieve(users, vectorsOf(9, numUsers)).recallAt10).toBeLessThan(0.15);
    expect(of.retrieve(users, new Float32Array(numUsers * DIM)).recallAt10).toBe(0); // equal scores find nobody
  });
});

const SMALL: TrainingOptions = {
  ...{ dim: 8, heads: 2, layers: 1, fanout: [8, 4], batchUsers: 32, maxEpochs: 3, patience: 3, learningRate: 0.02 },
  ...{
    weightDecay: 0.05,
    temperature: 1,
    candidates: 16,
    smoothingNeighbors: 4,
    validationUsers: 20,
    embedFanout: 16,
    imageWeight: 0.5,
  },
};
const small = plantedGraph(150, 60, 6, 1);
// every third user posts, and pictures show the community
const posted = imagesOf(
  Array.from({ length: 150 }, (_, u) => (u % 3 === 0 ? u / 3 : -1)),
  6,
  (i, draws) => (i % 6 === (3 * Math.floor(i / 6)) % 6 ? 1 : 0) + 0.1 * draws.normal(),
);

const HOOKS: TrainingHooks = {
  log: silentLog,
  signal: new AbortController().signal,
  isCheckpointDue: () => false,
  saveCheckpoint: async () => {},
};

async function train(images?: UserImages, steps = Number.POSITIVE_INFINITY, resumeFrom?: Checkpoint) {
  const stop = new AbortController();
  let taken = 0;
  let checkpoint: Checkpoint | undefined;
  const hooks: TrainingHooks = {
    ...HOOKS,
    log: {
      ...silentLog,
      progress() {
        if (++taken === steps) stop.abort(new StopRequested());
      },
    },
    signal: stop.signal,
    async saveCheckpoint(saved) {
      checkpoint = structuredClone(saved);
    },
    ...(resumeFrom && { resumeFrom }),
  };
  const model = await trainEncoder(small, SMALL, new Random(1), hooks, images).catch((thrown) => {
    expect(thrown).toBeInstanceOf(StopRequested);
    return undefined;
  });
  return { model, checkpoint: checkpoint as Checkpoint };
}

describe('training with pictures', () => {
  it('leaves the encoder as it is, to the bit, where nobody posted any', async () => {
    const without = await train();
    const nobody = await train({ ...posted, rowOf: posted.rowOf.map(() => -1) });
    for (const [name, weight] of without.model?.weights ?? [])
      expect([name, nobody.model?.weights.get(name)]).toEqual([name, weight]);
    expect(nobody.model?.weights.has('image_head/kernel')).toBe(true);
    expect(without.model?.weights.has('image_head/kernel')).toBe(false);
  });

  it('gives the same model when it was stopped after each single step', async () => {
    const whole = await train(posted);
    let left = await train(posted, 1);
    while (!left.model) left = await train(posted, 1, left.checkpoint);
    expect(left).toEqual(whole);
    expect([...(whole.checkpoint.current.get('image_head/kernel:m')?.values ?? [])].some((m) => m !== 0)).toBe(true);
  });

  it('learns to find people whose pictures it was never shown', async () => {
    const graph = plantedGraph(900, 60, 6, 1);
    const everybody = imagesOf(
      [...Array(900).keys()],
      6,
      (i, draws) => (i % 6 === Math.floor(i / 6) % 6 ? 1 : 0) + 0.1 * draws.normal(),
    );
    const options = { ...SMALL, batchUsers: 64, maxEpochs: 8, patience: 8, validationUsers: 90 };
    const { history } = await trainEncoder(graph, options, new Random(1), HOOKS, everybody);
    const { users, recallAt10, chance } = history.at(-1)?.validation.images ?? { users: 0, recallAt10: 0, chance: 1 };
    expect(users).toBe(90);
    expect(chance).toBeCloseTo(10 / 90);
    expect(recallAt10).toBeGreaterThan(3.5 * chance); // six communities: six times chance is all there is
    expect(history[0].validation.images?.recallAt10).toBeLessThan(3 * chance);
  });

  it('keeps no tensors', async () => {
    const before = tf.memory().numTensors;
    await train(posted);
    expect(tf.memory().numTensors).toBe(before);
  });
});
