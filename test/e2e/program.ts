import { type ChildProcess, execFileSync, type StdioOptions, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DEFAULTS, type DumpManifest, generateDump, monthsOf } from '../../scripts/generate-dump.js';
import { STAGE_NAMES } from '../../src/pipeline/stage.js';
import { temporaryFolders } from '../artifacts/folders.js';
import { hasProgram } from '../reddit/archives.js';

const ROOT = resolve(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'dist/cli/main.js');

/** A key of pseudonyms for tests; secret to nobody. */
export const KEY_FILE = join(ROOT, 'data/sample/key');

/** Why a test of the exhaustive kind is left out; empty where it is asked for. */
export const NOT_SLOW = process.env['MINE_PERSONAS_SLOW'] === '1' ? '' : 'takes minutes: set MINE_PERSONAS_SLOW=1';

/** Settings with which a run over `smallDump` takes a second or two. */
export const SMALL: readonly string[] = (
  '--dim 16 --heads 2 --max-epochs 2 --batch-users 64 --validation-users 40 --clusters 4 --min-users 50 ' +
  `--min-users-per-subreddit 3 --threads 1 --key-file ${KEY_FILE}`
).split(' ');

export const newFolder = temporaryFolders();

/** The home of the user who runs the program in tests, so that nothing is looked for or left in a real one. */
const home = newFolder();

export function smallDump(out: string, months = '2'): Promise<DumpManifest> {
  const level = hasProgram('zstd') ? 3 : null;
  const size = { users: 400, groups: 4, subredditsPerGroup: 8, actionsPerUser: 12, months: monthsOf(months) };
  return generateDump({ ...DEFAULTS, ...size, level, out });
}

/** Compiles the program unless that was done since the last change. Files of tests that start together do it once. */
export function buildProgram(): void {
  const name = createHash('sha256').update(ROOT).digest('hex').slice(0, 12);
  const lock = join(tmpdir(), `mine-personas-build-${name}`);
  while (!isMade(lock)) {
    if (millisecondsSince(lock) > 120_000) rmSync(lock, { recursive: true, force: true }); // its maker was killed
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100); // ms
  }
  try {
    const sources = [...filesBelow(join(ROOT, 'src')), join(ROOT, 'tsconfig.json'), join(ROOT, 'tsconfig.build.json')];
    const changed = Math.max(...sources.map((path) => statSync(path).mtimeMs));
    if (existsSync(MAIN) && statSync(MAIN).mtimeMs >= changed) return;
    const begin = new Date();
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    execFileSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'pipe' });
    utimesSync(MAIN, begin, begin); // what changed while it compiled counts as newer
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

function isMade(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

function millisecondsSince(path: string): number {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats ? Date.now() - stats.mtimeMs : 0;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly stdin?: Buffer | string | 'open'; // 'open': a pipe that nobody writes to or closes
  readonly cwd?: string;
  readonly through?: readonly string[]; // a program and its arguments that start ours, such as strace
}

/** How the program ended and what it said. */
export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  stderr(): string; // so far
}

/** Starts the compiled program with nothing of this process's environment but the path. */
export function start(args: readonly string[], options: RunOptions = {}): Running {
  const { env, stdin, cwd, through = [] } = options;
  const [program, ...rest] = [...through, process.execPath, MAIN, ...args];
  const stdio: StdioOptions = [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'];
  const child = spawn(program, rest, { cwd, stdio, env: { PATH: process.env['PATH'], HOME: home, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin?.on('error', () => {}); // a program that refuses its input closes the pipe
  if (stdin !== undefined && stdin !== 'open') child.stdin?.end(stdin);
  const ended = new Promise<Outcome>((done, fail) => {
    child.once('error', fail);
    child.once('close', (status, signal) => done({ status, signal, stdout, stderr }));
  });
  return { child, ended, stderr: () => stderr };
}

/** Runs the compiled program to its end. */
export function mine(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return start(args, options).ended;
}

/** `mine` where nothing but success is expected. */
export async function mineWell(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const outcome = await mine(args, options);
  if (outcome.status !== 0) throw new Error(`mine-personas ${args.join(' ')} ended with\n${JSON.stringify(outcome)}`);
  return outcome;
}

/** Waits until `isSo`; false where the time is over first. */
export async function waitUntil(isSo: () => boolean, milliseconds = 30_000): Promise<boolean> {
  for (const end = performance.now() + milliseconds; performance.now() < end; ) {
    if (isSo()) return true;
    await new Promise((done) => setTimeout(done, 1));
  }
  return false;
}

export function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/**
 * All that the stages of a run left, by path: the hash of each file, and of manifests all but what may differ between
 * two runs over the same input: times, machine, and when the input files were changed.
 *
 * @param renamed whether the input files had other names, which manifests show too
 */
export function artefacts(run: string, renamed = false): Record<string, string> {
  const found: Record<string, string> = {};
  for (const stage of STAGE_NAMES) {
    const folder = join(run, stage);
    if (!existsSync(folder)) continue;
    for (const file of readdirSync(folder).sort())
      found[`${stage}/${file}`] =
        file === 'manifest.json' ? stableManifest(join(folder, file), renamed) : sha256Of(join(folder, file));
  }
  return found;
}

function stableManifest(path: string, renamed: boolean): string {
  const { timings: _, environment: __, ...manifest } = readManifest(path);
  delete manifest.inputs['files'];
  if (renamed && manifest.stage === 'ingest') {
    delete manifest.fingerprint;
    delete manifest.counts['files'];
  }
  return JSON.stringify(manifest, null, 1); // as text: the order of keys is to be the same too
}

/** A manifest as foreign programs see it. */
export interface RawManifest {
  stage: string;
  fingerprint?: string;
  inputs: Record<string, unknown>;
  counts: Record<string, unknown>;
  accounting: { unit: string; read: number; kept: number; dropped: Record<string, number> }[];
  notes: string[];
  timings: { peakRssBytes: number };
  environment: unknown;
}

export function readManifest(path: string): RawManifest {
  return JSON.parse(readFileSync(path, 'utf8')) as RawManifest;
}

export function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Stages that have finished, in their order. */
export function finishedStages(run: string): string[] {
  return STAGE_NAMES.filter((stage) => existsSync(join(run, stage)));
}
