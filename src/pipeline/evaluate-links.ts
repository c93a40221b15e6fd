import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readTable } from '../artifacts/arrow.js';
import { loadGraph } from '../artifacts/load-graph.js';
import { interactionFiles, mergeInteractions } from '../artifacts/load-interactions.js';
import { readManifest } from '../artifacts/manifest.js';
import { RunDirectory } from '../artifacts/run-directory.js';
import {
  GRAPH_SUBREDDITS,
  GRAPH_USERS,
  INGESTED_SUBREDDITS,
  SUBREDDIT_EMBEDDINGS,
  USER_EMBEDDINGS,
} from '../artifacts/tables.js';
import { InputError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { Random } from '../core/random.js';
import type { LinkMethod } from '../evaluation/baselines/method.js';
import type { LinkResult } from '../evaluation/links/evaluate.js';
import type { LinkTask } from '../evaluation/links/protocols.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import { embedNewStages } from './embed-new.js';
import { startEngine } from './engine.js';
import { runStages } from './run-stages.js';
import type { Job } from './stage.js';
import { graphPseudonyms, type PooledImages, poolImages } from './user-images.js';

/** Splits of the run's own links, or tables from outside. */
export type LinkQuestion =
  | { readonly protocols: readonly string[]; readonly counts: readonly number[] }
  | { readonly truth: string; readonly given?: string };

export interface LinksOptions {
  readonly question: LinkQuestion;
  readonly maxUsers: number;
  readonly rankedMinUsers: number;
  readonly baselines: boolean;
  readonly ladder: boolean; // the paper's ablation
}

interface Surroundings {
  readonly log: Log;
  readonly signal: AbortSignal;
  now(): number; // s
}

/** Measures how well hidden links are predicted. The run is only read. */
export async function runLinkEvaluation(
  run: RunDirectory,
  job: Job,
  { question, maxUsers, rankedMinUsers, baselines, ladder }: LinksOptions,
  { log, signal, now }: Surroundings,
): Promise<LinkResult[]> {
  await startEngine(job.config, log);
  const { evaluateMethod } = await import('../evaluation/links/evaluate.js');
  const { baselineMethods, ladderMethods, ownMethod } = await import('./link-methods.js');
  const graph = await graphOf(run);
  const random = new Random(job.config.seed).fork('evaluate links');
  const { rowPtr, numRows } = graph.subredditToUser;
  const isRanked = (s: number) => rowPtr[s + 1] - rowPtr[s] >= rankedMinUsers;
  const ranked = Uint32Array.from({ length: numRows }, (_, s) => s).filter(isRanked);
  if (ranked.length === 0)
    throw new InputError(
      'ERR_DATA_TOO_SMALL',
      `No subreddit has ${rankedMinUsers} users, so there is nothing to rank. Lower --ranked-min-users.`,
      { rankedMinUsers },
    );

  const results: LinkResult[] = [];
  const evaluate = async (task: LinkTask, methods: readonly LinkMethod[]) => {
    for (const method of methods) {
      signal.throwIfAborted();
      const lines = await evaluateMethod(task, method, ranked, random, now);
      for (const { case: name, users, metrics, fitSeconds } of lines)
        log.info(
          `${task.name}: ${name}, ${users} users · ${method.name}: recall@20 ${metrics.recallAt20.mean.toFixed(4)}, ndcg@20 ${metrics.ndcgAt20.mean.toFixed(4)} (${fitSeconds.toFixed(1)} s)`,
        );
      results.push(...lines);
    }
  };
  const images = await imagesOf(run, job);
  if (images) log.info(`evaluate links: ${images.users} users have images`);
  const others = [
    ...(baselines ? baselineMethods(graph, job.config, random, log, signal) : []),
    ...(ladder ? ladderMethods(job.config, random, log, signal, images?.images) : []),
  ];
  if ('truth' in question) {
    const outside = await outsideTask(run, graph, job, question, maxUsers, isRanked, { log, signal, now });
    await evaluate(outside.task, [outside.run, ...others]);
  } else
    for (const protocol of question.protocols)
      await evaluate(await splitOf(protocol, question.counts, run, graph, maxUsers, isRanked, random), [
        ownMethod(job.config, random, log, signal),
        ...(images ? [ownMethod(job.config, random, log, signal, images.images)] : []),
        ...others,
      ]);
  return results;
}

async function graphOf(run: RunDirectory): Promise<BipartiteGraph> {
  const folder = run.stageFolder('build-graph');
  const manifest = await readManifest(folder);
  if (manifest) return loadGraph(folder, manifest);
  throw new InputError(
    'ERR_STAGE_MISSING',
    `${run.path} has no graph yet. Make one with: mine-personas run INPUT... --until build-graph --out ${run.path}`,
    { out: run.path },
  );
}

async function imagesOf(run: RunDirectory, { config, secrets }: Job): Promise<PooledImages | undefined> {
  if (config.imageVectors === undefined) return undefined;
  return poolImages(config.imageVectors, await pseudonymsOf(run), secrets.key);
}

async function splitOf(
  protocol: string,
  counts: readonly number[],
  run: RunDirectory,
  graph: BipartiteGraph,
  maxUsers: number,
  isRanked: (s: number) => boolean,
  random: Random,
): Promise<LinkTask> {
  const { coldStartSplit, randomSplit, timeSplit } = await import('../evaluation/links/protocols.js');
  const draws = random.fork(protocol);
  if (protocol === 'random') return randomSplit(graph, maxUsers, isRanked, draws);
  if (protocol === 'cold') return coldStartSplit(graph, counts, maxUsers, isRanked, draws);
  const split = timeSplit(graph, await timesOf(run, graph), maxUsers, isRanked, draws);
  if (split) return split;
  throw new InputError('ERR_NO_TIMES', `${run.path} has no times: leave time out of --protocol.`, { out: run.path });
}

/** Last time of each edge of the graph, in seconds; 0 where unknown. */
async function timesOf(
  run: RunDirectory,
  { userToSubreddit: { rowPtr, colIndex } }: BipartiteGraph,
): Promise<Float64Array> {
  const ingested = run.stageFolder('ingest');
  const { name: names } = await readTable(ingested, INGESTED_SUBREDDITS);
  const { name: kept } = await readTable(run.stageFolder('build-graph'), GRAPH_SUBREDDITS);
  const { ingested_user } = await readTable(run.stageFolder('build-graph'), GRAPH_USERS);
  const localOf = new Map(kept.map((name, s) => [name, s]));
  const local = names.map((name) => localOf.get(name) ?? -1);
  const lastUtc = new Float64Array(colIndex.length);
  let u = 0;
  for await (const batch of mergeInteractions(ingested, await interactionFiles(ingested), names.length))
    for (let i = 0; i < batch.length; i++) {
      while (u < ingested_user.length && ingested_user[u] < batch.user[i]) u++;
      const subreddit = local[batch.subreddit[i]];
      if (u >= ingested_user.length || ingested_user[u] !== batch.user[i] || subreddit < 0) continue;
      const e = colIndex.subarray(rowPtr[u], rowPtr[u + 1]).indexOf(subreddit);
      if (e < 0) continue;
      lastUtc[rowPtr[u] + e] = batch.lastUtc[i];
    }
  return lastUtc;
}

/** The task that tables from outside pose, with the finished run as a method. */
async function outsideTask(
  run: RunDirectory,
  graph: BipartiteGraph,
  job: Job,
  { truth, given }: { truth: string; given?: string },
  maxUsers: number,
  isRanked: (s: number) => boolean,
  { log, signal }: Surroundings,
): Promise<{ task: LinkTask; run: LinkMethod }> {
  const { joinTruth } = await import('../evaluation/links/outside.js');
  const { product } = await import('../evaluation/baselines/dense.js');
  const scratch = await mkdtemp(join(tmpdir(), 'mine-personas-'));
  try {
    const read = async (name: string, file: string, encode: boolean) => {
      const folder = await RunDirectory.open(join(scratch, name), { create: true });
      const stages = (await embedNewStages(run)).slice(0, encode ? 3 : 2);
      await runStages(stages, { ...job, inputs: [file] }, folder, { log, signal });
      return folder;
    };
    const known = given ? await read('given', given, true) : run;
    const asked = await read('truth', truth, false);
    const joined = joinTruth(
      { graph: given ? await graphOf(known) : graph, pseudonyms: await pseudonymsOf(known) },
      { graph: await graphOf(asked), pseudonyms: await pseudonymsOf(asked) },
      isRanked,
      maxUsers,
    );
    log.info(
      `${joined.users.length} people of ${truth} are known and have a link to predict; ${joined.unknown} are not known`,
    );
    if (joined.users.length === 0)
      throw new InputError(
        'ERR_NOTHING_TO_ASK',
        `Nobody in ${truth} is known with a link that is not given already. Is it the right --key-file?`,
        { truth },
      );
    const { embedding: vectors } = await readTable(known.stageFolder('embed'), USER_EMBEDDINGS);
    const { embedding: output } = await readTable(run.stageFolder('embed'), SUBREDDIT_EMBEDDINGS);
    const numSubreddits = graph.userToSubreddit.numCols;
    const dim = output.length / numSubreddits;
    const method: LinkMethod = {
      name: 'this run',
      fit: () => () => (begin, end) => {
        const rows = new Float32Array((end - begin) * dim);
        for (let i = begin; i < end; i++)
          rows.set(vectors.subarray(joined.users[i] * dim, (joined.users[i] + 1) * dim), (i - begin) * dim);
        return product(rows, [end - begin, dim], output, [numSubreddits, dim], false, true);
      },
    };
    const name = given ? 'unseen' : 'known';
    return {
      task: {
        name: 'outside',
        train: graph,
        asked: given ? new Uint32Array(0) : Uint32Array.from(joined.users),
        cases: [{ name, case: joined.case }],
      },
      run: method,
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Pseudonyms of the users of a run's graph, by position. */
function pseudonymsOf(run: RunDirectory): Promise<BigUint64Array> {
  return graphPseudonyms(run.stageFolder('ingest'), run.stageFolder('build-graph'));
}
