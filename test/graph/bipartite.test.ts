import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBipartite, edgeIdOf, gatherFeatures, withoutEdges } from '../../src/graph/bipartite.js';
import { type Adjacency, assertAdjacency } from '../../src/graph/csr.js';
import { csrOf, randomBipartite, rowsOf } from './graphs.js';

/** One feature that is the number of the edge, for up to 256 edges. */
const numbered = (numEdges: number) => ({
  numFeatures: 1,
  codes: [Uint8Array.from({ length: numEdges }, (_, e) => e)],
  values: Float32Array.from({ length: 256 }, (_, code) => code),
});

describe('createBipartite', () => {
  it('finds the features of an edge from both sides', () => {
    fc.assert(
      fc.property(randomBipartite, ({ graph }) => {
        const { userToSubreddit, subredditToUser, edgeFeatures } = createBipartite(
          graph,
          numbered(graph.colIndex.length),
        );
        assertAdjacency(subredditToUser);
        for (let j = 0; j < subredditToUser.numRows; j++)
          for (let e = subredditToUser.rowPtr[j]; e < subredditToUser.rowPtr[j + 1]; e++) {
            const i = subredditToUser.colIndex[e];
            const id = edgeIdOf(userToSubreddit, i, j);
            expect(graph.colIndex[id]).toBe(j);
            expect(id).toBeGreaterThanOrEqual(graph.rowPtr[i]);
            expect(id).toBeLessThan(graph.rowPtr[i + 1]);
            expect([...gatherFeatures(edgeFeatures, [id])]).toEqual([id]);
          }
      }),
      { seed: 1 },
    );
  });

  it.each([
    ['a code too few', { ...numbered(2), codes: [new Uint8Array(1)] }],
    ['a column too few', { ...numbered(2), codes: [] }],
    ['values too few', { ...numbered(2), values: new Float32Array(255) }],
  ])('refuses %s', (_, features) => {
    expect(() => createBipartite(csrOf([[0, 1]], 2), features)).toThrow(
      expect.objectContaining({ code: 'ERR_EDGE_FEATURES' }),
    );
  });
});

describe('edgeIdOf', () => {
  it('finds edges beyond 2^31', () => {
    const begin = 2 ** 31 + 5;
    // a row of 3 billion edges that is really a function: searching must not overflow
    const colIndex = new Proxy([], { get: (_, at) => Number(at) - begin }) as unknown as Uint32Array;
    const graph: Adjacency = { numRows: 1, numCols: 0, rowPtr: Uint32Array.of(begin, 2 ** 32 - 1), colIndex };
    for (const column of [0, 1, 12_345, 2 ** 31 - 7]) expect(edgeIdOf(graph, 0, column)).toBe(begin + column);
  });
});

describe('withoutEdges', () => {
  it('leaves exactly the other edges, in order, features still at their edges', () => {
    fc.assert(
      fc.property(randomBipartite, fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }), ({ graph }, remove) => {
        const numEdges = graph.colIndex.length;
        const removed = Uint32Array.from([...Array(numEdges).keys()].filter((e) => remove[e]));
        const whole = createBipartite(graph, numbered(numEdges));
        const left = withoutEdges(whole, removed);
        assertAdjacency(left.userToSubreddit);
        assertAdjacency(left.subredditToUser);
        const gone = new Set(removed);
        expect(rowsOf(left.userToSubreddit)).toEqual(
          rowsOf(graph).map((row, i) => row.filter((_, at) => !gone.has(graph.rowPtr[i] + at))),
        );
        expect([...left.edgeFeatures.codes[0]]).toEqual([...Array(numEdges).keys()].filter((e) => !gone.has(e)));
      }),
      { seed: 3 },
    );
  });
});
