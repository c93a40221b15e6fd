import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import type { Csr } from '../../src/graph/csr.js';
import { holdOut } from '../../src/training/split.js';
import { csrOf } from '../graph/graphs.js';

/** 12 to 40 users with up to 12 subreddits each. */
const graphs = fc
  .array(fc.array(fc.nat(19), { maxLength: 12 }), { minLength: 12, maxLength: 40 })
  .map((rows) => csrOf(rows, 20));
const degree = (graph: Csr, u: number) => graph.rowPtr[u + 1] - graph.rowPtr[u];

describe('holdOut', () => {
  it('hides a fifth of the links of each of its users, and of nobody else', () => {
    fc.assert(
      fc.property(graphs, fc.nat(10), fc.nat(), (graph, maxUsers, seed) => {
        const { users, edges } = holdOut(graph, maxUsers, new Random(seed));
        const eligible = [...Array(graph.numRows).keys()].filter((u) => degree(graph, u) >= 5);
        expect(users).toHaveLength(Math.min(maxUsers, Math.floor(graph.numRows / 10), eligible.length));
        expect([...users]).toEqual([...new Set(users)].sort((a, b) => a - b));
        expect([...edges]).toEqual([...new Set(edges)].sort((a, b) => a - b));
        let total = 0;
        for (const u of users) {
          expect(eligible).toContain(u);
          const hidden = edges.filter((e) => e >= graph.rowPtr[u] && e < graph.rowPtr[u + 1]);
          expect(hidden).toHaveLength(Math.floor(degree(graph, u) / 5));
          expect(hidden.length).toBeGreaterThanOrEqual(1);
          total += hidden.length;
        }
        expect(edges).toHaveLength(total);
      }),
      { seed: 1 },
    );
  });

  it('depends on its seed alone', () => {
    const [graph] = fc.sample(graphs, { seed: 2, numRuns: 1 });
    expect(holdOut(graph, 4, new Random(1))).toEqual(holdOut(graph, 4, new Random(1)));
  });

  it('finds nobody in a graph that is empty, small or sparse', () => {
    for (const graph of [
      csrOf([], 3),
      csrOf([[0, 1, 2, 3, 4]], 5),
      csrOf(
        Array.from({ length: 30 }, () => [0, 1, 2, 3]),
        4,
      ),
    ])
      expect(holdOut(graph, 100, new Random(1))).toEqual({ users: new Uint32Array(0), edges: new Uint32Array(0) });
  });
});
