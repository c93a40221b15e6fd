import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countDegrees, describeGraph } from '../../src/graph/statistics.js';
import { csrOf, randomBipartite } from './graphs.js';

/** Sizes of components by walking from node to node. */
function componentSizes(rows: number[][], numCols: number): number[] {
  const neighbors = new Map<string, string[]>();
  for (let i = 0; i < rows.length; i++) neighbors.set(`u${i}`, []);
  for (let j = 0; j < numCols; j++) neighbors.set(`r${j}`, []);
  rows.forEach((row, i) => {
    for (const j of row) {
      neighbors.get(`u${i}`)!.push(`r${j}`);
      neighbors.get(`r${j}`)!.push(`u${i}`);
    }
  });
  const seen = new Set<string>();
  const walk = (node: string): number => {
    if (seen.has(node)) return 0;
    seen.add(node);
    return neighbors.get(node)!.reduce((sum, next) => sum + walk(next), 1);
  };
  return [...neighbors.keys()].map(walk).filter((size) => size > 0);
}

describe('describeGraph', () => {
  it('counts components like a walk does', () => {
    fc.assert(
      fc.property(randomBipartite, ({ graph, rows, numCols }) => {
        const sizes = componentSizes(rows, numCols);
        const { numComponents, largestComponent } = describeGraph(graph);
        expect(numComponents).toBe(sizes.length);
        expect(largestComponent.numNodes).toBe(Math.max(0, ...sizes));
      }),
      { seed: 1 },
    );
  });

  it('puts each node into exactly one bin and the Gini index between 0 and 1', () => {
    fc.assert(
      fc.property(randomBipartite, ({ graph, rows }) => {
        const { userDegree } = describeGraph(graph);
        const degrees = rows.map((row) => row.length);
        for (const { begin, end, count } of userDegree.histogram)
          expect(degrees.filter((degree) => degree >= begin && degree < end).length).toBe(count);
        expect(userDegree.histogram.reduce((sum, bin) => sum + bin.count, 0)).toBe(rows.length);

        const total = degrees.reduce((sum, degree) => sum + degree, 0);
        const spread = degrees.flatMap((a) => degrees.map((b) => Math.abs(a - b))).reduce((sum, d) => sum + d, 0);
        const gini = total === 0 ? 0 : spread / (2 * rows.length * total);
        expect(userDegree.gini).toBeCloseTo(gini, 10);
      }),
      { seed: 2 },
    );
  });

  it('names quantiles that occur', () => {
    const rows = Array.from({ length: 100 }, (_, i) => Array.from({ length: i + 1 }, (_, j) => j));
    const { userDegree, density } = describeGraph(csrOf(rows, 100));
    expect(userDegree).toMatchObject({ min: 1, median: 50, mean: 50.5, p90: 90, p99: 99, max: 100 });
    expect(density).toBeCloseTo(0.505);
  });

  it('takes a graph without edges, and none at all', () => {
    expect(describeGraph(csrOf([[], []], 1))).toMatchObject({
      density: 0,
      numComponents: 3,
      userDegree: { max: 0, gini: 0, histogram: [{ begin: 0, end: 1, count: 2 }] },
      largestComponent: { numNodes: 1 },
    });
    expect(describeGraph(csrOf([], 0))).toMatchObject({
      numComponents: 0,
      largestComponent: { numNodes: 0, share: 0 },
      userDegree: { numNodes: 0, histogram: [] },
    });
  });
});

describe('countDegrees', () => {
  it('counts every node once, in ascending degrees, with the share of those at least as large', () => {
    fc.assert(
      fc.property(randomBipartite, ({ graph, rows }) => {
        const counted = countDegrees(graph);
        expect(counted.flatMap(({ degree, nodes }) => Array(nodes).fill(degree))).toEqual(
          rows.map(({ length }) => length).sort((a, b) => a - b),
        );
        for (const { degree, atLeast } of counted)
          expect(atLeast).toBeCloseTo(rows.filter(({ length }) => length >= degree).length / rows.length, 12);
      }),
      { seed: 5 },
    );
  });
});
