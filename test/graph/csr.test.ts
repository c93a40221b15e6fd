import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertCsr, type Csr, transpose, transposeWeighted } from '../../src/graph/csr.js';
import { csrOf, randomBipartite, rowsOf } from './graphs.js';

const whole = csrOf([[0, 2], [], [1]], 3);

describe('assertCsr', () => {
  it('accepts every graph that keeps the promises, empty ones included', () => {
    fc.assert(
      fc.property(randomBipartite, ({ graph }) => assertCsr(graph)),
      { seed: 1 },
    );
    assertCsr(csrOf([], 0));
    assertCsr(csrOf([[], []], 0));
  });

  it.each<[string, Partial<Csr>]>([
    ['a rowPtr for too few rows', { rowPtr: Uint32Array.of(0, 3) }],
    ['a rowPtr for too many rows', { rowPtr: Uint32Array.of(0, 2, 2, 3, 3) }],
    ['a rowPtr that does not begin at 0', { rowPtr: Uint32Array.of(1, 2, 2, 3) }],
    ['a rowPtr that ends before the last edge', { rowPtr: Uint32Array.of(0, 2, 2, 2) }],
    ['a rowPtr that ends behind the last edge', { rowPtr: Uint32Array.of(0, 2, 2, 4) }],
    ['a rowPtr that falls', { rowPtr: Uint32Array.of(0, 2, 1, 3) }],
    ['a rowPtr that leaves the edges and comes back', { rowPtr: Uint32Array.of(0, 9, 2, 3) }],
    ['a column that does not exist', { colIndex: Uint32Array.of(0, 3, 1) }],
    ['a column twice in a row', { colIndex: Uint32Array.of(2, 2, 1) }],
    ['columns that descend', { colIndex: Uint32Array.of(2, 0, 1) }],
    ['fewer weights than edges', { weight: Float32Array.of(1, 1) }],
    ['more weights than edges', { weight: Float32Array.of(1, 1, 1, 1) }],
    ['a weight of zero', { weight: Float32Array.of(1, 0, 1) }],
    ['a negative weight', { weight: Float32Array.of(1, 1, -1) }],
    ['an infinite weight', { weight: Float32Array.of(Infinity, 1, 1) }],
    ['a weight that is no number', { weight: Float32Array.of(1, Number.NaN, 1) }],
    ['fewer columns than promised', { numCols: 2 }],
    ['more rows than promised', { numRows: 4 }],
  ])('refuses %s', (_, broken) => {
    expect(() => assertCsr({ ...whole, ...broken })).toThrow(expect.objectContaining({ code: 'ERR_CSR' }));
  });
});

describe('transposeWeighted', () => {
  it('lists each edge under its column, rows ascending, and maps it back with its weight', () => {
    fc.assert(
      fc.property(randomBipartite, ({ graph, rows, numCols }) => {
        const { transposed, edgeIds } = transposeWeighted(graph);
        assertCsr(transposed);
        const expected = Array.from({ length: numCols }, (_, j) =>
          rows.flatMap((columns, i) => (columns.includes(j) ? [i] : [])),
        );
        expect(rowsOf(transposed)).toEqual(expected);
        expect([...edgeIds].sort((a, b) => a - b)).toEqual([...graph.colIndex.keys()]);
        for (let j = 0; j < numCols; j++)
          for (let e = transposed.rowPtr[j]; e < transposed.rowPtr[j + 1]; e++) {
            expect(graph.colIndex[edgeIds[e]]).toBe(j);
            expect(transposed.weight[e]).toBe(graph.weight[edgeIds[e]]);
          }
      }),
      { seed: 2 },
    );
  });

  it('undoes itself', () => {
    fc.assert(
      fc.property(randomBipartite, ({ graph }) => {
        const once = transposeWeighted(graph);
        const twice = transposeWeighted(once.transposed);
        expect(twice.transposed).toEqual(graph);
        expect([...twice.edgeIds].map((e) => once.edgeIds[e])).toEqual([...graph.colIndex.keys()]);
      }),
      { seed: 3 },
    );
  });
});

describe('transpose', () => {
  it('has the rows that the weighted one has', () => {
    fc.assert(
      fc.property(randomBipartite, ({ graph }) => {
        const { weight: _, ...expected } = transposeWeighted(graph).transposed;
        expect(transpose(graph)).toEqual(expected);
      }),
      { seed: 4 },
    );
  });
});
