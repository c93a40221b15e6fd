/**
 * How fast events become interactions: RunWriter, then mergeRuns, on one thread.
 *
 *     npx tsx test/bench/interaction-runs.bench.ts [events in millions = 10] [files = 2]
 *
 * Users and subreddits are drawn with log-uniform ranks (Zipf, exponent 1) from 3 M and 100 k. "net" leaves out the time
 * of drawing the events, measured by drawing them once more into an empty sink.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Random } from '../../src/core/random.js';
import type { RunSet } from '../../src/reddit/run-file.js';
import { mergeRuns } from '../../src/reddit/run-merge.js';
import { RunWriter } from '../../src/reddit/run-writer.js';

const NUM_USERS = 3_000_000;
const NUM_SUBREDDITS = 100_000;
const numEvents = Number(process.argv[2] ?? 10) * 1e6;
const numFiles = Number(process.argv[3] ?? 2);
const names = Array.from({ length: NUM_SUBREDDITS }, (_, i) => `Subreddit_${i.toString(36)}`);

function drawEvents(file: number, sink: Pick<RunWriter, 'add' | 'intern'>): void {
  const random = new Random(1).fork(file);
  const logUsers = Math.log(NUM_USERS);
  const ids = names.map((name) => sink.intern(name));
  const logSubreddits = Math.log(NUM_SUBREDDITS);
  for (let i = 0; i < numEvents / numFiles; i++) {
    const user = Math.floor(Math.exp(random.float() * logUsers));
    const subreddit = Math.floor(Math.exp(random.float() * logSubreddits));
    const utc = 1_700_000_000 + i;
    sink.add(Math.imul(user, 0x9e3779b1) >>> 0, Math.imul(user, 0x85ebca6b) >>> 0, ids[subreddit], 0, 1, 3, utc, utc);
  }
}

function seconds(begin: NodeJS.CpuUsage): { cpu: number; system: number } {
  const used = process.cpuUsage(begin);
  return { cpu: (used.user + used.system) / 1e6, system: used.system / 1e6 };
}

const directory = mkdtempSync(join(tmpdir(), 'interaction-runs-'));
try {
  let checksum = 0;
  const emptySink: Pick<RunWriter, 'add' | 'intern'> = {
    intern: (name) => name.length,
    add(userHi, userLo, subreddit, posts, comments, score, firstUtc, lastUtc) {
      checksum ^= userHi ^ userLo ^ subreddit ^ posts ^ comments ^ score ^ firstUtc ^ lastUtc;
    },
  };
  let begin = process.cpuUsage();
  for (let file = 0; file < numFiles; file++) drawEvents(file, emptySink);
  const drawing = seconds(begin);

  begin = process.cpuUsage();
  const sets: RunSet[] = [];
  for (let file = 0; file < numFiles; file++) {
    const writer = new RunWriter({ directory, name: `file-${file}` });
    drawEvents(file, writer);
    sets.push(await writer.finish());
  }
  const writing = seconds(begin);
  const files = readdirSync(directory).filter((file) => file.endsWith('.run'));
  const bytes = files.reduce((sum, file) => sum + statSync(join(directory, file)).size, 0);
  const rssAfterWriting = process.memoryUsage.rss();

  begin = process.cpuUsage();
  const merge = mergeRuns(sets, { scratchDirectory: directory });
  for (const batch of merge.batches) checksum ^= batch.user.length;
  const merging = seconds(begin);

  const rate = (cpu: number) => (numEvents / cpu / 1e6).toFixed(2);
  const netWriting = writing.cpu - drawing.cpu;
  console.table([
    { phase: 'draw', cpuSeconds: drawing.cpu, ofItSystem: drawing.system, millionEventsPerSecond: rate(drawing.cpu) },
    { phase: 'add, net', cpuSeconds: netWriting, ofItSystem: writing.system, millionEventsPerSecond: rate(netWriting) },
    { phase: 'merge', cpuSeconds: merging.cpu, ofItSystem: merging.system, millionEventsPerSecond: rate(merging.cpu) },
    {
      phase: 'add + merge, net',
      cpuSeconds: netWriting + merging.cpu,
      ofItSystem: writing.system + merging.system,
      millionEventsPerSecond: rate(netWriting + merging.cpu),
    },
  ]);
  console.table({
    'events, millions': numEvents / 1e6,
    runs: files.length,
    'runs, MB': Math.round(bytes / 1e6),
    'interactions, millions': merge.totals.numInteractions / 1e6,
    'users, millions': merge.totals.numUsers / 1e6,
    'RSS after writing, MB': Math.round(rssAfterWriting / 1e6),
    'peak RSS, MB': Math.round(process.resourceUsage().maxRSS / 1e3),
    checksum,
  });
} finally {
  rmSync(directory, { recursive: true });
}
