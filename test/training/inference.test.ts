import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import type { BipartiteGraph } from '../../src/graph/bipartite.js';
import { useEngine } from '../../src/kernels/register.js';
import { Encoder } from '../../src/nn/encoder.js';
import { type EncodedUsers, encodeAllSubreddits, encodeUsers, tableRows } from '../../src/training/inference.js';
import { expectClose, expectNoLeak, FORWARD, normals } from '../conformance/numbers.js';
import { anyGraph, bipartiteWithFeatures, linksOf, plantedGraph } from './planted.js';

beforeAll(async () => await useEngine('reference'));

const DIM = 4;

/** An encoder whose weights, biases included, are all different from zero. */
function randomEncoder(): Encoder {
  const encoder = new Encoder({ dim: DIM, numHeads: 2, numEdgeFeatures: 2, numLayers: 2 });
  for (const { name, variable } of encoder.variables())
    variable.assign(tf.tensor(normals(new Random(1).fork(name), variable.size, 0.5), variable.shape));
  return encoder;
}

const tableOf = (graph: BipartiteGraph, seed: number) =>
  Float32Array.from(normals(new Random(seed), graph.userToSubreddit.numCols * DIM));

interface Encoded {
  readonly vectors: number[][];
  readonly attention: number[][]; // in the order of the user's links
}

/** Vectors and attention of each user, chunks joined. */
function encodeAll(
  graph: BipartiteGraph,
  encoder: Encoder,
  users: readonly number[],
): Encoded & { chunks: EncodedUsers[] } {
  const chunks = [...encodeUsers(graph, encoder, tableOf(graph, 2), tableOf(graph, 3), Uint32Array.from(users))];
  const vectors: number[][] = [];
  const attention: number[][] = [];
  for (const chunk of chunks)
    chunk.users.forEach((_, b) => {
      vectors.push([...chunk.vectors.subarray(b * DIM, (b + 1) * DIM)]);
      attention.push([...chunk.attention.subarray(chunk.rowPtr[b], chunk.rowPtr[b + 1])]);
    });
  return { vectors, attention, chunks };
}

const everybody = (graph: BipartiteGraph) => [...Array(graph.userToSubreddit.numRows).keys()];

describe('encodeUsers', () => {
  it('gives each user the vector and the attention it has alone, whoever else is encoded', () => {
    const encoder = randomEncoder();
    fc.assert(
      fc.property(anyGraph, fc.nat(), (graph, seed) => {
        const users = new Random(seed).shuffle(everybody(graph));
        const together = encodeAll(graph, encoder, users);
        users.forEach((u, at) => {
          const alone = encodeAll(graph, encoder, [u]);
          expectClose(together.vectors[at], alone.vectors[0], FORWARD);
          expectClose(together.attention[at], alone.attention[0], FORWARD);
        });
      }),
      { seed: 1, numRuns: 25 },
    );
  });

  it('gives each user with links an attention that sums to 1, link by link', () => {
    const encoder = randomEncoder();
    fc.assert(
      fc.property(anyGraph, (graph) => {
        const { attention } = encodeAll(graph, encoder, everybody(graph));
        attention.forEach((mine, u) => {
          expect(mine).toHaveLength(linksOf(graph, u).length);
          for (const share of mine) expect(share > 0 && share <= 1 + 1e-6).toBe(true);
          if (mine.length > 0) expect(mine.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
        });
      }),
      { seed: 2, numRuns: 40 },
    );
  });

  it('gives the bias to users without links', () => {
    const encoder = randomEncoder();
    const { vectors, attention } = encodeAll(bipartiteWithFeatures([[], [0], []], 1, 1), encoder, [0, 2]);
    const bias = encoder
      .variables()
      .find(({ name }) => name === 'bias')
      ?.variable.dataSync();
    for (const vector of vectors) expect(vector).toEqual([...(bias ?? [])]);
    expect(attention).toEqual([[], []]);
  });

  it('goes through many users in chunks that do not show, bounded by edges', () => {
    const all = [...Array(120).keys()];
    const graph = bipartiteWithFeatures(
      Array.from({ length: 700 }, () => all),
      120,
      1,
    ); // 84,000 edges
    const encoder = randomEncoder();
    const users = everybody(graph);
    const { vectors, chunks } = encodeAll(graph, encoder, users);
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.flatMap((chunk) => [...chunk.users])).toEqual(users);
    for (const chunk of chunks) expect(chunk.attention.length).toBeLessThan(2 ** 16 + 120);
    for (const u of [0, chunks[0].users.length - 1, chunks[0].users.length, 699])
      expectClose(vectors[u], encodeAll(graph, encoder, [u]).vectors[0], FORWARD);
  });

  it('yields nothing for nobody', () => {
    expect(encodeAll(plantedGraph(5, 4, 2, 1), randomEncoder(), []).chunks).toEqual([]);
  });

  it('leaves no tensors behind', () => {
    const graph = plantedGraph(5, 4, 2, 1);
    const encoder = randomEncoder();
    expectNoLeak(() => void encodeAll(graph, encoder, everybody(graph)));
  });
});

describe('encodeAllSubreddits', () => {
  const encode = (graph: BipartiteGraph, encoder: Encoder, fanout: number, seed: number, table = tableOf(graph, 2)) =>
    encodeAllSubreddits(graph, encoder, table, fanout, new Random(seed));

  it('draws nothing where everybody can be listened to', () => {
    const graph = plantedGraph(40, 12, 3, 1);
    const encoder = randomEncoder();
    expect(encode(graph, encoder, 40, 1)).toEqual(encode(graph, encoder, 40, 2));
    expect(encode(graph, encoder, 2, 1)).not.toEqual(encode(graph, encoder, 2, 2));
    expect(encode(graph, encoder, 2, 1)).toEqual(encode(graph, encoder, 2, 1));
  });

  it('leaves subreddits without users as their input rows', () => {
    const graph = bipartiteWithFeatures([[0], [0]], 3, 1);
    const states = encode(graph, randomEncoder(), 8, 1);
    const table = tableOf(graph, 2);
    expect([...states.subarray(DIM)]).toEqual([...table.subarray(DIM)]);
    expect([...states.subarray(0, DIM)]).not.toEqual([...table.subarray(0, DIM)]);
  });

  it('goes through many subreddits in chunks that do not show', () => {
    // numbered backwards, a subreddit falls into another chunk, and must keep its state
    const numSubreddits = 2100;
    const random = new Random(4);
    const rows = Array.from({ length: 300 }, () => Array.from({ length: 10 }, () => random.below(numSubreddits)));
    const graph = bipartiteWithFeatures(rows, numSubreddits, 1);
    const mirrored = bipartiteWithFeatures(
      rows.map((row) => row.map((s) => numSubreddits - 1 - s)),
      numSubreddits,
      1,
    );
    // features are drawn edge by edge: give both graphs the same at the same pair of user and subreddit
    for (const one of [graph, mirrored]) {
      one.edgeFeatures.values.set(graph.edgeFeatures.values);
      for (const column of one.edgeFeatures.codes)
        one.userToSubreddit.colIndex.forEach((s, e) => {
          column[e] = (one === graph ? s : numSubreddits - 1 - s) % 7;
        });
    }
    const table = tableOf(graph, 2);
    const mirror = (values: Float32Array) =>
      Float32Array.from(values, (_, at) => values[(numSubreddits - 1 - Math.floor(at / DIM)) * DIM + (at % DIM)]);
    const encoder = randomEncoder();
    const states = encode(graph, encoder, 300, 1, table);
    expectClose(mirror(encode(mirrored, encoder, 300, 1, mirror(table))), states, FORWARD);
  });

  it('takes a graph without users', () => {
    const graph = bipartiteWithFeatures([], 3, 1);
    expect(encode(graph, randomEncoder(), 4, 1)).toEqual(tableOf(graph, 2));
  });
});

describe('tableRows', () => {
  it('are the named rows, in the order asked for', () => {
    const rows = tableRows(Float32Array.of(0, 1, 10, 11, 20, 21), 2, Int32Array.of(2, 0));
    expect(rows.arraySync()).toEqual([
      [20, 21],
      [0, 1],
    ]);
    expect(tableRows(Float32Array.of(0, 1), 2, new Int32Array(0)).shape).toEqual([0, 2]);
  });
});
