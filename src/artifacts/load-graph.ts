import { IntegrityError } from '../core/errors.js';
import type { BipartiteGraph } from '../graph/bipartite.js';
import { createBipartite } from '../graph/bipartite.js';
import { assertCsr } from '../graph/csr.js';
import { EDGE_FEATURES, NUM_EDGE_FEATURES } from '../graph/edge-features.js';
import { readBatches } from './arrow.js';
import type { Manifest } from './manifest.js';
import { EDGES, GRAPH_SUBREDDITS, GRAPH_USERS } from './tables.js';

/** The graph that the stage build-graph left in `folder`. Sizes come from its manifest; the content is checked. */
export async function loadGraph(folder: string, manifest: Manifest): Promise<BipartiteGraph> {
  const rowsOf = (file: string) => manifest.outputs[file]?.rows ?? 0;
  const numEdges = rowsOf(EDGES.file);
  const numUsers = rowsOf(GRAPH_USERS.file);
  const rowPtr = new Uint32Array(numUsers + 1);
  const colIndex = new Uint32Array(numEdges);
  const weight = new Float32Array(numEdges);
  const features = new Float32Array(numEdges * NUM_EDGE_FEATURES);
  const fail = (what: string): never => {
    const path = `${folder}/${EDGES.file}`;
    throw new IntegrityError('ERR_GRAPH', `${path}: ${what}. Run build-graph again with --force.`, { path });
  };
  let e = 0;
  let lastUser = 0;
  for await (const batch of readBatches(folder, EDGES)) {
    if (e + batch.user.length > numEdges) fail(`holds more than the ${numEdges} edges of its manifest`);
    colIndex.set(batch.subreddit, e);
    weight.set(batch.weight, e);
    for (let i = 0; i < batch.user.length; i++, e++) {
      const user = batch.user[i];
      if (user < lastUser || user >= numUsers) fail(`edge ${e} of user ${user} is out of order`);
      lastUser = user;
      rowPtr[user + 1]++;
      for (let f = 0; f < NUM_EDGE_FEATURES; f++) features[e * NUM_EDGE_FEATURES + f] = batch[EDGE_FEATURES[f]][i];
    }
  }
  if (e !== numEdges) fail(`holds ${e} edges, not the ${numEdges} of its manifest`);
  for (let u = 0; u < numUsers; u++) rowPtr[u + 1] += rowPtr[u];
  const graph = { numRows: numUsers, numCols: rowsOf(GRAPH_SUBREDDITS.file), rowPtr, colIndex, weight };
  assertCsr(graph);
  return createBipartite(graph, features, NUM_EDGE_FEATURES);
}
