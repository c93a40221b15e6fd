import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import type { BipartiteGraph } from '../../src/graph/bipartite.js';
import { singularVectors, spectralTables } from '../../src/training/spectral.js';
import { anyGraph, linksOf, plantedGraph } from './planted.js';

/** G = ÂᵀÂ of the degree-normalised adjacency, dense and in float64 [S][S]. */
function gram(graph: BipartiteGraph): number[][] {
  const { numRows, numCols } = graph.userToSubreddit;
  const { rowPtr } = graph.subredditToUser;
  const out = Array.from({ length: numCols }, () => new Array<number>(numCols).fill(0));
  for (let u = 0; u < numRows; u++) {
    const links = linksOf(graph, u);
    for (const a of links)
      for (const b of links)
        out[a][b] += 1 / links.length / Math.sqrt((rowPtr[a + 1] - rowPtr[a]) * (rowPtr[b + 1] - rowPtr[b]));
  }
  return out;
}

const column = (v: Float32Array, c: number, width: number) =>
  Array.from({ length: v.length / width }, (_, s) => v[s * width + c]);
const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i], 0);

describe('singularVectors', () => {
  it('are orthonormal eigenvectors of the normalised co-visits, by descending eigenvalue from 1', () => {
    const graph = plantedGraph(200, 24, 4, 1);
    const v = singularVectors(graph, 24, new Random(1));
    const g = gram(graph);
    let before = 1 + 1e-5;
    for (let c = 0; c < 24; c++) {
      const mine = column(v, c, 24);
      const image = g.map((row) => dot(row, mine));
      const eigenvalue = dot(mine, image);
      expect(eigenvalue).toBeLessThanOrEqual(before + 1e-5);
      if (c === 0) expect(eigenvalue).toBeCloseTo(1, 4);
      image.forEach((x, s) => {
        expect(x).toBeCloseTo(eigenvalue * mine[s], 3);
      });
      for (let other = 0; other <= c; other++)
        expect(dot(mine, column(v, other, 24))).toBeCloseTo(other === c ? 1 : 0, 4);
      before = eigenvalue;
    }
  });

  it('find the strongest directions when asked for a few of many', () => {
    const graph = plantedGraph(400, 60, 6, 1);
    const all = singularVectors(graph, 60, new Random(1));
    const few = singularVectors(graph, 6, new Random(2));
    for (let c = 0; c < 6; c++) {
      const mine = column(few, c, 6);
      const inSpan = Array.from({ length: 6 }, (_, d) => dot(mine, column(all, d, 60)) ** 2);
      expect(inSpan.reduce((sum, x) => sum + x, 0)).toBeGreaterThan(0.95); // communities: a gap after the sixth
    }
  });
});

describe('spectralTables', () => {
  it('are finite and of unit size per row for any graph, also without edges or with few subreddits', () => {
    fc.assert(
      fc.property(anyGraph, fc.constantFrom(4, 16), (graph, dim) => {
        const { numCols } = graph.userToSubreddit;
        const tables = spectralTables(graph, dim, new Random(1));
        for (const table of [tables.input, tables.output]) {
          expect(table).toHaveLength(numCols * dim);
          expect(table.every(Number.isFinite)).toBe(true);
          const squares = table.reduce((sum, x) => sum + x * x, 0);
          if (graph.userToSubreddit.colIndex.length > 0) expect(squares / numCols).toBeCloseTo(1, 1);
        }
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it('depend on their seed alone', () => {
    const graph = plantedGraph(60, 12, 3, 1);
    expect(spectralTables(graph, 8, new Random(1))).toEqual(spectralTables(graph, 8, new Random(1)));
  });

  it('make the mean of input rows a user vector that prefers subreddits of its community', () => {
    const graph = plantedGraph(400, 60, 6, 1);
    const { input, output } = spectralTables(graph, 8, new Random(1));
    let right = 0;
    for (let u = 0; u < 400; u++) {
      const user = Array.from({ length: 8 }, (_, d) => linksOf(graph, u).reduce((sum, s) => sum + input[s * 8 + d], 0));
      const scores = Array.from({ length: 60 }, (_, s) => dot(user, [...output.subarray(s * 8, s * 8 + 8)]));
      right += Math.floor(scores.indexOf(Math.max(...scores)) / 10) === u % 6 ? 1 : 0;
    }
    expect(right / 400).toBeGreaterThan(0.9);
  });
});
