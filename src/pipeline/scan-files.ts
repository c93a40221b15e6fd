import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { writeFileDurably } from '../artifacts/run-directory.js';
import * as errors from '../core/errors.js';
import type { Log } from '../core/log.js';
import { filesAtOnce } from '../reddit/decoder-memory.js';
import { createExclusions, type ExclusionLists } from '../reddit/exclusions.js';
import { assertNotEmpty, type InputFile, isPipe } from '../reddit/inputs.js';
import { subredditKey } from '../reddit/records.js';
import type { RunSet } from '../reddit/run-file.js';
import { RunWriter } from '../reddit/run-writer.js';
import { scanInput } from '../reddit/scan.js';
import { type KeptText, SnippetSample } from '../reddit/snippets.js';
import type { ScanCounts, ScanOptions, ScanProgress } from '../reddit/tally.js';

/** A file to scan, under an id that stands for the file and for all that its scan depends on. */
export interface FileToScan {
  readonly file: InputFile;
  readonly id: string;
}

export interface ScanFilesOptions {
  readonly scratch: string; // scans under way: one folder a file
  readonly cache: string; // finished scans, by id
  readonly onBadFile: 'stop' | 'skip';
  readonly threads: number;
  readonly keyWords: Uint32Array;
  readonly exclusions: ExclusionLists;
  readonly onBadLine: 'count' | 'stop';
  readonly format: 'auto' | 'dump' | 'table' | 'arrow' | 'parquet';
  readonly columns: readonly string[];
  readonly snippets: boolean; // whether to keep a sample of texts
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** What one file gave: its sorted runs on disk, and what became of its rows. */
export interface ScannedFile {
  readonly name: string;
  readonly runSet: RunSet;
  readonly counts: ScanCounts;
  readonly snippets: string | undefined; // file of `SnippetLine`s
}

/** A kept text on its way from a scan to the stage's table. */
export interface SnippetLine extends KeptText {
  readonly subreddit: string; // as `subredditKey` gives it
}

/** A file that was left out because it is damaged or no dump. */
export interface SkippedFile {
  readonly name: string;
  readonly code: string;
  readonly problem: string;
}

export interface ScannedFiles {
  readonly scanned: readonly ScannedFile[];
  readonly skipped: readonly SkippedFile[];
  readonly numReused: number; // of `scanned`, from an earlier run
}

/** What a thread needs to scan one file; plain data. */
interface ScanTask
  extends Pick<ScanFilesOptions, 'keyWords' | 'exclusions' | 'onBadLine' | 'format' | 'columns' | 'snippets'> {
  readonly file: InputFile;
  readonly folder: string;
}

/**
 * Scans files, several at a time, as many as the free memory allows. Each finished file is a checkpoint that outlives the
 * stage: a run that was killed scans only those again that were under way, and one with a new file only that. Finished
 * scans of other files are removed. The result does not depend on the number of threads.
 */
export async function scanFiles(files: readonly FileToScan[], options: ScanFilesOptions): Promise<ScannedFiles> {
  const { cache, log } = options;
  const results: (ScannedFile | undefined)[] = new Array(files.length);
  const skipped: SkippedFile[] = [];
  const failures: unknown[] = [];
  let numReused = 0;
  const progress = new ScanProgressSum(files, log);
  const stop = new AbortController(); // one failure ends the other scans
  const signal = AbortSignal.any([options.signal, stop.signal]);
  let next = 0;
  const work = async () => {
    for (let i = next++; i < files.length; i = next++) {
      signal.throwIfAborted();
      const { file, id } = files[i];
      results[i] = await readCheckpoint(`${cache}/${id}`);
      if (results[i]) numReused++;
      else
        try {
          results[i] = await scanFile(file, id, options, signal, (p) => progress.update(i, p));
        } catch (error) {
          if (options.onBadFile === 'stop' || signal.aborted || !isBadFile(error)) throw error;
          failures.push(error);
          const name = nameOf(file);
          skipped.push({ name, code: error.code, problem: error.message.replaceAll(file.path, name) });
          log.warn(`left out: ${error.message}`);
        }
      progress.finish(i);
    }
  };
  const inputs = files.map(({ file }) => file);
  const numWorkers = await filesAtOnce(inputs, Math.max(1, Math.min(options.threads, files.length)));
  const workers = Array.from({ length: numWorkers }, () =>
    work().catch((thrown) => {
      if (!stop.signal.aborted) stop.abort(thrown);
      throw thrown;
    }),
  );
  await Promise.allSettled(workers); // let every scan end before its folder is touched
  if (stop.signal.aborted) throw stop.signal.reason;
  const scanned = results.filter((result) => result !== undefined);
  if (scanned.length === 0) throw failures[0];

  const ids = new Set(files.map(({ id }) => id));
  for (const id of await readdir(cache)) if (!ids.has(id)) await rm(`${cache}/${id}`, { recursive: true, force: true });
  skipped.sort((a, b) => (a.name < b.name ? -1 : 1)); // not in the order in which threads met them
  return { scanned, skipped, numReused };
}

/** Whether the fault is in the file, so that the run could go on without it. */
function isBadFile(error: unknown): error is errors.MinerError {
  if (!(error instanceof errors.IntegrityError || error instanceof errors.InputError)) return false;
  return !['ERR_NO_DECODER', 'ERR_ROW_ACCOUNTING', 'ERR_SCANNER_MISMATCH'].includes(error.code);
}

function nameOf(file: InputFile): string {
  return file.isStdin ? 'standard input' : basename(file.path);
}

async function scanFile(
  file: InputFile,
  id: string,
  options: ScanFilesOptions,
  signal: AbortSignal,
  onProgress: (progress: ScanProgress) => void,
): Promise<ScannedFile> {
  assertNotEmpty(file);
  const folder = `${options.scratch}/${id}`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { keyWords, exclusions, onBadLine, format, columns, snippets } = options;
  const task: ScanTask = { file, folder, keyWords, exclusions, onBadLine, format, columns, snippets };
  const scanned =
    (options.threads > 1 || file.bytes >= THREAD_BYTES) && !file.isStdin && canStartThreads()
      ? await scanInThread(task, signal, onProgress)
      : await scanHere(task, signal, onProgress);
  await assertUnchanged(file);
  await writeCheckpoint(folder, scanned);
  await rename(folder, `${options.cache}/${id}`); // whole or not at all
  return locate(`${options.cache}/${id}`, scanned);
}

/** A file that grew or was replaced while it was read gave neither its old nor its new content. */
async function assertUnchanged(file: InputFile): Promise<void> {
  const { path, bytes, mtimeMs } = file;
  if (isPipe(file)) return;
  const now = await stat(path).catch(() => undefined);
  if (now?.size === bytes && now.mtimeMs === mtimeMs) return;
  const got = now === undefined ? 'is gone' : `has ${now.size} bytes`;
  throw new errors.IntegrityError(
    'ERR_INPUT_CHANGED',
    `${path}: changed while it was read: it had ${bytes} bytes and now ${got}. Wait until it is complete and run the same command again.`,
    { path, bytes },
  );
}

/** The scan in the folder it was moved to. */
function locate(folder: string, scanned: ScannedFile): ScannedFile {
  const there = (path: string) => `${folder}/${basename(path)}`;
  const { runSet, snippets } = scanned;
  return { ...scanned, runSet: { ...runSet, path: there(runSet.path) }, snippets: snippets && there(snippets) };
}

async function scanHere(
  task: ScanTask,
  signal: AbortSignal | undefined,
  onProgress: (progress: ScanProgress) => void,
): Promise<ScannedFile> {
  const { file, folder, keyWords, exclusions, onBadLine, format, columns } = task;
  const options: ScanOptions = {
    keyWords,
    exclusions: createExclusions(exclusions),
    onBadLine,
    format,
    columns: columns.length > 0 ? columns : undefined,
    blocking: !isMainThread, // who waits there holds up nobody
    signal,
    onProgress,
  };
  let writer = new RunWriter({ directory: folder, name: 'runs' });
  let counts: ScanCounts;
  let snippets = task.snippets ? new SnippetSample() : undefined;
  try {
    counts = await scanInput(file, { ...options, snippets }, writer);
  } catch (error) {
    if (!isMismatch(error) || file.isStdin) throw error;
    writer = new RunWriter({ directory: folder, name: 'runs-again' });
    snippets = task.snippets ? new SnippetSample() : undefined;
    counts = await scanInput(file, { ...options, snippets, scanner: 'json' }, writer);
    counts = { ...counts, note: `${error.message} The file was read by JSON.parse alone.` };
  }
  const runSet = await writer.finish();
  const snippetFile = snippets && `${folder}/snippets.ndjson`;
  if (snippets && snippetFile) await writeSnippets(snippetFile, snippets, writer);
  return { name: nameOf(file), runSet, counts, snippets: snippetFile };
}

async function writeSnippets(path: string, sample: SnippetSample, writer: RunWriter): Promise<void> {
  const lines: string[] = [];
  for (const [subreddit, texts] of sample.entries()) {
    const key = subredditKey(writer.nameOf(subreddit));
    for (const { userHi, userLo, createdUtc, text } of texts)
      lines.push(`${JSON.stringify({ subreddit: key, userHi, userLo, createdUtc, text } satisfies SnippetLine)}\n`);
  }
  await writeFileDurably(path, lines.join(''));
}

function isMismatch(error: unknown): error is errors.MinerError {
  return error instanceof errors.MinerError && error.code === 'ERR_SCANNER_MISMATCH';
}

/** From this size on a thread is worth its start even for a single file: reading may wait in it. */
const THREAD_BYTES = 16 * 2 ** 20;

/** Threads need the compiled file; under a test runner that compiles on the fly there is none. */
function canStartThreads(): boolean {
  return import.meta.url.endsWith('.js');
}

type ThreadMessage =
  | { readonly progress: ScanProgress }
  | { readonly scanned: ScannedFile }
  | {
      readonly failed: {
        kind: string;
        code?: `ERR_${string}`;
        message: string;
        fields?: Record<string, unknown>;
        stack?: string;
        systemCode?: string;
      };
    };

function scanInThread(
  task: ScanTask,
  signal: AbortSignal,
  onProgress: (progress: ScanProgress) => void,
): Promise<ScannedFile> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { scanTask: task } });
    const onAbort = () => {
      void worker.terminate();
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    worker.on('message', (message: ThreadMessage) => {
      if ('progress' in message) onProgress(message.progress);
      else if ('scanned' in message) resolve(message.scanned);
      else reject(revive(message.failed));
    });
    worker.on('error', reject);
    worker.on('exit', (code) => {
      signal.removeEventListener('abort', onAbort);
      reject(new Error(`the thread that scanned ${task.file.path} ended with status ${code}`)); // no-op when resolved
    });
  });
}

/** Errors lose their class between threads; this gives it back. */
function revive(failed: Extract<ThreadMessage, { failed: unknown }>['failed']): Error {
  const kinds = errors as unknown as Record<string, new (...args: unknown[]) => Error>;
  const Kind = kinds[failed.kind];
  if (failed.code && Kind) return new Kind(failed.code, failed.message, failed.fields ?? {});
  const error: NodeJS.ErrnoException = new Error(failed.message);
  if (failed.systemCode) error.code = failed.systemCode;
  if (failed.stack) error.stack = failed.stack;
  return error;
}

async function runAsThread(port: NonNullable<typeof parentPort>, task: ScanTask): Promise<void> {
  try {
    const scanned = await scanHere(task, undefined, (progress) =>
      port.postMessage({ progress } satisfies ThreadMessage),
    );
    port.postMessage({ scanned } satisfies ThreadMessage);
  } catch (thrown) {
    const error = thrown as NodeJS.ErrnoException & { code?: string };
    const failed =
      thrown instanceof errors.MinerError
        ? { kind: thrown.name, code: thrown.code, message: thrown.message, fields: { ...thrown.fields } }
        : { kind: 'Error', message: error.message, stack: error.stack ?? '', systemCode: error.code ?? '' };
    port.postMessage({ failed } satisfies ThreadMessage);
  }
}

const task = (workerData as { scanTask?: ScanTask } | null)?.scanTask;
if (!isMainThread && parentPort && task) await runAsThread(parentPort, task);

async function writeCheckpoint(folder: string, scanned: ScannedFile): Promise<void> {
  const { counts } = scanned;
  const content = { ...scanned, counts: { ...counts, submissionsBySubreddit: [...counts.submissionsBySubreddit] } };
  await writeFileDurably(`${folder}/done.json`, JSON.stringify(content));
}

/** The result of an earlier, killed run; our own file, written whole or not at all. */
async function readCheckpoint(folder: string): Promise<ScannedFile | undefined> {
  const text = await readFile(`${folder}/done.json`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const content = JSON.parse(text) as ScannedFile;
  const submissionsBySubreddit = new Map(
    content.counts.submissionsBySubreddit as unknown as [string, { submissions: number; over18: number }][],
  );
  return locate(folder, { ...content, counts: { ...content.counts, submissionsBySubreddit } });
}

/** Adds up the progress of files that are scanned side by side. */
class ScanProgressSum {
  private readonly bytes: Float64Array;
  private readonly rows: Float64Array;
  private readonly total: number;

  constructor(
    private readonly files: readonly FileToScan[],
    private readonly log: Log,
  ) {
    this.bytes = new Float64Array(files.length);
    this.rows = new Float64Array(files.length);
    this.total = files.reduce((sum, { file }) => sum + file.bytes, 0);
  }

  update(i: number, { bytes, read }: ScanProgress): void {
    if (bytes !== undefined) this.bytes[i] = bytes;
    this.rows[i] = read;
    const sum = (numbers: Float64Array) => numbers.reduce((total, n) => total + n, 0);
    const done = sum(this.bytes);
    const rows = sum(this.rows);
    const isKnown = this.total > 0 && done > 0;
    this.log.progress(
      isKnown
        ? {
            task: 'ingest: scan',
            done,
            total: this.total,
            unit: 'B',
            detail: `${Math.round(rows).toLocaleString('en-US')} rows`,
          }
        : { task: 'ingest: scan', done: rows, unit: 'rows' },
    );
  }

  finish(i: number): void {
    this.bytes[i] = this.files[i].file.bytes;
  }
}
