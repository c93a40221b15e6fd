import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertCsr } from '../../src/graph/csr.js';
import { nearestSubreddits, projectSubreddits } from '../../src/graph/projection.js';
import { bipartiteOf, randomBipartite, rowsOf } from './graphs.js';

/** The definition, with sets of users and all pairs. */
function projectNaively(
  rows: number[][],
  numCols: number,
  options: { maxUserDegree: number; minShared: number; topK: number },
) {
  const users = Array.from(
    { length: numCols },
    (_, j) => new Set(rows.flatMap((row, i) => (row.length <= options.maxUserDegree && row.includes(j) ? [i] : []))),
  );
  const pairs = new Map<string, { weight: number; shared: number }>();
  for (let i = 0; i < numCols; i++) {
    const row = users
      .map((other, j) => {
        const shared = [...users[i]].filter((user) => other.has(user)).length;
        return { j, shared, weight: shared / Math.sqrt(users[i].size * other.size) };
      })
      .filter(({ j, shared }) => j !== i && shared >= options.minShared)
      .sort((a, b) => b.weight - a.weight || a.j - b.j)
      .slice(0, options.topK);
    for (const { j, shared, weight } of row) {
      pairs.set(`${i},${j}`, { weight: Math.fround(weight), shared });
      pairs.set(`${j},${i}`, { weight: Math.fround(weight), shared });
    }
  }
  return pairs;
}

const someOptions = fc.record({
  maxUserDegree: fc.constantFrom(3, 300),
  minShared: fc.integer({ min: 1, max: 3 }),
  topK: fc.integer({ min: 0, max: 5 }),
});

describe('projectSubreddits', () => {
  it('agrees with all pairs of sets', async () => {
    await fc.assert(
      fc.asyncProperty(randomBipartite, someOptions, async ({ rows, numCols }, options) => {
        const { graph, shared, numUsersSkipped } = await projectSubreddits(bipartiteOf(rows, numCols), options);
        assertCsr(graph);
        const found = new Map<string, { weight: number; shared: number }>();
        for (let i = 0; i < graph.numRows; i++)
          for (let e = graph.rowPtr[i]; e < graph.rowPtr[i + 1]; e++)
            found.set(`${i},${graph.colIndex[e]}`, { weight: graph.weight[e], shared: shared[e] });
        expect(found).toEqual(projectNaively(rows, numCols, options));
        expect(numUsersSkipped).toBe(rows.filter((row) => row.length > options.maxUserDegree).length);
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  it('does not depend on the order of users', async () => {
    await fc.assert(
      fc.asyncProperty(randomBipartite, async ({ rows, numCols }) => {
        const options = { minShared: 1, topK: 2 };
        const backwards = await projectSubreddits(bipartiteOf([...rows].reverse(), numCols), options);
        expect(backwards).toEqual(await projectSubreddits(bipartiteOf(rows, numCols), options));
      }),
      { seed: 2 },
    );
  });

  it('gives ties to the smaller id', async () => {
    const rows = [
      [0, 1, 2, 3],
      [0, 1, 2, 3],
    ];
    const { graph } = await projectSubreddits(bipartiteOf(rows, 4), { topK: 1 });
    expect(rowsOf(graph)).toEqual([[1, 2, 3], [0], [0], [0]]);
  });

  it('keeps what each subreddit itself picked where it is not to be symmetric', async () => {
    const rows = [
      [0, 1],
      [0, 1],
      [0, 1],
      [0, 2],
      [0, 2],
      [0, 3],
      [0, 3],
    ];
    const { graph, shared } = await nearestSubreddits(bipartiteOf(rows, 4), { topK: 1 });
    expect(rowsOf(graph)).toEqual([[1], [0], [0], [0]]);
    expect([...shared]).toEqual([3, 3, 2, 2]);
    expect(rowsOf((await projectSubreddits(bipartiteOf(rows, 4), { topK: 1 })).graph)).toEqual([
      [1, 2, 3],
      [0],
      [0],
      [0],
    ]);
  });

  it('of more users than asked for, is that of every n-th', async () => {
    await fc.assert(
      fc.asyncProperty(randomBipartite, fc.integer({ min: 1, max: 4 }), async ({ rows, numCols }, maxUsers) => {
        const stride = Math.max(1, Math.ceil(rows.length / maxUsers));
        const some = await projectSubreddits(bipartiteOf(rows, numCols), { minShared: 1, maxUsers });
        const alone = await projectSubreddits(
          bipartiteOf(
            rows.map((row, i) => (i % stride === 0 ? row : [])),
            numCols,
          ),
          { minShared: 1 },
        );
        expect({ ...some, numUsersSkipped: 0 }).toEqual(alone);
        expect(rows.length - some.numUsersSkipped).toBeLessThanOrEqual(maxUsers);
      }),
      { seed: 3 },
    );
  });

  it('takes graphs without edges, one user, and a user above the cap', async () => {
    expect((await projectSubreddits(bipartiteOf([], 0))).graph.colIndex.length).toBe(0);
    expect((await projectSubreddits(bipartiteOf([[0, 1, 2]], 3))).graph.colIndex.length).toBe(0); // one user: nothing shared twice
    const { graph, numUsersSkipped } = await projectSubreddits(bipartiteOf([[0, 1, 2]], 3), {
      minShared: 1,
      maxUserDegree: 2,
    });
    expect(graph.colIndex.length).toBe(0);
    expect(numUsersSkipped).toBe(1);
  });
});
