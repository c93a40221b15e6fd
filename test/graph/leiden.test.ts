import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { modularityOf } from '../../src/graph/communities.js';
import { type Csr, transposeWeighted } from '../../src/graph/csr.js';
import { louvainCommunities } from '../../src/graph/graphology.js';
import { leidenCommunities } from '../../src/graph/leiden.js';
import { csrOf } from './graphs.js';

/** A symmetric graph from pairs; weights are drawn, the same both ways. Pairs of a node with itself fall away. */
function symmetric(pairs: readonly (readonly [number, number])[], numNodes: number, seed = 1): Csr {
  const rows = Array.from({ length: numNodes }, () => [] as number[]);
  for (const [a, b] of pairs)
    if (a !== b) {
      rows[a].push(b);
      rows[b].push(a);
    }
  const { rowPtr, colIndex, ...graph } = csrOf(rows, numNodes);
  const weight = new Float32Array(colIndex.length);
  for (let v = 0; v < numNodes; v++)
    for (let e = rowPtr[v]; e < rowPtr[v + 1]; e++) {
      const [low, high] = [Math.min(v, colIndex[e]), Math.max(v, colIndex[e])];
      weight[e] = 0.5 + new Random(seed).fork(low, high).float();
    }
  return { ...graph, rowPtr, colIndex, weight };
}

const anySymmetric = fc
  .integer({ min: 1, max: 24 })
  .chain((n) =>
    fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { maxLength: 80 }).map((pairs) => symmetric(pairs, n)),
  );

/** Blocks that know each other well, in a ring. */
function ring(numBlocks: number, size: number, seed: number): Csr {
  const random = new Random(seed);
  const pairs: [number, number][] = [];
  for (let b = 0; b < numBlocks; b++) {
    for (let i = 0; i < size; i++)
      for (let j = 0; j < i; j++) if (random.float() < 0.6) pairs.push([b * size + i, b * size + j]);
    pairs.push([b * size, ((b + 1) % numBlocks) * size + 1]);
  }
  return symmetric(pairs, numBlocks * size, seed);
}

const leiden = (graph: Csr, seed = 1, resolution = 1) => leidenCommunities(graph, new Random(seed), { resolution });

describe('leidenCommunities', () => {
  it('finds planted blocks', () => {
    const { community, numCommunities } = leiden(ring(12, 15, 1));
    expect(numCommunities).toBe(12);
    for (let v = 0; v < 12 * 15; v++) expect(community[v]).toBe(community[v - (v % 15)]);
  });

  it('leaves nothing that moving one node, or merging two communities, would improve', () => {
    fc.assert(
      fc.property(anySymmetric, fc.constantFrom(0.5, 1, 2), (graph, resolution) => {
        const { community, modularity, numCommunities } = leiden(graph, 1, resolution);
        expect(modularityOf(graph, community, resolution)).toBeCloseTo(modularity, 9);
        for (let v = 0; v < graph.numRows; v++)
          for (let c = 0; c < numCommunities; c++) {
            const other = community.slice();
            other[v] = c;
            expect(modularityOf(graph, other, resolution)).toBeLessThan(modularity + 1e-6);
          }
        for (let a = 0; a < numCommunities; a++)
          for (let b = 0; b < a; b++)
            expect(
              modularityOf(
                graph,
                community.map((c) => (c === a ? b : c)),
                resolution,
              ),
            ).toBeLessThan(modularity + 1e-6);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('makes communities that are connected', () => {
    fc.assert(
      fc.property(anySymmetric, ({ numRows, rowPtr, colIndex, ...rest }) => {
        const { community } = leiden({ numRows, rowPtr, colIndex, ...rest });
        const seen = new Set<number>();
        const started = new Set<number>();
        for (let v = 0; v < numRows; v++) {
          if (seen.has(v)) continue;
          expect(started.has(community[v])).toBe(false); // a second piece of a community that was walked through
          started.add(community[v]);
          const stack = [v];
          seen.add(v);
          for (let u = stack.pop(); u !== undefined; u = stack.pop())
            for (let e = rowPtr[u]; e < rowPtr[u + 1]; e++)
              if (community[colIndex[e]] === community[v] && !seen.has(colIndex[e])) {
                seen.add(colIndex[e]);
                stack.push(colIndex[e]);
              }
        }
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('is as good as Louvain', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const random = new Random(seed);
      const pairs = Array.from({ length: 3000 }, (): [number, number] => {
        const a = random.below(400);
        return [a, random.below(3) > 0 ? a - (a % 40) + random.below(40) : random.below(400)];
      });
      const graph = symmetric(pairs, 400, seed);
      expect(leiden(graph).modularity).toBeGreaterThan(louvainCommunities(graph, new Random(1)).modularity - 0.002);
    }
  });

  it('depends on its seed alone, and numbers communities by size', () => {
    const graph = ring(6, 10, 2);
    expect(leiden(graph, 3)).toEqual(leiden(graph, 3));
    const { community, numCommunities } = leiden(symmetric([[0, 1], [2, 3], [3, 4], [2, 4]], 6)); // biome-ignore format: pairs
    expect([...community]).toEqual([1, 1, 0, 0, 0, 2]);
    expect(numCommunities).toBe(3);
  });

  it('makes more communities at a higher resolution', () => {
    const graph = ring(12, 15, 1);
    const counts = [0.05, 1, 20].map((resolution) => leiden(graph, 1, resolution).numCommunities);
    expect(counts[0]).toBeLessThan(counts[1]);
    expect(counts[1]).toBeLessThan(counts[2]);
  });

  it('takes graphs without nodes, without edges, and ignores the diagonal', () => {
    expect(leiden(csrOf([], 0))).toMatchObject({ numCommunities: 0, modularity: 0 });
    expect(leiden(csrOf([[], []], 2))).toMatchObject({ numCommunities: 2, modularity: 0 });
    expect(leiden(csrOf([[0], [1]], 2))).toMatchObject({ numCommunities: 2, modularity: 0 });
    const pair = csrOf([[1], [0]], 2);
    const loops = csrOf([[0, 1], [0, 1]], 2); // biome-ignore format: rows
    const even = (graph: Csr) => ({ ...graph, weight: new Float32Array(graph.colIndex.length).fill(1) });
    expect(leiden(even(loops))).toEqual(leiden(even(pair)));
    expect(transposeWeighted(even(loops)).transposed.colIndex).toEqual(loops.colIndex);
  });
});
