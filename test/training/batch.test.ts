import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import type { BipartiteGraph } from '../../src/graph/bipartite.js';
import { type BatchOptions, BatchSampler, type TrainingBatch } from '../../src/training/batch.js';
import { anyGraph, bipartiteWithFeatures, linksOf, plantedGraph, usersWithLinks } from './planted.js';

const optionsOf = (options: Partial<BatchOptions> = {}): BatchOptions => ({
  numLayers: 2,
  fanout: [4, 3],
  numCandidates: 16,
  batchUsers: 8,
  ...options,
});

/** A graph, users to train on and how to sample. */
const sampling = fc.record({
  graph: anyGraph.filter((graph) => usersWithLinks(graph, 2).length > 0),
  numLayers: fc.constant(2 as const),
  fanout: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
  numCandidates: fc.integer({ min: 1, max: 8 }),
  seed: fc.nat(),
});

function sample({ graph, seed, ...options }: typeof sampling extends fc.Arbitrary<infer T> ? T : never) {
  const seeds = usersWithLinks(graph, 2);
  const batch = new BatchSampler(graph, optionsOf(options)).sampleTraining(seeds, new Random(seed));
  return { graph, seeds, batch, options };
}

const slice = (values: Int32Array, ptr: Int32Array, i: number) => [...values.subarray(ptr[i], ptr[i + 1])];

/** The subreddits that the loss asks of seed b. */
const positivesOf = ({ candidates, posPtr, posIndex }: TrainingBatch, b: number) =>
  slice(posIndex, posPtr, b).map((at) => candidates[at]);

/** Pairs "user subreddit" whose link must not be seen while `batch` is encoded. */
function hiddenPairs(seeds: Uint32Array, batch: TrainingBatch): Set<string> {
  return new Set([...seeds].flatMap((u, b) => positivesOf(batch, b).map((s) => `${u} ${s}`)));
}

/** Users whose links have features that tell them apart: those of an edge are the two digits of its id, base 256. */
function withEdgeNumbers(graph: BipartiteGraph): BipartiteGraph {
  const { colIndex } = graph.userToSubreddit;
  const codes = [Uint8Array.from(colIndex, (_, e) => e >> 8), Uint8Array.from(colIndex, (_, e) => e)];
  const values = Float32Array.from({ length: 512 }, (_, at) => at % 256);
  return { ...graph, edgeFeatures: { numFeatures: 2, codes, values } };
}

/** Pairs "user subreddit" of the edges of a block, by the features they carry. */
function pairsOf({ userToSubreddit: { rowPtr, colIndex } }: BipartiteGraph, features: Float32Array): string[] {
  const pairs: string[] = [];
  for (let at = 0; at < features.length; at += 2) {
    const edge = 256 * features[at] + features[at + 1];
    const user = rowPtr.findLastIndex((begin) => begin <= edge);
    pairs.push(`${user} ${colIndex[edge]}`);
  }
  return pairs;
}

describe('BatchSampler.sampleTraining', () => {
  it('never lets a hidden link carry a message, in any block and either direction', () => {
    fc.assert(
      fc.property(sampling, (given) => {
        const graph = withEdgeNumbers(given.graph);
        const { seeds, batch } = sample({ ...given, graph });
        const hidden = hiddenPairs(seeds, batch);
        const { input } = batch;
        expect(hidden.size).toBeGreaterThanOrEqual(seeds.length);

        const toUsers = pairsOf(graph, input.toUsers.edgeFeatures);
        const toSubreddits = pairsOf(graph, input.toSubreddits.edgeFeatures);
        for (const pair of [...toUsers, ...toSubreddits]) expect(hidden.has(pair)).toBe(false);

        // edges lead where their features say: users' own subreddits come first among the rows
        seeds.forEach((u, b) => {
          const { rowPtr, colIndex } = input.toUsers;
          for (let e = rowPtr[b]; e < rowPtr[b + 1]; e++) expect(toUsers[e]).toBe(`${u} ${input.rows[colIndex[e]]}`);
        });
        const hopUsers: number[] = [];
        for (let s = 0; s < input.numStates; s++) {
          const { rowPtr, colIndex } = input.toSubreddits;
          for (let e = rowPtr[s]; e < rowPtr[s + 1]; e++) {
            const [user, subreddit] = toSubreddits[e].split(' ').map(Number);
            expect(subreddit).toBe(input.rows[s]);
            hopUsers[colIndex[e]] ??= user;
            expect(hopUsers[colIndex[e]]).toBe(user);
          }
        }
        hopUsers.forEach((user, at) => {
          for (const row of slice(input.hopUsers.colIndex, input.hopUsers.rowPtr, at)) {
            expect(linksOf(graph, user)).toContain(input.rows[row]);
            expect(hidden.has(`${user} ${input.rows[row]}`)).toBe(false);
          }
        });
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  it('keeps fanouts, local indices and shapes', () => {
    fc.assert(
      fc.property(sampling, (given) => {
        const { seeds, batch, options } = sample(given);
        const { rows, numStates, hopUsers, toSubreddits, toUsers } = batch.input;
        const blocks = [
          { block: toUsers, numTargets: seeds.length, bound: numStates, fanout: options.fanout[0] },
          { block: toSubreddits, numTargets: numStates, bound: hopUsers.rowPtr.length - 1, fanout: options.fanout[1] },
          { block: hopUsers, numTargets: hopUsers.rowPtr.length - 1, bound: rows.length, fanout: options.fanout[0] },
        ];
        for (const { block, numTargets, bound, fanout } of blocks) {
          expect(block.rowPtr).toHaveLength(numTargets + 1);
          expect(block.rowPtr[numTargets]).toBe(block.colIndex.length);
          for (const at of block.colIndex) expect(at >= 0 && at < bound).toBe(true);
          for (let i = 0; i < numTargets; i++)
            expect(block.rowPtr[i + 1] - block.rowPtr[i]).toBeLessThanOrEqual(fanout);
        }
        expect(toUsers.edgeFeatures).toHaveLength(2 * toUsers.colIndex.length);
        expect(toSubreddits.edgeFeatures).toHaveLength(2 * toSubreddits.colIndex.length);
        expect(new Set(rows).size).toBe(rows.length); // the optimizer needs distinct rows
      }),
      { seed: 2, numRuns: 100 },
    );
  });

  it('hides at least one link of every user, keeps at least one, and tells how many are left', () => {
    fc.assert(
      fc.property(sampling, (given) => {
        const { graph, seeds, batch } = sample(given);
        seeds.forEach((u, b) => {
          const links = linksOf(graph, u);
          const positives = positivesOf(batch, b);
          expect(positives.length).toBeGreaterThanOrEqual(1);
          expect(new Set(positives).size).toBe(positives.length);
          for (const s of positives) expect(links).toContain(s);
          expect(batch.input.degree[b]).toBe(links.length - positives.length);
          expect(batch.input.degree[b]).toBeGreaterThanOrEqual(1);
          const { rowPtr } = batch.input.toUsers;
          expect(rowPtr[b + 1] - rowPtr[b]).toBe(Math.min(batch.input.degree[b], given.fanout[0]));
        });
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  it('asks for at most 64 of the hidden links of a very active user, and takes none of the others as a negative', () => {
    const all = Array.from({ length: 400 }, (_, s) => s);
    const graph = bipartiteWithFeatures([all, [0, 1]], 400, 1);
    const sampler = new BatchSampler(graph, optionsOf({ numCandidates: 200, fanout: [400, 3] }));
    let capped = false;
    for (let seed = 0; seed < 10; seed++) {
      const batch = sampler.sampleTraining(Uint32Array.of(0, 1), new Random(seed));
      const numHidden = 400 - batch.input.degree[0];
      capped ||= numHidden > 64;
      expect(batch.posPtr[1]).toBe(Math.min(64, numHidden));
      expect(batch.input.toUsers.rowPtr[1]).toBe(400 - numHidden); // those not asked for stay hidden, too
      expect(slice(batch.maskIndex, batch.maskPtr, 0)).toHaveLength(400);
    }
    expect(capped).toBe(true);
  });

  it('masks every candidate that a user is linked to, and no other', () => {
    fc.assert(
      fc.property(sampling, (given) => {
        const { graph, seeds, batch } = sample(given);
        seeds.forEach((u, b) => {
          const links = new Set(linksOf(graph, u));
          const expected = [...batch.candidates.keys()].filter((at) => links.has(batch.candidates[at]));
          expect(slice(batch.maskIndex, batch.maskPtr, b).sort((a, c) => a - c)).toEqual(expected);
          for (const at of slice(batch.posIndex, batch.posPtr, b)) expect(expected).toContain(at);
        });
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it('makes each candidate one once, all subreddits where they are few, with a probability at most 1', () => {
    fc.assert(
      fc.property(sampling, (given) => {
        const { graph, batch, options } = sample(given);
        const { candidates, logQ } = batch;
        const { numCols } = graph.userToSubreddit;
        expect(new Set(candidates).size).toBe(candidates.length);
        expect(logQ).toHaveLength(candidates.length);
        for (const q of logQ) expect(Number.isFinite(q) && q <= 0).toBe(true);
        if (options.numCandidates * 2 >= numCols) {
          expect([...candidates].sort((a, b) => a - b)).toEqual([...Array(numCols).keys()]);
          expect(logQ.every((q) => q === 0)).toBe(true); // certain: the loss is a full softmax
        }
      }),
      { seed: 5, numRuns: 100 },
    );
  });

  it('knows how often a subreddit becomes a candidate', () => {
    const graph = plantedGraph(300, 60, 6, 1);
    const users = usersWithLinks(graph, 2);
    const sampler = new BatchSampler(graph, optionsOf({ numCandidates: 20, batchUsers: 5 }));
    const times = new Float64Array(60);
    const claimed = new Float64Array(60);
    const rounds = 1500;
    for (let i = 0; i < rounds; i++) {
      const random = new Random(i);
      const seeds = random.shuffle(users.slice()).subarray(0, 5);
      const { candidates, logQ } = sampler.sampleTraining(seeds, random);
      candidates.forEach((s, at) => {
        times[s]++;
        claimed[s] = Math.exp(logQ[at]);
      });
    }
    for (let s = 0; s < 60; s++) expect(Math.abs(times[s] / rounds - claimed[s])).toBeLessThan(0.06);
    expect(new Set(claimed).size).toBeGreaterThan(5); // popular ones are likelier
  });

  it('hides a tenth to seven tenths of the links, each as often as any other, and shows of some users only a few', () => {
    const links = [...Array(40).keys()];
    const sampler = new BatchSampler(bipartiteWithFeatures([links], 40, 1), optionsOf());
    const times = new Float64Array(40);
    const shown: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const batch = sampler.sampleTraining(Uint32Array.of(0), new Random(i));
      shown.push(batch.input.degree[0]);
      for (const s of positivesOf(batch, 0)) times[s]++;
    }
    const few = shown.filter((count) => count < 12);
    expect(Math.min(...few)).toBe(1);
    expect(Math.max(...few)).toBe(10);
    expect(Math.abs(few.length / 2000 - 0.25)).toBeLessThan(0.04);
    const rest = shown.filter((count) => count >= 12);
    expect(Math.min(...rest)).toBeLessThanOrEqual(13);
    expect(Math.max(...rest)).toBe(36);
    const share = 1 - shown.reduce((sum, count) => sum + count, 0) / (2000 * 40);
    for (const count of times) expect(Math.abs(count / 2000 - share)).toBeLessThan(0.05);
  });

  it('gives the same batch for the same seed, whatever was sampled before', () => {
    fc.assert(
      fc.property(sampling, (given) => {
        const { graph, seeds, batch, options } = sample(given);
        const used = new BatchSampler(graph, optionsOf(options));
        for (let i = 0; i < 3; i++) used.sampleTraining(seeds.subarray(0, 1 + i), new Random(i));
        expect(used.sampleTraining(seeds, new Random(given.seed))).toEqual(batch);
      }),
      { seed: 6, numRuns: 60 },
    );
  });

  it('takes users with exactly two links, and no users at all', () => {
    const graph = bipartiteWithFeatures([[0, 1], [2, 3], [4]], 5, 1);
    const sampler = new BatchSampler(graph, optionsOf());
    const batch = sampler.sampleTraining(Uint32Array.of(0, 1), new Random(1));
    expect([...batch.posPtr]).toEqual([0, 1, 2]);
    expect([...batch.input.degree]).toEqual([1, 1]);
    const none = sampler.sampleTraining(new Uint32Array(0), new Random(1));
    expect([none.input.rows.length, none.posIndex.length, none.maskIndex.length]).toEqual([0, 0, 0]);
  });
});
