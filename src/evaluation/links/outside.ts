import type { BipartiteGraph } from '../../graph/bipartite.js';
import type { LinkCase } from './protocols.js';
import { rowsOf } from './protocols.js';

/** A graph over the subreddits of a model, with the pseudonym of each of its users. */
export interface NamedGraph {
  readonly graph: BipartiteGraph;
  readonly pseudonyms: BigUint64Array; // [users of the graph]
}

export interface JoinedTruth {
  readonly users: Uint32Array; // [N] rows of the given graph
  readonly case: LinkCase; // N rows
  readonly unknown: number; // people with truth and nothing given
}

/**
 * Puts what is given and what is to be predicted together by pseudonym. Truth that is given already is no truth, and
 * people without any left are not asked about.
 */
export function joinTruth(
  given: NamedGraph,
  truth: NamedGraph,
  isRanked: (subreddit: number) => boolean,
  maxUsers: number,
): JoinedTruth {
  const rowOf = new Map(Array.from(given.pseudonyms, (pseudonym, u) => [pseudonym, u]));
  const known = given.graph.userToSubreddit;
  const asked = truth.graph.userToSubreddit;
  const pairs: { given: number; truth: number }[] = [];
  let unknown = 0;
  const keep = new Uint8Array(asked.colIndex.length);
  for (let t = 0; t < truth.pseudonyms.length; t++) {
    const u = rowOf.get(truth.pseudonyms[t]);
    if (u === undefined) {
      unknown++;
      continue;
    }
    const has = new Set(known.colIndex.subarray(known.rowPtr[u], known.rowPtr[u + 1]));
    let numTruths = 0;
    for (let e = asked.rowPtr[t]; e < asked.rowPtr[t + 1]; e++)
      if (!has.has(asked.colIndex[e]) && isRanked(asked.colIndex[e])) {
        keep[e] = 1;
        numTruths++;
      }
    if (numTruths > 0 && pairs.length < maxUsers) pairs.push({ given: u, truth: t });
  }
  const users = Uint32Array.from(pairs, (pair) => pair.given);
  return {
    users,
    unknown,
    case: {
      given: rowsOf(given.graph, [...users], () => true),
      truth: rowsOf(
        truth.graph,
        pairs.map((pair) => pair.truth),
        (e) => keep[e] === 1,
      ).links,
    },
  };
}
