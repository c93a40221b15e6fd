import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import {
  DataType,
  Field,
  FixedSizeList,
  Float32,
  makeData,
  Precision,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchReader,
  Schema,
  Struct,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow';
import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { InputError, messageOf } from '../core/errors.js';

/** Vectors by id: N rows of D values. */
export interface VectorTable {
  readonly ids: readonly string[]; // [N], each once
  readonly values: Float32Array; // [N, D], finite
  readonly dim: number; // D
}

/** Some rows of a table as they stand in the file: null where a cell is empty. */
export interface VectorRows {
  readonly ids: readonly (string | null)[]; // [N]
  readonly vectors: readonly (ArrayLike<number> | null)[]; // [N], of any length
}

/**
 * Reads `(id, vector)` from Arrow IPC or Parquet, or a plain matrix from `.npy`, whose ids are the lines of the text file
 * of the same name (`x.npy` and `x.ids.txt`) or, without one, its row numbers from 0.
 *
 * @throws `ERR_VECTORS` for a file of another shape: two lengths, values that are not finite, an id twice, no rows
 */
export async function readVectorTable(path: string): Promise<VectorTable> {
  const ids: string[] = [];
  const lists: ArrayLike<number>[] = [];
  for await (const rows of readVectorRows(path)) {
    for (const id of rows.ids) ids.push(String(id));
    for (const vector of rows.vectors) lists.push(vector ?? []);
  }
  const dim = lists[0]?.length ?? 0;
  const values = new Float32Array(lists.length * dim);
  lists.forEach((list, i) => {
    if (list.length !== dim)
      throw noTable(path, new Error(`row ${i + 1} has ${list.length} values and the first ${dim}`));
    values.set(list, i * dim);
  });
  return checked(path, { ids, values, dim });
}

/**
 * The same files batch by batch, unchecked: for tables that do not fit in memory, and for readers who count what is wrong.
 *
 * @param idColumns names of the column with the id, the one to prefer first
 * @throws `ERR_VECTORS` for what is no such table at all
 */
export async function* readVectorRows(path: string, idColumns = ID_COLUMNS): AsyncGenerator<VectorRows> {
  const file = await open(path).catch((cause: unknown) => {
    throw new InputError('ERR_FILE_MISSING', `${path} cannot be read: ${messageOf(cause)}.`, { path }, { cause });
  });
  try {
    if (/\.npy$/i.test(path)) yield npyRows(await npyTable(path, await file.readFile()));
    else if ((await file.stat()).size === 0) throw new Error('it has 0 bytes');
    else if (/\.parquet$/i.test(path)) yield* parquetRows(file, idColumns);
    else yield* arrowRows(file, idColumns);
  } catch (thrown) {
    throw noTable(path, thrown);
  } finally {
    await file.close();
  }
}

function noTable(path: string, thrown: unknown): InputError {
  if (thrown instanceof InputError) return thrown;
  return new InputError(
    'ERR_VECTORS',
    `${path} is no table of vectors: ${messageOf(thrown)}. Expected Arrow or Parquet with columns id and vector (a list of numbers), or .npy.`,
    { path },
    { cause: thrown },
  );
}

/** Columns that hold the id and the vector, under the names that people use. */
const ID_COLUMNS: readonly string[] = ['id', 'user', 'post', 'key', 'image', 'name'];
const VECTOR_COLUMNS = ['vector', 'embedding', 'values'];

function columnNames(names: readonly string[], idColumns: readonly string[]): { id: string; vector: string } {
  const id = idColumns.find((name) => names.includes(name));
  const vector = VECTOR_COLUMNS.find((name) => names.includes(name));
  if (!id || !vector) throw new Error(`its columns are ${names.join(', ')}`);
  return { id, vector };
}

function textOf(id: unknown): string | null {
  return id === null || id === undefined ? null : String(id);
}

async function* arrowRows(file: FileHandle, idColumns: readonly string[]): AsyncGenerator<VectorRows> {
  const reader = await RecordBatchReader.from(file);
  await reader.open();
  const { id, vector } = columnNames(
    reader.schema.fields.map((field) => String(field.name)),
    idColumns,
  );
  for await (const batch of reader as AsyncIterable<RecordBatch>) {
    const ids: (string | null)[] = [];
    for (const value of batch.getChild(id) ?? []) ids.push(textOf(value));
    const vectors: (ArrayLike<number> | null)[] = [];
    for (const row of batch.getChild(vector) ?? []) vectors.push(row === null ? null : numbersOf(row as Vector));
    yield { ids, vectors };
  }
}

/** The numbers of a list; those of half precision and those with nulls, which become NaN, one by one. */
function numbersOf(list: Vector): ArrayLike<number> {
  const isPlain = list.nullCount === 0 && !(DataType.isFloat(list.type) && list.type.precision === Precision.HALF);
  return isPlain ? (list.toArray() as ArrayLike<number>) : Array.from(list, (value) => (value as number) ?? Number.NaN);
}

async function* parquetRows(handle: FileHandle, idColumns: readonly string[]): AsyncGenerator<VectorRows> {
  const byteLength = (await handle.stat()).size;
  const file: AsyncBuffer = {
    byteLength,
    async slice(begin, end = byteLength) {
      const bytes = new Uint8Array(end - begin);
      await handle.read(bytes, 0, bytes.length, begin);
      return bytes.buffer;
    },
  };
  const metadata = await parquetMetadataAsync(file);
  const titles = parquetSchema(metadata).children.map((child) => child.element.name);
  const { id, vector } = columnNames(titles, idColumns);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const columns = [id, vector];
    const rows = await parquetReadObjects({ file, metadata, compressors, columns, rowStart, rowEnd });
    yield {
      ids: rows.map((row) => textOf(row[id])),
      vectors: rows.map((row) => (row[vector] ?? null) as ArrayLike<number> | null),
    };
    rowStart = rowEnd;
  }
}

function npyRows({ ids, values, dim }: VectorTable): VectorRows {
  return { ids, vectors: ids.map((_, i) => values.subarray(i * dim, (i + 1) * dim)) };
}

/** NumPy's format, version 1 to 3: a two-dimensional C-order array of little-endian float32 or float64. */
async function npyTable(path: string, bytes: Buffer): Promise<VectorTable> {
  if (bytes.length < 12 || bytes.toString('latin1', 0, 6) !== '\x93NUMPY') throw new Error('it has no NumPy header');
  const wide = bytes[6] > 1;
  const begin = wide ? 12 : 10;
  const length = wide ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', begin, begin + length);
  const type = /'descr':\s*'([^']+)'/.exec(header)?.[1];
  const shape = /'shape':\s*\((\d+),\s*(\d+)\)/.exec(header);
  if (!shape || /'fortran_order':\s*True/.test(header)) throw new Error('it is no C-order matrix');
  if (type !== '<f4' && type !== '<f8') throw new Error(`its numbers are ${type}, expected <f4 or <f8`);
  const [rows, dim] = [Number(shape[1]), Number(shape[2])];
  const size = type === '<f4' ? 4 : 8;
  if (bytes.length !== begin + length + rows * dim * size)
    throw new Error(`it has ${bytes.length} bytes and its header promises ${begin + length + rows * dim * size}`);
  const body = bytes.buffer.slice(bytes.byteOffset + begin + length, bytes.byteOffset + bytes.length);
  const values = size === 4 ? new Float32Array(body) : Float32Array.from(new Float64Array(body));
  const names = await readFile(path.replace(/\.npy$/i, '.ids.txt'), 'utf8').catch(() => undefined);
  const ids = names === undefined ? Array.from({ length: rows }, (_, i) => String(i)) : names.trim().split(/\r?\n/);
  if (ids.length !== rows) throw new Error(`it has ${rows} rows and ${ids.length} ids`);
  return { ids, values, dim };
}

function checked(path: string, table: VectorTable): VectorTable {
  const { ids, values, dim } = table;
  const fail = (what: string, fields: Record<string, unknown> = {}): never => {
    throw new InputError('ERR_VECTORS', `${path}: ${what}.`, { path, ...fields });
  };
  if (ids.length === 0 || dim === 0) fail('it holds no vectors');
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad !== -1) fail(`the vector of "${ids[Math.floor(bad / dim)]}" has a value that is not finite`);
  const seen = new Set<string>();
  for (const id of ids) {
    if (seen.has(id)) fail(`the id "${id}" is there twice`, { id });
    seen.add(id);
  }
  return table;
}

const BATCH = 8192;

/** Writes `(id utf8, vector fixed_size_list<f32>[D])` as Arrow IPC, from rows that come one by one. */
export async function writeVectorTable(
  path: string,
  dim: number,
  rows: AsyncIterable<{ id: string; vector: Float32Array }>,
): Promise<number> {
  const list = new FixedSizeList(dim, new Field('item', new Float32(), false));
  const schema = new Schema([new Field('id', new Utf8(), false), new Field('vector', list, false)]);
  const writer = new RecordBatchFileWriter();
  const file = await open(`${path}.tmp`, 'w', 0o600);
  let count = 0;
  try {
    const written = (async () => {
      for await (const chunk of writer) await file.writeFile(chunk as Uint8Array);
    })();
    let ids: string[] = [];
    let values: Float32Array[] = [];
    writer.reset(undefined, schema);
    const flush = () => {
      if (ids.length === 0) return;
      const flat = new Float32Array(ids.length * dim);
      for (let i = 0; i < values.length; i++) flat.set(values[i], i * dim);
      const item = makeData({ type: new Float32(), nullCount: 0, data: flat });
      const column = makeData({ type: list, length: ids.length, nullCount: 0, child: item });
      const names = vectorFromArray(ids, new Utf8()).data[0];
      const struct = makeData({
        type: new Struct(schema.fields),
        length: ids.length,
        nullCount: 0,
        children: [names, column],
      });
      writer.write(new RecordBatch(schema, struct));
      ids = [];
      values = [];
    };
    for await (const { id, vector } of rows) {
      ids.push(id);
      values.push(vector);
      count++;
      if (ids.length >= BATCH) flush();
    }
    flush();
    writer.finish();
    await written;
    await file.sync();
  } catch (thrown) {
    await rm(`${path}.tmp`, { force: true });
    throw thrown;
  } finally {
    await file.close();
  }
  await rename(`${path}.tmp`, path);
  return count;
}
