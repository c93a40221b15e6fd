import { parse } from 'csv-parse/sync';
import { InputError, messageOf } from '../core/errors.js';

/** Rows of a small table by column name. Tabs where the header has one, commas otherwise; the first line is the header. */
export function delimitedRows(text: string, name: string): Record<string, string>[] {
  const header = text.slice(0, text.search(/\r?\n|$/));
  try {
    return parse(text, {
      bom: true,
      columns: true,
      delimiter: header.includes('\t') ? '\t' : ',',
      quote: header.includes('\t') ? false : '"',
      skip_empty_lines: true,
      trim: true,
    }) as Record<string, string>[];
  } catch (thrown) {
    throw new InputError('ERR_TABLE', `${name} is not a readable table: ${messageOf(thrown)}.`, { name });
  }
}
