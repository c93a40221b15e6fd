import { IntegrityError } from '../core/errors.js';

/**
 * Weighted adjacency in compressed-sparse-row form: N rows, M columns, E edges.
 *
 * Offsets are unsigned 32-bit: E up to 4,294,967,295, the most elements a typed array of Node 20 holds.
 */
export interface Csr {
  readonly numRows: number; // N
  readonly numCols: number; // M
  readonly rowPtr: Uint32Array; // [N + 1], ascending, first 0, last E
  readonly colIndex: Uint32Array; // [E], in [0, M), strictly ascending inside a row
  readonly weight: Float32Array; // [E], > 0 and finite
}

/** Throws `ERR_CSR` where a promise of `Csr` does not hold. For what comes from disk and for tests, not for loops. */
export function assertCsr(graph: Csr): void {
  const { numRows, numCols, rowPtr, colIndex, weight } = graph;
  const fail = (what: string): never => {
    throw new IntegrityError('ERR_CSR', `Adjacency of ${numRows} × ${numCols}: ${what}.`, { numRows, numCols });
  };
  if (rowPtr.length !== numRows + 1) fail(`rowPtr has ${rowPtr.length} entries, expected ${numRows + 1}`);
  if (rowPtr[0] !== 0 || rowPtr[numRows] !== colIndex.length) fail('rowPtr does not run from 0 to the number of edges');
  if (weight.length !== colIndex.length) fail(`${weight.length} weights for ${colIndex.length} edges`);
  for (let i = 0; i < numRows; i++) {
    if (rowPtr[i] > rowPtr[i + 1]) fail(`rowPtr falls at row ${i}`);
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) {
      if (colIndex[e] >= numCols) fail(`edge ${e} points at column ${colIndex[e]}`);
      if (e > rowPtr[i] && colIndex[e] <= colIndex[e - 1]) fail(`columns of row ${i} are not strictly ascending`);
      if (!(weight[e] > 0 && weight[e] < Infinity)) fail(`edge ${e} weighs ${weight[e]}, expected a finite weight > 0`);
    }
  }
}

/** The same edges by column: M rows, N columns. `edgeIds` [E] maps each to its position in `graph`. O(E). */
export function transpose(graph: Csr): { transposed: Csr; edgeIds: Uint32Array } {
  const { numRows, numCols, rowPtr, colIndex, weight } = graph;
  const numEdges = colIndex.length;
  const outPtr = new Uint32Array(numCols + 1);
  for (let e = 0; e < numEdges; e++) outPtr[colIndex[e] + 1]++;
  for (let j = 0; j < numCols; j++) outPtr[j + 1] += outPtr[j];

  const next = outPtr.slice(0, numCols);
  const outIndex = new Uint32Array(numEdges);
  const outWeight = new Float32Array(numEdges);
  const edgeIds = new Uint32Array(numEdges);
  for (let i = 0; i < numRows; i++)
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) {
      const at = next[colIndex[e]]++;
      outIndex[at] = i;
      outWeight[at] = weight[e];
      edgeIds[at] = e;
    }
  const transposed = { numRows: numCols, numCols: numRows, rowPtr: outPtr, colIndex: outIndex, weight: outWeight };
  return { transposed, edgeIds };
}
