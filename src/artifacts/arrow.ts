import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import {
  AsyncByteQueue,
  type Data,
  DataType,
  Dictionary,
  Field,
  FixedSizeList,
  Float32,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchReader,
  Schema,
  Struct,
  Uint8,
  Uint32,
  Uint64,
  Utf8,
  Vector,
  vectorFromArray,
} from 'apache-arrow';
import { IntegrityError, messageOf } from '../core/errors.js';
import type { ColumnDefinition, ColumnType, TableDefinition } from './tables.js';

/** What each column type is in memory. A `vector` column of n rows is one flat array [n × D]. */
interface ColumnArrays {
  u32: Uint32Array;
  i32: Int32Array;
  u64: BigUint64Array;
  i64: BigInt64Array;
  f32: Float32Array;
  utf8: string[];
  vector: Float32Array;
  code: Uint8Array;
}

export type Columns<T extends TableDefinition> = {
  [K in keyof T['columns']]: ColumnArrays[T['columns'][K]['type']];
};

/** What a stage notes about a file it wrote. */
export interface WrittenFile {
  readonly bytes: number;
  readonly rows: number;
  readonly sha256: string;
}

/** Rows a batch holds at the most: bounds the memory of a reader whatever the size of the file. */
export const ROWS_PER_BATCH = 65536;

/** Writes an Arrow IPC file batch by batch; memory is one batch. `vectorLength` is the D of vector columns. */
export class TableWriter<T extends TableDefinition> {
  private readonly sink: FileSink;
  private readonly writer = new RecordBatchFileWriter();
  private readonly schema: Schema;
  private rows = 0;

  constructor(
    folder: string,
    private readonly table: T,
    private readonly vectorLength = 0,
  ) {
    this.sink = new FileSink(`${folder}/${table.file}`);
    const fields = Object.entries(table.columns).map(([name, column], at) => {
      const type = column.type === 'code' ? codeType(at) : arrowType(column.type, vectorLength);
      return new Field(name, type, false);
    });
    this.schema = new Schema(fields);
    this.writer.reset(this.sink, this.schema);
  }

  /** Appends rows; every column has the same number of them. */
  append(columns: Columns<T>): void {
    const children: Data[] = [];
    let numRows = 0;
    for (const [at, [name, column]] of Object.entries(this.table.columns).entries()) {
      const array = columns[name as keyof T['columns']] as ColumnArrays[ColumnType];
      numRows = column.type === 'vector' ? array.length / this.vectorLength : array.length;
      children.push(
        column.type === 'code'
          ? makeData({
              type: codeType(at),
              nullCount: 0,
              data: array as Uint8Array,
              dictionary: dictionaryOf(column),
            })
          : columnData(column.type, array, this.vectorLength),
      );
    }
    if (numRows === 0) return;
    const struct = makeData({ type: new Struct(this.schema.fields), length: numRows, nullCount: 0, children });
    this.writer.write(new RecordBatch(this.schema, struct));
    this.rows += numRows;
  }

  close(): WrittenFile {
    this.writer.close();
    return { ...this.sink.closeFile(), rows: this.rows };
  }

  /** Lets the file go half-written, after a failure. */
  abandon(): void {
    this.sink.closeFile();
  }
}

/** Writes one table whole, in batches of bounded size. */
export function writeTable<T extends TableDefinition>(
  folder: string,
  table: T,
  columns: Columns<T>,
  vectorLength = 0,
): WrittenFile {
  const writer = new TableWriter(folder, table, vectorLength);
  const [firstName, first] = Object.entries(table.columns)[0];
  const firstArray = columns[firstName as keyof T['columns']] as ColumnArrays[ColumnType];
  const numRows = first.type === 'vector' ? firstArray.length / vectorLength : firstArray.length;
  for (let begin = 0; begin < numRows; begin += ROWS_PER_BATCH) {
    const end = Math.min(numRows, begin + ROWS_PER_BATCH);
    const batch = Object.fromEntries(
      Object.entries(table.columns).map(([name, column]) => {
        const array = columns[name as keyof T['columns']] as Float32Array;
        const width = column.type === 'vector' ? vectorLength : 1;
        return [name, array.slice(begin * width, end * width)];
      }),
    );
    writer.append(batch as Columns<T>);
  }
  return writer.close();
}

/** Reads a table batch by batch. Throws `ERR_TABLE` where the file is cut or is not the table that was asked for. */
export async function* readBatches<T extends TableDefinition>(folder: string, table: T): AsyncGenerator<Columns<T>> {
  const path = `${folder}/${table.file}`;
  const file = await open(path);
  try {
    const reader = await (await RecordBatchReader.from(file)).open();
    for (const [name, column] of Object.entries(table.columns)) {
      const field = reader.schema.fields.find((candidate) => candidate.name === name);
      if (!field || !isOfType(field.type, column))
        throw new IntegrityError(
          'ERR_TABLE',
          `${path}: column ${name} should be ${arrowType(column.type, 0)}, found ${field?.type ?? 'none'}. Was the file written by another version? Run the stage again with --force.`,
          { path, column: name },
        );
    }
    for await (const batch of reader) {
      const columns = Object.entries(table.columns).map(([name, column]) => {
        const vector = batch.getChild(name) as Vector;
        if (column.type === 'code' && batch.numRows > 0) assertDictionary(vector, column, `${path}: column ${name}`);
        return [name, columnArray(column.type, vector)];
      });
      yield Object.fromEntries(columns) as Columns<T>;
    }
  } catch (thrown) {
    if (thrown instanceof IntegrityError) throw thrown;
    throw new IntegrityError(
      'ERR_TABLE',
      `${path} is not a whole Arrow file: ${messageOf(thrown)}`,
      { path },
      { cause: thrown },
    );
  } finally {
    await file.close().catch(() => {}); // the reader may have closed it
  }
}

/** Reads whole columns into memory. `vectorLength` is told by the file. */
export async function readTable<T extends TableDefinition>(folder: string, table: T): Promise<Columns<T>> {
  const parts: Columns<T>[] = [];
  for await (const batch of readBatches(folder, table)) parts.push(batch);
  const joined = Object.entries(table.columns).map(([name, column]) => {
    const arrays = parts.map((part) => part[name as keyof T['columns']]);
    return [
      name,
      column.type === 'utf8' ? (arrays as string[][]).flat() : joinArrays(column.type, arrays as Float32Array[]),
    ];
  });
  return Object.fromEntries(joined) as Columns<T>;
}

const ARRAY_TYPES = {
  u32: Uint32Array,
  i32: Int32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f32: Float32Array,
  vector: Float32Array,
  code: Uint8Array,
} as const;

function joinArrays(type: Exclude<ColumnType, 'utf8'>, arrays: readonly Float32Array[]): ArrayBufferView {
  const joined = new ARRAY_TYPES[type](arrays.reduce((total, array) => total + array.length, 0)) as Float32Array;
  let at = 0;
  for (const array of arrays) {
    joined.set(array, at);
    at += array.length;
  }
  return joined;
}

/** Dictionaries of a file are told apart by a number: the position of their column. */
function codeType(column: number): Dictionary<Float32, Uint8> {
  return new Dictionary(new Float32(), new Uint8(), column, false);
}

const dictionaries = new WeakMap<ColumnDefinition, Vector<Float32>>();

/** The same vector at every call: the writer repeats a dictionary that is another object. */
function dictionaryOf(column: ColumnDefinition): Vector<Float32> {
  let dictionary = dictionaries.get(column);
  if (!dictionary) {
    dictionary = new Vector([makeData({ type: new Float32(), nullCount: 0, data: column.values?.slice() })]);
    dictionaries.set(column, dictionary);
  }
  return dictionary;
}

function arrowType(type: ColumnType, vectorLength: number): DataType {
  switch (type) {
    case 'code':
      return codeType(0);
    case 'u32':
      return new Uint32();
    case 'i32':
      return new Int32();
    case 'u64':
      return new Uint64();
    case 'i64':
      return new Int64();
    case 'f32':
      return new Float32();
    case 'utf8':
      return new Utf8();
    case 'vector':
      return new FixedSizeList(vectorLength, new Field('item', new Float32(), false));
  }
}

/** Whether a column of a file is what we would have written: signed and unsigned, wide and narrow are not the same. */
function isOfType(found: DataType, { type }: ColumnDefinition): boolean {
  if (type === 'vector') return DataType.isFixedSizeList(found) && String(found.valueType) === 'Float32'; // of any length
  if (type === 'code')
    return DataType.isDictionary(found) && String(found.indices) === 'Uint8' && String(found.dictionary) === 'Float32';
  return String(found) === String(arrowType(type, 0));
}

/** Codes mean what this program's table says, or the file is of another version. */
function assertDictionary(vector: Vector, { values }: ColumnDefinition, where: string): void {
  const found = vector.data[0]?.dictionary?.toArray() as Float32Array | undefined;
  if (found && values?.every((value, code) => value === found[code])) return;
  throw new IntegrityError(
    'ERR_TABLE',
    `${where} stands for other numbers than this version of the program gives its codes. Run the stage again with --force.`,
    { where },
  );
}

function columnData(type: ColumnType, array: ColumnArrays[ColumnType], vectorLength: number): Data {
  if (type === 'utf8') return vectorFromArray(array as string[], new Utf8()).data[0];
  if (type !== 'vector')
    return makeData({ type: arrowType(type, 0) as Float32, nullCount: 0, data: array as Float32Array });
  const values = array as Float32Array;
  return makeData({
    type: arrowType(type, vectorLength) as FixedSizeList,
    length: values.length / vectorLength,
    nullCount: 0,
    child: makeData({ type: new Float32(), nullCount: 0, data: values }),
  });
}

function columnArray(type: ColumnType, column: Vector): ColumnArrays[ColumnType] {
  if (type === 'utf8') return Array.from(column as Iterable<string>);
  const data = column.data[0];
  if (type === 'vector') {
    const { listSize } = column.type as FixedSizeList;
    const child = data.children[0];
    return (child.values as Float32Array).subarray(0, data.length * listSize);
  }
  return (data.values as Float32Array).subarray(0, data.length);
}

/** Receives what the Arrow writer produces and puts it straight into the file, hashing on the way. */
class FileSink extends AsyncByteQueue<Uint8Array> {
  private readonly fd: number;
  private readonly hash = createHash('sha256');
  private bytes = 0;
  private open = true;

  constructor(path: string) {
    super();
    this.fd = openSync(path, 'w', 0o600);
  }

  override write(value: Uint8Array | ArrayBuffer | ArrayBufferView): void {
    const view = ArrayBuffer.isView(value)
      ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
      : new Uint8Array(value);
    for (let at = 0; at < view.length; ) at += writeSync(this.fd, view, at);
    this.hash.update(view);
    this.bytes += view.length;
  }

  override close(): void {} // the writer closes its sink too; the file is closed by closeFile

  closeFile(): { bytes: number; sha256: string } {
    if (!this.open) throw new Error('closed twice');
    this.open = false;
    fsyncSync(this.fd);
    closeSync(this.fd);
    return { bytes: this.bytes, sha256: this.hash.digest('hex') };
  }
}
