import { IntegrityError } from '../core/errors.js';
import { type Csr, transpose } from './csr.js';

/**
 * The user–subreddit graph in both directions: N users, M subreddits, E edges, F features an edge.
 *
 * Features lie once, in the user-major order of `userToSubreddit`; `edgeIds` finds them from the other side.
 */
export interface BipartiteGraph {
  readonly userToSubreddit: Csr; // [N × M]
  readonly subredditToUser: Csr; // [M × N]
  readonly edgeIds: Uint32Array; // [E] user-major position of each edge of subredditToUser
  readonly edgeFeatures: Float32Array; // [E, F] user-major
  readonly numEdgeFeatures: number; // F
}

/** Both directions of a graph given by user. Keeps `userToSubreddit` and `edgeFeatures` [E, F], copies neither. O(E). */
export function createBipartite(
  userToSubreddit: Csr,
  edgeFeatures: Float32Array,
  numEdgeFeatures: number,
): BipartiteGraph {
  const numEdges = userToSubreddit.colIndex.length;
  if (edgeFeatures.length !== numEdges * numEdgeFeatures) {
    throw new IntegrityError(
      'ERR_EDGE_FEATURES',
      `Edge features hold ${edgeFeatures.length} numbers, expected ${numEdges} edges × ${numEdgeFeatures} features.`,
      { numEdges, numEdgeFeatures, got: edgeFeatures.length },
    );
  }
  const { transposed, edgeIds } = transpose(userToSubreddit);
  return { userToSubreddit, subredditToUser: transposed, edgeIds, edgeFeatures, numEdgeFeatures };
}
