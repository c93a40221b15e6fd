import type { DropReason } from '../records.js';

/**
 * Reads whole lines of a dump and leaves one record of `RECORD_WORDS` words for each: what `readAction` would say of the
 * line, or that it is odd and `readAction` must be asked.
 */
export interface LineScanner {
  readonly window: Buffer; // [WINDOW_BYTES]: lines go here
  readonly records: Uint32Array; // [MAX_RECORDS × RECORD_WORDS], overwritten by `run`
  readonly numRecords: number; // of the last `run`
  /**
   * Reads lines in bytes `begin` to `have` of the window, as many as there is room for records. `atEnd`: no bytes follow,
   * so that what stands there without a newline is a line too. Returns where the first line begins that was not read.
   */
  run(begin: number, have: number, atEnd: boolean): number;
  readonly numNames: number; // spellings of communities so far
  nameOf(id: number): string;
}

export const WINDOW_BYTES = 1 << 20;
export const MAX_RECORDS = 4096;

/** Words of a record. Those from `userHi` on are written for actions only, `name` also where `HAS_NAME` is set. */
export const Field = {
  flags: 0, // outcome, POST, OVER_18, MAYBE_BOT, HAS_NAME
  begin: 1, // of the line in the window
  end: 2, // end of the line, its newline and a carriage return before that excluded
  userHi: 3, // keyed hash of the lower-cased author
  userLo: 4,
  name: 5, // of the community, as spelled: see `nameOf`
  score: 6, // int32
  createdUtc: 7, // s
  authorBegin: 8,
  authorLength: 9,
  textBegin: 10, // of the title of a post or the body of a comment, inside its quotes; 0 = none
  textLength: 11,
  mark: 12, // of that text: see `markOfText`
} as const;
export const RECORD_WORDS = 13;

/** What the lowest byte of `flags` says: kept unless excluded, or why not. */
export const OUTCOMES = [
  'action',
  'odd',
  'empty-line',
  'not-a-record',
  'no-author',
  'deleted-author',
  'bad-author-name',
  'no-subreddit',
  'user-profile',
  'bad-subreddit-name',
] as const satisfies readonly (DropReason | 'action' | 'odd')[];
export const Outcome = Object.fromEntries(OUTCOMES.map((outcome, i) => [outcome, i])) as Readonly<
  Record<(typeof OUTCOMES)[number], number>
>;

export const POST = 0x100;
export const OVER_18 = 0x200;
export const MAYBE_BOT = 0x400; // `isNamedLikeBot` has the last word
export const HAS_NAME = 0x800;
