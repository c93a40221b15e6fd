import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as module from '../../src/clustering/distinguishing.js';
import { Random } from '../../src/core/random.js';
import type { Adjacency } from '../../src/graph/csr.js';
import { csrOf, randomBipartite } from '../graph/graphs.js';
import { normalPoints } from './points.js';

/** Edges in two parts, as from a file. */
function findDistinguishingSubreddits(
  { numRows, numCols, rowPtr, colIndex }: Adjacency,
  assignment: Int32Array,
  k: number,
  options: module.DistinguishingOptions = {},
) {
  const counter = new module.MembershipCounter(assignment, k, numCols);
  const users = new Uint32Array(colIndex.length);
  for (let i = 0; i < numRows; i++) users.fill(i, rowPtr[i], rowPtr[i + 1]);
  const half = users.length >> 1;
  counter.add(users.subarray(0, half), colIndex.subarray(0, half));
  counter.add(users.subarray(half), colIndex.subarray(half));
  return module.findDistinguishingSubreddits(counter, options);
}

/** Points in two parts. */
function findMedoids(points: Float32Array, dim: number, assignment: Int32Array, centroids: Float32Array, count = 5) {
  const finder = new module.MedoidFinder(centroids, dim, count);
  const half = assignment.length >> 1;
  finder.add(points.subarray(0, half * dim), assignment.subarray(0, half), 0);
  finder.add(points.subarray(half * dim), assignment.subarray(half), half);
  return finder.result();
}

describe('findDistinguishingSubreddits', () => {
  it('agrees with the formula on tables of counts', () => {
    fc.assert(
      fc.property(randomBipartite, fc.nat(), ({ graph, rows, numCols }, seed) => {
        const random = new Random(seed);
        const assignment = new Int32Array(rows.length).map(() => random.below(4) - 1);
        const found = findDistinguishingSubreddits(graph, assignment, 3, { minUsers: 1, topN: 99, priorStrength: 10 });
        const total = rows.flat().length;
        for (let c = 0; c < 3; c++) {
          const members = rows.filter((_, i) => assignment[i] === c);
          const others = rows.filter((_, i) => assignment[i] !== c);
          const expected: { subreddit: number; users: number; zScore: number; share: number }[] = [];
          for (let j = 0; j < numCols; j++) {
            const users = members.filter((row) => row.includes(j)).length;
            const elsewhere = others.filter((row) => row.includes(j)).length;
            const prior = (10 * (users + elsewhere)) / total;
            const odds = (y: number, n: number): number => (y + prior) / (n + 10 - y - prior);
            const logOdds = Math.log(odds(users, members.flat().length) / odds(elsewhere, others.flat().length));
            const zScore = logOdds / Math.sqrt(1 / (users + prior) + 1 / (elsewhere + prior));
            if (users > 0 && zScore > 1e-9)
              expected.push({ subreddit: j, users, zScore, share: users / members.length });
          }
          const kept = found[c].filter(({ zScore }) => zScore > 1e-9).sort((a, b) => a.subreddit - b.subreddit);
          expect(kept.length).toBe(expected.length);
          kept.forEach((entry, at) => {
            expect(entry).toMatchObject({ subreddit: expected[at].subreddit, users: expected[at].users });
            expect(entry.zScore).toBeCloseTo(expected[at].zScore, 6);
            expect(entry.share).toBeCloseTo(expected[at].share, 12);
          });
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('prefers what a cluster alone does to what everyone does', () => {
    const rows = Array.from({ length: 200 }, (_, i) => (i < 100 ? [0, 1] : [0, 2]));
    const found = findDistinguishingSubreddits(
      csrOf(rows, 3),
      new Int32Array(200).map((_, i) => (i < 100 ? 0 : 1)),
      2,
    );
    expect(found.map((list) => list.map(({ subreddit }) => subreddit))).toEqual([[1], [2]]);
    expect(found[0][0]).toMatchObject({ users: 100, share: 1, lift: 2 });
  });

  it('does not let two chance members beat steady evidence', () => {
    const rows = Array.from({ length: 1000 }, (_, i) => {
      if (i < 2) return [0, 3]; // subreddit 3 exists only in cluster 0, with two users: the highest lift
      return i < 300 ? [0, 1] : i % 4 === 0 ? [0, 1] : [0, 2];
    });
    const assignment = new Int32Array(1000).map((_, i) => (i < 300 ? 0 : 1));
    const [first] = findDistinguishingSubreddits(csrOf(rows, 4), assignment, 2);
    expect(first[0].subreddit).toBe(1);
    expect(first.find(({ subreddit }) => subreddit === 3)!.lift).toBeGreaterThan(first[0].lift);
  });

  it('takes empty clusters, no edges and a single subreddit', () => {
    expect(findDistinguishingSubreddits(csrOf([], 0), new Int32Array(0), 2)).toEqual([[], []]);
    expect(findDistinguishingSubreddits(csrOf([[], []], 1), Int32Array.of(0, 0), 1)).toEqual([[]]);
    expect(findDistinguishingSubreddits(csrOf([[0], [0]], 1), Int32Array.of(0, 1), 2, { minUsers: 1 })).toEqual([
      [],
      [],
    ]);
  });

  it('hides what fewer than minUsers members do, and stops at topN', () => {
    const rows = [[0, 1, 2], [0, 1], [3], [3]];
    const assignment = Int32Array.of(0, 0, 1, 1);
    const ids = (options: { minUsers: number; topN?: number }) =>
      findDistinguishingSubreddits(csrOf(rows, 4), assignment, 2, options)[0].map(({ subreddit }) => subreddit);
    expect(ids({ minUsers: 1 })).toEqual([0, 1, 2]);
    expect(ids({ minUsers: 2 })).toEqual([0, 1]);
    expect(ids({ minUsers: 1, topN: 1 })).toEqual([0]);
  });
});

describe('findMedoids', () => {
  it('gives the nearest members first, ties to the smaller id', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 5 }), (seed, count) => {
        const random = new Random(seed);
        const points = normalPoints(20, 2, random).map(Math.round); // whole numbers: ties occur
        const centroids = Float32Array.of(0, 0, 1, 1, 9, 9);
        const assignment = new Int32Array(20).map(() => random.below(3) - 1); // nobody in cluster 2
        const medoids = findMedoids(points, 2, assignment, centroids, count);
        for (let c = 0; c < 3; c++) {
          const squared = (i: number): number =>
            (points[2 * i] - centroids[2 * c]) ** 2 + (points[2 * i + 1] - centroids[2 * c + 1]) ** 2;
          const members = [...assignment.keys()].filter((i) => assignment[i] === c);
          expect([...medoids[c]]).toEqual(members.sort((a, b) => squared(a) - squared(b) || a - b).slice(0, count));
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});
