import { execFile } from 'node:child_process';
import { access, constants, readFile, statfs, unlink, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { messageOf } from '../core/errors.js';
import { PACKAGE_VERSION } from '../pipeline/package-version.js';
import { formatBytes } from './progress.js';
import type { Shell } from './shell.js';

/** One thing that was looked at. `missing` costs speed or a feature; `bad` stops the program. */
interface Finding {
  readonly what: string;
  readonly state: 'good' | 'missing' | 'bad';
  readonly found: string;
  readonly advice?: string;
}

/** `doctor`: what works on this machine, what is missing, what would be faster. */
export async function doctor(shell: Shell, flags: { readonly out: string; readonly json?: boolean }): Promise<void> {
  const findings: Finding[] = [
    nodeVersion(),
    await processor(),
    await memory(),
    await disk(flags.out),
    await program('zstd', ['--version'], /v(\d+\.\d+\.\d+)/, zstdFallback(), true),
    await program('bzip2', ['--help'], /Version (\d+\.\d+\.\d+)/, 'needed for .bz2 dumps: install bzip2'),
    await program('xz', ['--version'], /(\d+\.\d+\.\d+)/, 'needed for .xz dumps: install xz-utils'),
    await gpu(),
    ...(await engines()),
    await endpoint(shell.environment),
  ];
  if (flags.json) {
    shell.print(JSON.stringify({ version: PACKAGE_VERSION, findings }));
    return;
  }
  for (const { what, state, found, advice } of findings) {
    const mark = state === 'good' ? 'ok     ' : state === 'missing' ? 'missing' : 'BAD    ';
    shell.print(`${mark} ${what.padEnd(12)} ${found}${advice ? `\n${' '.repeat(21)}${advice}` : ''}`);
  }
}

function nodeVersion(): Finding {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const found = `Node ${process.versions.node} on ${process.platform}-${process.arch}`;
  const enough = major > 20 || (major === 20 && minor >= 19);
  return {
    what: 'node',
    state: enough ? 'good' : 'bad',
    found,
    ...(!enough && { advice: 'install Node 20.19 or later' }),
  };
}

async function processor(): Promise<Finding> {
  const info = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const flags = ['avx512f', 'avx2', 'fma'].filter((flag) => new RegExp(`\\b${flag}\\b`).test(info));
  return {
    what: 'processor',
    state: 'good',
    found: `${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}${flags.length ? ` (${flags.join(', ')})` : ''}`,
  };
}

/** Memory of the machine, or of the container where that is less. A dump with a 2 GiB window needs as much to be read. */
async function memory(): Promise<Finding> {
  const limit = Number(await readFile('/sys/fs/cgroup/memory.max', 'utf8').catch(() => 'max'));
  const total = Number.isFinite(limit) ? Math.min(limit, totalmem()) : totalmem();
  const found = `${formatBytes(total)}, ${formatBytes(freemem())} free`;
  return total < 4e9
    ? {
        what: 'memory',
        state: 'missing',
        found,
        advice: 'dumps with a 2 GiB window need about 2.2 GB each while they are read: use --threads 1',
      }
    : { what: 'memory', state: 'good', found };
}

async function disk(out: string): Promise<Finding> {
  try {
    await access(out, constants.W_OK);
    const probe = `${out}/.mine-personas-probe`;
    await writeFile(probe, 'x', { flag: 'wx' });
    await unlink(probe);
    const { bavail, bsize } = await statfs(out);
    const free = bavail * bsize;
    return {
      what: 'disk',
      state: free < 1e9 ? 'missing' : 'good',
      found: `${out} is writable, ${formatBytes(free)} free`,
    };
  } catch (thrown) {
    return {
      what: 'disk',
      state: 'bad',
      found: messageOf(thrown),
      advice: 'name a folder you may write to with --out',
    };
  }
}

/** Asks a program for its version. */
async function program(
  name: string,
  args: string[],
  version: RegExp,
  advice: string,
  faster = false,
): Promise<Finding> {
  try {
    const { stdout, stderr } = await promisify(execFile)(name, args, { timeout: 5000 });
    return { what: name, state: 'good', found: version.exec(stdout + stderr)?.[1] ?? 'found' };
  } catch {
    return {
      what: name,
      state: 'missing',
      found: 'not found',
      advice: faster ? `${advice}; install zstd for speed` : advice,
    };
  }
}

function zstdFallback(): string {
  return 'createZstdDecompress' in zlib
    ? 'the decoder of Node takes its place'
    : 'a decoder in TypeScript takes its place, about ten times slower';
}

async function gpu(): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)(
      'nvidia-smi',
      ['--query-gpu=name,driver_version', '--format=csv,noheader'],
      { timeout: 10_000 },
    );
    return { what: 'gpu', state: 'good', found: stdout.trim() };
  } catch {
    return { what: 'gpu', state: 'missing', found: 'none found; training runs on the processor' };
  }
}

/** Every engine, best first: which one a run takes, and what is missing for the others. */
async function engines(): Promise<Finding[]> {
  const { ENGINES, bestEngine, probeEngine } = await import('../kernels/register.js'); // late: it brings TensorFlow.js
  const { engine: chosen } = bestEngine();
  return ENGINES.map((name): Finding => {
    const engine = probeEngine(name);
    const what = 'engine';
    if (!engine.usable) return { what, state: 'missing', found: `${name} does not run here`, advice: engine.missing };
    const taken = name === chosen ? 'the best that runs here, --device auto takes it' : `--device ${name} takes it`;
    return { what, state: 'good', found: `${name} (${engine.found}): ${taken}` };
  });
}

async function endpoint(environment: NodeJS.ProcessEnv): Promise<Finding> {
  const baseUrl = environment['MINE_PERSONAS_LLM_BASE_URL'];
  const model = environment['MINE_PERSONAS_LLM_MODEL'];
  if (!baseUrl) return { what: 'llm', state: 'good', found: 'template (no server configured; none is needed)' };
  try {
    const key = environment['MINE_PERSONAS_LLM_API_KEY'];
    const response = await fetch(`${baseUrl.replace(/\/$/, '')}/models`, {
      signal: AbortSignal.timeout(5000),
      redirect: 'error',
      ...(key && { headers: { authorization: `Bearer ${key}` } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`it answered ${response.status}`);
    const known = model === undefined || text.includes(JSON.stringify(model));
    return {
      what: 'llm',
      state: known ? 'good' : 'missing',
      found: `${new URL(baseUrl).host} answers${known ? '' : `, but does not list ${model}`}`,
    };
  } catch (thrown) {
    return {
      what: 'llm',
      state: 'bad',
      found: `${baseUrl}: ${messageOf(thrown)}`,
      advice: 'check MINE_PERSONAS_LLM_BASE_URL, or run with --llm template',
    };
  }
}
