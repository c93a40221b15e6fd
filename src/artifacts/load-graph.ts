import { IntegrityError } from '../core/errors.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import { createBipartite } from '../graph/bipartite.js';
import { assertAdjacency, shared } from '../graph/csr.js';
import { EDGE_FEATURE_VALUES, EDGE_FEATURES, NUM_EDGE_FEATURES } from '../graph/edge-features.js';
import { readBatches } from './arrow.js';
import type { Manifest } from './manifest.js';
import { EDGES, GRAPH_SUBREDDITS, GRAPH_USERS } from './tables.js';

/** The graph that the stage build-graph left in `folder`. Sizes come from its manifest; the content is checked. */
export async function loadGraph(folder: string, manifest: Manifest): Promise<BipartiteGraph> {
  const rowsOf = (file: string) => manifest.outputs[file]?.rows ?? 0;
  const numEdges = rowsOf(EDGES.file);
  const numUsers = rowsOf(GRAPH_USERS.file);
  const rowPtr = shared(Uint32Array, numUsers + 1);
  const colIndex = shared(Uint32Array, numEdges);
  const codes = EDGE_FEATURES.map(() => shared(Uint8Array, numEdges));
  const fail = (what: string): never => {
    const path = `${folder}/${EDGES.file}`;
    throw new IntegrityError('ERR_GRAPH', `${path}: ${what}. Run build-graph again with --force.`, { path });
  };
  let e = 0;
  let lastUser = 0;
  for await (const batch of readBatches(folder, EDGES)) {
    const users = batch.user;
    if (e + users.length > numEdges) fail(`holds more than the ${numEdges} edges of its manifest`);
    colIndex.set(batch.subreddit, e);
    for (let f = 0; f < NUM_EDGE_FEATURES; f++) codes[f].set(batch[EDGE_FEATURES[f]], e);
    for (let i = 0; i < users.length; i++, e++) {
      const user = users[i];
      if (user < lastUser || user >= numUsers) fail(`edge ${e} of user ${user} is out of order`);
      lastUser = user;
      rowPtr[user + 1]++;
    }
  }
  if (e !== numEdges) fail(`holds ${e} edges, not the ${numEdges} of its manifest`);
  for (let u = 0; u < numUsers; u++) rowPtr[u + 1] += rowPtr[u];
  const graph = { numRows: numUsers, numCols: rowsOf(GRAPH_SUBREDDITS.file), rowPtr, colIndex };
  assertAdjacency(graph);
  return createBipartite(graph, { numFeatures: NUM_EDGE_FEATURES, codes, values: EDGE_FEATURE_VALUES });
}
