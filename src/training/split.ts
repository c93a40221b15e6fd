import type { Random } from '../core/random.js';
import type { Adjacency } from '../graph/csr.js';

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
export function holdOut(graph: Adjacency, maxUsers: number, random: Random): Holdout {
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
