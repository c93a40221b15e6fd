import { readdir, readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { loadGraph } from '../artifacts/load-graph.js';
import { hashFile } from '../artifacts/manifest.js';
import { writeFileDurably } from '../artifacts/run-directory.js';
import { readSafetensors, writeSafetensors } from '../artifacts/safetensors.js';
import { type ScalarEvent, tensorboardEvents } from '../artifacts/tensorboard.js';
import { InputError, messageOf } from '../core/errors.js';
import type { Checkpoint, EpochRecord, TrainingHooks, Weights } from '../training/trainer.js';
import { batchesAhead } from './batch-thread.js';
import { pick } from './config.js';
import { startEngine } from './engine.js';
import type { Stage } from './stage.js';
import { subredditFeatures } from './subreddit-features.js';
import { graphPseudonyms, poolImages } from './user-images.js';

/** Seconds between two checkpoints inside an epoch; at the end of an epoch there is always one. */
const CHECKPOINT_SECONDS = 60;

/** The graph, and vectors of posted images where there are some, in; the weights of the encoder and its learning curve out. */
export const train: Stage = {
  name: 'train',
  version: 2,
  inputs: ['ingest', 'build-graph'],
  config: (config) => ({
    ...(config.imageVectors !== undefined && pick(config, 'imageWeight', 'imageTemperature')),
    ...(config.textFeatures && pick(config, 'textFeatures')),
    ...pick(
      config,
      'dim',
      'heads',
      'layers',
      'fanout',
      'batchUsers',
      'maxEpochs',
      'epochUsers',
      'patience',
      'learningRate',
      'weightDecay',
      'temperature',
      'candidates',
      'smoothingNeighbors',
      'validationUsers',
    ),
  }),
  async external({ config: { imageVectors, subredditVectors, textFeatures, subredditInfo } }) {
    const tables = { imageVectors, subredditVectors, ...(textFeatures && { subredditInfo }) };
    const hashes: Record<string, string> = {};
    for (const [name, path] of Object.entries(tables)) if (path !== undefined) hashes[name] = await tableHash(path);
    return hashes;
  },
  async run({ input, folder, scratch, config, random, log, signal, secrets }) {
    const { folder: graphFolder, manifest } = input('build-graph');
    const graph = await loadGraph(graphFolder, manifest);
    const pseudonyms = config.imageVectors && (await graphPseudonyms(input('ingest').folder, graphFolder));
    const pooled = pseudonyms ? await poolImages(config.imageVectors as string, pseudonyms, secrets.key) : undefined;
    if (pooled) log.info(`train: ${pooled.users} of ${pooled.images.rowOf.length} users have images`);
    const engine = await startEngine(config, log);
    const { trainEncoder } = await import('../training/trainer.js'); // late, like the engine it brings

    const known = await subredditFeatures(config, graphFolder, random.fork('text'));
    if (known) log.info(`train: ${known.accounting.kept} of ${known.accounting.read} subreddits have features`);

    const resumeFrom = await readCheckpoint(scratch);
    if (resumeFrom) log.info(`train: goes on from step ${resumeFrom.step}`);
    let savedAt = performance.now();
    const hooks: TrainingHooks = {
      log,
      signal,
      ...(resumeFrom && { resumeFrom }),
      ...(config.threads > 1 && { batches: batchesAhead }),
      isCheckpointDue: () => performance.now() - savedAt > CHECKPOINT_SECONDS * 1000,
      async saveCheckpoint(checkpoint) {
        await writeCheckpoint(scratch, checkpoint);
        savedAt = performance.now();
      },
    };
    const trained = await trainEncoder(graph, config, random, hooks, pooled?.images, known?.features);

    const weights = new Map(trained.weights);
    if (pooled) weights.set('image_head/mean', { shape: [pooled.images.dim], values: pooled.mean });
    const { history, bestEpoch, popularity, steps } = trained;
    await writeSafetensors(`${folder}/weights.safetensors`, weights, {
      format: 'mine-personas/encoder',
      version: '1',
      dim: String(config.dim),
      heads: String(config.heads),
    });
    await writeFileDurably(`${folder}/history.jsonl`, history.map((record) => `${JSON.stringify(record)}\n`).join(''));
    await writeFileDurably(`${folder}/events.out.tfevents.0`, tensorboardEvents(history.map(scalarsOf)));
    const best = history[bestEpoch].validation;
    const notes =
      best.users === 0
        ? ['too few users to validate on: the last epoch was taken']
        : [
            `links hidden from ${best.users} users: recall@20 ${best.recallAt20.toFixed(4)} at epoch ${bestEpoch}; popularity alone ${popularity.recallAt20.toFixed(4)}`,
            ...(best.recallAt20 > popularity.recallAt20
              ? []
              : ['the encoder does not beat popularity: the data holds little beyond it']),
            ...(best.images
              ? [
                  `images of ${best.images.users} users who were kept back: ${percent(best.images.recallAt10)} of them among the first ten for their own, ${percent(best.images.chance)} by chance`,
                ]
              : []),
          ];
    return {
      rows: { 'history.jsonl': history.length },
      accounting: [...(pooled ? [pooled.accounting] : []), ...(known ? [known.accounting] : [])],
      counts: {
        epochs: history.length - 1,
        bestEpoch,
        steps,
        ...(pooled && { usersWithImages: pooled.users }),
        optimizer: 'row-wise AdamW',
        validation: best,
        spectralBaseline: history[0].validation,
        popularityBaseline: popularity,
      },
      notes,
      engine,
    };
  },
};

async function tableHash(path: string): Promise<string> {
  return hashFile(path).catch((cause: unknown) => {
    throw new InputError('ERR_FILE_MISSING', `${path} cannot be read: ${messageOf(cause)}.`, { path }, { cause });
  });
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** A line of the learning curve for TensorBoard. Its clock is the epoch, so that the same run gives the same bytes. */
function scalarsOf({ epoch, step, loss, learningRate, validation }: EpochRecord): ScalarEvent {
  const scalars = {
    ...(loss !== null && { 'train/loss': loss }),
    'train/learning-rate': learningRate,
    'validation/recall@20': validation.recallAt20,
    'validation/ndcg@20': validation.ndcgAt20,
    ...(validation.images && { 'validation/users-by-images@10': validation.images.recallAt10 }),
  };
  return { step, wallTime: epoch, scalars };
}

const checkpointSchema = z.object({
  format: z.literal('mine-personas/checkpoint'),
  file: z.string(),
  step: z.number(),
  lossSum: z.number(),
  history: z.array(z.custom<EpochRecord>()),
});

const BEST = 'best:';

/** The weights under a name of their own, then a small file that names them: a kill while writing leaves the older whole. */
async function writeCheckpoint(scratch: string, { current, best, ...state }: Checkpoint): Promise<void> {
  const file = `checkpoint-${state.history.length}-${state.step}.safetensors`;
  const tensors = new Map([...current, ...[...best].map(([name, weight]) => [`${BEST}${name}`, weight] as const)]);
  await writeSafetensors(`${scratch}/${file}`, tensors, { format: 'mine-personas/checkpoint', version: '1' });
  await writeFileDurably(
    `${scratch}/checkpoint.json`,
    JSON.stringify({ format: 'mine-personas/checkpoint', file, ...state }),
  );
  for (const older of await readdir(scratch))
    if (older.startsWith('checkpoint-') && older !== file) await rm(`${scratch}/${older}`);
}

async function readCheckpoint(scratch: string): Promise<Checkpoint | undefined> {
  const text = await readFile(`${scratch}/checkpoint.json`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { file, step, lossSum, history } = checkpointSchema.parse(JSON.parse(text));
  const { tensors } = await readSafetensors(`${scratch}/${file}`);
  const current: [string, Weights extends ReadonlyMap<string, infer W> ? W : never][] = [];
  const best: typeof current = [];
  for (const [name, weight] of tensors)
    if (name.startsWith(BEST)) best.push([name.slice(BEST.length), weight]);
    else current.push([name, weight]);
  return { step, lossSum, history, current: new Map(current), best: new Map(best) };
}
