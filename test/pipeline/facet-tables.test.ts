import { beforeAll, describe, expect, it } from 'vitest';
import { readTable } from '../../src/artifacts/arrow.js';
import { ATTENTION, FACET_ATTENTION, FACETS, USER_EMBEDDINGS } from '../../src/artifacts/tables.js';
import { silentLog } from '../../src/core/log.js';
import { Random } from '../../src/core/random.js';
import { useEngine } from '../../src/kernels/register.js';
import { writeEmbeddings } from '../../src/pipeline/embed.js';
import type { StageContext } from '../../src/pipeline/stage.js';
import { encodeAllSubreddits } from '../../src/training/inference.js';
import { restoreEncoder, trainEncoder } from '../../src/training/trainer.js';
import { temporaryFolders } from '../artifacts/folders.js';
import { bipartiteWithFeatures } from '../training/planted.js';

const newFolder = temporaryFolders();
const SUBREDDITS_EACH = 12;
const COMMUNITIES = 5;
const ONE_TASTE = 400;
const TWO_TASTES = 100;
const draws = new Random(2);
const some = (community: number, count: number) =>
  Array.from({ length: count }, () => community * SUBREDDITS_EACH + draws.below(SUBREDDITS_EACH));
const rows = [
  ...Array.from({ length: ONE_TASTE }, (_, u) => some(u % COMMUNITIES, 8)),
  ...Array.from({ length: TWO_TASTES }, (_, u) => [
    ...some(u % COMMUNITIES, 7),
    ...some((u + 1 + (u % 3)) % COMMUNITIES, 7),
  ]),
  [3], // one link
  [], // none
];
const graph = bipartiteWithFeatures(rows, COMMUNITIES * SUBREDDITS_EACH, 1);
const [ONE_LINK, NO_LINK] = [ONE_TASTE + TWO_TASTES, ONE_TASTE + TWO_TASTES + 1];

describe('facets of users', () => {
  const folder = newFolder();
  const again = newFolder();
  beforeAll(async () => {
    await useEngine('reference');
    const options = {
      ...{
        dim: 16,
        heads: 2,
        layers: 1,
        fanout: [16, 4],
        batchUsers: 64,
        maxEpochs: 6,
        patience: 6,
        learningRate: 0.02,
      },
      ...{
        weightDecay: 0.05,
        temperature: 1,
        candidates: 64,
        smoothingNeighbors: 4,
        validationUsers: 0,
        embedFanout: 16,
      },
    };
    const hooks = {
      log: silentLog,
      signal: new AbortController().signal,
      isCheckpointDue: () => false,
      saveCheckpoint: async () => {},
    };
    const { weights } = await trainEncoder(graph, options, new Random(1), hooks);
    for (const to of [folder, again]) {
      const model = restoreEncoder({ dim: 16, numHeads: 2, numEdgeFeatures: 2, numLayers: 1 }, weights);
      const states = encodeAllSubreddits(graph, model.encoder, model.inTable, 16, new Random(1));
      const context = { folder: to, config: { facets: 3 }, log: silentLog, signal: hooks.signal };
      await writeEmbeddings(context as unknown as StageContext, graph, model, states);
    }
  }, 60_000);

  it('tells the two tastes of people apart who have two, and leaves those of one whole', async () => {
    const { user, facet } = await readTable(folder, FACETS);
    const numFacets = new Uint32Array(rows.length);
    user.forEach((u, i) => {
      expect(facet[i]).toBe(numFacets[u]++); // in order, none left out
    });
    const share = (begin: number, end: number, count: number) =>
      numFacets.subarray(begin, end).filter((n) => n === count).length / (end - begin);
    expect(share(0, ONE_TASTE, 1)).toBeGreaterThan(0.95);
    expect(share(ONE_TASTE, ONE_TASTE + TWO_TASTES, 2)).toBeGreaterThan(0.95);
    expect([numFacets[ONE_LINK], numFacets[NO_LINK]]).toEqual([1, 0]);

    const { user: who, facet: side, subreddit } = await readTable(folder, FACET_ATTENTION);
    const communities = new Map<string, Set<number>>();
    who.forEach((u, i) => {
      if (u < ONE_TASTE || u >= ONE_LINK || numFacets[u] !== 2) return;
      const key = `${u} ${side[i]}`;
      communities.set(key, (communities.get(key) ?? new Set()).add(Math.floor(subreddit[i] / SUBREDDITS_EACH)));
    });
    const pure = [...communities.values()].filter((set) => set.size === 1).length / communities.size;
    expect(pure).toBeGreaterThan(0.95);
  });

  it('gives each facet attention that sums to one, of exactly the links of its user, and weights that sum to one', async () => {
    const { user, facet, links, weight } = await readTable(folder, FACETS);
    const attention = await readTable(folder, FACET_ATTENTION);
    const sums = new Map<string, { attention: number; links: number; last: number }>();
    const linked = Array.from(rows, () => new Set<number>());
    attention.user.forEach((u, i) => {
      const key = `${u} ${attention.facet[i]}`;
      const sum = sums.get(key) ?? { attention: 0, links: 0, last: Number.POSITIVE_INFINITY };
      expect(attention.attention[i]).toBeLessThanOrEqual(sum.last);
      sums.set(key, {
        attention: sum.attention + attention.attention[i],
        links: sum.links + 1,
        last: attention.attention[i],
      });
      linked[u].add(attention.subreddit[i]);
    });
    const weights = new Float64Array(rows.length);
    user.forEach((u, i) => {
      expect(sums.get(`${u} ${facet[i]}`)?.attention).toBeCloseTo(1, 5);
      expect(sums.get(`${u} ${facet[i]}`)?.links).toBe(links[i]);
      if (facet[i] > 0) expect(weight[i]).toBeLessThanOrEqual(weight[i - 1]);
      weights[u] += weight[i];
    });
    linked.forEach((set, u) => {
      expect(set).toEqual(new Set(rows[u]));
      expect(weights[u]).toBeCloseTo(rows[u].length > 0 ? 1 : 0, 5);
    });
  });

  it('is the user itself, to the bit, where a user has one facet, and the same every time', async () => {
    const { user, facet, embedding } = await readTable(folder, FACETS);
    const whole = await readTable(folder, USER_EMBEDDINGS);
    const seen = await readTable(folder, ATTENTION);
    const numFacets = new Map<number, number>();
    for (const u of user) numFacets.set(u, (numFacets.get(u) ?? 0) + 1);
    user.forEach((u, i) => {
      if (numFacets.get(u) === 1)
        expect(embedding.subarray(16 * i, 16 * i + 16)).toEqual(whole.embedding.subarray(16 * u, 16 * u + 16));
    });
    expect(seen.user.filter((u) => u === ONE_LINK)).toHaveLength(1);
    for (const table of [FACETS, FACET_ATTENTION])
      expect(await readTable(again, table)).toEqual(await readTable(folder, table));
    expect(Math.max(...facet)).toBeLessThanOrEqual(2);
  });
});
