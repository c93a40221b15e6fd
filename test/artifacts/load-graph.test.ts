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
  readonly weight?: number;
}

/** Writes edges as build-graph does; `sizes` are what its manifest claims. */
function load(edges: readonly Edge[], sizes: { users: number; subreddits: number; edges?: number }) {
  const folder = newFolder();
  const column = (value: (e: Edge, i: number) => number) => Float32Array.from(edges, value);
  writeTable(folder, EDGES, {
    user: Uint32Array.from(edges, (e) => e.user),
    subreddit: Uint32Array.from(edges, (e) => e.subreddit),
    weight: column((e) => e.weight ?? 1),
    log_posts: column((_, i) => 10 * i),
    log_comments: column((_, i) => 10 * i + 1),
    recency: column((_, i) => 10 * i + 2),
    mean_score: column((_, i) => 10 * i + 3),
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
  it('puts edges, weights and features where they belong, users without edges included', async () => {
    const edges = [
      { user: 0, subreddit: 1, weight: 0.5 },
      { user: 0, subreddit: 2, weight: 2 },
      { user: 2, subreddit: 0, weight: 3 },
    ];
    const graph = await load(edges, { users: 4, subreddits: 3 });
    expect(graph.userToSubreddit).toEqual({
      numRows: 4,
      numCols: 3,
      rowPtr: Uint32Array.of(0, 2, 2, 3, 3),
      colIndex: Uint32Array.of(1, 2, 0),
      weight: Float32Array.of(0.5, 2, 3),
    });
    expect([...graph.subredditToUser.colIndex]).toEqual([2, 0, 0]);
    expect([...graph.edgeIds]).toEqual([2, 0, 1]);
    expect(graph.numEdgeFeatures).toBe(4);
    expect([...graph.edgeFeatures]).toEqual([0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]);
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
    ['a weight of zero', [{ user: 0, subreddit: 0, weight: 0 }], { users: 1, subreddits: 1 }],
    ['more edges than the manifest says', two, { users: 2, subreddits: 2, edges: 1 }],
    ['fewer edges than the manifest says', two, { users: 2, subreddits: 2, edges: 3 }],
  ])('refuses %s', async (_, edges, sizes) => {
    await expect(load(edges, sizes)).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_(GRAPH|CSR)$/) });
  });
});
