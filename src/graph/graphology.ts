/**
 * graphology is how people and its algorithms see the graph; the store is CSR. This file is its only importer, and
 * states the part of it that we use.
 *
 * Nodes are keyed `user:<id>` and `subreddit:<id>`, edges `edge:<position>`: graphology's own edge keys carry a random
 * byte per process, which would make two exports of one graph differ.
 *
 * GEXF comes from graphology-gexf. GraphML is written here, because graphology-graphml 0.5 only reads.
 */
import { UndirectedGraph } from 'graphology';
import louvainModule from 'graphology-communities-louvain';
import * as gexf from 'graphology-gexf';
import { InputError, messageOf, ResourceError } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { type BipartiteGraph, gatherFeatures } from './bipartite.js';
import { type Communities, describePartition } from './communities.js';
import type { Adjacency, Csr } from './csr.js';
import type { Projection } from './projection.js';

/** graphology holds 272–321 B an edge and needs 5 s to build a million; a `Map` of its ends at 2^24. */
export const MAX_GRAPHOLOGY_EDGES = 1_000_000;

/** What a node or an edge says about itself in an export. Missing and NaN values are left out. */
export type GraphAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

export interface GraphologyOptions {
  readonly subredditNames: readonly string[]; // [M] labels of subreddits
  readonly edgeFeatureNames?: readonly string[]; // [F] names of the bipartite edge features; default: none written
  readonly edgeWeight?: (edge: number) => number; // of the bipartite graph; default: none written
  /** More about a node, by side and id in the store: its community, its cluster. */
  readonly describeNode?: (kind: 'user' | 'subreddit', id: number) => GraphAttributes;
  /** Only these subreddits, the edges between or at them, and the users they have. Default: everything. */
  readonly subredditIds?: Uint32Array;
  readonly maxEdges?: number; // default MAX_GRAPHOLOGY_EDGES
}

/** The user–subreddit graph, or its part around `subredditIds`, with all its attributes. */
export function toBipartiteGraphology(graph: BipartiteGraph, options: GraphologyOptions): UndirectedGraph {
  const { userToSubreddit, subredditToUser, edgeFeatures } = graph;
  const { rowPtr, colIndex } = userToSubreddit;
  const { edgeFeatureNames = [], edgeWeight, describeNode } = options;
  const subredditIds = options.subredditIds ?? allIds(subredditToUser.numRows);

  let numEdges = 0;
  for (const j of subredditIds) numEdges += subredditToUser.rowPtr[j + 1] - subredditToUser.rowPtr[j];
  assertSize('user–subreddit', numEdges, options.maxEdges);

  const out = new UndirectedGraph();
  addSubreddits(out, subredditIds, subredditToUser, options);
  const chosen = maskOf(subredditIds, subredditToUser.numRows);
  for (let i = 0; i < userToSubreddit.numRows; i++) {
    const key = `user:${i}`;
    const addUser = (): string => out.addNode(key, { kind: 'user', label: key, ...describeNode?.('user', i) });
    if (options.subredditIds === undefined) addUser(); // the whole graph has its users without edges too
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) {
      if (!chosen[colIndex[e]]) continue;
      if (!out.hasNode(key)) addUser();
      const attributes: Record<string, number> = edgeWeight ? { weight: edgeWeight(e) } : {};
      const features = gatherFeatures(edgeFeatures, [e]);
      edgeFeatureNames.forEach((name, f) => {
        attributes[name] = features[f];
      });
      out.addUndirectedEdgeWithKey(`edge:${e}`, key, `subreddit:${colIndex[e]}`, attributes);
    }
  }
  return out;
}

/** The subreddit–subreddit graph, or its part among `subredditIds`; edges carry `weight` (cosine) and `shared`. */
export function toProjectionGraphology(
  projection: Projection,
  subredditToUser: Adjacency,
  options: GraphologyOptions,
): UndirectedGraph {
  const { rowPtr, colIndex, weight } = projection.graph;
  const subredditIds = options.subredditIds ?? allIds(projection.graph.numRows);
  const chosen = maskOf(subredditIds, projection.graph.numRows);
  const edges: [number, number][] = []; // (row, position), each pair once
  for (const i of subredditIds)
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) if (colIndex[e] > i && chosen[colIndex[e]]) edges.push([i, e]);
  assertSize('subreddit–subreddit', edges.length, options.maxEdges);

  const out = new UndirectedGraph();
  addSubreddits(out, subredditIds, subredditToUser, options);
  for (const [i, e] of edges) {
    const attributes = { weight: weight[e], shared: projection.shared[e] };
    out.addUndirectedEdgeWithKey(`edge:${e}`, `subreddit:${i}`, `subreddit:${colIndex[e]}`, attributes);
  }
  return out;
}

function addSubreddits(
  out: UndirectedGraph,
  ids: Uint32Array,
  subredditToUser: Adjacency,
  options: GraphologyOptions,
): void {
  for (const j of ids) {
    const numUsers = subredditToUser.rowPtr[j + 1] - subredditToUser.rowPtr[j];
    const own = { kind: 'subreddit', label: options.subredditNames[j], users: numUsers };
    out.addNode(`subreddit:${j}`, { ...own, ...options.describeNode?.('subreddit', j) });
  }
}

function assertSize(what: string, numEdges: number, maxEdges = MAX_GRAPHOLOGY_EDGES): void {
  if (numEdges <= maxEdges) return;
  throw new InputError(
    'ERR_GRAPH_TOO_LARGE',
    `The ${what} graph asked for has ${numEdges} edges, graphology takes at most ${maxEdges} here. ` +
      'Choose fewer subreddits or communities, or the projection instead of the bipartite graph.',
    { numEdges, maxEdges },
  );
}

/** Which subreddits a person wants to see. */
export type SubredditSelection =
  | { readonly by: 'name'; readonly names: readonly string[] } // case does not matter, `r/` in front is allowed
  | { readonly by: 'community'; readonly communities: readonly number[] }
  | { readonly by: 'top'; readonly count: number }; // most users; ties to the smaller id

/**
 * Ids of the selected subreddits, ascending. Unknown names or communities are an error that lists them.
 *
 * @param numUsers    [M] users of each subreddit
 * @param communities [M] as of `louvainCommunities`; needed only for `by: 'community'`
 */
export function selectSubreddits(
  selection: SubredditSelection,
  numUsers: Uint32Array,
  subredditNames: readonly string[],
  communities: Int32Array = new Int32Array(0),
): Uint32Array {
  if (selection.by === 'top') {
    const ranked = allIds(numUsers.length).sort((a, b) => numUsers[b] - numUsers[a] || a - b);
    return ranked.slice(0, selection.count).sort();
  }
  const [wanted, keyOf] =
    selection.by === 'name'
      ? [selection.names.map(plainName), (j: number) => plainName(subredditNames[j])]
      : [selection.communities, (j: number) => communities[j]];
  const missing = new Set<string | number>(wanted);
  const isWanted = new Set<string | number>(wanted);
  const ids = allIds(numUsers.length).filter((j) => {
    missing.delete(keyOf(j));
    return isWanted.has(keyOf(j));
  });
  if (missing.size === 0) return ids;
  const what = selection.by === 'name' ? 'subreddit' : 'community';
  throw new InputError(
    'ERR_UNKNOWN_SELECTION',
    `No ${what} in this graph matches ${[...missing].join(', ')}. It may have been pruned: see the table of subreddits.`,
    { by: selection.by, missing: [...missing] },
  );
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/^\/?r\//, '');
}

/** What graphology-communities-louvain exports at run time; its declaration says `default`, which CommonJS lacks. */
type Louvain = {
  detailed(
    graph: UndirectedGraph,
    options: { getEdgeWeight: string; resolution: number; rng: () => number },
  ): { communities: Record<string, number> };
};

/**
 * Louvain communities (Blondel et al., 2008) of a symmetric graph, through graphology.
 *
 * graphology draws only where each level starts its round, from `random`: the same seed gives the same communities.
 *
 * @param graph      [M × M] symmetric; the diagonal is ignored
 * @param resolution > 0; above 1 more and smaller communities
 */
export function louvainCommunities(graph: Csr, random: Random, resolution = 1): Communities {
  const view = new UndirectedGraph();
  for (let i = 0; i < graph.numRows; i++) view.addNode(i);
  for (let i = 0; i < graph.numRows; i++)
    for (let e = graph.rowPtr[i]; e < graph.rowPtr[i + 1]; e++)
      if (graph.colIndex[e] > i) view.addUndirectedEdge(i, graph.colIndex[e], { weight: graph.weight[e] });

  const louvain = louvainModule as unknown as Louvain;
  const found = louvain.detailed(view, { getEdgeWeight: 'weight', resolution, rng: () => random.float() });
  return describePartition(
    graph,
    Uint32Array.from({ length: graph.numRows }, (_, i) => found.communities[i]),
    resolution,
  );
}

/** The graph as GEXF 1.2 (Gephi). Deterministic; characters that XML 1.0 forbids become U+FFFD. */
export function exportGexf(graph: UndirectedGraph): string {
  const format = (attributes: GraphAttributes): GraphAttributes => mapStrings(attributes, withoutForbidden);
  return speakOfSize('GEXF', () =>
    gexf.write(graph, {
      formatNode: (_key, { label, ...attributes }) => ({
        label: withoutForbidden(String(label ?? '')),
        attributes: format(attributes),
      }),
      formatEdge: (_key, { weight, ...attributes }) => ({ weight, attributes: format(attributes) }),
    }),
  );
}

/** The graph as GraphML (Gephi, igraph, NetworkX, yEd). Deterministic; characters that XML 1.0 forbids become U+FFFD. */
export function exportGraphml(graph: UndirectedGraph): string {
  const nodeKeys = new GraphmlKeys('node');
  const edgeKeys = new GraphmlKeys('edge');
  graph.forEachNode((_key, attributes) => nodeKeys.learn(attributes));
  graph.forEachEdge((_key, attributes) => edgeKeys.learn(attributes));

  return speakOfSize('GraphML', () => {
    let out = '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n';
    out += nodeKeys.declare() + edgeKeys.declare();
    out += `  <graph edgedefault="${graph.type === 'directed' ? 'directed' : 'undirected'}">\n`;
    graph.forEachNode((key, attributes) => {
      out += `    <node id="${escapeXml(key)}">${nodeKeys.write(attributes)}</node>\n`;
    });
    graph.forEachEdge((key, attributes, source, target) => {
      const ends = `source="${escapeXml(source)}" target="${escapeXml(target)}"`;
      out += `    <edge id="${escapeXml(key)}" ${ends}>${edgeKeys.write(attributes)}</edge>\n`;
    });
    return `${out}  </graph>\n</graphml>\n`;
  });
}

/** The declared attributes of one kind of element: GraphML wants a type for each before the first value. */
class GraphmlKeys {
  private readonly types = new Map<string, 'boolean' | 'long' | 'double' | 'string'>();
  private readonly ids = new Map<string, string>();

  constructor(private readonly element: 'node' | 'edge') {}

  learn(attributes: GraphAttributes): void {
    for (const [name, value] of Object.entries(attributes)) {
      if (isAbsent(value)) continue;
      const type =
        typeof value === 'number'
          ? Number.isInteger(value)
            ? 'long'
            : 'double'
          : typeof value === 'boolean'
            ? 'boolean'
            : 'string';
      const known = this.types.get(name) ?? type;
      const bothNumbers = `${known} ${type}` === 'long double' || `${known} ${type}` === 'double long';
      this.types.set(name, known === type ? type : bothNumbers ? 'double' : 'string');
      if (!this.ids.has(name)) this.ids.set(name, `${this.element}_${this.ids.size}`);
    }
  }

  declare(): string {
    let out = '';
    for (const [name, id] of this.ids)
      out += `  <key id="${id}" for="${this.element}" attr.name="${escapeXml(name)}" attr.type="${this.types.get(name)}"/>\n`;
    return out;
  }

  write(attributes: GraphAttributes): string {
    let out = '';
    for (const [name, value] of Object.entries(attributes))
      if (!isAbsent(value)) out += `<data key="${this.ids.get(name)}">${escapeXml(String(value))}</data>`;
    return out;
  }
}

function isAbsent(value: GraphAttributes[string]): boolean {
  return value === undefined || (typeof value === 'number' && !Number.isFinite(value));
}

function allIds(count: number): Uint32Array {
  return new Uint32Array(count).map((_, id) => id);
}

function maskOf(ids: Uint32Array, count: number): Uint8Array {
  const mask = new Uint8Array(count);
  for (const id of ids) mask[id] = 1;
  return mask;
}

function mapStrings(attributes: GraphAttributes, change: (text: string) => string): GraphAttributes {
  const entries = Object.entries(attributes).filter(([, value]) => !isAbsent(value));
  return Object.fromEntries(entries.map(([name, value]) => [name, typeof value === 'string' ? change(value) : value]));
}

/** XML 1.0 has no way to write most control characters, half surrogates, U+FFFE and U+FFFF, not even escaped. */
function withoutForbidden(text: string): string {
  return text.replace(FORBIDDEN_IN_XML, '\ufffd');
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const FORBIDDEN_IN_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ud800-\udfff\ufffe\uffff]/gu;

const XML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#x9;', // a parser turns plain white space in attributes into spaces, and \r into \n anywhere
  '\n': '&#xA;',
  '\r': '&#xD;',
};

function escapeXml(text: string): string {
  return withoutForbidden(text).replace(/[&<>"\t\n\r]/g, (character) => XML_ESCAPES[character]);
}

/** A JavaScript string ends at about 2^29 characters; V8 says only "Invalid string length". */
function speakOfSize(format: string, write: () => string): string {
  try {
    return write();
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw new ResourceError(
      'ERR_EXPORT_TOO_LARGE',
      `The graph does not fit into one ${format} text (${messageOf(thrown)}). Export a smaller selection.`,
      { format },
      { cause: thrown },
    );
  }
}
