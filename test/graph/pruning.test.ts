import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Adjacency, assertAdjacency } from '../../src/graph/csr.js';
import { keepNodes, type PruneOptions, pruneBipartite } from '../../src/graph/pruning.js';
import { csrOf, randomBipartite, rowsOf } from './graphs.js';

/** The definition: drop what is too small, look again, until nothing changes. */
function pruneNaively(rows: number[][], numCols: number, options: Required<PruneOptions>) {
  let users = rows.map((_, i) => i).filter((i) => rows[i].length <= options.maxSubredditsPerUser);
  let subreddits = Array.from({ length: numCols }, (_, j) => j);
  for (;;) {
    const keptUsers = users.filter(
      (i) => rows[i].filter((j) => subreddits.includes(j)).length >= options.minSubredditsPerUser,
    );
    const keptSubreddits = subreddits.filter(
      (j) => keptUsers.filter((i) => rows[i].includes(j)).length >= options.minUsersPerSubreddit,
    );
    const done = keptUsers.length === users.length && keptSubreddits.length === subreddits.length;
    users = keptUsers;
    subreddits = keptSubreddits;
    if (done) return { users, subreddits };
  }
}

/** Prunes a copy; edges carry their number. */
function prune(graph: Adjacency, options: PruneOptions = {}) {
  const pruned = pruneBipartite(graph, options);
  const numbers = Uint8Array.from(graph.colIndex, (_, e) => e);
  const kept = keepNodes({ ...graph, colIndex: graph.colIndex.slice() }, [numbers], pruned);
  return { ...pruned, graph: kept.graph, edgeIds: kept.codes[0] };
}

const plain = ({ numRows, numCols, rowPtr, colIndex }: Adjacency): Adjacency => ({
  numRows,
  numCols,
  rowPtr,
  colIndex,
});

const someOptions = fc.record({
  minSubredditsPerUser: fc.nat(4),
  minUsersPerSubreddit: fc.nat(5),
  maxSubredditsPerUser: fc.constantFrom(3, 5, Infinity),
});

describe('pruneBipartite', () => {
  it('keeps what the naive loop keeps', () => {
    fc.assert(
      fc.property(randomBipartite, someOptions, ({ graph, rows, numCols }, options) => {
        const { userIds, subredditIds } = pruneBipartite(graph, options);
        const naive = pruneNaively(rows, numCols, options);
        expect([...userIds]).toEqual(naive.users);
        expect([...subredditIds]).toEqual(naive.subreddits);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('leads each kept edge back to where it came from, features included', () => {
    fc.assert(
      fc.property(randomBipartite, someOptions, ({ graph, rows }, options) => {
        const pruned = prune(graph, options);
        assertAdjacency(pruned.graph);
        rowsOf(pruned.graph).forEach((row, i) => {
          const there = new Set(rows[pruned.userIds[i]]);
          expect(row.map((j) => pruned.subredditIds[j])).toEqual(
            [...pruned.subredditIds].filter((j) => there.has(j)), // induced: no edge between kept ends is lost
          );
        });
        pruned.edgeIds.forEach((old, e) => {
          expect(pruned.subredditIds[pruned.graph.colIndex[e]]).toBe(graph.colIndex[old]);
        });
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it('accounts for every user, subreddit and edge', () => {
    fc.assert(
      fc.property(randomBipartite, someOptions, ({ graph }, options) => {
        const { counts, edgeIds } = prune(graph, options);
        const lines: Record<string, number>[] = Object.values(counts);
        for (const { read, ...parts } of lines)
          expect(Object.values(parts).reduce((sum, part) => sum + part, 0)).toBe(read);
        expect(counts.edges.kept).toBe(edgeIds.length);
        expect(Math.min(...Object.values(counts.edges))).toBeGreaterThanOrEqual(0);
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it('changes nothing when run on its own result', () => {
    fc.assert(
      fc.property(randomBipartite, someOptions, ({ graph }, options) => {
        const once = prune(graph, { ...options, maxSubredditsPerUser: Infinity });
        const twice = prune(once.graph, { ...options, maxSubredditsPerUser: Infinity });
        expect(twice.graph).toEqual(once.graph);
      }),
      { seed: 4 },
    );
  });

  it('follows an avalanche along a chain to the end', () => {
    const numUsers = 5000; // user i has subreddits i and i + 1: only the ends are too small, then their neighbors …
    const rows = Array.from({ length: numUsers }, (_, i) => [i, i + 1]);
    const { userIds, counts } = prune(csrOf(rows, numUsers + 1), { minUsersPerSubreddit: 2 });
    expect(userIds.length).toBe(0);
    expect(counts.edges).toMatchObject({ read: 10_000, kept: 0 });
  });

  it('takes an empty graph and a star', () => {
    expect(prune(csrOf([], 0)).graph.rowPtr).toEqual(new Uint32Array(1));
    const star = csrOf(
      Array.from({ length: 12 }, () => [0]),
      1,
    );
    expect(prune(star).counts.users).toEqual({ read: 12, kept: 0, aboveMax: 0, belowMin: 12 });
    expect(prune(star, { minSubredditsPerUser: 1 }).graph).toEqual(plain(star));
  });

  it('drops users above the maximum before it counts subreddits', () => {
    const rows = [
      [0, 1, 2, 3],
      [0, 1],
      [0, 1],
      [2, 3],
    ];
    const { userIds, subredditIds, counts } = prune(csrOf(rows, 4), {
      minUsersPerSubreddit: 2,
      maxSubredditsPerUser: 3,
    });
    expect([...userIds]).toEqual([1, 2]);
    expect([...subredditIds]).toEqual([0, 1]);
    expect(counts.edges).toEqual({ read: 10, kept: 4, userAboveMax: 4, userBelowMin: 0, subredditBelowMin: 2 });
  });
});
