import fc from 'fast-check';
import Graph, { type UndirectedGraph } from 'graphology';
import { parse as parseGexf } from 'graphology-gexf';
import { parse as parseGraphml } from 'graphology-graphml';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { createBipartite } from '../../src/graph/bipartite.js';
import type { Adjacency, Csr } from '../../src/graph/csr.js';
import {
  exportGexf,
  exportGraphml,
  louvainCommunities,
  selectSubreddits,
  toBipartiteGraphology,
  toProjectionGraphology,
} from '../../src/graph/graphology.js';
import { projectSubreddits } from '../../src/graph/projection.js';
import { bipartiteOf, csrOf, NO_FEATURES, randomBipartite } from './graphs.js';

const namesOf = (numCols: number): string[] => Array.from({ length: numCols }, (_, j) => `name${j}`);

/** Blocks of `size` nodes, dense inside, one edge from block to block. */
function blockGraph(sizes: readonly number[], random: Random): Csr {
  const numNodes = sizes.reduce((sum, size) => sum + size, 0);
  const rows: number[][] = Array.from({ length: numNodes }, () => []);
  const link = (i: number, j: number): void => {
    rows[i].push(j);
    rows[j].push(i);
  };
  let begin = 0;
  for (const size of sizes) {
    for (let i = begin; i < begin + size; i++)
      for (let j = i + 1; j < begin + size; j++) if (random.float() < 0.7) link(i, j);
    if (begin > 0) link(begin - 1, begin);
    begin += size;
  }
  return { ...csrOf(rows, numNodes), weight: new Float32Array(csrOf(rows, numNodes).colIndex.length).fill(0.5) };
}

/** Newman's definition over all pairs. */
function modularityOf(graph: Csr, community: Int32Array, resolution: number): number {
  const strength = new Float64Array(graph.numRows);
  for (let i = 0; i < graph.numRows; i++)
    for (let e = graph.rowPtr[i]; e < graph.rowPtr[i + 1]; e++) strength[i] += graph.weight[e];
  const total = strength.reduce((sum, value) => sum + value, 0);
  let q = 0;
  for (let i = 0; i < graph.numRows; i++) {
    for (let e = graph.rowPtr[i]; e < graph.rowPtr[i + 1]; e++)
      if (community[i] === community[graph.colIndex[e]]) q += graph.weight[e] / total;
    for (let j = 0; j < graph.numRows; j++)
      if (community[i] === community[j]) q -= (resolution * strength[i] * strength[j]) / total ** 2;
  }
  return q;
}

describe('toBipartiteGraphology', () => {
  it('shows every node and edge with its attributes', () => {
    const csr = csrOf([[0, 1], [], [1]], 3);
    const codes = [Uint8Array.of(1, 3, 5), Uint8Array.of(2, 4, 6)];
    const values = Float32Array.from({ length: 512 }, (_, at) => at % 256);
    const graph = createBipartite(csr, { numFeatures: 2, codes, values });
    const view = toBipartiteGraphology(graph, {
      subredditNames: ['a', 'b', 'c'],
      edgeFeatureNames: ['posts', 'comments'],
      edgeWeight: (e) => csr.weight[e],
      describeNode: (kind, id) => (kind === 'user' ? { cluster: id } : {}),
    });
    expect([view.order, view.size]).toEqual([6, 3]); // the user and the subreddit without edges are there
    expect(view.getNodeAttributes('subreddit:1')).toEqual({ kind: 'subreddit', label: 'b', users: 2 });
    expect(view.getNodeAttributes('user:2')).toEqual({ kind: 'user', label: 'user:2', cluster: 2 });
    expect(view.getEdgeAttributes('user:2', 'subreddit:1')).toEqual({ weight: 2, posts: 5, comments: 6 });
  });

  it('keeps only the chosen subreddits and the users they have', () => {
    const graph = bipartiteOf([[0, 1], [1, 2], [2]], 3);
    const view = toBipartiteGraphology(graph, {
      subredditNames: ['a', 'b', 'c'],
      subredditIds: Uint32Array.of(0, 1),
      maxEdges: 3,
    });
    expect(view.nodes()).toEqual(['subreddit:0', 'subreddit:1', 'user:0', 'user:1']);
    expect(view.size).toBe(3);
  });

  it('refuses more edges than graphology bears, and says how many', () => {
    const graph = bipartiteOf([[0, 1]], 2);
    expect(() => toBipartiteGraphology(graph, { subredditNames: ['a', 'b'], maxEdges: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_GRAPH_TOO_LARGE', fields: { numEdges: 2, maxEdges: 1 } }),
    );
  });
});

describe('toProjectionGraphology', () => {
  it('has each pair once, with cosine and shared users', async () => {
    const graph = bipartiteOf([[0, 1], [0, 1], [0, 2], [0, 2], [3]], 4);
    const view = toProjectionGraphology(await projectSubreddits(graph), graph.subredditToUser, {
      subredditNames: namesOf(4),
    });
    expect([view.order, view.size]).toEqual([4, 2]);
    expect(view.getEdgeAttributes('subreddit:1', 'subreddit:0')).toEqual({
      weight: Math.fround(0.5 ** 0.5),
      shared: 2,
    });
    const part = toProjectionGraphology(await projectSubreddits(graph), graph.subredditToUser, {
      subredditNames: namesOf(4),
      subredditIds: Uint32Array.of(1, 2),
    });
    expect([part.order, part.size]).toEqual([2, 0]);
  });
});

/** Users of each subreddit. */
const usersOf = ({ rowPtr }: Adjacency) => rowPtr.slice(1).map((end, j) => end - rowPtr[j]);

describe('selectSubreddits', () => {
  const { subredditToUser } = bipartiteOf([[0, 1, 2], [1, 2], [1]], 4);
  const names = ['Ask', 'chess', 'Кошки', 'empty'];

  it('finds names whatever their case or prefix', () => {
    const ids = selectSubreddits({ by: 'name', names: ['r/ASK', 'кошки'] }, usersOf(subredditToUser), names);
    expect([...ids]).toEqual([0, 2]);
  });

  it('takes those with most users, ties to the smaller id', () => {
    expect([...selectSubreddits({ by: 'top', count: 2 }, usersOf(subredditToUser), names)]).toEqual([1, 2]);
    expect([...selectSubreddits({ by: 'top', count: 99 }, usersOf(subredditToUser), names)]).toEqual([0, 1, 2, 3]);
    const tied = bipartiteOf([[0, 1, 2]], 3).subredditToUser;
    expect([...selectSubreddits({ by: 'top', count: 2 }, usersOf(tied), ['a', 'b', 'c'])]).toEqual([0, 1]);
  });

  it('takes communities', () => {
    const communities = Int32Array.of(0, 1, 0, 2);
    const ids = selectSubreddits(
      { by: 'community', communities: [0, 2] },
      usersOf(subredditToUser),
      names,
      communities,
    );
    expect([...ids]).toEqual([0, 2, 3]);
  });

  it('lists what it does not know', () => {
    expect(() => selectSubreddits({ by: 'name', names: ['ask', 'nope'] }, usersOf(subredditToUser), names)).toThrow(
      expect.objectContaining({ code: 'ERR_UNKNOWN_SELECTION', fields: { by: 'name', missing: ['nope'] } }),
    );
  });
});

describe('louvainCommunities', () => {
  it('finds planted blocks and numbers them by size', () => {
    const sizes = [10, 25, 15];
    const { community, numCommunities } = louvainCommunities(blockGraph(sizes, new Random(1)), new Random(1));
    const expected = [...Array(10).fill(2), ...Array(25).fill(0), ...Array(15).fill(1)];
    expect([...community]).toEqual(expected);
    expect(numCommunities).toBe(3);
  });

  it('reports the modularity of what it returns', () => {
    for (const resolution of [0.5, 1, 2]) {
      const graph = blockGraph([8, 8, 8, 8], new Random(2));
      const { community, modularity } = louvainCommunities(graph, new Random(3), resolution);
      expect(modularity).toBeCloseTo(modularityOf(graph, community, resolution), 9);
    }
  });

  it('gives the same communities for the same seed, also where nothing is planted', async () => {
    const random = new Random(5);
    const rows = Array.from({ length: 300 }, () => Array.from({ length: 10 }, () => random.below(60)));
    const { graph } = await projectSubreddits(bipartiteOf(rows, 60), { topK: 60 });
    const found = [1, 2, 3, 4].map((seed) => louvainCommunities(graph, new Random(seed)));
    for (const [at, seed] of [1, 2, 3, 4].entries())
      expect(louvainCommunities(graph, new Random(seed))).toEqual(found[at]);
    expect(new Set(found.map(({ community }) => community.join())).size).toBeGreaterThan(1); // so the seed is used
  });

  it('makes a subreddit without edges a community of its own', () => {
    const { community, modularity } = louvainCommunities(csrOf([[], [], []], 3), new Random(1));
    expect([...community]).toEqual([0, 1, 2]);
    expect(modularity).toBe(0);
    expect(louvainCommunities(csrOf([], 0), new Random(1)).numCommunities).toBe(0);
    expect([...louvainCommunities(csrOf([[], [2], [1]], 3), new Random(1)).community]).toEqual([1, 0, 0]);
  });
});

/** The default export is a class of any type of graph; its declaration calls it a namespace here. */
const AnyGraph = Graph as unknown as typeof UndirectedGraph;
const exporters = [
  { format: 'GEXF', write: exportGexf, parse: (text: string) => parseGexf(AnyGraph, text) },
  { format: 'GraphML', write: exportGraphml, parse: (text: string) => parseGraphml(AnyGraph, text) },
];

describe.each(exporters)('export as $format', ({ write, parse }) => {
  it('is read back as the same graph', () => {
    fc.assert(
      fc.property(randomBipartite, ({ graph, numCols }) => {
        const view = toBipartiteGraphology(createBipartite(graph, NO_FEATURES), {
          subredditNames: namesOf(numCols),
          edgeWeight: (e) => graph.weight[e],
        });
        const again = parse(write(view));
        expect(again.order).toBe(view.order);
        expect(again.size).toBe(view.size);
        view.forEachEdge((_edge, { weight }, source, target) => {
          expect(again.getEdgeAttribute(source, target, 'weight')).toBe(weight);
        });
        view.forEachNode((node, { label, users }) => {
          expect(again.getNodeAttributes(node)).toMatchObject(users === undefined ? { label } : { label, users });
        });
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it('keeps names that mean something to XML', () => {
    const labels = ['<&>', `"'`, '</node>', ']]>', 'tab\tline\nreturn\r', 'Кошки', '🦊', '&amp;', '-->'];
    const view = toBipartiteGraphology(bipartiteOf([labels.map((_, j) => j)], labels.length), {
      subredditNames: labels,
      describeNode: (kind, id) => (kind === 'subreddit' ? { theme: labels[id] } : {}),
    });
    const again = parse(write(view));
    labels.forEach((label, j) => {
      expect(again.getNodeAttributes(`subreddit:${j}`)).toMatchObject({ label, theme: label });
    });
  });

  it('replaces what XML cannot hold', () => {
    const labels = ['a\u0000b', 'a\u001bb', 'a\ud800b', 'a\uffffb', 'a\u000bb'];
    const view = toBipartiteGraphology(bipartiteOf([[0]], labels.length), {
      subredditNames: labels,
      describeNode: (kind, id) => (kind === 'subreddit' ? { theme: labels[id] } : {}),
    });
    const text = write(view);
    expect(text).toBe(text.replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, ''));
    labels.forEach((_, j) => {
      expect(parse(text).getNodeAttributes(`subreddit:${j}`)).toMatchObject({ label: 'a\ufffdb', theme: 'a\ufffdb' });
    });
  });

  it('writes the same bytes for the same graph', () => {
    const text = () => write(toBipartiteGraphology(bipartiteOf([[0, 1], [1]], 2), { subredditNames: ['a', 'b'] }));
    expect(text()).toBe(text());
    expect(text()).not.toContain('geid');
  });

  it('takes an empty graph, missing values and mixed types', () => {
    expect(parse(write(toBipartiteGraphology(bipartiteOf([], 0), { subredditNames: [] }))).order).toBe(0);
    const mixed = [1, 2.5, undefined, Number.NaN];
    const view = toBipartiteGraphology(bipartiteOf([[], [], [], []], 0), {
      subredditNames: [],
      describeNode: (_kind, id) => ({ size_hint: mixed[id], flag: id === 0 }),
    });
    const again = parse(write(view));
    expect(again.getNodeAttributes('user:0')).toMatchObject({ size_hint: 1, flag: true });
    expect(again.getNodeAttributes('user:1')).toMatchObject({ size_hint: 2.5, flag: false });
    expect(again.getNodeAttributes('user:2')).not.toHaveProperty('size_hint');
    expect(again.getNodeAttributes('user:3')).not.toHaveProperty('size_hint');
  });
});
