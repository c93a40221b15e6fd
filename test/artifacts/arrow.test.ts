import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Columns,
  ROWS_PER_BATCH,
  readBatches,
  readTable,
  TableWriter,
  writeTable,
} from '../../src/artifacts/arrow.js';
import type { ColumnType, TableDefinition } from '../../src/artifacts/tables.js';
import { temporaryFolders } from './folders.js';

const newFolder = temporaryFolders();

/** What the codes of a test stand for. */
const VALUES = Float32Array.from({ length: 256 }, (_, code) => code / 4);

/** One column of each type. */
const EVERYTHING = {
  file: 'everything.arrow',
  description: 'a test',
  columns: {
    u32: { type: 'u32', description: '' },
    i32: { type: 'i32', description: '' },
    u64: { type: 'u64', description: '' },
    i64: { type: 'i64', description: '' },
    f32: { type: 'f32', description: '' },
    utf8: { type: 'utf8', description: '' },
    vector: { type: 'vector', description: '' },
    code: { type: 'code', values: VALUES, description: '' },
  },
} as const satisfies TableDefinition;

const LENGTH = 3; // of the vectors

const row = fc.record({
  u32: fc.nat(2 ** 32 - 1),
  i32: fc.integer(),
  u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  i64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  f32: fc.float(),
  utf8: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('', 'r/日本語', 'Ελλάδα', '👩‍👩‍👧', 'a\u0000b')),
  vector: fc.tuple(fc.float(), fc.float(), fc.float()),
  code: fc.nat(255),
});
type Row = typeof row extends fc.Arbitrary<infer R> ? R : never;

function columnsOf(rows: readonly Row[]): Columns<typeof EVERYTHING> {
  return {
    u32: Uint32Array.from(rows, (r) => r.u32),
    i32: Int32Array.from(rows, (r) => r.i32),
    u64: BigUint64Array.from(rows, (r) => r.u64),
    i64: BigInt64Array.from(rows, (r) => r.i64),
    f32: Float32Array.from(rows, (r) => r.f32),
    utf8: rows.map((r) => r.utf8),
    vector: Float32Array.from(rows.flatMap((r) => r.vector)),
    code: Uint8Array.from(rows, (r) => r.code),
  };
}

const oneColumn = (type: ColumnType, name = 'x') =>
  ({ file: 'one.arrow', description: '', columns: { [name]: { type, values: VALUES, description: '' } } }) as const;

const someRows = fc.sample(row, { seed: 1, numRuns: 20 });

describe('writeTable and readTable', () => {
  it('round-trip every column type', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 20 }), async (rows) => {
        const folder = newFolder();
        const written = writeTable(folder, EVERYTHING, columnsOf(rows), LENGTH);
        expect(written.rows).toBe(rows.length);
        expect(await readTable(folder, EVERYTHING)).toEqual(columnsOf(rows));
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it('note the size and the hash of the file', () => {
    const folder = newFolder();
    const { bytes, sha256 } = writeTable(folder, EVERYTHING, columnsOf(someRows), LENGTH);
    const content = readFileSync(`${folder}/everything.arrow`);
    expect(bytes).toBe(content.length);
    expect(sha256).toBe(createHash('sha256').update(content).digest('hex'));
  });

  it('write the same bytes for the same content', () => {
    const write = () => writeTable(newFolder(), EVERYTHING, columnsOf(someRows), LENGTH).sha256;
    expect(write()).toBe(write());
  });

  it('leave a file that only its owner can read', () => {
    const folder = newFolder();
    writeTable(folder, EVERYTHING, columnsOf(someRows), LENGTH);
    expect(statSync(`${folder}/everything.arrow`).mode & 0o777).toBe(0o600);
  });

  it('split long tables into batches of bounded size, in order', async () => {
    const folder = newFolder();
    const numRows = 2 * ROWS_PER_BATCH + 7;
    const table = { ...EVERYTHING, columns: { u32: EVERYTHING.columns.u32, vector: EVERYTHING.columns.vector } };
    const columns = {
      u32: Uint32Array.from({ length: numRows }, (_, i) => i),
      vector: Float32Array.from({ length: 2 * numRows }, (_, i) => i),
    };
    writeTable(folder, table, columns, 2);
    const sizes: number[] = [];
    for await (const batch of readBatches(folder, table)) sizes.push(batch.u32.length);
    expect(sizes).toEqual([ROWS_PER_BATCH, ROWS_PER_BATCH, 7]);
    expect(await readTable(folder, table)).toEqual(columns);
  });

  it('put the vectors of a table whose first column they are in their rows', async () => {
    const folder = newFolder();
    const table = { ...EVERYTHING, columns: { vector: EVERYTHING.columns.vector, u32: EVERYTHING.columns.u32 } };
    const columns = { vector: Float32Array.of(1, 2, 3, 4, 5, 6), u32: Uint32Array.of(7, 8) };
    expect(writeTable(folder, table, columns, 3).rows).toBe(2);
    expect(await readTable(folder, table)).toEqual(columns);
  });

  it('make files that the Arrow library reads by itself, with names, types and no nulls', () => {
    const folder = newFolder();
    writeTable(folder, EVERYTHING, columnsOf(someRows), LENGTH);
    const table = tableFromIPC(readFileSync(`${folder}/everything.arrow`));
    expect(table.schema.fields.map(({ name, type, nullable }) => `${name}: ${type}${nullable ? '?' : ''}`)).toEqual([
      'u32: Uint32',
      'i32: Int32',
      'u64: Uint64',
      'i64: Int64',
      'f32: Float32',
      'utf8: Utf8',
      'vector: FixedSizeList[3]<Float32>',
      'code: Dictionary<Uint8, Float32>',
    ]);
    expect(table.numRows).toBe(someRows.length);
    someRows.forEach((expected, i) => {
      const actual = { ...table.get(i)?.toJSON() };
      expect({ ...actual, vector: [...(actual['vector'] ?? [])] }).toEqual({
        ...expected,
        code: VALUES[expected.code],
      });
    });
  });

  it('make a readable file of no rows', () => {
    const folder = newFolder();
    writeTable(folder, EVERYTHING, columnsOf([]), LENGTH);
    const table = tableFromIPC(readFileSync(`${folder}/everything.arrow`));
    expect([table.numRows, table.schema.fields.length]).toEqual([0, 8]);
  });
});

describe('TableWriter', () => {
  it('appends batches of any size, empty ones left out', async () => {
    const folder = newFolder();
    const writer = new TableWriter(folder, EVERYTHING, LENGTH);
    for (const part of [someRows.slice(0, 1), [], someRows.slice(1, 20)]) writer.append(columnsOf(part));
    expect(writer.close().rows).toBe(20);
    expect(await readTable(folder, EVERYTHING)).toEqual(columnsOf(someRows));
  });

  it('leaves a file that is refused when it is abandoned half-way', async () => {
    const folder = newFolder();
    const writer = new TableWriter(folder, EVERYTHING, LENGTH);
    writer.append(columnsOf(someRows));
    writer.abandon();
    await expect(readTable(folder, EVERYTHING)).rejects.toMatchObject({ code: 'ERR_TABLE' });
  });
});

describe('readBatches', () => {
  it('refuses a file that is cut anywhere', async () => {
    const folder = newFolder();
    const { bytes } = writeTable(folder, EVERYTHING, columnsOf(someRows), LENGTH);
    const path = `${folder}/everything.arrow`;
    const content = readFileSync(path);
    const lengths = [...Array(24).keys(), ...Array.from({ length: 60 }, (_, i) => Math.floor((i * bytes) / 60))];
    for (let back = 1; back <= 24; back++) lengths.push(bytes - back);
    for (const length of lengths) {
      writeFileSync(path, content.subarray(0, length));
      await expect(readTable(folder, EVERYTHING), `cut to ${length} of ${bytes} bytes`).rejects.toMatchObject({
        code: 'ERR_TABLE',
        fields: { path },
      });
    }
  });

  it.each([
    ['empty', ''],
    ['text', '{"this": "is something else"}\n'.repeat(40)],
    ['zeros', '\0'.repeat(4096)],
    ['nothing but the magic word', `ARROW1\0\0${'x'.repeat(300)}ARROW1`],
  ])('refuses a file that is %s', async (_, content) => {
    const folder = newFolder();
    writeFileSync(`${folder}/everything.arrow`, content);
    await expect(readTable(folder, EVERYTHING)).rejects.toMatchObject({ code: 'ERR_TABLE' });
  });

  it('refuses a table without a column it should have', async () => {
    const folder = newFolder();
    writeTable(folder, oneColumn('u32', 'other'), { other: Uint32Array.of(1) });
    await expect(readTable(folder, oneColumn('u32'))).rejects.toMatchObject({
      code: 'ERR_TABLE',
      fields: { column: 'x' },
    });
  });

  const types: ColumnType[] = ['u32', 'i32', 'u64', 'i64', 'f32', 'utf8', 'vector', 'code'];
  const values = columnsOf(someRows);
  const confusions = types.flatMap((written) =>
    types.filter((type) => type !== written).map((read) => [written, read]),
  );
  it.each(confusions as [ColumnType, ColumnType][])('refuses %s where %s should be', async (written, read) => {
    const folder = newFolder();
    writeTable(folder, oneColumn(written), { x: values[written] } as Columns<ReturnType<typeof oneColumn>>, LENGTH);
    await expect(readTable(folder, oneColumn(read))).rejects.toMatchObject({
      code: 'ERR_TABLE',
      fields: { column: 'x' },
    });
  });

  it('ignores columns it was not asked for', async () => {
    const folder = newFolder();
    writeTable(folder, { ...EVERYTHING, file: 'one.arrow' }, values, LENGTH);
    expect(await readTable(folder, oneColumn('i64', 'i64'))).toEqual({ i64: values.i64 });
  });

  it('closes the file when its reader stops early', async () => {
    const folder = newFolder();
    writeTable(folder, EVERYTHING, values, LENGTH);
    for (let i = 0; i < 5; i++) for await (const _ of readBatches(folder, EVERYTHING)) break;
    expect(await readTable(folder, EVERYTHING)).toEqual(values);
  });
});
