import { IntegrityError, ResourceError } from '../core/errors.js';

/**
 * Adjacency in compressed-sparse-row form: N rows, M columns, E edges.
 *
 * E reaches 4,294,967,295. Wider offsets would buy a single edge: a typed array of Node 20 ends at 2^32 elements, and
 * that many edges take 54 GB.
 */
export interface Adjacency {
  readonly numRows: number; // N
  readonly numCols: number; // M
  readonly rowPtr: Uint32Array; // [N + 1], ascending, first 0, last E
  readonly colIndex: Uint32Array; // [E], in [0, M), strictly ascending inside a row
}

/** Adjacency whose edges have a weight. */
export interface Csr extends Adjacency {
  readonly weight: Float32Array; // [E], > 0 and finite
}

export const MAX_EDGES = 2 ** 32 - 1;

/** Throws `ERR_CSR` where a promise of `Adjacency` does not hold. For what comes from disk and for tests. */
export function assertAdjacency(graph: Adjacency): void {
  const { numRows, numCols, rowPtr, colIndex } = graph;
  const fail = (what: string): never => {
    throw new IntegrityError('ERR_CSR', `Adjacency of ${numRows} × ${numCols}: ${what}.`, { numRows, numCols });
  };
  if (rowPtr.length !== numRows + 1) fail(`rowPtr has ${rowPtr.length} entries, expected ${numRows + 1}`);
  if (rowPtr[0] !== 0 || rowPtr[numRows] !== colIndex.length) fail('rowPtr does not run from 0 to the number of edges');
  for (let i = 0; i < numRows; i++) {
    if (rowPtr[i] > rowPtr[i + 1]) fail(`rowPtr falls at row ${i}`);
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) {
      if (colIndex[e] >= numCols) fail(`edge ${e} points at column ${colIndex[e]}`);
      if (e > rowPtr[i] && colIndex[e] <= colIndex[e - 1]) fail(`columns of row ${i} are not strictly ascending`);
    }
  }
}

/** Throws `ERR_CSR` where a promise of `Csr` does not hold. */
export function assertCsr(graph: Csr): void {
  const { numRows, numCols, colIndex, weight } = graph;
  assertAdjacency(graph);
  const fail = (what: string): never => {
    throw new IntegrityError('ERR_CSR', `Adjacency of ${numRows} × ${numCols}: ${what}.`, { numRows, numCols });
  };
  if (weight.length !== colIndex.length) fail(`${weight.length} weights for ${colIndex.length} edges`);
  for (let e = 0; e < weight.length; e++)
    if (!(weight[e] > 0 && weight[e] < Infinity)) fail(`edge ${e} weighs ${weight[e]}, expected a finite weight > 0`);
}

/** Throws `ERR_TOO_MANY_EDGES` where the edges cannot be addressed. */
export function assertEdgeCount(numEdges: number): void {
  if (numEdges <= MAX_EDGES) return;
  throw new ResourceError(
    'ERR_TOO_MANY_EDGES',
    `The graph has ${numEdges} edges, at most ${MAX_EDGES} can be addressed. Take a shorter time, or leave subreddits out with --exclude-subreddits.`,
    { numEdges, maxEdges: MAX_EDGES },
  );
}

/** The same edges by column: M rows, N columns, rows ascending inside each. Shareable between threads. O(E). */
export function transpose({ numRows, numCols, rowPtr, colIndex }: Adjacency): Adjacency {
  const outPtr = columnPtr(colIndex, numCols);
  const next = outPtr.slice(0, numCols);
  const outIndex = shared(Uint32Array, colIndex.length);
  for (let i = 0; i < numRows; i++) for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) outIndex[next[colIndex[e]]++] = i;
  return { numRows: numCols, numCols: numRows, rowPtr: outPtr, colIndex: outIndex };
}

/** As `transpose`, with weights. `edgeIds` [E] maps each edge to its position in `graph`. */
export function transposeWeighted(graph: Csr): { transposed: Csr; edgeIds: Uint32Array } {
  const { numRows, numCols, rowPtr, colIndex, weight } = graph;
  const numEdges = colIndex.length;
  const outPtr = columnPtr(colIndex, numCols);
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

/** Where the edges of each column begin once they are sorted by column [M + 1]. */
function columnPtr(colIndex: Uint32Array, numCols: number): Uint32Array {
  const ptr = shared(Uint32Array, numCols + 1);
  for (let e = 0; e < colIndex.length; e++) ptr[colIndex[e] + 1]++;
  for (let j = 0; j < numCols; j++) ptr[j + 1] += ptr[j];
  return ptr;
}

/** A zeroed array that worker threads can read without a copy. */
export function shared<T>(
  type: { new (buffer: SharedArrayBuffer): T; readonly BYTES_PER_ELEMENT: number },
  length: number,
): T {
  return new type(new SharedArrayBuffer(length * type.BYTES_PER_ELEMENT));
}
