/**
 * From a compressed dump to aggregated pairs: our three scanners beside `zstd -dc >/dev/null`, and beside Python and DuckDB
 * where `MINE_PERSONAS_PYTHON` names a Python that has zstandard and duckdb.
 *
 *     npx tsx scripts/generate-dump.ts --out dump --bytes 4.7GB --months 2024-06..2024-06 --level 9 --wordy
 *     npx tsx test/bench/ingest.bench.ts dump/RC_2024-06.zst [repetitions = 3] [modes = all, comma-separated; cli and wasm always]
 *
 * Each mode runs in a process of its own, in turns. CPU is that of the process and of those it starts, from after its
 * imports on. All modes must agree on counts and sums to the last one. Linux only.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createExclusions } from '../../src/reddit/exclusions.js';
import { mergeRuns } from '../../src/reddit/run-merge.js';
import { RunWriter } from '../../src/reddit/run-writer.js';
import { scanInput } from '../../src/reddit/scan.js';
import type { ScannerKind } from '../../src/reddit/scanner/create-scanner.js';

/** What every reader must find, and what it took. */
interface Result {
  readonly bytes: number; // decompressed
  readonly lines: number;
  readonly kept: number;
  readonly users: number;
  readonly pairs: number;
  readonly score: number; // sum
  readonly utc: number; // sum of the last times of the pairs
  readonly wall: number; // s
  readonly user: number; // CPU s
  readonly system: number;
  readonly peakRss: number; // B, of the process itself
}
const FACTS = ['lines', 'kept', 'users', 'pairs', 'score', 'utc'] as const;

/** CPU seconds of this process's ended children, from the kernel in ticks of 10 ms. */
function childrenCpu(): { user: number; system: number } {
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ');
  return { user: Number(fields[13]) / 100, system: Number(fields[14]) / 100 };
}

/** Reads the file in this process. */
async function measure(path: string, scanner: ScannerKind): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'ingest-bench-'));
  try {
    const wallBegin = performance.now();
    const cpuBegin = process.cpuUsage();
    const childrenBegin = childrenCpu();
    const writer = new RunWriter({ directory, name: 'run' });
    const input = { path, bytes: statSync(path).size, mtimeMs: 0, isStdin: false };
    const keyWords = Uint32Array.of(1, 2, 3, 4);
    const options = { keyWords, exclusions: createExclusions(), onBadLine: 'count', scanner, blocking: true } as const;
    const counts = await scanInput(input, options, writer);
    const merge = mergeRuns([await writer.finish()], { scratchDirectory: directory });
    let [score, utc] = [0, 0];
    for (const batch of merge.batches)
      for (let i = 0; i < batch.user.length; i++) {
        score += batch.score[i];
        utc += batch.lastUtc[i];
      }
    const cpu = process.cpuUsage(cpuBegin);
    const children = childrenCpu();
    return {
      bytes: counts.bytes,
      lines: counts.read,
      kept: counts.kept,
      users: merge.totals.numUsers,
      pairs: merge.totals.numInteractions,
      score,
      utc,
      wall: (performance.now() - wallBegin) / 1e3,
      user: cpu.user / 1e6 + children.user - childrenBegin.user,
      system: cpu.system / 1e6 + children.system - childrenBegin.system,
      peakRss: process.resourceUsage().maxRSS * 1024,
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const RULES = String.raw`
import re, sys, json
NAME = re.compile(r'^[A-Za-z0-9_-]{1,24}$'); SUB = re.compile(r'^(?:(?:t:)?[A-Za-z0-9_]{2,24}|reddit\.com)$', re.I)
BOT = [re.compile(r'^automod', re.I), re.compile(r'-modteam$', re.I), re.compile(r'[_-]bots?[_-]?\d*$', re.I), re.compile(r'[a-z0-9](?:Bot|BOT)\d*$'),
  re.compile(r'[a-z0-9](?<!ro)(?<!tal)(?<!ab)(?<!cha)(?<!^ca)(?<!tur)bots?\d*$', re.I)]
`;

/** The same by Python's zstandard and json, with a dict of pairs. Knows our rules of names, not our list of bots. */
const PYTHON = `${RULES}
import io, time, resource, zstandard
path = sys.argv[1]; t = time.time()
pairs = {}; lines = kept = size = 0
reader = io.BufferedReader(zstandard.ZstdDecompressor(max_window_size=2**31).stream_reader(open(path, 'rb'), read_size=1<<20), 1<<20)
for line in reader:
    size += len(line); lines += 1
    try: r = json.loads(line.decode('latin1'))
    except ValueError: continue
    if type(r) is not dict: continue
    post = 'title' in r or ('url' in r and 'num_comments' in r)
    if not post and not ('body' in r or 'link_id' in r or 'parent_id' in r): continue
    a, s, u, c = r.get('author'), r.get('subreddit'), r.get('created_utc'), r.get('score')
    if type(a) is not str or not NAME.match(a) or type(s) is not str or not SUB.match(s) or s[:2].lower() == 'u_': continue
    if any(b.search(a) for b in BOT) or r.get('over_18') is True: continue
    try: u = int(float(u))
    except (TypeError, ValueError): continue
    kept += 1
    k = (a.lower(), s.lower()); c = c or 0
    p = pairs.get(k)
    if p is None: pairs[k] = [c, u]
    else:
        p[0] += c
        if u > p[1]: p[1] = u
cpu = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps(dict(bytes=size, lines=lines, kept=kept, users=len({k[0] for k in pairs}), pairs=len(pairs), score=sum(p[0] for p in pairs.values()),
  utc=sum(p[1] for p in pairs.values()), wall=time.time()-t, user=cpu.ru_utime, system=cpu.ru_stime, peakRss=cpu.ru_maxrss*1024)))
`;

/**
 * DuckDB on the decompressed lines through a named pipe, since it refuses the window. It leaves out broken lines and makes
 * text of numbers, so its counts are near ours and not the same.
 */
const DUCKDB = `${RULES}
import os, time, resource, subprocess, tempfile, duckdb
path = sys.argv[1]; t = time.time(); d = tempfile.mkdtemp(); f = d + '/lines'; os.mkfifo(f)
z = subprocess.Popen('exec zstd -dcq --long=31 "%s" > %s' % (path, f), shell=True)
db = duckdb.connect(); db.execute("set threads=2; set memory_limit='8GB'; set temp_directory='%s'" % d)
row = db.execute("""
select sum(n)::bigint, count(distinct a), count(*), sum(score)::bigint, sum(utc)::bigint from (
  select lower(author) a, lower(subreddit) s, count(*) n, coalesce(sum(coalesce(try_cast(score as bigint), 0)), 0) score, max(try_cast(try_cast(created_utc as double) as bigint)) utc
  from read_json('%s', format='newline_delimited', ignore_errors=true, maximum_object_size=33554432,
    columns={author: 'varchar', subreddit: 'varchar', created_utc: 'varchar', score: 'varchar'})
  where regexp_matches(author, '^[A-Za-z0-9_-]{1,24}$') and not regexp_matches(author, '(?i)(^automod|-modteam$|[_-]bots?[_-]?[0-9]*$)')
    and not regexp_matches(author, '(?i)[a-z0-9]bots?[0-9]*$') and regexp_matches(subreddit, '(?i)^((t:)?[a-z0-9_]{2,24}|reddit[.]com)$') and not lower(subreddit) like 'u\\_%%' escape '\\'
    and try_cast(created_utc as double) is not null
  group by all)""" % f).fetchone()
z.wait(); own = resource.getrusage(resource.RUSAGE_SELF); sub = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps(dict(bytes=0, lines=0, kept=row[0], users=row[1], pairs=row[2], score=row[3], utc=row[4], wall=time.time()-t,
  user=own.ru_utime+sub.ru_utime, system=own.ru_stime+sub.ru_stime, peakRss=own.ru_maxrss*1024)))
`;

function runMode(mode: string, path: string, python: string | undefined): Result {
  const script = join(tmpdir(), `ingest-bench-${process.pid}.py`);
  const [program, args] =
    mode === 'python' || mode === 'duckdb'
      ? [python as string, [script, path]]
      : mode === 'cli'
        ? ['sh', ['-c', `zstd -dcq --long=31 "$0" > /dev/null`, path]]
        : [process.execPath, ['--import', 'tsx', fileURLToPath(import.meta.url), '--one', mode, path]];
  if (program === python) writeFileSync(script, mode === 'python' ? PYTHON : DUCKDB);
  const begin = childrenCpu();
  const wallBegin = performance.now();
  const { status, stdout } = spawnSync(program, args, { stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 26 });
  const wall = (performance.now() - wallBegin) / 1e3;
  rmSync(script, { force: true });
  if (status !== 0) throw new Error(`${mode} ended with status ${status}`);
  if (mode !== 'cli') return JSON.parse(stdout.toString()) as Result;
  const { user, system } = childrenCpu();
  const none = { bytes: 0, lines: 0, kept: 0, users: 0, pairs: 0, score: 0, utc: 0, peakRss: 0 };
  return { ...none, wall, user: user - begin.user, system: system - begin.system };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function compare(path: string, repetitions: number, modes: readonly string[], python: string | undefined): void {
  const results = new Map<string, Result[]>(modes.map((mode) => [mode, []]));
  for (let i = 0; i < repetitions; i++)
    for (const mode of modes) {
      if (i > 0 && (mode === 'json' || mode === 'python' || mode === 'duckdb')) continue; // minutes: once is enough
      results.get(mode)?.push(runMode(mode, path, python));
      console.error(mode, JSON.stringify(results.get(mode)?.at(-1)));
    }
  const [ours] = results.get('wasm') as Result[];
  for (const [mode, [result]] of results)
    for (const fact of FACTS)
      if (mode !== 'cli' && mode !== 'duckdb' && result[fact] !== ours[fact])
        throw new Error(`${mode} found ${fact} = ${result[fact]}, the wasm scanner ${ours[fact]}`);
  const cli = results.get('cli') as Result[];
  console.table(
    modes.map((mode) => {
      const all = results.get(mode) as Result[];
      const of = (value: (result: Result) => number) => median(all.map(value));
      const cliOf = (value: (result: Result) => number) => median(cli.map(value));
      const cpu = (result: Result) => result.user + result.system;
      const percent = (part: number) => `${Math.round(100 * part)} %`;
      return {
        mode,
        'wall MB/s': Math.round(ours.bytes / of((r) => r.wall) / 1e6),
        'MB per user s': Math.round(ours.bytes / of((r) => r.user) / 1e6),
        'MB per CPU s': Math.round(ours.bytes / of(cpu) / 1e6),
        'wall of cli': percent(cliOf((r) => r.wall) / of((r) => r.wall)),
        'user of cli': percent(cliOf((r) => r.user) / of((r) => r.user)),
        'CPU of cli': percent(cliOf(cpu) / of(cpu)),
        'peak RSS MB': Math.round(of((r) => r.peakRss) / 1e6),
      };
    }),
  );
  console.log(JSON.stringify({ node: process.version, ...ours, wall: undefined, user: undefined, system: undefined }));
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--one') console.log(JSON.stringify(await measure(rest[1], rest[0] as ScannerKind)));
else if (first === undefined) console.log('Name a dump to read; see the head of this file for how to make one.');
else {
  const python = process.env['MINE_PERSONAS_PYTHON'];
  const all = ['cli', 'wasm', 'typescript', 'json', ...(python === undefined ? [] : ['python', 'duckdb'])];
  const modes = rest[1] === undefined ? all : [...new Set(['cli', 'wasm', ...rest[1].split(',')])]; // what others are set against
  compare(first, Number(rest[0] ?? 3), modes, python);
}
