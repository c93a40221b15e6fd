import type { Random } from '../core/random.js';
import type { Csr } from '../graph/csr.js';

/** Links kept back to validate on. */
export interface Holdout {
  readonly users: Uint32Array; // [V] ascending
  readonly edges: Uint32Array; // [P] positions in the graph, ascending; each belongs to one of the users
}

/** Share of a validation user's links that is hidden. */
const HIDDEN_SHARE = 0.2;
/** A user needs this many links, so that something is hidden and enough is left. */
const MIN_LINKS = 5;

/**
 * Picks at most `maxUsers` users (a tenth of all at the most) and hides a fifth of the links of each.
 */
export function holdOut(graph: Csr, maxUsers: number, random: Random): Holdout {
  const eligible: number[] = [];
  for (let u = 0; u < graph.numRows; u++) if (graph.rowPtr[u + 1] - graph.rowPtr[u] >= MIN_LINKS) eligible.push(u);
  const numUsers = Math.min(maxUsers, Math.floor(graph.numRows / 10), eligible.length);
  const users = Uint32Array.from(random.shuffle(eligible).slice(0, numUsers)).sort();

  const edges: number[] = [];
  for (const u of users) {
    const links = Array.from({ length: graph.rowPtr[u + 1] - graph.rowPtr[u] }, (_, i) => graph.rowPtr[u] + i);
    edges.push(...random.shuffle(links).slice(0, Math.floor(links.length * HIDDEN_SHARE)));
  }
  return { users, edges: Uint32Array.from(edges).sort() };
}

/**
 * The graph without some edges.
 *
 * @param edges positions in `graph`, ascending
 * @returns the smaller graph and, for each edge left, its position in the larger one
 */
export function withoutEdges(graph: Csr, edges: Uint32Array): { graph: Csr; kept: Uint32Array } {
  const numEdges = graph.colIndex.length;
  const kept = new Uint32Array(numEdges - edges.length);
  const rowPtr = new Uint32Array(graph.numRows + 1);
  let at = 0;
  let next = 0;
  for (let u = 0; u < graph.numRows; u++) {
    for (let e = graph.rowPtr[u]; e < graph.rowPtr[u + 1]; e++) {
      if (next < edges.length && edges[next] === e) next++;
      else kept[at++] = e;
    }
    rowPtr[u + 1] = at;
  }
  const colIndex = kept.map((e) => graph.colIndex[e]);
  const weight = Float32Array.from(kept, (e) => graph.weight[e]);
  return { graph: { ...graph, rowPtr, colIndex, weight }, kept };
}
