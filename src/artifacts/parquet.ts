import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { SchemaElement } from 'hyparquet';
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer';

/** A column of a Parquet file that is written group by group. All are required: there are no nulls. */
export interface ParquetColumn {
  readonly name: string;
  readonly type: 'i32' | 'f32' | 'utf8'; // a Uint32Array counts as i32: its entries are below 2^31
  /** Default: the library's choice. `code`: few values, told apart by a dictionary. */
  readonly encoding?: 'sorted' | 'bytes' | 'code';
}

const TYPES: Readonly<Record<ParquetColumn['type'], Pick<SchemaElement, 'type' | 'converted_type'>>> = {
  i32: { type: 'INT32' },
  f32: { type: 'FLOAT' },
  utf8: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
};
const ENCODINGS = { sorted: 'DELTA_BINARY_PACKED', bytes: 'BYTE_STREAM_SPLIT', code: 'RLE_DICTIONARY' } as const;

/** Writes a gzipped Parquet file in the memory of one group of rows; it has its name once it is whole. */
export class ParquetFile {
  private readonly writer: ParquetWriter;
  private readonly fd: number;
  rows = 0;

  constructor(
    private readonly path: string,
    private readonly columns: readonly ParquetColumn[],
  ) {
    this.fd = openSync(`${path}.part`, 'w', 0o600);
    const bytes = new ByteWriter();
    const flush = (): void => {
      const view = new Uint8Array(bytes.buffer, 0, bytes.index);
      for (let at = 0; at < view.length; ) at += writeSync(this.fd, view, at);
      bytes.index = 0;
    };
    this.writer = new ParquetWriter({
      writer: Object.assign(bytes, { flush, finish: flush }),
      schema: [
        { name: 'root', num_children: columns.length },
        ...columns.map(({ name, type }) => ({ name, repetition_type: 'REQUIRED' as const, ...TYPES[type] })),
      ],
      codec: 'GZIP',
      compressors: { GZIP: (input) => gzipSync(input, { level: 1 }) },
      createdBy: 'mine-personas',
    });
  }

  /** Adds a group of rows; a million or so make good groups. Columns in their order. */
  append(data: readonly (Uint32Array | Int32Array | Float32Array | readonly string[])[]): void {
    if (data[0].length === 0) return;
    const columnData = this.columns.map(
      ({ name, encoding }, at): ColumnSource => ({
        name,
        data: (data[at] instanceof Uint32Array
          ? new Int32Array(data[at].buffer, data[at].byteOffset, data[at].length)
          : data[at]) as unknown as ColumnSource['data'],
        ...(encoding && { encoding: ENCODINGS[encoding] }),
      }),
    );
    this.writer.write({ columnData, rowGroupSize: data[0].length });
    this.rows += data[0].length;
  }

  close(): void {
    this.writer.finish();
    fsyncSync(this.fd);
    closeSync(this.fd);
    renameSync(`${this.path}.part`, this.path);
  }
}
