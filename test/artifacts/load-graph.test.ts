import { describe, expect, it } from 'vitest';
import { writeTable } from '../../src/artifacts/arrow.js';
import { loadGraph } from '../../src/artifacts/load-graph.js';
import type { Manifest } from '../../src/artifacts/manifest.js';
import { EDGES, GRAPH_SUBREDDITS, GRAPH_USERS } from '../../src/artifacts/tables.js';
import { temporaryFolders } from './folders.js';

const newFolder = temporaryFolders();

interface Edge {
  readonly user: number;
  readonly subreddit: number;
}

/** Writes edges as build-graph does; `sizes` are what its manifest claims. */
function load(edges: readonly Edge[], sizes: { users: number; subreddits: number; edges?: number }) {
  const folder = newFolder();
  const codes = (f: number) => Uint8Array.from(edges, (_, e) => 10 * e + f);
  writeTable(folder, EDGES, {
    user: Uint32Array.from(edges, (e) => e.user),
    subreddit: Uint32Array.from(edges, (e) => e.subreddit),
    weight: Float32Array.from(edges, () => 1),
    log_posts: codes(0),
    log_comments: codes(1),
    recency: codes(2),
    mean_score: codes(3),
  });
  const rows = (count: number) => ({ bytes: 0, sha256: '', rows: count });
  const outputs = {
    [EDGES.file]: rows(sizes.edges ?? edges.length),
    [GRAPH_USERS.file]: rows(sizes.users),
    [GRAPH_SUBREDDITS.file]: rows(sizes.subreddits),
  };
  return loadGraph(folder, { outputs } as unknown as Manifest);
}

describe('loadGraph', () => {
  it('puts edges and features where they belong, users without edges included', async () => {
    const edges = [
      { user: 0, subreddit: 1 },
      { user: 0, subreddit: 2 },
      { user: 2, subreddit: 0 },
    ];
    const graph = await load(edges, { users: 4, subreddits: 3 });
    expect(graph.userToSubreddit).toEqual({
      numRows: 4,
      numCols: 3,
      rowPtr: Uint32Array.of(0, 2, 2, 3, 3),
      colIndex: Uint32Array.of(1, 2, 0),
    });
    expect([...graph.subredditToUser.colIndex]).toEqual([2, 0, 0]);
    expect(graph.edgeFeatures.codes.map((column) => [...column])).toEqual([
      [0, 10, 20],
      [1, 11, 21],
      [2, 12, 22],
      [3, 13, 23],
    ]);
  });

  it('takes a graph without edges', async () => {
    const graph = await load([], { users: 2, subreddits: 1 });
    expect([...graph.userToSubreddit.rowPtr]).toEqual([0, 0, 0]);
  });

  const two: Edge[] = [
    { user: 0, subreddit: 0 },
    { user: 1, subreddit: 1 },
  ];
  it.each<[string, Edge[], { users: number; subreddits: number; edges?: number }]>([
    ['users out of order, which would give their edges to others', [two[1], two[0]], { users: 2, subreddits: 2 }],
    ['a user beyond the last', two, { users: 1, subreddits: 2 }],
    ['a subreddit beyond the last', two, { users: 2, subreddits: 1 }],
    ['subreddits out of order', [{ user: 0, subreddit: 1 }, two[0]], { users: 1, subreddits: 2 }],
    ['an edge twice', [two[0], two[0]], { users: 1, subreddits: 1 }],
    ['more edges than the manifest says', two, { users: 2, subreddits: 2, edges: 1 }],
    ['fewer edges than the manifest says', two, { users: 2, subreddits: 2, edges: 3 }],
  ])('refuses %s', async (_, edges, sizes) => {
    await expect(load(edges, sizes)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_(GRAPH|CSR)$/) });
  });
});
