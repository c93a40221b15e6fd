import { readTable } from '../artifacts/arrow.js';
import { loadGraph } from '../artifacts/load-graph.js';
import { readManifest } from '../artifacts/manifest.js';
import { RunDirectory, writeFileDurably } from '../artifacts/run-directory.js';
import { GRAPH_SUBREDDITS, PROJECTION } from '../artifacts/tables.js';
import { InputError, UsageError } from '../core/errors.js';
import { EDGE_FEATURES, edgeWeight } from '../graph/edge-features.js';
import {
  exportGexf,
  exportGraphml,
  type SubredditSelection,
  selectSubreddits,
  toBipartiteGraphology,
  toProjectionGraphology,
} from '../graph/graphology.js';
import type { Projection } from '../graph/projection.js';
import { exportBipartiteParquet, exportProjectionParquet } from './graph-parquet.js';
import type { Shell } from './shell.js';

export interface GraphExportFlags {
  readonly out: string;
  readonly to: string;
  readonly kind: string;
  readonly subreddits?: string;
  readonly communities?: string;
  readonly top?: string;
}

/** `graph export`: a run's graph, or a part of it, for Gephi, igraph, NetworkX, PyTorch Geometric and their like. */
export async function graphExport(shell: Shell, flags: GraphExportFlags): Promise<void> {
  const isParquet = flags.to.endsWith('/');
  const write = flags.to.endsWith('.gexf') ? exportGexf : flags.to.endsWith('.graphml') ? exportGraphml : undefined;
  if (!write && !isParquet)
    throw new UsageError(
      'ERR_USAGE',
      `--to ${flags.to} should end in .gexf or .graphml, or in / for a folder of Parquet tables.`,
      { to: flags.to },
    );
  if (flags.kind !== 'projection' && flags.kind !== 'bipartite')
    throw new UsageError('ERR_USAGE', `--kind is projection or bipartite, got "${flags.kind}".`, { kind: flags.kind });

  const run = await RunDirectory.open(flags.out, { create: false });
  const folder = run.stageFolder('build-graph');
  const manifest = await readManifest(folder);
  if (!manifest)
    throw new InputError(
      'ERR_STAGE_MISSING',
      `${flags.out} has no graph yet. Make one with: mine-personas run INPUT... --until build-graph --out ${flags.out}`,
      { out: flags.out },
    );
  const table = await readTable(folder, GRAPH_SUBREDDITS);
  const { name: subredditNames, users, community } = table;
  const subreddits = selectSubreddits(
    selectionOf(flags, write ? DEFAULT_TOP : subredditNames.length),
    users,
    subredditNames,
    community,
  );
  if (!write) {
    const exportParquet = flags.kind === 'bipartite' ? exportBipartiteParquet : exportProjectionParquet;
    const { nodes, edges } = await exportParquet(folder, flags.to.replace(/\/+$/, ''), subreddits, table);
    shell.log.info(`${flags.to}: ${nodes} nodes, ${edges} edges`);
    return;
  }
  const graph = await loadGraph(folder, manifest);
  const options = {
    subredditNames,
    edgeFeatureNames: EDGE_FEATURES,
    edgeWeight: (edge: number) => edgeWeight(graph.edgeFeatures, edge),
    subredditIds: subreddits,
    describeNode: (kind: 'user' | 'subreddit', id: number) =>
      kind === 'subreddit' ? { community: community[id] } : {},
  };
  const view =
    flags.kind === 'bipartite'
      ? toBipartiteGraphology(graph, options)
      : toProjectionGraphology(await readProjection(folder, subredditNames.length), graph.subredditToUser, options);
  await writeFileDurably(flags.to, write(view));
  shell.log.info(`${flags.to}: ${view.order} nodes, ${view.size} edges`);
}

/** Subreddits that a view holds unless a person says otherwise; Parquet tables hold all. */
const DEFAULT_TOP = 500;

function selectionOf({ subreddits, communities, top = '' }: GraphExportFlags, defaultTop: number): SubredditSelection {
  if (subreddits) return { by: 'name', names: subreddits.split(',') };
  const numbers = (text: string) => {
    const parsed = text.split(',').map(Number);
    if (parsed.some((n) => !Number.isInteger(n) || n < 0))
      throw new UsageError('ERR_USAGE', `Expected whole numbers, got "${text}".`, { text });
    return parsed;
  };
  return communities
    ? { by: 'community', communities: numbers(communities) }
    : { by: 'top', count: top === '' ? defaultTop : numbers(top)[0] };
}

async function readProjection(folder: string, numSubreddits: number): Promise<Projection> {
  const { source, target, cosine, shared_users } = await readTable(folder, PROJECTION);
  const rowPtr = new Uint32Array(numSubreddits + 1);
  for (const s of source) rowPtr[s + 1]++;
  for (let s = 0; s < numSubreddits; s++) rowPtr[s + 1] += rowPtr[s];
  const graph = { numRows: numSubreddits, numCols: numSubreddits, rowPtr, colIndex: target, weight: cosine };
  return { graph, shared: shared_users, numUsersSkipped: 0 };
}
