import type { Random } from '../../core/random.js';
import { type BipartiteGraph, createBipartite, type EdgeFeatures } from '../../graph/bipartite.js';
import type { Adjacency } from '../../graph/csr.js';

/** Links of some users that a method may read, with the features of those links. N users, S subreddits, E links. */
export interface GivenLinks {
  readonly links: Adjacency; // [N × S]
  readonly edgeFeatures: EdgeFeatures; // of the E links
}

/** One question to every method: from these links, which others? */
export interface LinkCase {
  readonly given: GivenLinks; // N rows
  readonly truth: Adjacency; // [N × S], every row with at least one link, none of them given
}

/** What a method is fitted on, and what it is asked afterwards. Truth is in neither. */
export interface LinkTask {
  readonly name: string;
  readonly train: BipartiteGraph;
  readonly asked: Uint32Array; // users of `train` that any case is about, ascending
  readonly cases: readonly { readonly name: string; readonly case: LinkCase }[];
}

/** Share of links that the random protocol hides, and the links a user needs for that. */
const HIDDEN_SHARE = 0.2;
const MIN_LINKS = 5;
/** Links of an unseen user that are asked for, at the least. */
const MIN_ASKED = 5;

/**
 * A fifth of the links of every user with at least five links is hidden, drawn at random; methods are fitted on the rest.
 *
 * @param maxUsers users that are asked about; all lose their links, so that fitting never depends on who is asked
 * @param isRanked [S] whether a subreddit is among those ranked; others are never truth
 */
export function randomSplit(
  graph: BipartiteGraph,
  maxUsers: number,
  isRanked: (subreddit: number) => boolean,
  random: Random,
): LinkTask {
  const { userToSubreddit: links } = graph;
  const hidden = new Uint8Array(links.colIndex.length);
  const asked: number[] = [];
  for (let u = 0; u < links.numRows; u++) {
    const edges = edgesOf(links, u);
    if (edges.length < MIN_LINKS) continue;
    const chosen = random.shuffle(edges).slice(0, Math.round(edges.length * HIDDEN_SHARE));
    for (const e of chosen) hidden[e] = 1;
    if (chosen.some((e) => isRanked(links.colIndex[e]))) asked.push(u);
  }
  const train = keepEdges(graph, (e) => hidden[e] === 0);
  const users = random
    .shuffle(asked)
    .slice(0, maxUsers)
    .sort((a, b) => a - b);
  return {
    name: 'random',
    train,
    asked: Uint32Array.from(users),
    cases: [{ name: 'warm', case: hiddenCase(graph, hidden, users, isRanked) }],
  };
}

/**
 * Some users are kept away from fitting altogether; k of their links are given then, the rest is asked for.
 *
 * @param counts   the k; each is asked of the users with at least k + 5 links
 * @param maxUsers users kept away, a tenth of all at the most
 */
export function coldStartSplit(
  graph: BipartiteGraph,
  counts: readonly number[],
  maxUsers: number,
  isRanked: (subreddit: number) => boolean,
  random: Random,
): LinkTask {
  const { userToSubreddit: links } = graph;
  const order = random.shuffle(Uint32Array.from({ length: links.numRows }, (_, u) => u));
  const coldUsers = order.slice(0, Math.min(maxUsers, Math.floor(links.numRows / 10))).sort();
  const isCold = new Uint8Array(links.numRows);
  for (const u of coldUsers) isCold[u] = 1;

  // one order per user for all k: what is given with k = 2 is given with k = 5 as well
  const orderOf = new Map(Array.from(coldUsers, (u) => [u, random.fork('links', u).shuffle(edgesOf(links, u))]));
  const cases = counts.map((k) => {
    const hidden = new Uint8Array(links.colIndex.length);
    const users: number[] = [];
    for (const [u, edges] of orderOf) {
      if (edges.length < k + MIN_ASKED) continue;
      for (const e of edges.slice(k)) hidden[e] = 1;
      if (edges.slice(k).some((e) => isRanked(links.colIndex[e]))) users.push(u);
    }
    return { name: `unseen, ${k} given`, case: hiddenCase(graph, hidden, users, isRanked) };
  });
  const row = rowOfEdge(links);
  return { name: 'cold', train: keepEdges(graph, (e) => isCold[row[e]] === 0), asked: coldUsers, cases };
}

/**
 * The latest fifth of all links is hidden: those whose last action lies at or after a moment. What is left, features
 * included, could be known before it.
 *
 * @param lastUtc [E] seconds; a link without a time (0) counts as old
 * @returns undefined where no link has a time
 */
export function timeSplit(
  graph: BipartiteGraph,
  lastUtc: Float64Array,
  maxUsers: number,
  isRanked: (subreddit: number) => boolean,
  random: Random,
): LinkTask | undefined {
  const times = lastUtc.filter((utc) => utc > 0).sort();
  if (times.length === 0) return undefined;
  const moment = times[Math.floor(times.length * (1 - HIDDEN_SHARE))];
  const hidden = Uint8Array.from(lastUtc, (utc) => (utc >= moment ? 1 : 0));
  const { userToSubreddit: links } = graph;
  const users: number[] = [];
  for (let u = 0; u < links.numRows; u++) {
    const edges = edgesOf(links, u);
    if (edges.some((e) => hidden[e] && isRanked(links.colIndex[e])) && edges.some((e) => !hidden[e])) users.push(u);
  }
  const asked = random
    .shuffle(users)
    .slice(0, maxUsers)
    .sort((a, b) => a - b);
  return {
    name: 'time',
    train: keepEdges(graph, (e) => hidden[e] === 0),
    asked: Uint32Array.from(asked),
    cases: [{ name: 'later', case: hiddenCase(graph, hidden, asked, isRanked) }],
  };
}

/** The graph without the edges that `keep` refuses. Users and subreddits keep their ids. */
export function keepEdges(graph: BipartiteGraph, keep: (e: number) => boolean): BipartiteGraph {
  const users = Array.from({ length: graph.userToSubreddit.numRows }, (_, u) => u);
  const { links, edgeFeatures } = rowsOf(graph, users, keep);
  return createBipartite(links, edgeFeatures);
}

function hiddenCase(
  graph: BipartiteGraph,
  hidden: Uint8Array,
  users: readonly number[],
  isRanked: (subreddit: number) => boolean,
): LinkCase {
  const { colIndex } = graph.userToSubreddit;
  return {
    given: rowsOf(graph, users, (e) => hidden[e] === 0),
    truth: rowsOf(graph, users, (e) => hidden[e] === 1 && isRanked(colIndex[e])).links,
  };
}

/** Some rows of a graph, in the order given, with the edges that `keep` accepts. */
export function rowsOf(graph: BipartiteGraph, users: readonly number[], keep: (e: number) => boolean): GivenLinks {
  const { userToSubreddit: links, edgeFeatures } = graph;
  const rowPtr = new Uint32Array(users.length + 1);
  const edges: number[] = [];
  for (const [i, u] of users.entries()) {
    for (let e = links.rowPtr[u]; e < links.rowPtr[u + 1]; e++) if (keep(e)) edges.push(e);
    rowPtr[i + 1] = edges.length;
  }
  return {
    links: {
      numRows: users.length,
      numCols: links.numCols,
      rowPtr,
      colIndex: Uint32Array.from(edges, (e) => links.colIndex[e]),
    },
    edgeFeatures: {
      ...edgeFeatures,
      codes: edgeFeatures.codes.map((column) => Uint8Array.from(edges, (e) => column[e])),
    },
  };
}

function edgesOf({ rowPtr }: Adjacency, user: number): number[] {
  return Array.from({ length: rowPtr[user + 1] - rowPtr[user] }, (_, i) => rowPtr[user] + i);
}

function rowOfEdge({ numRows, rowPtr, colIndex }: Adjacency): Uint32Array {
  const rows = new Uint32Array(colIndex.length);
  for (let i = 0; i < numRows; i++) rows.fill(i, rowPtr[i], rowPtr[i + 1]);
  return rows;
}
