import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type GraphPlan, generateGraph, generateImages } from '../../scripts/generate-graph.js';
import { readTable } from '../../src/artifacts/arrow.js';
import { loadInteractions } from '../../src/artifacts/load-interactions.js';
import { INGESTED_SUBREDDITS, INGESTED_USERS } from '../../src/artifacts/tables.js';
import { readVectorRows } from '../../src/vision/vector-table.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const plan: GraphPlan = { users: 3000, subreddits: 400, edges: 24_000, communities: 8, shards: 3, seed: 1 };

describe('generateGraph', () => {
  it('makes shards that merge to the edges it counts, heavy-tailed and near the size asked for', async () => {
    const folder = newFolder();
    const made = generateGraph(plan, folder);
    const { graph, rows } = await loadInteractions(folder, plan.subreddits, 365, new AbortController().signal);
    expect({ rows, edges: graph.colIndex.length }).toEqual(made);
    expect(rows).toBeGreaterThan(1.05 * made.edges); // some lie in two shards
    expect(Math.abs(made.edges / plan.edges - 1)).toBeLessThan(0.15);
    const degrees = Uint32Array.from({ length: graph.numRows }, (_, u) => graph.rowPtr[u + 1] - graph.rowPtr[u]).sort();
    expect(degrees[degrees.length - 1]).toBeGreaterThan(10 * degrees[degrees.length >> 1]);
  });

  it('plants communities: most subreddits of a user are of its own', async () => {
    const folder = newFolder();
    generateGraph(plan, folder);
    const { graph } = await loadInteractions(folder, plan.subreddits, 365, new AbortController().signal);
    const truth = (file: string) =>
      readTable(folder, { file, description: '', columns: { community: { type: 'u32', description: '' } } } as const);
    const { community: ofUser } = await truth('truth-users.arrow');
    const { community: ofSubreddit } = await truth('truth-subreddits.arrow');
    let own = 0;
    for (let u = 0; u < graph.numRows; u++)
      for (let e = graph.rowPtr[u]; e < graph.rowPtr[u + 1]; e++)
        if (ofSubreddit[graph.colIndex[e]] === ofUser[u]) own++;
    expect(own / graph.colIndex.length).toBeGreaterThan(0.6);
  });

  it('writes the tables of ingest, and the same bytes for the same plan', async () => {
    const [one, two] = [newFolder(), newFolder()];
    generateGraph(plan, one);
    generateGraph(plan, two);
    for (const file of readdirSync(one))
      expect(readFileSync(`${one}/${file}`).equals(readFileSync(`${two}/${file}`))).toBe(true);
    const { pseudonym } = await readTable(one, INGESTED_USERS);
    expect(pseudonym).toHaveLength(plan.users);
    expect([...pseudonym]).toEqual([...pseudonym].sort((a, b) => (a < b ? -1 : 1)));
    expect((await readTable(one, INGESTED_SUBREDDITS)).name).toHaveLength(plan.subreddits);
  });
});

describe('generateGraph with tastes', () => {
  const withTastes: GraphPlan = { ...plan, tastes: 4, imageDim: 16 };
  const truth = (folder: string, file: string, column: 'taste' | 'community') =>
    readTable(folder, { file, description: '', columns: { [column]: { type: 'u32', description: '' } } }) as Promise<
      Record<string, Uint32Array>
    >;

  it('plants tastes that communities hardly tell, in links and in images alike, the same for the same plan', async () => {
    const [folder, again] = [newFolder(), newFolder()];
    for (const to of [folder, again]) {
      generateGraph(withTastes, to);
      await generateImages(withTastes, to);
    }
    for (const file of readdirSync(folder))
      expect(readFileSync(`${folder}/${file}`).equals(readFileSync(`${again}/${file}`))).toBe(true);
    const { graph } = await loadInteractions(folder, plan.subreddits, 365, new AbortController().signal);
    const { taste: ofUser } = await truth(folder, 'truth-user-tastes.arrow', 'taste');
    const { taste: ofSubreddit } = await truth(folder, 'truth-subreddit-tastes.arrow', 'taste');
    const { community } = await truth(folder, 'truth-users.arrow', 'community');
    let own = 0;
    for (let u = 0; u < graph.numRows; u++)
      for (let e = graph.rowPtr[u]; e < graph.rowPtr[u + 1]; e++)
        if (ofSubreddit[graph.colIndex[e]] === ofUser[u]) own++;
    expect(own / graph.colIndex.length).toBeGreaterThan(0.6);
    const tied = ofUser.filter((taste, u) => taste === community[u] % 4).length / ofUser.length;
    expect(tied).toBeGreaterThan(0.3);
    expect(tied).toBeLessThan(0.5); // a quarter by chance, a fifth tied

    // an image is nearest to the mean of its own taste more often than chance has it, and not always
    const { pseudonym } = await readTable(folder, INGESTED_USERS);
    const userOf = new Map([...pseudonym].map((value, u) => [value.toString(16).padStart(16, '0'), u]));
    const means = Array.from({ length: 4 }, () => new Float64Array(16));
    const images: [taste: number, vector: ArrayLike<number>][] = [];
    for await (const { ids, vectors } of readVectorRows(`${folder}/image-vectors.arrow`))
      for (const [i, id] of ids.entries())
        images.push([ofUser[userOf.get(id as string) as number], vectors[i] as Float32Array]);
    for (const [taste, vector] of images) for (let d = 0; d < 16; d++) means[taste][d] += vector[d];
    const scale = means.map((mean) => 1 / Math.hypot(...mean));
    const scores = (vector: ArrayLike<number>) =>
      means.map((mean, t) => scale[t] * mean.reduce((sum, value, d) => sum + value * vector[d], 0));
    const right = images.filter(([taste, vector]) => scores(vector).indexOf(Math.max(...scores(vector))) === taste);
    expect(right.length / images.length).toBeGreaterThan(0.5);
    expect(right.length / images.length).toBeLessThan(0.99);
  });
});
