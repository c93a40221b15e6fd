import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Field, FixedSizeList, Float16, Float32, List, Table, tableToIPC, Utf8, vectorFromArray } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { personOf } from '../../src/pipeline/forget.js';
import { poolImages } from '../../src/pipeline/user-images.js';
import { temporaryFolders } from '../artifacts/folders.js';

const newFolder = temporaryFolders();
const KEY = Uint32Array.of(1, 2, 3, 4);
const NAMES = ['ann', 'bob', 'cleo', 'dan', 'eve'];
const PSEUDONYMS = BigUint64Array.from(NAMES, (name) => personOf(name, KEY).pseudonym).sort();
const rowOfName = (name: string) => PSEUDONYMS.indexOf(personOf(name, KEY).pseudonym);

type Row = readonly [user: string | null, vector: readonly (number | null)[] | null];

function arrowFile(rows: readonly Row[], titles = ['user', 'vector'], half = false): string {
  const path = join(newFolder(), 'images.arrow');
  const item = half ? new Float16() : new Float32();
  const table = new Table({
    [titles[0]]: vectorFromArray(
      rows.map(([user]) => user),
      new Utf8(),
    ),
    [titles[1]]: vectorFromArray(
      rows.map(([, vector]) => vector),
      new List(new Field('item', item, true)),
    ),
  });
  writeFileSync(path, tableToIPC(table, 'file'));
  return path;
}

const pool = (rows: readonly Row[]) => poolImages(arrowFile(rows), PSEUDONYMS, KEY);

describe('poolImages', () => {
  it('pools the pictures of a user: mean of unit vectors, less what all share, of unit length', async () => {
    const { images, mean, users, accounting } = await pool([
      ['ann', [2, 0]],
      ['bob', [0, 3]],
      ['ann', [0, 5]], // ann: the direction of (1, 1)
    ]);
    expect(accounting).toEqual({
      unit: 'image vectors',
      read: 3,
      kept: 3,
      dropped: { 'no-user': 0, 'unknown-user': 0, 'wrong-dimension': 0, 'not-finite': 0, 'zero-vector': 0 },
    });
    expect(users).toBe(2);
    expect(images.dim).toBe(2);
    const half = Math.SQRT1_2;
    expect(mean[0]).toBeCloseTo(half / 2);
    expect(mean[1]).toBeCloseTo((half + 1) / 2);
    const ofUser = (name: string) => {
      const row = images.rowOf[rowOfName(name)];
      return row < 0 ? undefined : [...images.vectors.subarray(2 * row, 2 * row + 2)];
    };
    const length = Math.hypot(half / 2, (1 - half) / 2);
    expect(ofUser('ann')?.[0]).toBeCloseTo(half / 2 / length, 5);
    expect(ofUser('bob')?.[1]).toBeCloseTo((1 - half) / 2 / length, 5);
    expect(ofUser('cleo')).toBeUndefined();
  });

  it('knows people by name, with or without u/, in any case, and by pseudonym', async () => {
    const hex = PSEUDONYMS[rowOfName('dan')].toString(16).padStart(16, '0');
    const { images, accounting } = await pool([
      ['Ann', [1, 0]],
      ['u/bob', [0, 1]],
      [hex, [1, 1]],
      ['nobody', [1, 1]],
    ]);
    expect(accounting.dropped['unknown-user']).toBe(1);
    const known = NAMES.filter((name) => images.rowOf[rowOfName(name)] >= 0);
    expect(known).toEqual(['ann', 'bob', 'dan']);
  });

  it('finds users of tables, whose names were hashed as they are', async () => {
    const exact = personOf('ann', KEY).pseudonym;
    const { images } = await pool([
      ['ann', [1, 0]],
      ['bob', [0, 1]],
    ]);
    expect(images.rowOf[PSEUDONYMS.indexOf(exact)]).toBe(0);
    const { sipHash24 } = await import('../../src/core/siphash.js');
    const hash = new Uint32Array(2);
    sipHash24(KEY, Buffer.from('MixedCase'), 0, 9, hash);
    const mixed = (BigInt(hash[1]) << 32n) | BigInt(hash[0]);
    const path = arrowFile([
      ['MixedCase', [1, 0]],
      ['ann', [0, 1]],
    ]);
    const pseudonyms = BigUint64Array.of(mixed, exact).sort();
    expect((await poolImages(path, pseudonyms, KEY)).users).toBe(2);
  });

  it('reads the user of a table that names posts too, and half precision', async () => {
    const path = join(newFolder(), 'images.arrow');
    const vectors = [
      [1, 0.5],
      [-2, 1],
    ];
    const list = new FixedSizeList(2, new Field('item', new Float16(), false));
    const table = new Table({
      id: vectorFromArray(['post1', 'post2'], new Utf8()),
      user: vectorFromArray(['ann', 'bob'], new Utf8()),
      vector: vectorFromArray(vectors, list),
    });
    writeFileSync(path, tableToIPC(table, 'file'));
    const { images, mean } = await poolImages(path, PSEUDONYMS, KEY);
    expect(images.rowOf[rowOfName('ann')]).toBe(0);
    const unit = vectors.map(([x, y]) => [x / Math.hypot(x, y), y / Math.hypot(x, y)]);
    expect(mean[0]).toBeCloseTo((unit[0][0] + unit[1][0]) / 2, 3);
  });

  it('counts every row, kept or dropped with its reason, whatever the table holds', async () => {
    const vector = fc.oneof(
      fc.constant<Row[1]>(null),
      fc.constant<Row[1]>([0, 0, 0]),
      fc.array(fc.oneof(fc.constant(Number.NaN), fc.constant(Infinity), fc.constant(null), fc.double()), {
        minLength: 2,
        maxLength: 4,
      }),
      fc.tuple(fc.float({ noNaN: true }), fc.float({ noNaN: true }), fc.constant(1)),
    );
    const user = fc.oneof(fc.constantFrom(...NAMES), fc.constant(null), fc.constant(' '), fc.string());
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(user, vector), { maxLength: 12 }), async (rows) => {
        const good: Row[] = [
          ['ann', [1, 2, 3]],
          ['bob', [3, 2, 1]],
        ];
        const { images, accounting, users } = await pool([...good, ...rows]);
        const dropped = Object.values(accounting.dropped).reduce((sum, count) => sum + count, 0);
        expect(accounting.read).toBe(rows.length + 2);
        expect(accounting.kept + dropped).toBe(accounting.read);
        expect(images.vectors.every(Number.isFinite)).toBe(true);
        expect(images.vectors).toHaveLength(3 * users);
        for (let i = 0; i < users; i++) {
          const length = Math.hypot(...images.vectors.subarray(3 * i, 3 * i + 3));
          expect(Math.min(Math.abs(length - 1), length)).toBeLessThan(1e-5);
        }
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('says what is wrong where nobody of the graph is left', async () => {
    const rows: Row[] = [
      ['nobody', [1, 0]],
      ['ann', [0, 0]],
      [null, [1, 1]],
    ];
    await expect(pool(rows)).rejects.toMatchObject({
      code: 'ERR_IMAGES',
      fields: { read: 3, kept: 0, dropped: { 'unknown-user': 1, 'zero-vector': 1, 'no-user': 1 } },
    });
    await expect(pool([])).rejects.toMatchObject({ code: 'ERR_IMAGES' });
    const path = arrowFile([['ann', [1]]], ['who', 'vector']);
    await expect(poolImages(path, PSEUDONYMS, KEY)).rejects.toMatchObject({ code: 'ERR_VECTORS' });
    await expect(poolImages(join(newFolder(), 'none.arrow'), PSEUDONYMS, KEY)).rejects.toMatchObject({
      code: 'ERR_FILE_MISSING',
    });
  });
});
