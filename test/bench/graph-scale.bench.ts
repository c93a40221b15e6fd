/**
 * From shards of interactions to communities of subreddits, stage by stage: wall, CPU and peak memory.
 *
 *     npm run bench -- graph-scale
 *     USERS=22000000 SUBREDDITS=40000 EDGES=322000000 COMMUNITIES=200 FOLDER=/data npx tsx test/bench/graph-scale.bench.ts
 *
 * Default: a hundredth of that. The full size needs 18 GB of disk in FOLDER, and a quarter of an hour.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBatches, readTable } from '../../src/artifacts/arrow.js';
import { readManifest } from '../../src/artifacts/manifest.js';
import { EDGES, GRAPH_SUBREDDITS } from '../../src/artifacts/tables.js';
import { normalizedMutualInformation } from '../../src/clustering/quality.js';

const size = (name: string, fallback: number) => String(process.env[name] ?? fallback);
const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(process.env['FOLDER'] ?? tmpdir(), 'graph-scale-'));
const shards = join(folder, 'shards');
const run = join(folder, 'run');

try {
  const begin = performance.now();
  const options = [
    ['--users', size('USERS', 220_000)],
    ['--subreddits', size('SUBREDDITS', 4000)],
    ['--edges', size('EDGES', 3_220_000)],
    ['--communities', size('COMMUNITIES', 50)],
  ].flat();
  tsx('scripts/generate-graph.ts', ...options, shards);
  const generating = (performance.now() - begin) / 1e3;
  const key = ['--key-file', join(root, 'data/sample/key')];
  tsx('src/cli/main.ts', 'ingest', shards, '--format', 'shards', '--out', run, ...key);
  tsx('src/cli/main.ts', 'graph', '--out', run, ...key);

  console.log(`generated in ${generating.toFixed(0)} s: ${readFileSync(join(shards, 'truth.json'), 'utf8')}`);
  const rows = [];
  for (const stage of ['ingest', 'build-graph']) {
    const manifest = await readManifest(join(run, stage));
    if (!manifest) throw new Error(`${stage} left no manifest`);
    const { wallSeconds, cpuSeconds, peakRssBytes } = manifest.timings;
    rows.push({
      stage,
      'wall s': wallSeconds.toFixed(1),
      'CPU s': cpuSeconds.toFixed(1),
      'peak GB': (peakRssBytes / 1e9).toFixed(2),
    });
  }
  console.table(rows);
  await describe(join(run, 'build-graph'));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** What came out, beside what was planted. */
async function describe(graph: string): Promise<void> {
  const { community } = await readTable(graph, GRAPH_SUBREDDITS);
  const { community: planted } = await readTable(shards, {
    file: 'truth-subreddits.arrow',
    description: '',
    columns: { community: { type: 'u32', description: '' } },
  } as const);
  const manifest = await readManifest(graph);
  const { projection, communities } = manifest?.counts ?? {};
  let edges = 0;
  for await (const { user } of readBatches(graph, EDGES)) edges += user.length;
  console.log({
    edges,
    bytesAnEdgeOnDisk: (manifest?.outputs[EDGES.file]?.bytes ?? 0) / edges,
    projection,
    communities,
  });
  if (community.length === planted.length)
    console.log(
      'agreement with the planted communities (NMI)',
      normalizedMutualInformation(community, new Int32Array(planted)),
    );
}

function tsx(script: string, ...args: readonly string[]): void {
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', join(root, script), ...args], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new Error(`${script} ended with ${status}`);
}
