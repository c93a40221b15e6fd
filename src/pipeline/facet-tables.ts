import { TableWriter } from '../artifacts/arrow.js';
import { FACET_ATTENTION, FACETS } from '../artifacts/tables.js';
import { splitFacets } from '../clustering/facets.js';
import { centerAndNormalize } from '../clustering/k-means.js';
import { type BipartiteGraph, createBipartite } from '../graph/bipartite.js';
import type { EncodedUsers, encodeUsers } from '../training/inference.js';
import type { Model } from '../training/validation.js';
import { rankAttention } from './rank-attention.js';

/**
 * Writes the facets of users: each user's subreddits are split by their output vectors, and each part is encoded as if it
 * were a user of its own, which gives it a vector and attention in the meaning that users have them.
 */
export class FacetTables {
  private readonly facets: TableWriter<typeof FACETS>;
  private readonly attention: TableWriter<typeof FACET_ATTENTION>;
  private readonly directions: Float32Array; // [S, D] output vectors without what all share, of unit length
  private readonly usersBy: number[]; // users with n + 1 facets

  /** @param states float32 [S, D] of `encodeAllSubreddits` */
  constructor(
    folder: string,
    private readonly graph: BipartiteGraph,
    private readonly model: Model,
    private readonly states: Float32Array,
    private readonly maxFacets: number,
  ) {
    const { dim } = model.encoder.config;
    this.facets = new TableWriter(folder, FACETS, dim);
    this.attention = new TableWriter(folder, FACET_ATTENTION);
    this.directions = model.outTable.slice();
    centerAndNormalize(this.directions, graph.userToSubreddit.numCols, dim);
    this.usersBy = new Array<number>(maxFacets).fill(0);
  }

  /** @param encode `encodeUsers`, handed in because it comes late, with the engine */
  add(encoded: EncodedUsers, encode: typeof encodeUsers): void {
    const { users, links, weight, facet, graph } = this.split(encoded);
    const { encoder, inTable } = this.model;
    const all = Uint32Array.from(users, (_, row) => row);
    for (const part of encode(graph, encoder, inTable, this.states, all)) {
      const [begin] = part.users;
      const end = begin + part.users.length;
      this.facets.append({
        user: users.slice(begin, end),
        facet: facet.slice(begin, end),
        links: links.slice(begin, end),
        weight: weight.slice(begin, end),
        embedding: part.vectors,
      });
      const { user: row, subreddit, attention } = rankAttention(graph.userToSubreddit, part);
      this.attention.append({
        user: row.map((r) => users[r]),
        facet: row.map((r) => facet[r]),
        subreddit,
        attention,
      });
    }
  }

  close() {
    const written = { facets: this.facets.close(), attention: this.attention.close() };
    return {
      rows: { [FACETS.file]: written.facets.rows, [FACET_ATTENTION.file]: written.attention.rows },
      counts: { usersByFacets: this.usersBy },
    };
  }

  /** The facets of some users as the rows of a graph of their own, user after user; users without links have none. */
  private split({ users, rowPtr, attention }: EncodedUsers) {
    const { userToSubreddit, edgeFeatures } = this.graph;
    const { dim } = this.model.encoder.config;
    const rows = { users: [] as number[], facet: [] as number[], links: [] as number[], weight: [] as number[] };
    const edges = new Uint32Array(attention.length);
    let at = 0;
    for (let b = 0; b < users.length; b++) {
      const begin = userToSubreddit.rowPtr[users[b]];
      const own = attention.subarray(rowPtr[b], rowPtr[b + 1]);
      if (own.length === 0) continue;
      const subreddits = userToSubreddit.colIndex.subarray(begin, begin + own.length);
      const facetOf = splitFacets(subreddits, this.directions, dim, own, { maxFacets: this.maxFacets });
      const numFacets = 1 + facetOf.reduce((most, f) => Math.max(most, f), 0);
      this.usersBy[numFacets - 1]++;
      for (let f = 0; f < numFacets; f++) {
        const first = at;
        let weight = 0;
        facetOf.forEach((facet, i) => {
          if (facet !== f) return;
          edges[at++] = begin + i;
          weight += own[i];
        });
        rows.users.push(users[b]);
        rows.facet.push(f);
        rows.links.push(at - first);
        rows.weight.push(weight);
      }
    }
    const rowPtrOfFacets = new Uint32Array(rows.links.length + 1);
    for (let r = 0; r < rows.links.length; r++) rowPtrOfFacets[r + 1] = rowPtrOfFacets[r] + rows.links[r];
    const links = {
      numRows: rows.links.length,
      numCols: userToSubreddit.numCols,
      rowPtr: rowPtrOfFacets,
      colIndex: edges.map((e) => userToSubreddit.colIndex[e]),
    };
    const codes = edgeFeatures.codes.map((column) => Uint8Array.from(edges, (e) => column[e]));
    return {
      users: Uint32Array.from(rows.users),
      facet: Uint32Array.from(rows.facet),
      links: Uint32Array.from(rows.links),
      weight: Float32Array.from(rows.weight),
      graph: createBipartite(links, { ...edgeFeatures, codes }),
    };
  }
}
