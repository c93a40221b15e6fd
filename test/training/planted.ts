import fc from 'fast-check';
import { Random } from '../../src/core/random.js';
import { type BipartiteGraph, createBipartite } from '../../src/graph/bipartite.js';
import { csrOf, randomBipartite } from '../graph/graphs.js';

/** Users × subreddits with two random features an edge. */
export function bipartiteWithFeatures(
  rows: readonly (readonly number[])[],
  numCols: number,
  seed: number,
): BipartiteGraph {
  const { weight: _, ...graph } = csrOf(rows, numCols);
  const random = new Random(seed).fork('features');
  const values = Float32Array.from({ length: 2 * 256 }, () => random.normal());
  const codes = [0, 1].map(() => Uint8Array.from(graph.colIndex, () => random.below(256)));
  return createBipartite(graph, { numFeatures: 2, codes, values });
}

/**
 * Communities of users who mostly visit the subreddits of their community, and sometimes any other: structure that the
 * popularity of subreddits does not show.
 */
export function plantedGraph(
  numUsers: number,
  numSubreddits: number,
  numCommunities: number,
  seed: number,
): BipartiteGraph {
  const random = new Random(seed).fork('planted');
  const size = numSubreddits / numCommunities;
  const rows = Array.from({ length: numUsers }, (_, u) =>
    Array.from({ length: 4 + random.below(6) }, () =>
      random.below(10) === 0 ? random.below(numSubreddits) : (u % numCommunities) * size + random.below(size),
    ),
  );
  return bipartiteWithFeatures(rows, numSubreddits, seed);
}

/** Any small graph with features, empty users and subreddits among them. */
export const anyGraph = fc
  .tuple(randomBipartite, fc.nat())
  .map(([{ rows, numCols }, seed]) => bipartiteWithFeatures(rows, numCols, seed));

/** Users with at least `min` links. */
export function usersWithLinks({ userToSubreddit: { rowPtr, numRows } }: BipartiteGraph, min: number): Uint32Array {
  return Uint32Array.from(Array.from({ length: numRows }, (_, u) => u).filter((u) => rowPtr[u + 1] - rowPtr[u] >= min));
}

/** Subreddits of a user. */
export function linksOf({ userToSubreddit: { rowPtr, colIndex } }: BipartiteGraph, user: number): number[] {
  return [...colIndex.subarray(rowPtr[user], rowPtr[user + 1])];
}
