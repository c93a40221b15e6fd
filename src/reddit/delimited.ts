import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import { InputError } from '../core/errors.js';
import type { OnTableRow, TableColumns, TableSummary } from './table-columns.js';
import {
  EXPECTED_COLUMNS,
  hasKnownTitle,
  missingColumns,
  newTableRow,
  readTableRow,
  resolveColumns,
} from './table-columns.js';

/** A longer row is a missing closing quote rather than a row. */
const MAX_ROW_BYTES = 1 << 20;

/** Tab where the first line has one, else the more frequent of comma and semicolon; null where it has none of them. */
export function detectDelimiter(firstLine: string): string | null {
  if (firstLine.includes('\t')) return '\t';
  const commas = firstLine.split(',').length;
  const semicolons = firstLine.split(';').length;
  if (commas === 1 && semicolons === 1) return null;
  return commas >= semicolons ? ',' : ';';
}

/**
 * Reads delimited text row by row.
 *
 * `titles` names the columns by position for files without a header. Without it the first row is the header when it
 * holds a title that we know; when it holds none, the columns are user, subreddit and, if there is a third, count.
 */
export async function readDelimited(
  chunks: AsyncIterable<Buffer>,
  source: { readonly path: string; readonly delimiter: string; readonly titles?: readonly string[] | undefined },
  onRow: OnTableRow,
): Promise<TableSummary> {
  const { path, delimiter, titles } = source;
  const row = newTableRow();
  let columns: TableColumns | null = null;
  let at = 0; // rows so far, the header included
  let numHeaders = 0;
  let width = 0; // cells of the first row, which every row must have

  const parser = parse({
    delimiter,
    bom: true,
    quote: delimiter === '\t' ? null : '"', // in tab-separated text quotes are data
    relax_quotes: true,
    relax_column_count: true,
    max_record_size: MAX_ROW_BYTES,
  });
  const readRows = async (rows: AsyncIterable<string[]>): Promise<void> => {
    for await (const cells of rows) {
      at++;
      const isEmpty = cells.length === 1 && cells[0].trim() === '';
      if (columns === null && !isEmpty) {
        const first = readFirstRow(path, cells, titles);
        columns = first.columns;
        width = cells.length;
        if (first.isHeader) {
          numHeaders = 1;
          continue;
        }
      }
      if (isEmpty || columns === null) onRow(row, 'empty-line', at);
      else onRow(row, cells.length !== width ? 'bad-row' : readTableRow(cells, columns, row), at);
    }
  };
  try {
    await pipeline(Readable.from(chunks), parser, readRows);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (typeof code !== 'string' || !code.startsWith('CSV_')) throw error;
    // The parser's own message quotes cells, which may be people's names: only its code goes on.
    throw new InputError(
      'ERR_TABLE_FORMAT',
      `${path}:${parser.info.lines}: cannot be split into cells (${code}). Look for an opening quote without its closing one.`,
      { path, line: parser.info.lines, reason: code },
    );
  }
  const ignored = (columns as TableColumns | null)?.ignored ?? [];
  return { numRows: parser.info.records - numHeaders, ignored };
}

function readFirstRow(
  path: string,
  cells: readonly string[],
  titles: readonly string[] | undefined,
): { columns: TableColumns; isHeader: boolean } {
  const own = resolveColumns(cells);
  if (titles === undefined && own === null && hasKnownTitle(cells)) throw missingColumns(path, cells);

  const isHeader = own !== null;
  const names = titles ?? (isHeader ? cells : ['user', 'subreddit', 'count'].slice(0, cells.length));
  const columns = resolveColumns(names);
  if (columns === null && titles !== undefined) throw missingColumns(path, titles);
  // The first row is data here and its cells may be names of people: say how many there are, not what they hold.
  if (columns === null || (!isHeader && titles === undefined && !looksLikeTriple(cells))) {
    throw new InputError(
      'ERR_TABLE_COLUMNS',
      `${path}: the first row has ${cells.length} cell${cells.length === 1 ? '' : 's'} and no known column title. Expected a header with ${EXPECTED_COLUMNS}, or rows of user, subreddit and an optional count.`,
      { path, numColumns: cells.length },
    );
  }
  return { columns, isHeader };
}

/** Rows without a header: user and subreddit, or these and a whole number. */
function looksLikeTriple(cells: readonly string[]): boolean {
  return cells.length === 2 || (cells.length === 3 && /^\s*\d+\s*$/.test(cells[2]));
}
