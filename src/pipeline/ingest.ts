import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { TableWriter, writeTable } from '../artifacts/arrow.js';
import { hashFile, hashValue } from '../artifacts/manifest.js';
import { INGESTED_SUBREDDITS, INGESTED_USERS, INTERACTIONS, SNIPPETS } from '../artifacts/tables.js';
import { InputError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { type ExclusionLists, parseNameList } from '../reddit/exclusions.js';
import { type InputFile, isPipe, resolveInputs } from '../reddit/inputs.js';
import { DROP_REASONS } from '../reddit/records.js';
import { mergeRuns, type UserBatch } from '../reddit/run-merge.js';
import { pick, type RunConfig } from './config.js';
import { type ScannedFile, type ScannedFiles, scanFiles } from './scan-files.js';
import { SnippetTable } from './snippet-table.js';
import type { Job, Stage, StageContext, StageSummary } from './stage.js';
import { takeShards } from './take-shards.js';

/** A subreddit counts as over-18 when at least half of its submissions, and at least three, say so. */
const OVER18_SHARE = 0.5;
const OVER18_MIN_SUBMISSIONS = 3;

/** Standard input and pipes cannot be recognised again, so what was read from them is never taken as unchanged. */
const PIPE_ID = `${process.pid}-${process.hrtime.bigint()}`;

/** Raise when the meaning of the output changes, of a scan included. */
const VERSION = 4;

/** The settings that decide what becomes of a line. */
const SCAN_SETTINGS = ['format', 'columns', 'onBadLine', 'includeOver18', 'snippets'] as const;

/** Pseudonyms of people whom the command forget removed from the run: they stay out when the input is read again. */
export const FORGOTTEN_FILE = 'forgotten.txt';

/** Dumps and tables in; who did what where, summed, out. Every input file is scanned on its own and checkpointed. */
export const ingest: Stage = {
  name: 'ingest',
  version: VERSION,
  inputs: [],
  config: (config) => pick(config, ...SCAN_SETTINGS, 'onBadFile', 'botBehaviour'),
  async external(job) {
    const files = await resolveInputs(job.inputs, undefined, job.config.onBadFile === 'skip');
    return { inputs: files.map(identityOf), ...(await listsOf(job)) };
  },
  async run(context) {
    const { config, log } = context;
    const files = await resolveInputs(context.inputs, log, config.onBadFile === 'skip');
    if (config.format === 'shards') return takeShards(context, files);
    const { files: distinct, copies } = await leaveOutCopies(files, log);
    const forgotten = await readFile(`${context.runFolder}/${FORGOTTEN_FILE}`, 'utf8').catch(() => '');
    const exclusions = await readLists(config, parseNameList(forgotten));
    const lists = { ...(await listsOf(context)), ...(forgotten !== '' && { forgotten }) };
    const depends = { version: VERSION, lists, settings: pick(config, ...SCAN_SETTINGS) };
    const result = await scanFiles(
      distinct.map((file) => ({ file, id: hashValue({ ...identityOf(file), depends }).slice(0, 32) })),
      {
        cache: context.cache,
        onBadFile: config.onBadFile,
        scratch: context.scratch,
        threads: config.threads,
        keyWords: context.secrets.key,
        exclusions,
        onBadLine: config.onBadLine,
        format: config.format,
        columns: config.columns,
        snippets: config.snippets,
        log,
        signal: context.signal,
      },
    );
    return mergeScans(context, result, copies);
  },
};

/** What tells one input from another: no folder, because a file that was moved is still the same. */
function identityOf(file: InputFile): Readonly<Record<string, unknown>> {
  const { path, bytes, mtimeMs } = file;
  return isPipe(file) ? { pipe: path, of: PIPE_ID } : { name: basename(path), bytes, mtimeMs };
}

/** Identity of what, beside the file, decides what becomes of a line. */
async function listsOf({ config, secrets }: Pick<Job, 'config' | 'secrets'>): Promise<Record<string, unknown>> {
  return {
    key: secrets.keyFingerprint,
    bots: await listHash(config.bots),
    suppress: await listHash(config.suppress),
    excludeSubreddits: await listHash(config.excludeSubreddits),
    over18Subreddits: await listHash(config.over18Subreddits),
  };
}

/** A month that lies there twice, under two names, would count twice. */
async function leaveOutCopies(
  files: readonly InputFile[],
  log: Log,
): Promise<{ files: InputFile[]; copies: { name: string; of: string }[] }> {
  const kept: InputFile[] = [];
  const copies: { name: string; of: string }[] = [];
  const hashes = new Map<string, string>();
  const hashOf = async (path: string) => {
    const known = hashes.get(path) ?? (await hashFile(path));
    hashes.set(path, known);
    return known;
  };
  for (const file of files) {
    let first: InputFile | undefined;
    for (const other of kept)
      if (file.bytes > 0 && other.bytes === file.bytes && (await hashOf(other.path)) === (await hashOf(file.path)))
        first ??= other;
    if (first === undefined) kept.push(file);
    else {
      copies.push({ name: basename(file.path), of: basename(first.path) });
      log.warn(`${file.path} is a copy of ${first.path} and is left out.`);
    }
  }
  return { files: kept, copies };
}

async function listHash(path: string | undefined): Promise<string | null> {
  if (path === undefined) return null;
  await readList(path); // says what is wrong with it
  return hashFile(path);
}

async function readLists(config: RunConfig, forgotten: readonly string[]): Promise<ExclusionLists> {
  const { bots, suppress, excludeSubreddits, over18Subreddits, includeOver18 } = config;
  return {
    includeOver18,
    ...(bots && { botNames: await readList(bots) }),
    suppressedUsers: [...forgotten, ...(suppress ? await readList(suppress) : [])],
    ...(excludeSubreddits && { excludedSubreddits: await readList(excludeSubreddits) }),
    ...(over18Subreddits && { over18Subreddits: await readList(over18Subreddits) }),
  };
}

async function readList(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((thrown: Error) => {
    throw new InputError(
      'ERR_LIST_UNREADABLE',
      `Cannot read the list ${path}: ${thrown.message}.`,
      { path },
      { cause: thrown },
    );
  });
  return parseNameList(text);
}

/** Merges the runs of all files into the tables of the stage. */
async function mergeScans(
  context: StageContext,
  { scanned, skipped, numReused }: ScannedFiles,
  copies: readonly { name: string; of: string }[],
): Promise<StageSummary> {
  if (numReused > 0) context.log.info(`ingest: ${numReused} of ${scanned.length} files were read before`);
  const { folder, config, signal, log } = context;
  const over18 = config.includeOver18 ? new Set<string>() : findOver18(scanned);
  const merge = mergeRuns(
    scanned.map(({ runSet }) => runSet),
    {
      scratchDirectory: context.scratch,
      dropPrograms: config.botBehaviour === 'drop',
      dropSubreddit: (key) => (over18.has(key) ? 'over-18-subreddit' : undefined),
    },
  );
  const { subreddits, totals } = merge;
  const interactions = new TableWriter(folder, INTERACTIONS);
  const users = new TableWriter(folder, INGESTED_USERS);
  const snippets = config.snippets ? await SnippetTable.open(folder, scanned, subreddits) : undefined;
  let merged = 0;
  let numUsers = 0;
  for (const batch of merge.batches) {
    await new Promise(setImmediate); // the merge reads synchronously: let signals through
    signal.throwIfAborted();
    interactions.append(interactionColumns(batch));
    users.append(userColumns(batch, numUsers));
    snippets?.takeUsers(batch, numUsers);
    numUsers += batch.userHi.length;
    merged += batch.user.length;
    log.progress({ task: 'ingest: merge', done: merged, unit: 'interactions' });
  }
  interactions.close();
  users.close();
  const numSnippets = snippets?.close();
  writeTable(folder, INGESTED_SUBREDDITS, {
    id: Uint32Array.from(subreddits, (_, i) => i),
    name: subreddits.map(({ name }) => name),
  });

  const accounting = { unit: 'rows', read: 0, kept: totals.keptRows, dropped: {} as Record<string, number> };
  for (const { counts } of scanned) accounting.read += counts.read;
  for (const reason of DROP_REASONS) {
    const whileMerging = totals.droppedRows[reason] ?? 0;
    const rows = scanned.reduce((sum, { counts }) => sum + counts.dropped[reason], whileMerging);
    if (rows > 0) accounting.dropped[reason] = rows;
  }

  return {
    rows: {
      [INTERACTIONS.file]: totals.numInteractions,
      [INGESTED_USERS.file]: numUsers,
      [INGESTED_SUBREDDITS.file]: subreddits.length,
      ...(numSnippets !== undefined && { [SNIPPETS.file]: numSnippets }),
    },
    accounting: [accounting],
    counts: {
      users: numUsers,
      subreddits: subreddits.length,
      interactions: totals.numInteractions,
      botsByBehaviour: totals.programs,
      ...(skipped.length > 0 && { skippedFiles: skipped }),
      ...(copies.length > 0 && { copies }),
      decompressedBytes: scanned.reduce((sum, { counts }) => sum + counts.bytes, 0),
      files: scanned.map(({ name, counts }) => ({
        name,
        format: counts.format,
        read: counts.read,
        kept: counts.kept,
        ...(counts.format === 'dump' && { slowLines: counts.slowLines }),
        dropped: Object.fromEntries(Object.entries(counts.dropped).filter(([, rows]) => rows > 0)),
      })),
    },
    notes: [
      ...skipped.map(({ name, code }) => `left out: ${name} (${code})`),
      ...copies.map(({ name, of }) => `left out: ${name}, a copy of ${of}`),
      ...notesOf(scanned, over18.size),
    ],
  };
}

function interactionColumns(batch: UserBatch) {
  const { user, subreddit, posts, comments, score, firstUtc, lastUtc } = batch;
  const i64 = (numbers: Float64Array | Uint32Array) => BigInt64Array.from(numbers as Float64Array, BigInt);
  return { user, subreddit, posts, comments, score: i64(score), first_utc: i64(firstUtc), last_utc: i64(lastUtc) };
}

function userColumns({ userHi, userLo }: UserBatch, firstId: number) {
  const words = new Uint32Array(2 * userHi.length);
  for (let i = 0; i < userHi.length; i++) {
    words[2 * i] = userLo[i]; // little-endian u64
    words[2 * i + 1] = userHi[i];
  }
  return { id: Uint32Array.from(userHi, (_, i) => firstId + i), pseudonym: new BigUint64Array(words.buffer) };
}

/** Subreddits whose own submissions call them over-18, over all files together. */
function findOver18(scanned: readonly ScannedFile[]): Set<string> {
  const totals = new Map<string, { submissions: number; over18: number }>();
  for (const { counts } of scanned)
    for (const [key, { submissions, over18 }] of counts.submissionsBySubreddit) {
      const total = totals.get(key) ?? { submissions: 0, over18: 0 };
      totals.set(key, { submissions: total.submissions + submissions, over18: total.over18 + over18 });
    }
  const found = new Set<string>();
  for (const [key, { submissions, over18 }] of totals)
    if (submissions >= OVER18_MIN_SUBMISSIONS && over18 / submissions >= OVER18_SHARE) found.add(key);
  return found;
}

function notesOf(scanned: readonly ScannedFile[], numOver18: number): string[] {
  const notes: string[] = [];
  const ignored = new Set(scanned.flatMap(({ counts }) => counts.ignoredColumns));
  if (ignored.size > 0) notes.push(`columns not used: ${[...ignored].sort().join(', ')}`);
  if (numOver18 > 0) notes.push(`over-18 subreddits left out because their own submissions say so: ${numOver18}`);
  for (const note of new Set(scanned.flatMap(({ counts }) => counts.note ?? []))) notes.push(note);
  return notes;
}
