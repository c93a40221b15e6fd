import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readSubredditInfo } from '../../src/pipeline/subreddit-info.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();

function tableOf(content: string | Buffer, name = 'table.csv'): string {
  const path = join(newFolder(), name);
  writeFileSync(path, content);
  return path;
}

const read = async (content: string | Buffer, name?: string) =>
  Object.fromEntries(await readSubredditInfo(tableOf(content, name)));

describe('a table of subreddits', () => {
  it('is read by its header, whatever the order and case of columns and names', async () => {
    const content =
      '\ufeffNSFW,Topic,Subreddit,Description\nfalse,Plants,r/Gardening,"Soil, seeds"\nTRUE,,/r/Wild,\n,,,\n';
    expect(await read(content)).toEqual({
      gardening: { topic: 'Plants', description: 'Soil, seeds' },
      wild: { over18: true },
    });
  });

  it.each(['true', '1', 'Yes'])('takes %s for an over-18 mark, and nothing else', async (mark) => {
    const table = await read(`name\tover_18\na\t${mark}\nb\tno\nc\t0\n`, 'table.tsv');
    expect(table).toEqual({ a: { over18: true }, b: {}, c: {} });
  });

  it('without a header has levels of topics, narrow ones last, and the name where an r/ stands or first', async () => {
    expect(await read('Hobbies,Games,Chess,r/chess\nHobbies,Food,,r/Breadit\n')).toEqual({
      chess: { topic: 'Games, Chess' },
      breadit: { topic: 'Hobbies, Food' },
    });
    expect(await read('chess,Games\n')).toEqual({ chess: { topic: 'Games' } });
  });

  it('may be compressed, and holds quotes in tab-separated cells as they are', async () => {
    const content = 'subreddit\tdescription\nfilm\tThe "seventh" art\n';
    expect(await read(gzipSync(content), 'table.tsv.gz')).toEqual({ film: { description: 'The "seventh" art' } });
  });

  it('that is none is refused by name', async () => {
    await expect(readSubredditInfo('/nowhere/info.csv')).rejects.toMatchObject({ code: 'ERR_SUBREDDIT_INFO' });
    await expect(read('only names\nhere\n')).rejects.toThrow('expected a column subreddit');
    await expect(read('')).rejects.toThrow('expected a column subreddit');
  });
});
