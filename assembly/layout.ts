/** Where things lie in the memory, in bytes, and the numbers that the host knows too. */
export const CAPACITY: u32 = 1 << 20; // of the window
export const WINDOW: u32 = 0x10000;
export const MAX_RECORDS: u32 = 4096;
export const RECORDS: u32 = WINDOW + CAPACITY + 0x10000;
export const RECORD_BYTES: u32 = 52;
export const MAX_NAMES: u32 = 1 << 20; // spellings of communities; 0.1 to 0.3 million occur in a month
export const NAMES: u32 = RECORDS + MAX_RECORDS * RECORD_BYTES;
export const NAME_BYTES: u32 = 32;
export const TABLE_BITS: u32 = 21;
export const TABLE: u32 = NAMES + MAX_NAMES * NAME_BYTES; // u32 [2^21]: name + 1, or 0
export const MEMORY_BYTES: u32 = TABLE + (4 << TABLE_BITS);

export const REFERENCE: u32 = 0x3000;
export const MAX_REFERENCE_BYTES: u32 = 0x6000;
export const MEMBERS: u32 = 0xa000; // of the reference line: begin, begin of the value, field, next member to stop at
export const MAX_MEMBERS: u32 = 1024;
export const DIFFERENCES: u32 = 0xe000; // u32 [MAX_MEMBERS]: how often the value of a member was another one
export const MASKS: u32 = 0x1000; // 32 bytes of ones, then 64 of zeros
export const LOWER: u32 = 0x2000; // a name in lower case, zeros behind it

// Outcomes, in the order of `OUTCOMES` in line-scanner.ts.
export const ACTION: u32 = 0;
export const ODD: u32 = 1;
export const EMPTY: u32 = 2;
export const NOT_A_RECORD: u32 = 3;
export const NO_AUTHOR: u32 = 4;
export const DELETED_AUTHOR: u32 = 5;
export const BAD_AUTHOR_NAME: u32 = 6;
export const NO_SUBREDDIT: u32 = 7;
export const USER_PROFILE: u32 = 8;
export const BAD_SUBREDDIT_NAME: u32 = 9;

// Flags beside the outcome.
export const POST: u32 = 0x100;
export const OVER_18: u32 = 0x200;
export const MAYBE_BOT: u32 = 0x400;
export const HAS_NAME: u32 = 0x800;
