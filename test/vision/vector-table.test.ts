import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { readVectorTable, writeVectorTable } from '../../src/vision/vector-table.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();

async function* rows(count: number, dim: number) {
  for (let i = 0; i < count; i++)
    yield { id: `image-${i}`, vector: Float32Array.from({ length: dim }, (_, d) => i + d) };
}

/** A file as NumPy writes it. */
function npy(type: '<f4' | '<f8', shape: string, body: ArrayBufferView, order = 'False'): Buffer {
  const header = `{'descr': '${type}', 'fortran_order': ${order}, 'shape': (${shape}), }`.padEnd(117, ' ');
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]);
  return Buffer.concat([start, Buffer.from(`${header}\n`), Buffer.from(body.buffer)]);
}

describe('a table of vectors', () => {
  it('is read as it was written, over more than one batch', async () => {
    const path = join(newFolder(), 'v.arrow');
    expect(await writeVectorTable(path, 3, rows(10_000, 3))).toBe(10_000);
    const table = await readVectorTable(path);
    expect(table.dim).toBe(3);
    expect(table.ids[9999]).toBe('image-9999');
    expect([...table.values.subarray(29_997)]).toEqual([9999, 10_000, 10_001]);
  });

  it('is read from Parquet', async () => {
    const path = join(newFolder(), 'v.parquet');
    const columnData = [
      { name: 'id', data: ['a', 'b'], type: 'STRING' as const },
      {
        name: 'embedding',
        data: [
          [1, 2],
          [3, 4],
        ],
        type: 'JSON' as const,
      },
    ];
    writeFileSync(path, Buffer.from(parquetWriteBuffer({ columnData })));
    expect(await readVectorTable(path)).toEqual({ ids: ['a', 'b'], values: Float32Array.of(1, 2, 3, 4), dim: 2 });
  });

  it('is read from NumPy, with ids beside it or by row', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'a.npy'), npy('<f4', '2, 2', Float32Array.of(1, 2, 3, 4)));
    expect((await readVectorTable(join(folder, 'a.npy'))).ids).toEqual(['0', '1']);
    writeFileSync(join(folder, 'b.npy'), npy('<f8', '2, 2', Float64Array.of(1, 2, 3, 4)));
    writeFileSync(join(folder, 'b.ids.txt'), 'x\ny\n');
    expect(await readVectorTable(join(folder, 'b.npy'))).toEqual({
      ids: ['x', 'y'],
      values: Float32Array.of(1, 2, 3, 4),
      dim: 2,
    });
  });

  it.each<[string, Buffer, RegExp]>([
    ['empty.arrow', Buffer.alloc(0), /no table of vectors|no vectors|columns/],
    ['noise.arrow', Buffer.from('not an arrow file at all'), /no table of vectors/],
    ['noise.parquet', Buffer.from('PAR1 is not enough'), /no table of vectors/],
    ['empty.npy', Buffer.alloc(0), /no NumPy header/],
    ['cut.npy', npy('<f4', '2, 2', Float32Array.of(1, 2, 3)), /its header promises/],
    ['flat.npy', npy('<f4', '4,', Float32Array.of(1, 2, 3, 4)), /no C-order matrix/],
    ['fortran.npy', npy('<f4', '2, 2', Float32Array.of(1, 2, 3, 4), 'True'), /no C-order matrix/],
    ['nan.npy', npy('<f4', '2, 2', Float32Array.of(1, 2, Number.NaN, 4)), /"1" has a value that is not finite/],
  ])('refuses %s', async (name, bytes, message) => {
    const path = join(newFolder(), name);
    writeFileSync(path, bytes);
    await expect(readVectorTable(path)).rejects.toThrow(message);
  });

  it('refuses an id that is there twice, and a file that is not there', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'a.npy'), npy('<f4', '2, 1', Float32Array.of(1, 2)));
    writeFileSync(join(folder, 'a.ids.txt'), 'x\nx\n');
    await expect(readVectorTable(join(folder, 'a.npy'))).rejects.toThrow(/"x" is there twice/);
    await expect(readVectorTable(join(folder, 'b.npy'))).rejects.toMatchObject({ code: 'ERR_FILE_MISSING' });
  });
});
