import { InputError } from '../core/errors.js';
import { delimitedRows } from './delimited-rows.js';
import type { Margin } from './raking.js';

/** Joins the parts of a joint category, as `*` joins the names of its variables. */
export const JOINT = ' × ';

/** Column that holds the share; the others name categories. `weight` and `count` are taken in any unit. */
const SHARE_COLUMNS = ['share', 'proportion', 'percent', 'count', 'population', 'weight'] as const;

/**
 * Margins of a population from a table in one of two shapes:
 *
 * - joint: one column per attribute and one of shares, a row per combination (`sex, age, education, share`);
 * - long: `variable, category, share` and perhaps `source`, a row per category.
 *
 * @param wanted variables to rake on, `a*b` for the joint one; every variable on its own where absent
 * @throws `ERR_MARGINS` where shares are missing, negative or do not add up
 */
export function parseMargins(text: string, name: string, wanted?: readonly string[]): Margin[] {
  const rows = delimitedRows(text, name);
  if (rows.length === 0) throw new InputError('ERR_MARGINS', `${name} holds no rows.`, { name });
  const columns = Object.keys(rows[0]);
  const shareColumn = SHARE_COLUMNS.find((column) => columns.includes(column));
  if (!shareColumn)
    throw new InputError(
      'ERR_MARGINS',
      `${name} has no column of shares: expected one of ${SHARE_COLUMNS.join(', ')}, got ${columns.join(', ')}.`,
      { name, columns },
    );
  const isLong = columns.includes('variable') && columns.includes('category');
  const attributes = columns.filter((c) => !(SHARE_COLUMNS as readonly string[]).includes(c) && c !== 'source');
  const known = isLong ? [...new Set(rows.map((row) => row['variable']))] : attributes;
  return (wanted ?? known).map((variable) => {
    const parts = variable.split('*').map((part) => part.trim());
    const missing = isLong ? !known.includes(variable) : parts.some((part) => !attributes.includes(part));
    if (missing)
      throw new InputError(
        'ERR_MARGINS',
        `${name} has no margin for "${variable}"; it has ${known.join(', ')}${isLong ? '' : ', and their combinations with *'}.`,
        { name, variable, known },
      );
    const own = isLong ? rows.filter((row) => row['variable'] === variable) : rows;
    const category = (row: Record<string, string>) =>
      isLong ? row['category'] : parts.map((part) => row[part]).join(JOINT);
    return marginOf(variable, own, category, shareColumn, name);
  });
}

function marginOf(
  variable: string,
  rows: readonly Record<string, string>[],
  category: (row: Record<string, string>) => string,
  shareColumn: (typeof SHARE_COLUMNS)[number],
  name: string,
): Margin {
  const shares = new Map<string, number>();
  for (const row of rows) {
    const value = Number(row[shareColumn]);
    if (row[shareColumn] === '' || !Number.isFinite(value) || value < 0)
      throw new InputError(
        'ERR_MARGINS',
        `${name}: the ${shareColumn} of ${variable} = "${category(row)}" is "${row[shareColumn]}", expected a number of at least 0.`,
        { name, variable, value: row[shareColumn] },
      );
    shares.set(category(row), (shares.get(category(row)) ?? 0) + value);
  }
  const total = [...shares.values()].reduce((sum, share) => sum + share, 0);
  const promised = { share: 1, proportion: 1, percent: 100, count: 0, population: 0, weight: 0 }[shareColumn];
  if (total === 0 || (promised > 0 && Math.abs(total / promised - 1) > 0.01))
    throw new InputError(
      'ERR_MARGINS',
      `${name}: the ${shareColumn} column of ${variable} adds up to ${total}${promised > 0 ? `, expected ${promised}` : ''}.`,
      { name, variable, total },
    );
  const source = rows.find((row) => row['source'])?.['source'] ?? name;
  const values = Float64Array.from(shares.values(), (share) => share / total);
  return { variable, categories: [...shares.keys()], shares: values, source };
}

export interface CodedRecords {
  readonly codes: Int32Array; // [kept, D]
  readonly keptRows: Int32Array; // positions of the kept records among all
  readonly unknownShare: Readonly<Record<string, number>>; // by variable, of all records
}

/** Values that mean that nothing is known. */
const UNKNOWN = new Set(['', 'unknown', 'null', 'na', 'n/a', 'none', 'undisclosed']);

/**
 * Categories of records in the margins' own order. Records that lack an attribute are left out and counted; a value that
 * the margin does not list is an error, because a typing slip would otherwise silently move the result.
 */
export function codeRecords(
  margins: readonly Margin[],
  records: readonly Readonly<Record<string, unknown>>[],
): CodedRecords {
  const positions = margins.map(({ categories }) => new Map(categories.map((category, c) => [category, c])));
  const unknown = margins.map(() => 0);
  const codes: number[] = [];
  const keptRows: number[] = [];
  records.forEach((record, i) => {
    const row = margins.map(({ variable, categories, source }, d) => {
      const values = variable.split('*').map((part) => String(record[part.trim()] ?? '').trim());
      if (values.some((value) => UNKNOWN.has(value.toLowerCase()))) {
        unknown[d]++;
        return -1;
      }
      const code = positions[d].get(values.join(JOINT));
      if (code === undefined)
        throw new InputError(
          'ERR_MARGIN_CATEGORY',
          `Record ${i + 1} has ${variable} = "${values.join(JOINT)}", which ${source} does not list; it lists ${categories.slice(0, 12).join(', ')}. Use the margin's own words, or leave the value empty where it is unknown.`,
          { record: i + 1, variable, value: values.join(JOINT) },
        );
      return code;
    });
    if (row.includes(-1)) return;
    codes.push(...row);
    keptRows.push(i);
  });
  const share = (count: number) => (records.length === 0 ? 0 : count / records.length);
  return {
    codes: Int32Array.from(codes),
    keptRows: Int32Array.from(keptRows),
    unknownShare: Object.fromEntries(margins.map(({ variable }, d) => [variable, share(unknown[d])])),
  };
}
