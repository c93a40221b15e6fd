import { mkdir } from 'node:fs/promises';
import { readBatches } from '../artifacts/arrow.js';
import { ParquetFile } from '../artifacts/parquet.js';
import { writeFileDurably } from '../artifacts/run-directory.js';
import { EDGES, GRAPH_USERS, PROJECTION } from '../artifacts/tables.js';
import { EDGE_FEATURE_VALUES, EDGE_FEATURES } from '../graph/edge-features.js';

/** Subreddits of a run, by their ids in its graph. */
export interface SubredditTable {
  readonly name: readonly string[];
  readonly users: Uint32Array;
  readonly community: Int32Array;
}

const ROWS_PER_GROUP = 1 << 20;

/**
 * Writes a graph, or its part at some subreddits, as Parquet tables for PyTorch Geometric and its like: ids count from 0
 * without gaps, edges are sorted by user, then subreddit. Streams: any size in the memory of a group of rows and one
 * number a user.
 *
 * @param folder of the stage build-graph
 * @returns numbers of nodes and edges
 */
export async function exportBipartiteParquet(
  folder: string,
  to: string,
  chosen: Uint32Array,
  subreddits: SubredditTable,
): Promise<{ nodes: number; edges: number }> {
  await mkdir(to, { recursive: true });
  const localSubreddit = await writeSubreddits(to, chosen, subreddits);
  const edges = new ParquetFile(`${to}/edges.parquet`, [
    { name: 'user', type: 'i32', encoding: 'sorted' },
    { name: 'subreddit', type: 'i32', encoding: 'bytes' },
    ...EDGE_FEATURES.map((name) => ({ name, type: 'f32' as const, encoding: 'code' as const })),
  ]);
  const { ingested_user } = await readColumn(folder);
  const users = new ParquetFile(`${to}/users.parquet`, [
    { name: 'id', type: 'i32', encoding: 'sorted' },
    { name: 'ingested_user', type: 'i32', encoding: 'sorted' },
  ]);
  const group = { user: new Uint32Array(ROWS_PER_GROUP), subreddit: new Uint32Array(ROWS_PER_GROUP), size: 0 };
  const features = EDGE_FEATURES.map(() => new Float32Array(ROWS_PER_GROUP));
  let members: number[] = []; // rows of users.parquet not yet written
  let numUsers = 0;
  let lastUser = -1;
  const flush = (): void => {
    const { size } = group;
    edges.append([group.user.slice(0, size), group.subreddit.slice(0, size), ...features.map((f) => f.slice(0, size))]);
    group.size = 0;
    users.append([Uint32Array.from(members, (_, i) => numUsers - members.length + i), Uint32Array.from(members)]);
    members = [];
  };
  for await (const batch of readBatches(folder, EDGES))
    for (let i = 0; i < batch.user.length; i++) {
      const subreddit = localSubreddit[batch.subreddit[i]];
      if (subreddit === 0) continue;
      if (batch.user[i] !== lastUser) {
        lastUser = batch.user[i];
        numUsers++;
        members.push(ingested_user[lastUser]);
      }
      const at = group.size++;
      group.user[at] = numUsers - 1;
      group.subreddit[at] = subreddit - 1;
      for (let f = 0; f < features.length; f++)
        features[f][at] = EDGE_FEATURE_VALUES[256 * f + batch[EDGE_FEATURES[f]][i]];
      if (group.size === ROWS_PER_GROUP) flush();
    }
  flush();
  edges.close();
  users.close();
  await writeFileDurably(`${to}/README.md`, bipartiteReadme());
  return { nodes: numUsers + chosen.length, edges: edges.rows };
}

/** As `exportBipartiteParquet`, of the subreddit–subreddit projection; both directions of each pair. */
export async function exportProjectionParquet(
  folder: string,
  to: string,
  chosen: Uint32Array,
  subreddits: SubredditTable,
): Promise<{ nodes: number; edges: number }> {
  await mkdir(to, { recursive: true });
  const local = await writeSubreddits(to, chosen, subreddits);
  const pairs = new ParquetFile(`${to}/edges.parquet`, [
    { name: 'source', type: 'i32', encoding: 'sorted' },
    { name: 'target', type: 'i32', encoding: 'bytes' },
    { name: 'cosine', type: 'f32' },
    { name: 'shared_users', type: 'i32' },
  ]);
  for await (const { source, target, cosine, shared_users } of readBatches(folder, PROJECTION)) {
    const kept = Uint32Array.from(source.keys()).filter((i) => local[source[i]] > 0 && local[target[i]] > 0);
    pairs.append([
      kept.map((i) => local[source[i]] - 1),
      kept.map((i) => local[target[i]] - 1),
      Float32Array.from(kept, (i) => cosine[i]),
      kept.map((i) => shared_users[i]),
    ]);
  }
  pairs.close();
  await writeFileDurably(`${to}/README.md`, projectionReadme());
  return { nodes: chosen.length, edges: pairs.rows };
}

/** Writes the chosen subreddits; returns the local id of each subreddit + 1, 0 where it was not chosen. */
async function writeSubreddits(
  to: string,
  chosen: Uint32Array,
  { name, users, community }: SubredditTable,
): Promise<Uint32Array> {
  const local = new Uint32Array(name.length);
  chosen.forEach((s, i) => {
    local[s] = i + 1;
  });
  const file = new ParquetFile(`${to}/subreddits.parquet`, [
    { name: 'id', type: 'i32' },
    { name: 'name', type: 'utf8' },
    { name: 'users', type: 'i32' },
    { name: 'community', type: 'i32' },
  ]);
  file.append([
    Uint32Array.from(chosen, (_, i) => i),
    Array.from(chosen, (s) => name[s]),
    chosen.map((s) => users[s]),
    Int32Array.from(chosen, (s) => community[s]),
  ]);
  file.close();
  return local;
}

async function readColumn(folder: string): Promise<{ ingested_user: Uint32Array }> {
  const parts: Uint32Array[] = [];
  for await (const { ingested_user } of readBatches(folder, GRAPH_USERS)) parts.push(ingested_user.slice());
  const joined = new Uint32Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return { ingested_user: joined };
}

function bipartiteReadme(): string {
  return `# User–subreddit graph

\`users.parquet\` and \`subreddits.parquet\` hold one row per node, in the order of their ids from 0; \`edges.parquet\` one row
per edge, sorted by user, then subreddit. Features: ${EDGE_FEATURES.map((name) => `\`${name}\``).join(', ')}. The weight of a tie is
\`log1p(expm1(log_posts) + expm1(log_comments)) * recency\`. Rows are single people, without names: treat them as such.

With PyTorch Geometric:

\`\`\`python
import pyarrow.parquet as pq, torch
from torch_geometric.data import HeteroData

edges = pq.read_table("edges.parquet").to_pandas()
data = HeteroData()
data["user"].num_nodes = pq.read_metadata("users.parquet").num_rows
data["subreddit"].num_nodes = pq.read_metadata("subreddits.parquet").num_rows
data["user", "visits", "subreddit"].edge_index = torch.from_numpy(edges[["user", "subreddit"]].to_numpy("int64").T.copy())
data["user", "visits", "subreddit"].edge_attr = torch.from_numpy(edges.iloc[:, 2:].to_numpy("float32"))
\`\`\`
`;
}

function projectionReadme(): string {
  return `# Subreddits that share users

\`subreddits.parquet\` holds one row per node, in the order of their ids from 0; \`edges.parquet\` one row per direction of a
pair: cosine of the sets of users, and how many they share.

With PyTorch Geometric:

\`\`\`python
import pyarrow.parquet as pq, torch
from torch_geometric.data import Data

edges = pq.read_table("edges.parquet").to_pandas()
data = Data(
    num_nodes=pq.read_metadata("subreddits.parquet").num_rows,
    edge_index=torch.from_numpy(edges[["source", "target"]].to_numpy("int64").T.copy()),
    edge_weight=torch.from_numpy(edges["cosine"].to_numpy("float32")),
)
\`\`\`
`;
}
