import { InputError } from '../core/errors.js';
import type { DropReason } from './records.js';
import { isDeleted, isUserProfile } from './records.js';

/**
 * Tables of interactions: which column means what, and what a row says. Shared by delimited text, Arrow and Parquet.
 *
 * Users and communities may be any text or integer here, since tables come from other places than Reddit too.
 */

/** One row: what one user did in one community. One object is reused for all rows. */
export interface TableRow {
  user: string; // 1 to 256 UTF-16 code units, trimmed
  subreddit: string; // 1 to 128 bytes of UTF-8, trimmed, printable
  posts: number; // uint32
  comments: number; // uint32; posts + comments > 0
  score: number; // integer, |score| < 2^53
  firstUtc: number; // s, in [0, 2^32); 0 when unknown
  lastUtc: number; // s, in [firstUtc, 2^32); 0 when unknown
}

export function newTableRow(): TableRow {
  return { user: '', subreddit: '', posts: 0, comments: 0, score: 0, firstUtc: 0, lastUtc: 0 };
}

/** Called once for each row: `drop` is null when `row` is whole. `row` is reused; `at` is its number from 1, a header counted. */
export type OnTableRow = (row: TableRow, drop: DropReason | null, at: number) => void;

/** What a reader says of a table that it read to the end. */
export interface TableSummary {
  readonly numRows: number; // without the header
  readonly ignored: readonly string[]; // titles of columns that mean nothing to us
}

/** What a column may be called, the preferred title first. Without regard to case. */
const TITLES = {
  user: ['user', 'author', 'username', 'user_id'],
  subreddit: ['subreddit', 'community', 'item', 'item_id'],
  posts: ['posts'],
  comments: ['comments'],
  count: ['count', 'n', 'weight'], // counts as comments; ignored beside posts or comments
  score: ['score'],
  firstUtc: ['first_utc', 'created_utc', 'timestamp'],
  lastUtc: ['last_utc'],
} as const;

type Role = keyof typeof TITLES;

/** Where each thing stands in a row, −1 where the table has no such column. */
export interface TableColumns extends Readonly<Record<Role, number>> {
  readonly ignored: readonly string[]; // titles of columns that mean nothing to us
}

export const EXPECTED_COLUMNS =
  'a user column (user, author, username or user_id) and a community column (subreddit, community, item or item_id)';

/** Finds the columns by title; null unless there are both users and communities. */
export function resolveColumns(titles: readonly string[]): TableColumns | null {
  const found = titles.map((title) => title.trim().toLowerCase());
  const indexOf = (role: Role): number => {
    const title = TITLES[role].find((name) => found.includes(name));
    return title === undefined ? -1 : found.indexOf(title);
  };
  const index: Record<Role, number> = {
    user: indexOf('user'),
    subreddit: indexOf('subreddit'),
    posts: indexOf('posts'),
    comments: indexOf('comments'),
    count: indexOf('count'),
    score: indexOf('score'),
    firstUtc: indexOf('firstUtc'),
    lastUtc: indexOf('lastUtc'),
  };
  if (index.user < 0 || index.subreddit < 0) return null;
  if (index.posts >= 0 || index.comments >= 0) index.count = -1;
  const used = new Set(Object.values(index));
  return { ...index, ignored: titles.filter((_, at) => !used.has(at)) };
}

/** Whether any of the titles is one that we know. */
export function hasKnownTitle(titles: readonly string[]): boolean {
  const known = new Set<string>(Object.values(TITLES).flat());
  return titles.some((title) => known.has(title.trim().toLowerCase()));
}

/** The error for a table whose titles are known and do not say who did something where. */
export function missingColumns(path: string, titles: readonly string[]): InputError {
  const shown = titles.slice(0, 30).map((title) => quoted(title, 60));
  return new InputError(
    'ERR_TABLE_COLUMNS',
    `${path}: the columns are ${shown.join(', ') || 'none'}. Expected ${EXPECTED_COLUMNS}.`,
    { path, columns: titles },
  );
}

/** Foreign text for a message: in quotes, cut, and without anything that a terminal could obey. */
export function quoted(text: string, maxLength: number): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return JSON.stringify(cut.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, ' '));
}

/** Reads one row into `row`; returns null, or why the row says nothing. A table without counts has one comment a row. */
export function readTableRow(cells: readonly unknown[], columns: TableColumns, row: TableRow): DropReason | null {
  const user = textOf(cells[columns.user]);
  const subreddit = textOf(cells[columns.subreddit]);
  if (user === null || user.length > 256 || subreddit === null) return 'bad-row';

  const { posts, comments, count } = columns;
  row.user = user;
  row.subreddit = subreddit;
  row.posts = posts < 0 ? 0 : countOf(cells[posts]);
  row.comments = comments >= 0 ? countOf(cells[comments]) : count >= 0 ? countOf(cells[count]) : posts >= 0 ? 0 : 1;
  row.score = columns.score < 0 || isMissing(cells[columns.score]) ? 0 : integerOf(cells[columns.score]);
  row.firstUtc = columns.firstUtc < 0 ? 0 : secondsOf(cells[columns.firstUtc]);
  row.lastUtc = columns.lastUtc < 0 ? 0 : secondsOf(cells[columns.lastUtc]);
  row.lastUtc ||= row.firstUtc;
  row.firstUtc ||= row.lastUtc;
  // Comparisons with NaN, which stands for a cell of the wrong type, are false.
  if (!(row.posts + row.comments > 0 && Number.isSafeInteger(row.score) && row.firstUtc <= row.lastUtc)) {
    return 'bad-row';
  }

  if (isDeleted(user)) return 'deleted-author';
  if (isUserProfile(subreddit)) return 'user-profile';
  return isPrintableName(subreddit) ? null : 'bad-subreddit-name';
}

/** Names are printed and shown to language models: no control characters, no text direction tricks, not too long. */
function isPrintableName(name: string): boolean {
  return (
    Buffer.byteLength(name) <= 128 && !/[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(name)
  );
}

function isMissing(cell: unknown): boolean {
  return cell === undefined || cell === null || (typeof cell === 'string' && cell.trim() === '');
}

function textOf(cell: unknown): string | null {
  if (typeof cell === 'string') return cell.trim() || null;
  return typeof cell === 'bigint' || Number.isSafeInteger(cell) ? String(cell) : null;
}

/** An integer, or NaN for everything else, fractions included. */
function integerOf(cell: unknown): number {
  const value = numberOf(cell);
  return Number.isSafeInteger(value) ? value + 0 : Number.NaN;
}

function countOf(cell: unknown): number {
  const value = integerOf(cell);
  return value >= 0 && value < 2 ** 32 ? value : Number.NaN;
}

/** Unix seconds; 0 for a missing cell, NaN for what is no time. */
function secondsOf(cell: unknown): number {
  if (isMissing(cell)) return 0;
  const value = Math.floor(cell instanceof Date ? cell.getTime() / 1000 : numberOf(cell));
  return value >= 0 && value < 2 ** 32 ? value : Number.NaN;
}

function numberOf(cell: unknown): number {
  if (typeof cell === 'number' || typeof cell === 'bigint') return Number(cell);
  return typeof cell === 'string' && /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i.test(cell)
    ? Number(cell)
    : Number.NaN;
}
