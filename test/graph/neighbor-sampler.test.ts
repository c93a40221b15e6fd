import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import type { Csr } from '../../src/graph/csr.js';
import { Relabeler, type SampledBlock, sampleNeighbors } from '../../src/graph/neighbor-sampler.js';
import { chiSquare, chiSquareLimit } from '../core/chi-square.js';
import { csrOf, randomBipartite } from './graphs.js';

/** A graph, some of its rows as seeds (repeats allowed), a fanout, and which edges are hidden. */
const sampling = randomBipartite.chain(({ graph }) =>
  fc.record({
    graph: fc.constant(graph),
    seeds: graph.numRows === 0 ? fc.constant<number[]>([]) : fc.array(fc.nat(graph.numRows - 1), { maxLength: 10 }),
    fanout: fc.integer({ min: 1, max: 9 }),
    hidden: fc.array(fc.boolean(), { minLength: graph.colIndex.length, maxLength: graph.colIndex.length }),
    seed: fc.nat(),
  }),
);

/** Global column ids of each seed's sampled edges, checked against the full graph. */
function mappedBack(graph: Csr, seeds: readonly number[], block: SampledBlock): number[][] {
  const { nodeIds, rowPtr, colIndex, edgeIds } = block;
  expect(rowPtr).toHaveLength(seeds.length + 1);
  expect([rowPtr[0], rowPtr[seeds.length]]).toEqual([0, colIndex.length]);
  expect(edgeIds).toHaveLength(colIndex.length);
  return seeds.map((row, i) => {
    const columns: number[] = [];
    for (let e = rowPtr[i]; e < rowPtr[i + 1]; e++) {
      expect(edgeIds[e]).toBeGreaterThanOrEqual(graph.rowPtr[row]);
      expect(edgeIds[e]).toBeLessThan(graph.rowPtr[row + 1]);
      if (e > rowPtr[i]) expect(edgeIds[e]).toBeGreaterThan(edgeIds[e - 1]); // ascending: none twice
      expect(nodeIds[colIndex[e]]).toBe(graph.colIndex[edgeIds[e]]);
      columns.push(nodeIds[colIndex[e]]);
    }
    return columns;
  });
}

const range = (length: number) => Array.from({ length }, (_, i) => i);

describe('sampleNeighbors', () => {
  it('returns edges of the full graph, each once, and numbers exactly the nodes they lead to', () => {
    fc.assert(
      fc.property(sampling, ({ graph, seeds, fanout, seed }) => {
        const block = sampleNeighbors(graph, seeds, fanout, new Random(seed), new Relabeler(graph.numCols));
        const reached = mappedBack(graph, seeds, block).flat();
        expect([...block.nodeIds]).toEqual([...new Set(reached)]); // in the order of first appearance
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('keeps all neighbors of a seed with at most fanout of them, and fanout of all others', () => {
    fc.assert(
      fc.property(sampling, ({ graph, seeds, fanout, seed }) => {
        const block = sampleNeighbors(graph, seeds, fanout, new Random(seed), new Relabeler(graph.numCols));
        seeds.forEach((row, i) => {
          const degree = graph.rowPtr[row + 1] - graph.rowPtr[row];
          expect(block.rowPtr[i + 1] - block.rowPtr[i]).toBe(Math.min(degree, fanout));
        });
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it('never returns a hidden edge, and as many visible ones as there are up to fanout', () => {
    fc.assert(
      fc.property(sampling, ({ graph, seeds, fanout, hidden, seed }) => {
        const block = sampleNeighbors(
          graph,
          seeds,
          fanout,
          new Random(seed),
          new Relabeler(graph.numCols),
          (e) => hidden[e],
        );
        mappedBack(graph, seeds, block);
        for (const e of block.edgeIds) expect(hidden[e]).toBe(false);
        seeds.forEach((row, i) => {
          const visible = hidden.slice(graph.rowPtr[row], graph.rowPtr[row + 1]).filter((h) => !h).length;
          expect(block.rowPtr[i + 1] - block.rowPtr[i]).toBe(Math.min(visible, fanout));
        });
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it.each([
    ['nothing is', () => false, 5],
    ['every other is', (e: number) => e % 2 === 0, 5],
    ['nearly everything is', (e: number) => e >= 3, 3],
    ['all but fanout + 1 are', (e: number) => e >= 6, 5],
    ['everything is', () => true, 0],
  ])('samples a row of ten thousand edges where %s hidden', (_, isHidden, expected) => {
    const graph = csrOf([range(10_000)], 10_000);
    const block = sampleNeighbors(graph, [0], 5, new Random(4), new Relabeler(10_000), isHidden);
    mappedBack(graph, [0], block);
    expect(block.edgeIds).toHaveLength(expected);
    for (const e of block.edgeIds) expect(isHidden(e)).toBe(false);
  });

  it('looks at few edges of a long row whose edges are mostly visible', () => {
    const graph = csrOf([range(10_000)], 10_000);
    let asked = 0;
    const isHidden = (e: number) => {
      asked++;
      return e % 4 === 0;
    };
    sampleNeighbors(graph, [0], 8, new Random(5), new Relabeler(10_000), isHidden);
    expect(asked).toBeLessThan(100);
  });

  // a row of 6 is walked through; one of 40 is drawn and rejected; one of 400 with 4 visible gives up and is walked, too
  it.each([
    ['without hidden edges', 10, undefined],
    ['on a short row with hidden edges', 6, (e: number) => e === 1],
    ['on a long row with hidden edges', 40, (e: number) => e % 4 !== 3],
    ['on a long row with hardly a visible edge', 400, (e: number) => e % 100 !== 99],
  ])('draws uniformly %s', (_, degree, isHidden) => {
    const graph = csrOf([range(degree)], degree);
    const relabeler = new Relabeler(degree);
    const random = new Random(6);
    const visible = range(degree).filter((e) => !isHidden?.(e));
    const pairs = new Map<string, number>();
    for (const a of visible) for (const b of visible) if (a < b) pairs.set(`${a},${b}`, 0);
    for (let i = 0; i < 200 * pairs.size; i++) {
      const { edgeIds } = sampleNeighbors(graph, [0], 2, random, relabeler, isHidden);
      const pair = edgeIds.join();
      pairs.set(pair, (pairs.get(pair) ?? Number.NaN) + 1); // a pair that cannot be: NaN fails below
    }
    expect(chiSquare([...pairs.values()])).toBeLessThan(chiSquareLimit(pairs.size - 1));
  });

  it('gives the same block for the same seed, whatever the relabeler was used for before', () => {
    fc.assert(
      fc.property(sampling, ({ graph, seeds, fanout, seed }) => {
        const used = new Relabeler(graph.numCols);
        for (let i = 0; i < 3; i++) sampleNeighbors(graph, seeds, fanout, new Random(i), used);
        const fresh = sampleNeighbors(graph, seeds, fanout, new Random(seed), new Relabeler(graph.numCols));
        expect(sampleNeighbors(graph, seeds, fanout, new Random(seed), used)).toEqual(fresh);
      }),
      { seed: 4 },
    );
  });

  it('keeps the local ids of the last block first where its table goes on', () => {
    fc.assert(
      fc.property(sampling, sampling, ({ graph, seeds, fanout, seed }, other) => {
        const relabeler = new Relabeler(graph.numCols);
        const first = sampleNeighbors(graph, seeds, fanout, new Random(seed), relabeler);
        const more = other.seeds.filter((row) => row < graph.numRows);
        const second = sampleNeighbors(graph, more, other.fanout, new Random(seed), relabeler, undefined, true);
        mappedBack(graph, more, second);
        expect([...second.nodeIds.subarray(0, first.nodeIds.length)]).toEqual([...first.nodeIds]);
        expect(new Set(second.nodeIds).size).toBe(second.nodeIds.length);
      }),
      { seed: 5 },
    );
  });

  it('takes no seeds, and seeds without edges', () => {
    const graph = csrOf([[], [0, 1], []], 2);
    const relabeler = new Relabeler(2);
    const none = { nodeIds: new Int32Array(0), colIndex: new Int32Array(0), edgeIds: new Uint32Array(0) };
    const sample = (seeds: number[]) => sampleNeighbors(graph, seeds, 3, new Random(1), relabeler);
    expect(sample([])).toEqual({ ...none, rowPtr: Int32Array.of(0) });
    expect(sample([0, 2])).toEqual({ ...none, rowPtr: Int32Array.of(0, 0, 0) });
    expect([...sample([0, 1, 2]).rowPtr]).toEqual([0, 0, 2, 2]);
  });
});

describe('Relabeler', () => {
  it('numbers ids in the order of their first appearance and starts again at begin', () => {
    const relabeler = new Relabeler(10);
    relabeler.begin();
    expect([7, 3, 7, 0].map((id) => relabeler.localId(id))).toEqual([0, 1, 0, 2]);
    expect([...relabeler.nodeIds()]).toEqual([7, 3, 0]);
    relabeler.begin();
    expect([...relabeler.nodeIds()]).toEqual([]);
    expect([3, 7].map((id) => relabeler.localId(id))).toEqual([0, 1]);
  });

  it('can be used at once, as a table that goes on from nothing', () => {
    const relabeler = new Relabeler(3);
    expect([2, 1, 2].map((id) => relabeler.localId(id))).toEqual([0, 1, 0]);
    expect([...relabeler.nodeIds()]).toEqual([2, 1]);
  });
});
