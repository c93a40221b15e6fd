import { describe, expect, it } from 'vitest';
import { ROWS_PER_BATCH, writeTable } from '../../src/artifacts/arrow.js';
import { USER_EMBEDDINGS } from '../../src/artifacts/tables.js';
import { readSample } from '../../src/pipeline/cluster.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();

describe('readSample', () => {
  it('takes the rows asked for, from whichever batch they lie in', async () => {
    const folder = newFolder();
    const numUsers = 2 * ROWS_PER_BATCH + 10;
    const id = Uint32Array.from({ length: numUsers }, (_, u) => u);
    writeTable(
      folder,
      USER_EMBEDDINGS,
      { id, embedding: Float32Array.from({ length: 2 * numUsers }, (_, at) => at) },
      2,
    );
    const users = Uint32Array.of(0, 7, ROWS_PER_BATCH - 1, ROWS_PER_BATCH, 2 * ROWS_PER_BATCH + 1, numUsers - 1);
    const sample = await readSample(folder, users, 2, new AbortController().signal);
    expect([...sample]).toEqual([...users].flatMap((u) => [2 * u, 2 * u + 1]));
  });
});
