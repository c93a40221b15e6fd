import { existsSync, readFileSync, renameSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generateGraph } from '../../scripts/generate-graph.js';
import type { StageContext } from '../../src/pipeline/stage.js';
import { takeShards } from '../../src/pipeline/take-shards.js';
import { resolveInputs } from '../../src/reddit/inputs.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const plan = { users: 200, subreddits: 40, edges: 1000, communities: 4, shards: 2, seed: 1 };

function shards(): string {
  const folder = newFolder();
  generateGraph(plan, folder);
  return folder;
}

async function take(inputs: readonly string[], folder = newFolder()) {
  const log = { info: () => {}, progress: () => {} };
  const context = { folder, log, signal: new AbortController().signal } as unknown as StageContext;
  return { folder, ...(await takeShards(context, await resolveInputs(inputs))) };
}

describe('takeShards', () => {
  it('takes the tables as they are, and counts them', async () => {
    const from = shards();
    const { folder, rows, counts } = await take([from]);
    for (const file of ['users.arrow', 'subreddits.arrow', 'interactions-00000.arrow', 'interactions-00001.arrow'])
      expect(readFileSync(`${folder}/${file}`).equals(readFileSync(`${from}/${file}`))).toBe(true);
    expect(existsSync(`${folder}/truth-users.arrow`)).toBe(false);
    expect(rows).toMatchObject({ 'users.arrow': 200, 'subreddits.arrow': 40 });
    expect(counts).toMatchObject({ users: 200, subreddits: 40 });
  });

  it.each(['users.arrow', 'subreddits.arrow'])('says that %s is missing', async (file) => {
    const from = shards();
    renameSync(`${from}/${file}`, `${from}/other.arrow`);
    await expect(take([from])).rejects.toMatchObject({ code: 'ERR_SHARDS', fields: { missing: file } });
  });

  it('refuses a folder without shards, and two shards of one name', async () => {
    const from = shards();
    await expect(take([`${from}/users.arrow`, `${from}/subreddits.arrow`])).rejects.toMatchObject({
      code: 'ERR_SHARDS',
    });
    await expect(take([from, `${shards()}/interactions-00000.arrow`])).rejects.toMatchObject({ code: 'ERR_SHARDS' });
  });
});
