import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeTable } from '../../src/artifacts/arrow.js';
import { GRAPH_SUBREDDITS } from '../../src/artifacts/tables.js';
import { Random } from '../../src/core/random.js';
import { configSchema } from '../../src/pipeline/config.js';
import { subredditFeatures } from '../../src/pipeline/subreddit-features.js';
import { writeVectorTable } from '../../src/vision/vector-table.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const NAMES = ['AskBakers', 'BreadBakers', 'nothing', 'TrailRunning'];

function graph(): string {
  const folder = newFolder();
  const id = Uint32Array.from(NAMES.keys());
  writeTable(folder, GRAPH_SUBREDDITS, { id, name: NAMES, users: id, community: Int32Array.from(id) });
  return folder;
}

const known = (settings: object) => subredditFeatures(configSchema.parse(settings), graph(), new Random(1));

describe('subredditFeatures', () => {
  it('are none unless they are asked for', async () => {
    expect(await known({})).toBeUndefined();
    expect(await known({ subredditInfo: 'none.csv' })).toBeUndefined();
  });

  it('are words of names, and of what a table says', async () => {
    const names = await known({ textFeatures: true });
    expect(names?.accounting).toEqual({
      unit: 'subreddits',
      read: 4,
      kept: 2, // "bakers" is in two names, no other word is
      dropped: { 'without-features': 2 },
    });
    const path = join(newFolder(), 'info.tsv');
    writeFileSync(path, 'subreddit\tdescription\nnothing\tbread for everybody\ntrailrunning\tfor everybody who runs\n');
    const texts = await known({ textFeatures: true, subredditInfo: path });
    expect(texts?.accounting.kept).toBe(4);
    expect(texts?.features.vectors).toHaveLength(4 * 64);
  });

  it('are vectors of a file by name, brought to unit length', async () => {
    const path = join(newFolder(), 'vectors.arrow');
    async function* rows() {
      yield { id: 'r/trailrunning', vector: Float32Array.of(3, 4) };
      yield { id: 'Elsewhere', vector: Float32Array.of(1, 1) };
      yield { id: 'askbakers', vector: Float32Array.of(0, 0) };
    }
    await writeVectorTable(path, 2, rows());
    const given = await known({ subredditVectors: path });
    expect(given?.accounting.kept).toBe(1);
    expect([...(given?.features.vectors ?? [])].map((x) => Number(x.toFixed(4)))).toEqual([0, 0, 0, 0, 0, 0, 0.6, 0.8]);
  });

  it('refuses a file that knows none of the subreddits', async () => {
    const path = join(newFolder(), 'vectors.arrow');
    async function* rows() {
      yield { id: 'Elsewhere', vector: Float32Array.of(1, 1) };
    }
    await writeVectorTable(path, 2, rows());
    await expect(known({ subredditVectors: path })).rejects.toMatchObject({ code: 'ERR_SUBREDDIT_VECTORS' });
  });
});
