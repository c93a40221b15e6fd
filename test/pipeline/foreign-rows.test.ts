import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.js';
import { type ForeignRows, readHistories, readPairs } from '../../src/pipeline/foreign-rows.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const folder = newFolder();

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function addsUp({ rows, accounting: { read, kept, dropped } }: ForeignRows<unknown>): void {
  expect(kept).toBe(rows.length);
  expect(read).toBe(kept + Object.values(dropped).reduce((sum, n) => sum + n, 0));
}

describe('prompts of users', () => {
  it('are read from JSONL; what cannot be used is counted by reason', async () => {
    const lines = [
      '{"user":"u1","prompt":" a red\\u200b fox\\n in snow ","image":"1.png"}',
      '{"user_id":7,"caption":"a castle"}',
      '{"user":"u1","prompt":"cut',
      '["u1","a list"]',
      'null',
      '{"prompt":"nobody wrote this"}',
      '{"user":"u1","prompt":"  "}',
      JSON.stringify({ user: 'u1', prompt: 'x'.repeat(2001) }),
      '{"__proto__":{"user":"u1","prompt":"inherited"}}',
      '{"user":{"name":"u1"},"prompt":"a fox"}',
    ];
    const result = await readHistories(file('pip.jsonl', `\ufeff${lines.join('\n')}\n\n`));
    expect(result.rows).toEqual([
      { user: 'u1', prompt: 'a red fox in snow', image: '1.png', persona: undefined },
      { user: '7', prompt: 'a castle', image: undefined, persona: undefined },
    ]);
    expect(result.accounting.dropped).toEqual({ unreadable: 3, 'no-user': 3, 'no-prompt': 1, 'prompt-too-long': 1 });
    addsUp(result);
  });

  it('are in the order of time where every row has one', async () => {
    const rows = ['user,prompt,timestamp', 'u,later,2024-02-01', 'u,first,2023-01-01', 'u,last,2025-01-01'];
    const { rows: timed } = await readHistories(file('timed.csv', rows.join('\n')));
    expect(timed.map(({ prompt }) => prompt)).toEqual(['first', 'later', 'last']);
    const { rows: some } = await readHistories(file('some.csv', [...rows, 'u,unknown,'].join('\n')));
    expect(some.map(({ prompt }) => prompt)).toEqual(['later', 'first', 'last', 'unknown']);
  });

  it('are read from CSV with quotes, TSV and Parquet', async () => {
    const csv = await readHistories(file('h.csv', 'user,prompt\nu,"a fox, red"\nv,a castle\nu,too,many,cells\n'));
    expect(csv.rows.map(({ prompt }) => prompt)).toEqual(['a fox, red', 'a castle']);
    expect(csv.accounting).toMatchObject({ read: 3, dropped: { unreadable: 1 } });
    const tsv = await readHistories(file('h.tsv', 'author\ttext\nu\t"a fox" in snow\n'));
    expect(tsv.rows[0].prompt).toBe('"a fox" in snow');
    const path = join(folder, 'h.parquet');
    parquetWriteFile({
      filename: path,
      columnData: [
        { name: 'user_id', data: [1, 2], type: 'INT32' },
        { name: 'caption', data: ['a fox', ''], type: 'STRING' },
      ],
    });
    const parquet = await readHistories(path);
    expect(parquet.rows.map(({ user, prompt }) => [user, prompt])).toEqual([['1', 'a fox']]);
    expect(parquet.accounting.dropped).toEqual({ 'no-prompt': 1 });
  });
});

describe('choices of users', () => {
  it('are read as Pick-a-Pic has them', async () => {
    const header = 'user_id,caption,model_0,model_1,image_0_uid,image_1_uid,best_image_uid,label_0,has_label';
    const rows = [
      '1,a fox,sd,xl,i0,i1,i0,1.0,True',
      '1,a fox,sd,xl,i2,i3,i3,0.0,True',
      '2,a fox,sd,xl,i4,i5,tie,0.5,True',
      '2,a fox,sd,xl,i4,i5,,0.5,False',
      '2,a fox,sd,,,,i4,1,True',
      '2,a fox,sd,xl,i6,i7,,?,True',
    ];
    const result = await readPairs(file('pick.csv', [header, ...rows].join('\n')));
    expect(result.rows.map(({ choice }) => choice)).toEqual(['a', 'b', 'tie']);
    expect(result.rows[0]).toEqual({ user: '1', prompt: 'a fox', a: 'sd', b: 'xl', choice: 'a' });
    expect(result.accounting.dropped).toEqual({ 'no-choice': 2, 'no-pair': 1 });
    addsUp(result);
  });

  it('are told by the image that was taken too', async () => {
    const rows = [{ user: 'u', prompt: 'a fox', image_0_uid: 'x', image_1_uid: 'y', best_image_uid: 'y' }];
    const { rows: read } = await readPairs(file('best.jsonl', JSON.stringify(rows[0])));
    expect(read).toEqual([{ user: 'u', prompt: 'a fox', a: 'x', b: 'y', choice: 'b' }]);
  });
});

describe('a file that is no such table', () => {
  it.each([
    ['empty.jsonl', ''],
    ['header.csv', 'user,prompt\n'],
    ['other.csv', 'x,y\n1,2\n'],
    ['empty.csv', ''],
  ])('%s is refused in words', async (name, content) => {
    await expect(readHistories(file(name, content))).rejects.toMatchObject({ code: 'ERR_EMPTY' });
  });

  it('that is missing or a cut Parquet file, likewise', async () => {
    await expect(readHistories(join(folder, 'nowhere.csv'))).rejects.toMatchObject({ code: 'ERR_FILE_MISSING' });
    await expect(readHistories(file('cut.parquet', 'PAR1abc'))).rejects.toMatchObject({ code: 'ERR_TABLE' });
  });

  it('of any bytes gives rows that add up, or an error of ours', async () => {
    const seedRows = '{"user":"u","prompt":"a fox"}\n{"user":"v","prompt":"b"}\nuser,prompt\nu,"x"\n';
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .array(fc.tuple(fc.nat(seedRows.length - 1), fc.nat(255)), { maxLength: 6 })
        .map((edits) => edits.reduce((text, [at, byte]) => text.fill(byte, at, at + 1), Buffer.from(seedRows))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom('f.jsonl', 'f.csv', 'f.tsv', 'f.parquet', 'f'), async (content, name) => {
        for (const read of [readHistories, readPairs])
          await read(file(name, content)).then(addsUp, (error: unknown) => expect(error).toBeInstanceOf(InputError));
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});
