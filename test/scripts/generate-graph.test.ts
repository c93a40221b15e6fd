import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type GraphPlan, generateGraph } from '../../scripts/generate-graph.js';
import { readTable } from '../../src/artifacts/arrow.js';
import { loadInteractions } from '../../src/artifacts/load-interactions.js';
import { INGESTED_SUBREDDITS, INGESTED_USERS } from '../../src/artifacts/tables.js';
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
