import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBipartite } from '../../src/graph/bipartite.js';
import { assertCsr } from '../../src/graph/csr.js';
import { csrOf, randomBipartite } from './graphs.js';

describe('createBipartite', () => {
  it('finds the features of an edge from both sides', () => {
    fc.assert(
      fc.property(randomBipartite, ({ graph }) => {
        const features = Float32Array.from({ length: graph.colIndex.length * 2 }, (_, at) => at);
        const { subredditToUser, edgeIds, edgeFeatures } = createBipartite(graph, features, 2);
        assertCsr(subredditToUser);
        for (let j = 0; j < subredditToUser.numRows; j++)
          for (let e = subredditToUser.rowPtr[j]; e < subredditToUser.rowPtr[j + 1]; e++) {
            const i = subredditToUser.colIndex[e];
            expect(graph.colIndex[edgeIds[e]]).toBe(j);
            expect(edgeIds[e]).toBeGreaterThanOrEqual(graph.rowPtr[i]);
            expect(edgeIds[e]).toBeLessThan(graph.rowPtr[i + 1]);
            expect(edgeFeatures[edgeIds[e] * 2 + 1]).toBe(edgeIds[e] * 2 + 1);
          }
      }),
      { seed: 1 },
    );
  });

  it('refuses features that do not fit the edges', () => {
    expect(() => createBipartite(csrOf([[0, 1]], 2), new Float32Array(3), 2)).toThrow(
      expect.objectContaining({ code: 'ERR_EDGE_FEATURES' }),
    );
  });
});
