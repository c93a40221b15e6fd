import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parse } from 'csv-parse';
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { z } from 'zod';
import type { Accounting } from '../artifacts/manifest.js';
import { InputError, messageOf } from '../core/errors.js';
import type { HistoryRow, PairRow } from '../evaluation/benchmark.js';
import { plainText } from '../llm/plain-text.js';

/** Rows of somebody else's file that could be used, and what became of the others. */
export interface ForeignRows<T> {
  readonly rows: readonly T[];
  readonly accounting: Accounting;
}

const MAX_PROMPT = 2000; // UTF-16 units; what is longer is a paste, not a prompt

/** Columns under the names that published files give them, the one to prefer first. */
const COLUMNS = {
  user: ['user', 'user_id', 'userId', 'author', 'User', 'persona'],
  persona: ['persona'],
  prompt: ['prompt', 'caption', 'text', 'Prompt'],
  image: ['image', 'reference', 'image_url', 'url', 'image_id', 'Image'],
  time: ['time', 'timestamp', 'created_at', 'created_utc', 'date'],
  a: ['a', 'model_0', 'image_0_uid', 'image_0_url'],
  b: ['b', 'model_1', 'image_1_uid', 'image_1_url'],
  choice: ['choice', 'label_0', 'best_image_uid'],
  imageA: ['image_0_uid', 'image_0_url'],
  imageB: ['image_1_uid', 'image_1_url'],
  labelled: ['has_label'],
} as const;

/**
 * Prompts that people wrote, as in the PIP dataset: a user, a prompt, perhaps an image, a time and a persona in each
 * row. Rows of a user are in the order of time where every row has one, else in that of the file.
 */
export async function readHistories(path: string): Promise<ForeignRows<HistoryRow>> {
  const { rows, accounting } = await readForeign(
    path,
    'rows of prompts',
    ['user', 'persona', 'prompt', 'image', 'time'],
    (cell) => {
      const user = cell('user');
      const prompt = cell('prompt');
      if (user === undefined) return 'no-user';
      if (prompt === undefined) return 'no-prompt';
      if (prompt.length > MAX_PROMPT) return 'prompt-too-long';
      return { user, prompt, image: cell('image'), persona: cell('persona'), at: timeOf(cell('time')) };
    },
  );
  const timed = rows.every(({ at }) => at !== undefined);
  const sorted = timed ? [...rows].sort((x, y) => (x.at as number) - (y.at as number)) : rows;
  return { rows: sorted.map(({ at: _, ...row }) => row), accounting };
}

/** Choices between two images of a prompt, as in Pick-a-Pic: `label_0` is 1 where the first was taken and 0.5 for a tie. */
export async function readPairs(path: string): Promise<ForeignRows<PairRow>> {
  const wanted = ['user', 'prompt', 'a', 'b', 'choice', 'imageA', 'imageB', 'labelled'] as const;
  return readForeign(path, 'rows of pairs', wanted, (cell) => {
    const user = cell('user');
    const prompt = cell('prompt');
    const [a, b] = [cell('a'), cell('b')];
    if (user === undefined) return 'no-user';
    if (prompt === undefined) return 'no-prompt';
    if (prompt.length > MAX_PROMPT) return 'prompt-too-long';
    if (a === undefined || b === undefined) return 'no-pair';
    const labelled = !/^(?:false|0)$/i.test(cell('labelled') ?? '');
    const choice = labelled ? choiceOf(cell('choice'), [a, cell('imageA')], [b, cell('imageB')]) : undefined;
    return choice === undefined ? 'no-choice' : { user, prompt, a, b, choice };
  });
}

function choiceOf(label = '', a: readonly unknown[] = [], b: readonly unknown[] = []): PairRow['choice'] | undefined {
  if (/^(?:a|1|1\.0|first|image_0)$/i.test(label) || a.includes(label)) return 'a';
  if (/^(?:b|0|0\.0|second|image_1)$/i.test(label) || b.includes(label)) return 'b';
  return /^(?:tie|0\.5)$/i.test(label) ? 'tie' : undefined;
}

/** Seconds or milliseconds since 1970, or a date; they are only compared with one another. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(number) ? number : undefined;
}

type Column = keyof typeof COLUMNS;

/** Reads JSONL, CSV, TSV or Parquet. What cannot be read or used is counted by reason and never stops the reading. */
async function readForeign<T extends object>(
  path: string,
  unit: string,
  wanted: readonly Column[],
  take: (cell: (column: Column) => string | undefined) => T | string,
): Promise<ForeignRows<T>> {
  const rows: T[] = [];
  const dropped: Record<string, number> = {};
  let read = 0;
  for await (const row of rowsOf(
    path,
    wanted.flatMap((column) => COLUMNS[column]),
  )) {
    read++;
    const taken = row === undefined ? 'unreadable' : take((column) => textIn(row, COLUMNS[column]));
    if (typeof taken === 'string') dropped[taken] = (dropped[taken] ?? 0) + 1;
    else rows.push(taken);
  }
  if (rows.length === 0)
    throw new InputError(
      'ERR_EMPTY',
      `${path} holds no usable row: ${read} read, ${JSON.stringify(dropped)}. Expected columns such as ${wanted.map((column) => COLUMNS[column][0]).join(', ')}.`,
      { path, read, dropped },
    );
  return { rows, accounting: { unit, read, kept: rows.length, dropped } };
}

/** The first of the columns that holds something, as one visible line. */
function textIn(row: Readonly<Record<string, unknown>>, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = Object.hasOwn(row, name) ? row[name] : undefined;
    if (
      typeof value !== 'string' &&
      typeof value !== 'number' &&
      typeof value !== 'bigint' &&
      typeof value !== 'boolean'
    )
      continue;
    const text = plainText(String(value));
    if (text !== '') return text;
  }
  return undefined;
}

const recordSchema = z.record(z.string(), z.unknown());

/** Rows by column name; undefined for one that is none. */
async function* rowsOf(path: string, columns: readonly string[]): AsyncGenerator<Record<string, unknown> | undefined> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new InputError('ERR_FILE_MISSING', `${path} cannot be read: ${messageOf(cause)}.`, { path }, { cause });
  });
  try {
    if (/\.parquet$/i.test(path)) {
      const byteLength = (await file.stat()).size;
      const buffer = {
        byteLength,
        async slice(begin: number, end = byteLength) {
          const bytes = new Uint8Array(end - begin);
          await file.read(bytes, 0, bytes.length, begin);
          return bytes.buffer;
        },
      };
      yield* parquetRows(buffer, columns);
    } else if (/\.[ct]sv$/i.test(path)) yield* delimitedRows(file.createReadStream(), /\.tsv$/i.test(path));
    else
      for await (const line of createInterface({ input: file.createReadStream({ encoding: 'utf8' }) })) {
        const text = line.replace(/^\ufeff/, '').trim();
        if (text !== '') yield recordSchema.safeParse(jsonOf(text)).data;
      }
  } catch (thrown) {
    if (thrown instanceof InputError) throw thrown;
    throw new InputError(
      'ERR_TABLE',
      `${path} is not a readable table: ${messageOf(thrown)}.`,
      { path },
      { cause: thrown },
    );
  } finally {
    await file.close();
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function* parquetRows(file: Parameters<typeof parquetMetadataAsync>[0], wanted: readonly string[]) {
  const metadata = await parquetMetadataAsync(file);
  const titles = parquetSchema(metadata).children.map((child) => child.element.name);
  const columns = titles.filter((title) => wanted.includes(title)); // not the pictures, which some files hold
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    yield* await parquetReadObjects({ file, metadata, compressors, columns, rowStart, rowEnd });
    rowStart = rowEnd;
  }
}

async function* delimitedRows(bytes: NodeJS.ReadableStream, tabs: boolean) {
  let skipped = 0;
  const parser = parse({
    bom: true,
    columns: true,
    delimiter: tabs ? '\t' : ',',
    quote: tabs ? false : '"',
    skip_empty_lines: true,
    skip_records_with_error: true,
    on_skip: () => void skipped++,
    max_record_size: 1 << 20, // an open quote would otherwise swallow the rest of the file
  });
  for await (const row of bytes.pipe(parser)) {
    for (; skipped > 0; skipped--) yield undefined;
    yield row as Record<string, unknown>;
  }
  for (; skipped > 0; skipped--) yield undefined;
}
