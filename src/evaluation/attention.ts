import type { Random } from '../core/random.js';
import { type BipartiteGraph, createBipartite } from '../graph/bipartite.js';
import { edgeWeight } from '../graph/edge-features.js';
import { encodeUsers } from '../training/inference.js';
import { topIndices } from '../training/ranking.js';
import type { Model } from '../training/validation.js';
import { bootstrapMean, type Interval } from './links/bootstrap.js';
import { rowsOf } from './links/protocols.js';

/** Orders of a user's links, the most telling first. */
export const ORDERS = ['attention', 'tf-idf', 'random'] as const;
export type Order = (typeof ORDERS)[number];

/** Shares of a user's links that are removed (deletion) or alone kept (insertion). */
export const SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;

/** One point of a curve. */
export interface EvidencePoint {
  readonly test: 'deletion' | 'insertion';
  readonly order: Order;
  readonly share: number;
  readonly cosine: Interval; // of what the rest says to what all links say
  readonly linkScore: Interval; // of the subreddits first recommended: change against all links, in nats
}

/** Areas under the two curves of an order, and how they differ from those of attention on the same users. */
export interface EvidenceArea {
  readonly test: 'deletion' | 'insertion';
  readonly order: Order;
  readonly cosine: Paired;
  readonly linkScore: Paired;
}

export interface Paired {
  readonly area: Interval; // mean of the curve over the shares
  readonly minusAttention: Interval;
}

export interface EvidenceTest {
  readonly users: number;
  readonly points: readonly EvidencePoint[];
  readonly areas: readonly EvidenceArea[];
}

/** Subreddits whose scores are followed: those first recommended from all links. */
const FOLLOWED = 20;

/**
 * Deletion and insertion tests of attention as evidence (after Petsiuk et al., "RISE", BMVC 2018): links are removed, or
 * alone kept, in the order of attention, of TF-IDF (weight of the tie times log of users / users of the subreddit) and at
 * random. Good evidence moves the vector much when it goes (a small area under deletion) and little when it alone stays
 * (a large area under insertion).
 *
 * Chance is hard to beat under insertion, and on link scores, and that is no fault of evidence. A user is a mean of its links,
 * of which a random part is an unbiased draw: it errs by noise, which dies out as links are added, and it keeps what most
 * links are like, on which the first recommendations rest. An order by what is special keeps one kind of links and errs by a
 * bias. Cosines of the whole vector are therefore the figure to judge evidence by, link scores what else moved.
 *
 * @param states float32 [S, D] of `encodeAllSubreddits`
 * @param users  with at least ten links each, so that every share removes a link and leaves one
 */
export function testEvidence(
  graph: BipartiteGraph,
  model: Model,
  states: Float32Array,
  users: Uint32Array,
  random: Random,
): EvidenceTest {
  const { dim } = model.encoder.config;
  const full = new Float32Array(users.length * dim);
  const ranked: Record<Order, Uint32Array[]> = { attention: [], 'tf-idf': [], random: [] };
  let at = 0;
  for (const encoded of encodeUsers(graph, model.encoder, model.inTable, states, users)) {
    full.set(encoded.vectors, at * dim);
    for (let i = 0; i < encoded.users.length; i++, at++) {
      const attention = encoded.attention.subarray(encoded.rowPtr[i], encoded.rowPtr[i + 1]);
      const orders = ordersOf(graph, encoded.users[i], attention, random.fork(encoded.users[i]));
      for (const order of ORDERS) ranked[order].push(orders[order]);
    }
  }
  const followed = firstRecommended(graph, model, full, users);

  const points: EvidencePoint[] = [];
  const areas: EvidenceArea[] = [];
  for (const test of ['deletion', 'insertion'] as const) {
    const areaOf = {} as Record<Order, Record<'cosine' | 'linkScore', Float64Array>>;
    for (const order of ORDERS) {
      const area = { cosine: new Float64Array(users.length), linkScore: new Float64Array(users.length) };
      for (const share of SHARES) {
        const kept = ranked[order].map((edges) => {
          const count = Math.round(share * edges.length);
          return test === 'deletion' ? edges.slice(count) : edges.slice(0, count);
        });
        const vectors = encodeRest(graph, model, states, users, kept);
        const cosine = Float64Array.from(users, (_, i) => cosineOf(full, vectors, i, dim));
        const score = Float64Array.from(users, (_, i) =>
          scoreChange(full, vectors, i, followed[i], model.outTable, dim),
        );
        const draws = random.fork('resamples');
        points.push({
          test,
          order,
          share,
          cosine: bootstrapMean(cosine, draws),
          linkScore: bootstrapMean(score, draws),
        });
        for (let i = 0; i < users.length; i++) {
          area.cosine[i] += cosine[i] / SHARES.length;
          area.linkScore[i] += score[i] / SHARES.length;
        }
      }
      areaOf[order] = area;
    }
    const paired = (order: Order, of: 'cosine' | 'linkScore'): Paired => {
      const difference = areaOf[order][of].map((value, i) => value - areaOf.attention[of][i]);
      const draws = random.fork('resamples');
      return { area: bootstrapMean(areaOf[order][of], draws), minusAttention: bootstrapMean(difference, draws) };
    };
    for (const order of ORDERS)
      areas.push({ test, order, cosine: paired(order, 'cosine'), linkScore: paired(order, 'linkScore') });
  }
  return { users: users.length, points, areas };
}

/** Ids of a user's edges in each order; ties to the smaller id. */
function ordersOf(
  { userToSubreddit, subredditToUser, edgeFeatures }: BipartiteGraph,
  user: number,
  attention: Float32Array,
  random: Random,
): Record<Order, Uint32Array> {
  const begin = userToSubreddit.rowPtr[user];
  const edges = Uint32Array.from(attention, (_, i) => begin + i);
  const tfIdf = Float64Array.from(edges, (e) => {
    const s = userToSubreddit.colIndex[e];
    const numUsers = subredditToUser.rowPtr[s + 1] - subredditToUser.rowPtr[s];
    return edgeWeight(edgeFeatures, e) * Math.log(userToSubreddit.numRows / numUsers);
  });
  const by = (value: ArrayLike<number>) => edges.slice().sort((a, b) => value[b - begin] - value[a - begin] || a - b);
  return { attention: by(attention), 'tf-idf': by(tfIdf), random: random.shuffle(edges.slice()) };
}

/** Vectors [N, D] of users from some of their edges. */
function encodeRest(
  graph: BipartiteGraph,
  { encoder, inTable }: Model,
  states: Float32Array,
  users: Uint32Array,
  kept: readonly Uint32Array[],
): Float32Array {
  const isKept = new Set(kept.flatMap((edges) => [...edges]));
  const { links, edgeFeatures } = rowsOf(graph, [...users], (e) => isKept.has(e));
  const rest = createBipartite(links, edgeFeatures);
  const { dim } = encoder.config;
  const vectors = new Float32Array(users.length * dim);
  const rows = Uint32Array.from(users, (_, i) => i);
  for (const encoded of encodeUsers(rest, encoder, inTable, states, rows))
    vectors.set(encoded.vectors, encoded.users[0] * dim);
  return vectors;
}

/** The subreddits that each user would be recommended first, from all links and known ones left out. */
function firstRecommended(
  { userToSubreddit: { rowPtr, colIndex, numCols } }: BipartiteGraph,
  { outTable }: Model,
  vectors: Float32Array,
  users: Uint32Array,
): Uint32Array[] {
  const dim = outTable.length / numCols;
  return Array.from(users, (u, i) => {
    const scores = Float32Array.from({ length: numCols }, (_, s) => dot(vectors, i, outTable, s, dim));
    for (let e = rowPtr[u]; e < rowPtr[u + 1]; e++) scores[colIndex[e]] = -Infinity;
    return Uint32Array.from(topIndices(scores, Math.min(FOLLOWED, numCols - (rowPtr[u + 1] - rowPtr[u]))));
  });
}

function scoreChange(
  full: Float32Array,
  rest: Float32Array,
  i: number,
  followed: Uint32Array,
  outTable: Float32Array,
  dim: number,
): number {
  let change = 0;
  for (const s of followed) change += dot(rest, i, outTable, s, dim) - dot(full, i, outTable, s, dim);
  return followed.length === 0 ? 0 : change / followed.length;
}

function cosineOf(a: Float32Array, b: Float32Array, i: number, dim: number): number {
  const length = Math.sqrt(dot(a, i, a, i, dim) * dot(b, i, b, i, dim));
  return length > 0 ? dot(a, i, b, i, dim) / length : 0;
}

function dot(a: Float32Array, i: number, b: Float32Array, j: number, dim: number): number {
  let sum = 0;
  for (let d = 0; d < dim; d++) sum += a[i * dim + d] * b[j * dim + d];
  return sum;
}
