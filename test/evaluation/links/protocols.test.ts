import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import {
  coldStartSplit,
  type LinkCase,
  randomSplit,
  rowsOf,
  timeSplit,
} from '../../../src/evaluation/links/protocols.js';
import type { BipartiteGraph } from '../../../src/graph/bipartite.js';
import type { Adjacency } from '../../../src/graph/csr.js';
import { anyGraph, linksOf, plantedGraph } from '../../training/planted.js';

const everything = () => true;
const numEdges = ({ colIndex }: Adjacency) => colIndex.length;
const rowOf = ({ rowPtr, colIndex }: Adjacency, i: number) => [...colIndex.subarray(rowPtr[i], rowPtr[i + 1])];

/** No truth among what is given, and somebody to find it for in every row. */
function expectFair({ given, truth }: LinkCase): void {
  expect(given.links.numRows).toBe(truth.numRows);
  for (let i = 0; i < truth.numRows; i++) {
    const hidden = rowOf(truth, i);
    expect(hidden.length).toBeGreaterThan(0);
    const known = new Set(rowOf(given.links, i));
    expect(hidden.some((s) => known.has(s))).toBe(false);
  }
}

describe('randomSplit', () => {
  it('hides what it asks for from training, whatever the graph', () => {
    fc.assert(
      fc.property(anyGraph, fc.nat(), (graph, seed) => {
        const { train, cases } = randomSplit(graph, 1e9, everything, new Random(seed));
        expectFair(cases[0].case);
        expect(numEdges(train.userToSubreddit) + numEdges(cases[0].case.truth)).toBe(numEdges(graph.userToSubreddit));
        expect(train.edgeFeatures.codes[0]).toHaveLength(numEdges(train.userToSubreddit));
      }),
    );
  });

  it('hides the same links however many people are asked', () => {
    const graph = plantedGraph(200, 40, 4, 3);
    const [few, many] = [5, 1e9].map((count) => randomSplit(graph, count, everything, new Random(1)));
    expect([...few.train.userToSubreddit.colIndex]).toEqual([...many.train.userToSubreddit.colIndex]);
    expect(few.cases[0].case.truth.numRows).toBe(5);
    const { links } = few.cases[0].case.given;
    const rowsOfAsked = rowsOf(few.train, [...few.asked], () => true).links; // who is asked is named
    expect([rowsOfAsked.rowPtr, rowsOfAsked.colIndex]).toEqual([links.rowPtr, links.colIndex]);
  });

  it('takes only ranked subreddits as truth', () => {
    const graph = plantedGraph(200, 40, 4, 3);
    const { cases } = randomSplit(graph, 1e9, (s) => s < 10, new Random(1));
    expect(Math.max(...cases[0].case.truth.colIndex)).toBeLessThan(10);
  });
});

describe('coldStartSplit', () => {
  const graph: BipartiteGraph = plantedGraph(400, 60, 4, 5);

  it('keeps every link of unseen people from training, and gives exactly k', () => {
    const { train, cases } = coldStartSplit(graph, [1, 2, 3], 40, everything, new Random(2));
    const unseen = Array.from({ length: 400 }, (_, u) => u).filter(
      (u) => linksOf(train, u).length === 0 && linksOf(graph, u).length > 0,
    );
    expect(unseen).toHaveLength(40);
    for (const [i, { case: asked }] of cases.entries()) {
      expectFair(asked);
      for (let row = 0; row < asked.given.links.numRows; row++)
        expect(rowOf(asked.given.links, row)).toHaveLength(i + 1);
    }
  });

  it('gives with more links all that it gave with fewer', () => {
    const { cases } = coldStartSplit(graph, [2, 3], 40, everything, new Random(2));
    const [two, three] = cases.map(({ case: asked }) => asked);
    expect(two.truth.numRows).toBeGreaterThan(three.truth.numRows); // who has eight links has seven
    const pairs = Array.from({ length: two.truth.numRows }, (_, i) => rowOf(two.given.links, i));
    for (let i = 0; i < three.truth.numRows; i++) {
      const given = new Set(rowOf(three.given.links, i));
      expect(pairs.some((pair) => pair.every((s) => given.has(s)))).toBe(true);
    }
  });
});

describe('timeSplit', () => {
  it('hides the latest fifth and nothing older', () => {
    const graph = plantedGraph(100, 40, 4, 7);
    const count = numEdges(graph.userToSubreddit);
    const times = new Random(1).shuffle(
      Float64Array.from({ length: count }, (_, e) => 1000 + e) as never,
    ) as Float64Array;
    const split = timeSplit(graph, times, 1e9, everything, new Random(1));
    const moment = times.slice().sort()[Math.floor(count * 0.8)];
    expect(numEdges(split?.train.userToSubreddit as Adjacency)).toBe(times.filter((utc) => utc < moment).length);
    expectFair(split?.cases[0].case as LinkCase);
  });

  it('is not there without times', () => {
    const graph = plantedGraph(20, 12, 4, 7);
    const times = new Float64Array(numEdges(graph.userToSubreddit));
    expect(timeSplit(graph, times, 10, everything, new Random(1))).toBeUndefined();
  });
});
