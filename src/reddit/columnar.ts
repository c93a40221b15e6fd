import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { DataType, RecordBatch, RecordBatchReader } from 'apache-arrow';
import type { AsyncBuffer, ColumnData } from 'hyparquet';
import { parquetMetadataAsync, parquetRead, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { IntegrityError, MinerError, messageOf } from '../core/errors.js';
import type { OnTableRow, TableColumns, TableSummary } from './table-columns.js';
import { missingColumns, newTableRow, readTableRow, resolveColumns } from './table-columns.js';

/** What the readers need to know: for messages the path, and column titles that stand in for the file's own. */
export interface ColumnarSource {
  readonly path: string;
  readonly titles?: readonly string[] | undefined; // by position
}

const END_OF_STREAM = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);

/** Reads an Arrow IPC file, one record batch at a time. Needs the file itself: its table of contents is at its end. */
export async function readArrowFile(source: ColumnarSource, onRow: OnTableRow): Promise<TableSummary> {
  const handle = await open(source.path);
  try {
    return await readBatches(fileBatches(handle, source.path), source, onRow);
  } finally {
    await handle.close();
  }
}

/**
 * Reads the stream format of Arrow IPC, one record batch at a time.
 *
 * It must end with its end mark. The format lets writers leave that out and none of the usual ones does, while without
 * it a stream that was cut between two batches would pass for a shorter table.
 */
export async function readArrowStream(
  chunks: AsyncIterable<Buffer>,
  source: ColumnarSource,
  onRow: OnTableRow,
): Promise<TableSummary> {
  return readBatches(streamBatches(chunks, source.path), source, onRow);
}

async function readBatches(
  batches: AsyncIterable<RecordBatch>,
  source: ColumnarSource,
  onRow: OnTableRow,
): Promise<TableSummary> {
  const row = newTableRow();
  let layout: { columns: TableColumns; used: number[]; isTime: boolean[] } | null = null;
  let cells: unknown[] = [];
  let numRows = 0;
  for await (const batch of batches) {
    if (layout === null) {
      const { fields } = batch.schema;
      cells = new Array(fields.length).fill(null);
      const titles = fields.map((field) => String(field.name));
      const columns = columnsOf(source, titles);
      layout = { columns, used: usedColumns(columns), isTime: fields.map((field) => DataType.isTimestamp(field.type)) };
    }
    const { columns, used, isTime } = layout;
    const vectors = used.map((index) => batch.getChildAt(index));
    for (let i = 0; i < batch.numRows; i++) {
      for (let c = 0; c < used.length; c++) {
        const cell: unknown = vectors[c]?.get(i);
        cells[used[c]] = isTime[used[c]] && typeof cell === 'number' ? new Date(cell) : cell; // in ms for every unit
      }
      onRow(row, readTableRow(cells, columns, row), numRows + i + 1);
    }
    numRows += batch.numRows;
  }
  if (layout === null) throw missingColumns(source.path, []);
  return { numRows, ignored: layout.columns.ignored };
}

/** At least one batch; of a table without rows it is empty. */
async function* fileBatches(handle: FileHandle, path: string): AsyncGenerator<RecordBatch> {
  try {
    const reader = await RecordBatchReader.from(handle);
    await reader.open();
    yield* reader;
    if (reader.numRecordBatches === 0) yield new RecordBatch(reader.schema);
  } catch (error) {
    throw unreadable(error, path, 'an Arrow file');
  }
}

/** At least one batch; of a table without rows it is empty. */
async function* streamBatches(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<RecordBatch> {
  const iterator = chunks[Symbol.asyncIterator]();
  let tail = Buffer.alloc(0); // the last 8 bytes so far
  const next = async () => {
    const given = await iterator.next();
    if (!given.done) tail = Buffer.concat([tail, given.value.subarray(-8)]).subarray(-8);
    return given;
  };
  try {
    // Without `return`, so that what follows the end mark is left for the loop below.
    const reader = await RecordBatchReader.from({ [Symbol.asyncIterator]: () => ({ next }) });
    await reader.open();
    yield* reader;
    while (!(await next()).done);
  } catch (error) {
    throw unreadable(error, path, 'an Arrow stream');
  }
  if (!tail.equals(END_OF_STREAM)) {
    throw new IntegrityError(
      'ERR_TABLE_CUT',
      `${path}: the Arrow stream stops without its end mark, so rows may be missing. Copy or write it again.`,
      { path },
    );
  }
}

/**
 * Reads a Parquet file one row group at a time, only the columns that mean something.
 *
 * Needs the file itself, because Parquet starts at its end. All usual compressions are understood.
 */
export async function readParquet(source: ColumnarSource, onRow: OnTableRow): Promise<TableSummary> {
  const handle = await open(source.path);
  try {
    const file = await bytesOf(handle);
    const metadata = await parquetMetadataAsync(file).catch((error) => {
      throw unreadable(error, source.path, 'a Parquet file');
    });
    const titles = parquetSchema(metadata).children.map((child) => child.element.name);
    const columns = columnsOf(source, titles);
    const used = usedColumns(columns);

    const row = newTableRow();
    const cells: unknown[] = new Array(titles.length).fill(null);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const values = new Map(used.map((index) => [titles[index], new Array<unknown>(rowEnd - rowStart)]));
      const onChunk = ({ columnName, columnData, rowStart: at }: ColumnData) => {
        const column = values.get(columnName);
        for (let i = 0; column && i < columnData.length; i++) column[at - rowStart + i] = columnData[i];
      };
      const range = { rowStart, rowEnd, columns: [...values.keys()] };
      await parquetRead({ file, metadata, compressors, ...range, onChunk }).catch((error) => {
        throw unreadable(error, source.path, 'a Parquet file');
      });
      for (let i = 0; i < rowEnd - rowStart; i++) {
        for (const index of used) cells[index] = values.get(titles[index])?.[i];
        onRow(row, readTableRow(cells, columns, row), rowStart + i + 1);
      }
      rowStart = rowEnd;
    }
    return { numRows: Number(metadata.num_rows), ignored: columns.ignored };
  } finally {
    await handle.close();
  }
}

async function bytesOf(handle: FileHandle): Promise<AsyncBuffer> {
  const byteLength = (await handle.stat()).size;
  return {
    byteLength,
    async slice(begin, end = byteLength) {
      const bytes = new Uint8Array(end - begin);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, begin);
      if (bytesRead < bytes.length) throw new Error(`expected ${bytes.length} bytes at ${begin}, got ${bytesRead}`);
      return bytes.buffer;
    },
  };
}

function columnsOf({ path, titles }: ColumnarSource, own: readonly string[]): TableColumns {
  const columns = resolveColumns(titles ?? own);
  if (columns === null || usedColumns(columns).some((index) => index >= own.length)) throw missingColumns(path, own);
  return columns;
}

function usedColumns({ ignored: _, ...index }: TableColumns): number[] {
  return Object.values(index).filter((at) => at >= 0);
}

function unreadable(error: unknown, path: string, format: string): MinerError {
  if (error instanceof MinerError) return error;
  return new IntegrityError(
    'ERR_TABLE_UNREADABLE',
    `${path}: cannot be read as ${format} (${messageOf(error)}). Check that the file is whole, or convert it to CSV.`,
    { path, format },
    { cause: error },
  );
}
