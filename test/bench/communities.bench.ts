/**
 * Communities of a planted graph: our Leiden beside graphology's Louvain and, where a Python with igraph is at hand,
 * igraph's Leiden and multilevel. Each contender in a process of its own, alternated.
 *
 *     npm run bench -- communities
 *     MINE_PERSONAS_PYTHON=python3 EDGES=5000000 ROUNDS=3 npx tsx test/bench/communities.bench.ts
 *
 * Wanted at 5 million edges: at most 6 CPU s, modularity within 0.0005 of igraph's Leiden, a fifth of graphology's time.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../../src/core/random.js';
import type { Communities } from '../../src/graph/communities.js';
import type { Csr } from '../../src/graph/csr.js';
import { louvainCommunities } from '../../src/graph/graphology.js';
import { leidenCommunities } from '../../src/graph/leiden.js';

const numEdges = Number(process.env['EDGES'] ?? 5_000_000);
const rounds = Number(process.env['ROUNDS'] ?? 3);
const python = process.env['MINE_PERSONAS_PYTHON'];

interface Result {
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly modularity: number;
  readonly communities: number;
  readonly peakMegabytes: number;
}

const OURS: Record<string, (graph: Csr) => Communities> = {
  leiden: (graph) => leidenCommunities(graph, new Random(1)),
  'graphology louvain': (graph) => louvainCommunities(graph, new Random(1)),
};

const [contender, file] = process.argv.slice(2);
if (contender !== undefined) {
  process.stdout.write(JSON.stringify(measure(contender, file)));
} else {
  const folder = mkdtempSync(join(tmpdir(), 'communities-'));
  try {
    const path = join(folder, 'graph');
    writePlanted(path);
    compare(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function compare(path: string): void {
  const names = [...Object.keys(OURS), ...(python ? ['igraph leiden', 'igraph multilevel'] : [])];
  if (!python) console.log('igraph: skipped, MINE_PERSONAS_PYTHON names no Python');
  const results = new Map<string, Result[]>(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const name of names) {
      const script = fileURLToPath(name in OURS ? import.meta.url : new URL('communities.py', import.meta.url));
      const command = name in OURS ? process.execPath : (python as string);
      const args = name in OURS ? ['--max-old-space-size=12000', '--import', 'tsx', script] : [script];
      const out = execFileSync(command, [...args, name, path], { encoding: 'utf8', maxBuffer: 1 << 26 });
      results.get(name)?.push(JSON.parse(out) as Result);
    }
  const best = (name: string) => Math.min(...(results.get(name) ?? []).map(({ cpuSeconds }) => cpuSeconds));
  console.log(`${numEdges} edges, ${rounds} rounds`);
  console.table(
    names.map((name) => {
      const all = results.get(name) ?? [];
      const worst = Math.max(...all.map(({ cpuSeconds }) => cpuSeconds));
      return {
        name,
        'CPU s, best': best(name).toFixed(2),
        worst: worst.toFixed(2),
        'times leiden': (best(name) / best('leiden')).toFixed(2),
        modularity: all[0].modularity.toFixed(5),
        communities: all[0].communities,
        'peak MB': Math.round(Math.max(...all.map(({ peakMegabytes }) => peakMegabytes))),
      };
    }),
  );
}

function measure(name: string, path: string): Result {
  const graph = readGraph(path);
  const wall = performance.now();
  const before = process.cpuUsage();
  const { modularity, numCommunities } = OURS[name](graph);
  const { user, system } = process.cpuUsage(before);
  return {
    cpuSeconds: (user + system) / 1e6,
    wallSeconds: (performance.now() - wall) / 1e3,
    modularity,
    communities: numCommunities,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  };
}

/** Communities of very different sizes, heavy-tailed degrees and weights, a fifth of the ends anywhere. */
function writePlanted(path: string): void {
  const random = new Random(1).fork('planted');
  const numNodes = Math.max(100, Math.round(numEdges / 17));
  const begins: number[] = [0];
  while (begins[begins.length - 1] < numNodes) {
    const size = 20 + Math.floor(20 * random.float() ** -1.2);
    begins.push(Math.min(numNodes, begins[begins.length - 1] + Math.min(size, numNodes >> 4)));
  }
  const communityOf = new Uint32Array(numNodes);
  for (let c = 0; c + 1 < begins.length; c++) communityOf.fill(c, begins[c], begins[c + 1]);
  /** Some members are met far more often than others. */
  const member = (begin: number, end: number) => begin + Math.floor((end - begin) * random.float() ** 2);
  const source = new Uint32Array(numEdges);
  const target = new Uint32Array(numEdges);
  const weight = new Float32Array(numEdges);
  const seen = new Set<number>();
  for (let e = 0; e < numEdges; ) {
    const a = random.below(numNodes);
    const c = communityOf[a];
    const b = random.below(5) > 0 ? member(begins[c], begins[c + 1]) : random.below(numNodes);
    const key = Math.min(a, b) * numNodes + Math.max(a, b);
    if (a === b || seen.has(key)) continue;
    seen.add(key);
    source[e] = a;
    target[e] = b;
    weight[e++] = Math.min(100, (random.float() + 1e-9) ** -0.5);
  }
  writeFileSync(path, Buffer.concat([source, target, weight].map((array) => Buffer.from(array.buffer))));
}

function readGraph(path: string): Csr {
  const { buffer, byteOffset, byteLength } = readFileSync(path);
  const count = byteLength / 12;
  const source = new Uint32Array(buffer, byteOffset, count);
  const target = new Uint32Array(buffer, byteOffset + 4 * count, count);
  const weights = new Float32Array(buffer, byteOffset + 8 * count, count);
  const numNodes = 1 + Math.max(maximum(source), maximum(target));
  const rowPtr = new Uint32Array(numNodes + 1);
  for (const array of [source, target]) for (const v of array) rowPtr[v + 1]++;
  for (let v = 0; v < numNodes; v++) rowPtr[v + 1] += rowPtr[v];
  const next = rowPtr.slice();
  const colIndex = new Uint32Array(2 * count);
  const weight = new Float32Array(2 * count);
  for (let e = 0; e < count; e++)
    for (const [a, b] of [
      [source[e], target[e]],
      [target[e], source[e]],
    ]) {
      colIndex[next[a]] = b;
      weight[next[a]++] = weights[e];
    }
  return { numRows: numNodes, numCols: numNodes, rowPtr, colIndex, weight };
}

function maximum(array: Uint32Array): number {
  return array.reduce((a, b) => Math.max(a, b), 0);
}
