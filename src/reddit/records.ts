/**
 * What one line of a dump says: who did something where, or why the line says nothing to us.
 *
 * Comments (RC) and submissions (RS) come in one shape for all eras since 2005, with fields that moved, appeared and
 * changed type. This file is the only one that knows the fields.
 */

/** Why a line or row is not kept. Every line ends in exactly one of these or is kept. */
export const DROP_REASONS = [
  'empty-line', // nothing but white space
  'line-too-long', // longer than the line reader's limit
  'not-json', // cut or damaged
  'not-a-record', // JSON, but neither a submission nor a comment, or at no time
  'no-author', // author missing or null: removed accounts, some advertisements
  'deleted-author', // [deleted] or [removed]
  'bad-author-name', // not a name that Reddit gives out
  'bot', // listed as a bot or named like one
  'bot-behaviour', // acts like a program: see behaviour.ts
  'suppressed', // asked to be left out
  'no-subreddit', // promoted posts that belong to no community
  'bad-subreddit-name', // not the name of a community
  'user-profile', // u_name: somebody's own page
  'excluded-subreddit', // on the list of excluded communities, or not on the list of wanted ones
  'over-18', // the post itself is marked
  'over-18-subreddit', // the community is listed as over-18
  'bad-row', // a table row without the cells or the types its columns promise
] as const;

export type DropReason = (typeof DROP_REASONS)[number];

/** One action of one person. One object is reused for all lines. */
export interface Action {
  kind: 'post' | 'comment';
  author: string; // ASCII, as spelled in the record; '' when the record names nobody
  subreddit: string; // ASCII, as spelled in the record; '' when the record names no community
  score: number; // int32; 0 when null or missing
  createdUtc: number; // s since 1970, in [0, 2^32); 0 when unknown
  over18: boolean;
  text: string; // title of a post, body of a comment, as Latin-1: see `readAction`; '' when there is none
}

export function newAction(): Action {
  return { kind: 'comment', author: '', subreddit: '', score: 0, createdUtc: 0, over18: false, text: '' };
}

/** Reddit allows 3 to 20; accounts of the first years are a little longer or shorter. */
const AUTHOR_NAME = /^[A-Za-z0-9_-]{1,24}$/;

/**
 * Today's names are letters, digits and underscores. Two kinds of older communities are real places with many people
 * in them and carry punctuation: `reddit.com`, where everything was posted until 2008, and the `t:` ones of April 2014.
 * Nothing wider: names are printed and shown to language models. `a:t5_…`, threads below advertisements, stays out.
 */
const SUBREDDIT_NAME = /^(?:(?:t:)?[A-Za-z0-9_]{2,24}|reddit\.com)$/i;

const PROFILE_NAME = /^u_./i;

/** Case does not tell communities apart, and eras differ in it: everything is counted under this key. */
export function subredditKey(name: string): string {
  return name.toLowerCase();
}

/** Whether nobody stands behind the name any more. */
export function isDeleted(author: string): boolean {
  return author === '[deleted]' || author === '[removed]';
}

/** Somebody's own page rather than a community. */
export function isUserProfile(subreddit: string): boolean {
  return PROFILE_NAME.test(subreddit);
}

/**
 * Reads the line at bytes `begin` to `end`, end excluded, newline excluded.
 *
 * Returns null when the action is whole, else the reason why not. `kind`, `subreddit` and `over18` are right also for
 * actions without a usable author: a community is counted even where its author is gone.
 */
export function readAction(line: Buffer, begin: number, end: number, action: Action): DropReason | null {
  action.author = '';
  action.subreddit = '';
  action.score = 0;
  action.createdUtc = 0;
  action.over18 = false;
  action.text = '';

  if (line[begin] === 0xef && line[begin + 1] === 0xbb && line[begin + 2] === 0xbf) begin += 3; // byte order mark
  // Latin-1 keeps every ASCII byte in place and never fails; the fields we read are ASCII, and V8 parses it faster.
  const text = line.toString('latin1', begin, end);
  let record: RawRecord | null;
  try {
    record = JSON.parse(text);
  } catch {
    return text.trim() === '' ? 'empty-line' : 'not-json';
  }
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return 'not-a-record';

  // Only fields of the outermost object count: crossposts and advertisements nest whole posts of other people.
  if (record.title !== undefined || (record.url !== undefined && record.num_comments !== undefined)) {
    action.kind = 'post';
  } else if (record.body !== undefined || record.link_id !== undefined || record.parent_id !== undefined) {
    action.kind = 'comment';
  } else return 'not-a-record';

  action.score = scoreOf(record.score);
  const createdUtc = secondsOf(record.created_utc);
  action.createdUtc = createdUtc ?? 0;
  action.over18 = record.over_18 === true;
  const written = action.kind === 'post' ? record.title : record.body;
  if (typeof written === 'string') action.text = written;
  const subredditProblem = readSubreddit(record.subreddit, action);
  if (createdUtc === null) return 'not-a-record';
  return readAuthor(record.author, action) ?? subredditProblem;
}

/** The fields we look at, as foreign as they come. */
interface RawRecord {
  readonly title?: unknown;
  readonly url?: unknown;
  readonly num_comments?: unknown;
  readonly body?: unknown;
  readonly link_id?: unknown;
  readonly parent_id?: unknown;
  readonly author?: unknown;
  readonly subreddit?: unknown;
  readonly score?: unknown;
  readonly created_utc?: unknown;
  readonly over_18?: unknown;
}

function readAuthor(author: unknown, action: Action): DropReason | null {
  if (typeof author !== 'string' || author === '') return 'no-author';
  if (isDeleted(author)) return 'deleted-author';
  if (!AUTHOR_NAME.test(author)) return 'bad-author-name';
  action.author = author;
  return null;
}

function readSubreddit(subreddit: unknown, action: Action): DropReason | null {
  if (typeof subreddit !== 'string' || subreddit === '') return 'no-subreddit';
  if (isUserProfile(subreddit)) return 'user-profile';
  if (!SUBREDDIT_NAME.test(subreddit)) return 'bad-subreddit-name';
  action.subreddit = subreddit;
  return null;
}

/** Integer, float, or either as a string, as eras have it; what is none of these counts as 0. */
function scoreOf(score: unknown): number {
  const value = numberOf(score);
  return Math.trunc(Math.min(Math.max(value, -0x80000000), 0x7fffffff)) || 0; // NaN and −0 end as 0
}

/** 0 where the record leaves the time out or gives one that cannot be; null where what it gives is no time at all. */
function secondsOf(createdUtc: unknown): number | null {
  if (createdUtc === undefined || createdUtc === null || createdUtc === '') return 0;
  const value = Math.floor(numberOf(createdUtc));
  if (Number.isNaN(value)) return null;
  return value > 0 && value < 2 ** 32 ? value : 0;
}

function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
}
