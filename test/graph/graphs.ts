import fc from 'fast-check';
import { type BipartiteGraph, createBipartite, type EdgeFeatures } from '../../src/graph/bipartite.js';
import type { Adjacency, Csr } from '../../src/graph/csr.js';

/** A graph from the neighbors of each row; duplicates fold into one edge, weight = 1 + column. */
export function csrOf(rows: readonly (readonly number[])[], numCols: number): Csr {
  const sorted = rows.map((row) => [...new Set(row)].sort((a, b) => a - b));
  const rowPtr = new Uint32Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++) rowPtr[i + 1] = rowPtr[i] + sorted[i].length;
  const colIndex = Uint32Array.from(sorted.flat());
  return { numRows: rows.length, numCols, rowPtr, colIndex, weight: Float32Array.from(colIndex, (j) => 1 + j) };
}

/** The neighbors of each row. */
export function rowsOf(graph: Adjacency): number[][] {
  return Array.from({ length: graph.numRows }, (_, i) => [
    ...graph.colIndex.subarray(graph.rowPtr[i], graph.rowPtr[i + 1]),
  ]);
}

export const NO_FEATURES: EdgeFeatures = { numFeatures: 0, codes: [], values: new Float32Array(0) };

/** A bipartite graph without edge features. */
export function bipartiteOf(rows: readonly (readonly number[])[], numCols: number): BipartiteGraph {
  return createBipartite(csrOf(rows, numCols), NO_FEATURES);
}

/** Users × subreddits, with empty users and empty subreddits among them. */
export const randomBipartite = fc
  .integer({ min: 1, max: 12 })
  .chain((numCols) =>
    fc
      .array(fc.array(fc.nat(numCols - 1), { maxLength: 8 }), { maxLength: 25 })
      .map((rows) => ({ graph: csrOf(rows, numCols), rows: rows.map((row) => [...new Set(row)]), numCols })),
  );
