import type { Estimate } from './intervals.js';

type Cell = string | number | Estimate | null;

/** What an evaluation found, for people and for programs: one table, one set of notes on how to read it. */
export interface ResultTable {
  readonly title: string;
  readonly columns: readonly { readonly key: string; readonly label: string; readonly digits?: number }[];
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  readonly notes: readonly string[]; // what is compared with what, how intervals were made, what was left out
}

const isEstimate = (cell: Cell | undefined): cell is Estimate => typeof cell === 'object' && cell !== null;

/** Markdown: intervals as `value [low, high]`, notes as a list below. */
export function toMarkdown({ title, columns, rows, notes }: ResultTable): string {
  const shown = (cell: Cell | undefined, digits = 3): string => {
    if (isEstimate(cell))
      return `${fixed(cell.value, digits)} [${fixed(cell.low, digits)}, ${fixed(cell.high, digits)}]`;
    if (typeof cell === 'number') return fixed(cell, digits);
    return (cell ?? '–').replaceAll('|', '\\|').replace(/\s+/g, ' ');
  };
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    `## ${title}`,
    '',
    line(columns.map(({ label }) => label)),
    line(columns.map(() => '---')),
    ...rows.map((row) => line(columns.map(({ key, digits }) => shown(row[key], digits)))),
    '',
    ...notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
}

/** CSV: an interval takes three columns, `key`, `key_low` and `key_high`; full precision. */
export function toCsv({ columns, rows }: ResultTable): string {
  const wide = columns.map(({ key }) => ({ key, isInterval: rows.some((row) => isEstimate(row[key])) }));
  const header = wide.flatMap(({ key, isInterval }) => (isInterval ? [key, `${key}_low`, `${key}_high`] : [key]));
  const lines = rows.map((row) =>
    wide.flatMap(({ key, isInterval }) => {
      const cell = row[key];
      if (!isInterval) return [quoted(cell as string | number | null | undefined)];
      return isEstimate(cell) ? [cell.value, cell.low, cell.high].map(quoted) : [quoted(cell), '', ''];
    }),
  );
  return [header.map(quoted), ...lines].map((cells) => `${cells.join(',')}\n`).join('');
}

function quoted(value: string | number | null | undefined): string {
  if (value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value))) return '';
  const text = String(value);
  const safe = typeof value === 'string' && /^[=+@\t\r-]/.test(text) ? `'${text}` : text; // no formulas in spreadsheets
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function fixed(value: number, digits: number): string {
  if (Number.isNaN(value)) return '–';
  return Number.isInteger(value) && digits === 3 ? String(value) : value.toFixed(digits);
}
