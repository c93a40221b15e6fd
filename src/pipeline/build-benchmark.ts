import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { type Accounting, assertAccounting, hashFile } from '../artifacts/manifest.js';
import { RunDirectory, writeFileDurably } from '../artifacts/run-directory.js';
import { InputError } from '../core/errors.js';
import { Random } from '../core/random.js';
import { type Benchmark, type BenchmarkOptions, buildBenchmark, SPLITS } from '../evaluation/benchmark.js';
import { type BenchmarkManifest, benchmarkCard } from './benchmark-card.js';
import { readHistories, readPairs } from './foreign-rows.js';
import { type LaterBehaviour, laterBehaviour } from './later-behaviour.js';
import { PACKAGE_VERSION } from './package-version.js';
import { readPersonas, readPrompts } from './prompt-files.js';

export interface BenchmarkSettings extends Omit<BenchmarkOptions, 'random'> {
  readonly personas: string; // personas.jsonl
  readonly prompts: string; // pool of prompts
  readonly histories?: string | undefined;
  readonly pairs?: string | undefined;
  readonly run?: string | undefined; // that the personas are of, for later
  readonly later?: string | undefined; // run whose ingest read later input
  readonly minUsers: number; // people behind a row of later behaviour
  readonly out: string;
  readonly seed: number;
}

/**
 * Writes a benchmark: a folder for each split with prompts to rewrite, earlier prompts and choices of their users, later
 * behaviour of personas; the personas; a card; and, last, the manifest, without which a folder is no benchmark.
 */
export async function writeBenchmark(settings: BenchmarkSettings): Promise<BenchmarkManifest> {
  const { out, seed, histories, pairs, run, later } = settings;
  const { perInterest, heldOut, minHistory, maxHistory, devShare, minUsers } = settings;
  const personas = await readPersonas(settings.personas);
  const pool = await readPrompts(settings.prompts);
  const history = histories ? await readHistories(histories) : undefined;
  const chosen = pairs ? await readPairs(pairs) : undefined;
  const built = buildBenchmark(
    { personas, pool, histories: history?.rows ?? [], pairs: chosen?.rows ?? [] },
    { ...settings, random: new Random(seed).fork('benchmark') },
  );
  const behaviour =
    run && later
      ? await laterBehaviour(
          await RunDirectory.open(run, { create: false }),
          await RunDirectory.open(later, { create: false }),
          personas.map(({ id }) => id),
          minUsers,
        )
      : undefined;

  const copied = await readFile(settings.personas);
  const inputs: Record<string, string> = {};
  for (const path of [settings.personas, settings.prompts, histories, pairs])
    if (path) inputs[path.replace(/^.*[/\\]/, '')] = await hashFile(path);
  await clear(out); // when all is read: the input may be the benchmark's own
  const files = filesOf(built, behaviour?.rows);
  const accounting = [history?.accounting, chosen?.accounting, ...built.accounting, behaviour?.accounting].filter(
    (rows): rows is Accounting => rows !== undefined && rows.read > 0,
  );
  assertAccounting('benchmark', accounting);
  const counts: Record<string, Record<string, number>> = {};
  const outputs: Record<string, string> = {};
  const write = async (name: string, content: string | Buffer) => {
    await writeFileDurably(`${out}/${name}`, content);
    outputs[name] = await hashFile(`${out}/${name}`);
  };
  for (const split of SPLITS) {
    await mkdir(`${out}/${split}`, { recursive: true, mode: 0o700 });
    for (const [name, rows] of Object.entries(files[split])) {
      await write(`${split}/${name}`, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      counts[split] = { ...counts[split], [name]: rows.length };
    }
  }
  await write('personas.jsonl', copied);
  const manifest = {
    formatVersion: 1 as const,
    program: `mine-personas ${PACKAGE_VERSION}`,
    seed,
    settings: { perInterest, heldOut, minHistory, maxHistory, devShare, minUsers },
    inputs,
    counts,
    accounting,
  };
  await write('README.md', benchmarkCard(manifest, personas.length));
  const whole = { ...manifest, outputs };
  await writeFileDurably(`${out}/manifest.json`, `${JSON.stringify(whole, null, 2)}\n`);
  return whole;
}

/** Makes room for a new benchmark; a folder that holds anything else is left alone. */
async function clear(out: string): Promise<void> {
  const ours = /^(?:dev|test|personas\.jsonl|README\.md|manifest\.json)(?:\.tmp)?$/;
  const present = await readdir(out).catch(() => []);
  const foreign = present.find((name) => !ours.test(name));
  if (foreign !== undefined)
    throw new InputError(
      'ERR_NOT_A_BENCHMARK',
      `${out} holds ${foreign}, which is of no benchmark. Choose another --out.`,
      {
        out,
        foreign,
      },
    );
  for (const name of ['manifest.json', ...present]) await rm(`${out}/${name}`, { recursive: true, force: true });
}

function filesOf({ splits }: Benchmark, later: readonly LaterBehaviour[] | undefined) {
  const files = (split: (typeof SPLITS)[number]): Record<string, readonly unknown[]> => {
    const { prompts, history, pairs } = splits[split];
    const inPool = new Set(prompts.filter(({ user }) => user === undefined).map(({ persona }) => persona));
    return {
      'prompts.jsonl': prompts,
      ...(history.length > 0 && { 'history.jsonl': history }),
      ...(pairs.length > 0 && { 'pairs.jsonl': pairs }),
      ...(later && { 'behaviour.jsonl': later.filter(({ persona }) => inPool.has(persona)) }),
    };
  };
  return { dev: files('dev'), test: files('test') };
}
