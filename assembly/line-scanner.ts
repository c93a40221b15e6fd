/**
 * The hot loop of ingest, in AssemblyScript: lines of a dump in, one record of 12 words a line out.
 *
 * Every line is read as JSON from its first byte to its last, as strictly as `JSON.parse` reads it, but without making
 * a value of anything: strings are passed over 16 bytes at a time, and only the fields that ingest needs are looked at,
 * at the outermost level. A line that this file cannot judge in full gets the outcome `odd` and is left to `readAction`;
 * so a record is either what `readAction` says of the line, or `odd`. `src/reddit/scanner/typescript-scanner.ts` is the
 * same in TypeScript, `line-scanner.ts` beside it explains the records.
 *
 * Bounds: the host ends the window with a newline of its own. No loop passes a newline, and no load reaches more than
 * 64 bytes beyond one; the memory is laid out so that this stays inside.
 */

// Layout of the memory, in bytes. The host reads these.
export const CAPACITY: u32 = 1 << 20; // of the window
export const WINDOW: u32 = 0x10000;
export const MAX_RECORDS: u32 = 4096;
export const RECORDS: u32 = WINDOW + CAPACITY + 0x10000;
export const RECORD_BYTES: u32 = 48;
export const MAX_NAMES: u32 = 1 << 20; // spellings of communities; 0.1 to 0.3 million occur in a month
export const NAMES: u32 = RECORDS + MAX_RECORDS * RECORD_BYTES;
export const NAME_BYTES: u32 = 32;
const TABLE_BITS: u32 = 21;
const TABLE: u32 = NAMES + MAX_NAMES * NAME_BYTES; // u32 [2^21]: name + 1, or 0
export const MEMORY_BYTES: u32 = TABLE + (4 << TABLE_BITS);

const REFERENCE: u32 = 0x3000;
const MAX_REFERENCE_BYTES: u32 = 0x6000;
const MEMBERS: u32 = 0xa000; // of the reference line: begin, begin of the value, field, next member to stop at
const MAX_MEMBERS: u32 = 1024;
const MASKS: u32 = 0x1000; // 32 bytes of ones, then 64 of zeros
const LOWER: u32 = 0x2000; // a name in lower case, zeros behind it

// Outcomes, in the order of `OUTCOMES` in line-scanner.ts.
const ACTION: u32 = 0;
const ODD: u32 = 1;
const EMPTY: u32 = 2;
const NOT_A_RECORD: u32 = 3;
const NO_AUTHOR: u32 = 4;
const DELETED_AUTHOR: u32 = 5;
const BAD_AUTHOR_NAME: u32 = 6;
const NO_SUBREDDIT: u32 = 7;
const USER_PROFILE: u32 = 8;
const BAD_SUBREDDIT_NAME: u32 = 9;

// Our fields.
const NONE: u32 = 0;
const AUTHOR: u32 = 1;
const SUBREDDIT: u32 = 2;
const CREATED_UTC: u32 = 3;
const SCORE: u32 = 4;
const BODY: u32 = 5;
const TITLE: u32 = 6;
const OVER18: u32 = 7;
const URL: u32 = 8;
const NUM_COMMENTS: u32 = 9;
const LINK_OR_PARENT_ID: u32 = 10;
const MISS: u32 = 11;

const POST: u32 = 0x100;
const OVER_18: u32 = 0x200;
const MAYBE_BOT: u32 = 0x400;
const HAS_NAME: u32 = 0x800;

let key0: u64 = 0;
let key1: u64 = 0;
export let numNames: u32 = 0;
export let numRecords: u32 = 0;

/** Call once, with the key of SipHash as four little-endian words. */
export function init(k0: u32, k1: u32, k2: u32, k3: u32): void {
  key0 = (<u64>k0) | ((<u64>k1) << 32);
  key1 = (<u64>k2) | ((<u64>k3) << 32);
  memory.fill(MASKS, 0xff, 32);
}

/**
 * Reads whole lines of bytes 0 to `have` of the window, as many as there is room for records; `atEnd`: no bytes follow
 * them. Returns where the first line begins that was not read.
 */
export function run(begin: u32, have: u32, atEnd: bool): u32 {
  const end: usize = WINDOW + have;
  store<u8>(end, 0x0a);
  let at: usize = WINDOW + begin;
  let records: u32 = 0;
  while (at < end && records < MAX_RECORDS) {
    const record: usize = RECORDS + records * RECORD_BYTES;
    let after = readLine(at);
    const isRead = after != 0 && load<u8>(after) == 0x0a;
    if (!isRead) after = newlineFrom(at);
    if (after >= end && !atEnd) break;
    const textEnd = after > at && load<u8>(after - 1) == 0x0d ? after - 1 : after;
    if (isRead) judgeReference(at, after);
    store<u32>(record, isRead ? finishLine(record) : textEnd == at ? EMPTY : ODD);
    store<u32>(record, <u32>(at - WINDOW), 4);
    store<u32>(record, <u32>(textEnd - WINDOW), 8);
    records++;
    at = after + 1;
  }
  numRecords = records;
  return min<u32>(<u32>(at - WINDOW), have);
}

// What is known of the line so far. A field that comes twice counts as it came last, as with JSON.parse.
let seen: u32 = 0; // bits of the fields that tell posts from comments
let over18: bool = false;
let badTime: bool = false;
let authorBegin: usize = 0; // 0: no text
let authorLength: u32 = 0;
let nameBegin: usize = 0;
let nameLength: u32 = 0;
let score: i32 = 0;
let createdUtc: u32 = 0;
let bodyBegin: usize = 0;
let bodyLength: u32 = 0;
let titleBegin: usize = 0;
let titleLength: u32 = 0;

const SEEN_TITLE: u32 = 1;
const SEEN_URL: u32 = 2;
const SEEN_NUM_COMMENTS: u32 = 4;
const SEEN_COMMENT: u32 = 8;

/**
 * The reference line. Most members of most lines are byte for byte those of any other line of the month. So a line that
 * was read is kept: where the next one agrees with it over whole members, those are JSON already and are passed over in
 * one comparison. Members that we look at are always read. Which line is kept changes the speed, never a record.
 */
let numMembers: u32 = 0; // of the reference line, 0 = none yet
let referenceEnd: usize = REFERENCE;
let isLearning: bool = false; // this line becomes the reference
let misses: u32 = 0; // members of this line whose key had to be read
let poorLines: u32 = 0; // in a row
let patience: u32 = 2; // poor lines before another reference is taken

@inline
function memberBegin(i: u32): u32 {
  return load<u32>(MEMBERS + i * 16);
}

@inline
function memberValue(i: u32): u32 {
  return load<u32>(MEMBERS + i * 16, 4);
}

@inline
function memberField(i: u32): u32 {
  return load<u32>(MEMBERS + i * 16, 8);
}

/** The first member from i on that must be read. */
@inline
function memberStop(i: u32): u32 {
  return load<u32>(MEMBERS + i * 16, 12);
}

/** Keeps the line at `begin` that was read well, if lines have looked different for a while. */
function judgeReference(begin: usize, end: usize): void {
  if (misses <= 8) {
    poorLines = 0;
    patience = 2;
    return;
  }
  if (++poorLines < patience || end - begin > MAX_REFERENCE_BYTES) return;
  poorLines = 0;
  if (patience < 4096) patience *= 2; // there may be no line like the others
  isLearning = true;
  numMembers = 0;
  readLine(begin);
  isLearning = false;
  referenceEnd = REFERENCE + (end - begin);
  memory.copy(REFERENCE, begin, end - begin);
  let stop: u32 = numMembers - 1;
  for (let i: i32 = numMembers - 1; i >= 0; i--) {
    if (memberField(i) != NONE) stop = i;
    store<u32>(MEMBERS + <u32>i * 16, stop, 12);
  }
}

/** The end of the object at `begin` and of the blanks behind it, or 0 where the line is odd. */
function readLine(begin: usize): usize {
  seen = 0;
  over18 = false;
  badTime = false;
  authorBegin = 0;
  nameBegin = 0;
  score = 0;
  createdUtc = 0;
  bodyBegin = 0;
  titleBegin = 0;
  misses = 0;
  if (load<u8>(begin) != 0x7b) return 0;
  let p = skipBlanks(begin + 1);
  if (load<u8>(p) == 0x7d) return skipBlanks(p + 1);
  let member: u32 = 0; // of the reference line, that we expect here
  while (true) {
    let field: u32 = MISS;
    if (member < numMembers && !isLearning) {
      const from = memberBegin(member);
      const reach = from + commonLength(p, REFERENCE + from);
      const stop = memberStop(member);
      const at = p - from;
      while (member < stop && memberBegin(member + 1) <= reach) member++;
      if (memberValue(member) <= reach) {
        p = at + memberValue(member);
        if (load<u8>(p) <= 0x20) p = skipBlanks(p); // the reference may have none here
        field = memberField(member);
        member++;
      } else p = at + memberBegin(member);
    }
    if (field == MISS) {
      misses++;
      const start = p;
      if (load<u8>(p) != 0x22) return 0;
      const key = p + 1;
      p = plainStringEnd(key);
      if (p == 0) return 0; // an escaped key may spell one of ours
      field = fieldOf(key, <u32>(p - key));
      p = skipBlanks(p + 1);
      if (load<u8>(p) != 0x3a) return 0;
      p = skipBlanks(p + 1);
      if (isLearning && numMembers < MAX_MEMBERS) {
        const entry: usize = MEMBERS + numMembers * 16;
        store<u32>(entry, <u32>(start - begin));
        store<u32>(entry, <u32>(p - begin), 4);
        store<u32>(entry, field, 8);
        numMembers++;
      } else member = memberAfter(member, start);
    }
    p = field == NONE ? skipValue(p) : readValue(field, p);
    if (p == 0) return 0;
    let c = load<u8>(p);
    if (c <= 0x20) {
      p = skipBlanks(p);
      c = load<u8>(p);
    }
    if (c == 0x7d) return skipBlanks(p + 1);
    if (c != 0x2c) return 0;
    p++;
    if (load<u8>(p) <= 0x20) p = skipBlanks(p);
  }
}

/** How many bytes at `p` are those of the reference line at `reference`. */
@inline
function commonLength(p: usize, reference: usize): u32 {
  const begin = p;
  while (reference < referenceEnd) {
    const mask = i8x16.bitmask(i8x16.ne(v128.load(p), v128.load(reference)));
    if (mask != 0) return <u32>(p - begin) + ctz(mask);
    p += 16;
    reference += 16;
  }
  return <u32>(p - begin);
}

/** Where to go on in the reference line after a key at `p` that was not the expected one: a guess, checked byte by byte. */
function memberAfter(expected: u32, p: usize): u32 {
  const word = load<u64>(p);
  const last = min<u32>(numMembers, expected + 12);
  for (let i = expected; i < last; i++) if (load<u64>(REFERENCE + memberBegin(i)) == word) return i + 1;
  return expected;
}

/** Which of our fields has this key. */
@inline
function fieldOf(key: usize, length: u32): u32 {
  const word = load<u64>(key);
  switch (length) {
    case 3:
      if ((<u32>word & 0xffffff) == 0x6c7275) return URL;
      break;
    case 4:
      if (<u32>word == 0x79646f62) return BODY;
      break;
    case 5:
      if ((word & 0xffffffffff) == 0x65726f6373) return SCORE;
      if ((word & 0xffffffffff) == 0x656c746974) return TITLE;
      break;
    case 6:
      if ((word & 0xffffffffffff) == 0x726f68747561) return AUTHOR;
      break;
    case 7:
      if ((word & 0xffffffffffffff) == 0x64695f6b6e696c) return LINK_OR_PARENT_ID;
      if ((word & 0xffffffffffffff) == 0x38315f7265766f) return OVER18;
      break;
    case 9:
      if (word == 0x6964646572627573 && load<u8>(key, 8) == 0x74) return SUBREDDIT;
      if (word == 0x695f746e65726170 && load<u8>(key, 8) == 0x64) return LINK_OR_PARENT_ID;
      break;
    case 11:
      if (word == 0x5f64657461657263 && (load<u32>(key, 8) & 0xffffff) == 0x637475) return CREATED_UTC;
      break;
    case 12:
      if (word == 0x6d6d6f635f6d756e && load<u32>(key, 8) == 0x73746e65) return NUM_COMMENTS;
      break;
  }
  return NONE;
}

/** Takes what we need of one of our fields; behind its value, or 0 where it is odd. */
function readValue(field: u32, p: usize): usize {
  switch (field) {
    case AUTHOR: {
      authorBegin = 0;
      if (load<u8>(p) != 0x22) break;
      const end = plainStringEnd(p + 1);
      if (end == 0) return 0;
      authorBegin = p + 1;
      authorLength = <u32>(end - p - 1);
      return end + 1;
    }
    case SUBREDDIT: {
      nameBegin = 0;
      if (load<u8>(p) != 0x22) break;
      const end = plainStringEnd(p + 1);
      if (end == 0) return 0;
      nameBegin = p + 1;
      nameLength = <u32>(end - p - 1);
      return end + 1;
    }
    case CREATED_UTC:
      return readCreatedUtc(p);
    case SCORE:
      return readScore(p);
    case BODY: {
      seen |= SEEN_COMMENT;
      const after = skipValue(p);
      bodyBegin = load<u8>(p) == 0x22 ? p + 1 : 0;
      bodyLength = <u32>(after - 2 - p);
      return after;
    }
    case TITLE: {
      seen |= SEEN_TITLE;
      const after = skipValue(p);
      titleBegin = load<u8>(p) == 0x22 ? p + 1 : 0;
      titleLength = <u32>(after - 2 - p);
      return after;
    }
    case OVER18:
      over18 = load<u32>(p) == 0x65757274;
      break;
    case URL:
      seen |= SEEN_URL;
      break;
    case NUM_COMMENTS:
      seen |= SEEN_NUM_COMMENTS;
      break;
    case LINK_OR_PARENT_ID:
      seen |= SEEN_COMMENT;
      break;
  }
  return skipValue(p);
}

/** Judges the line that `readLine` has read; fills words 3 to 11 of the record and returns word 0. */
function finishLine(record: usize): u32 {
  let flags: u32 = 0;
  if ((seen & SEEN_TITLE) != 0 || (seen & (SEEN_URL | SEEN_NUM_COMMENTS)) == (SEEN_URL | SEEN_NUM_COMMENTS)) flags = POST;
  else if ((seen & SEEN_COMMENT) == 0) return NOT_A_RECORD;
  if (over18) flags |= OVER_18;

  const nameProblem = judgeName(record);
  if (nameProblem == ODD) return ODD;
  if (nameProblem == ACTION) flags |= HAS_NAME;
  if (badTime) return NOT_A_RECORD | flags;

  if (authorBegin == 0 || authorLength == 0) return NO_AUTHOR | flags;
  if (authorLength == 9) {
    const word = load<u64>(authorBegin); // [deleted] or [removed]
    if ((word == 0x646574656c65645b || word == 0x6465766f6d65725b) && load<u8>(authorBegin, 8) == 0x5d)
      return DELETED_AUTHOR | flags;
  }
  if (authorLength > 24 || !isNameOf(authorBegin, authorLength, true)) return BAD_AUTHOR_NAME | flags;
  if (nameProblem != ACTION) return nameProblem | flags;

  lowerCase(authorBegin, authorLength);
  if (isLikeBot(authorLength)) flags |= MAYBE_BOT;
  const hash = sipHash(authorLength);
  const isPost = (flags & POST) != 0;
  const textBegin = isPost ? titleBegin : bodyBegin;
  store<u32>(record, <u32>(hash >> 32), 12);
  store<u32>(record, <u32>hash, 16);
  store<i32>(record, score, 24);
  store<u32>(record, createdUtc, 28);
  store<u32>(record, <u32>(authorBegin - WINDOW), 32);
  store<u32>(record, authorLength, 36);
  store<u32>(record, textBegin == 0 ? 0 : <u32>(textBegin - WINDOW), 40);
  store<u32>(record, textBegin == 0 ? 0 : isPost ? titleLength : bodyLength, 44);
  return ACTION | flags;
}

/** ACTION and word 5 of the record where the community has a name that counts; else why it has not. */
function judgeName(record: usize): u32 {
  if (nameBegin == 0 || nameLength == 0) return NO_SUBREDDIT;
  const p = nameBegin;
  const length = nameLength;
  const c0 = load<u8>(p) | 0x20;
  const c1 = load<u8>(p + 1);
  if (length > 2 && c0 == 0x75 && c1 == 0x5f) return USER_PROFILE; // u_…
  let isGood = false;
  if (c0 == 0x74 && c1 == 0x3a) isGood = length >= 4 && length <= 26 && isNameOf(p + 2, length - 2, false); // t:…
  else if (length >= 2 && length <= 24) isGood = isNameOf(p, length, false) || isRedditCom(p, length);
  if (!isGood) return BAD_SUBREDDIT_NAME;
  const id = nameId(p, length);
  store<u32>(record, id, 20);
  return id < MAX_NAMES ? ACTION : ODD;
}

function isRedditCom(p: usize, length: u32): bool {
  if (length != 10 || load<u8>(p, 6) != 0x2e) return false;
  lowerCase(p, length);
  return load<u64>(LOWER) == 0x632e746964646572 && load<u16>(LOWER, 8) == 0x6d6f;
}

/** Whether all of up to 24 bytes are letters, digits, underscores, or dashes where those are allowed. */
@inline
function isNameOf(p: usize, length: u32, dashes: bool): bool {
  let good: u32 = i8x16.bitmask(nameBytes(v128.load(p), dashes));
  if (length > 16) good |= i8x16.bitmask(nameBytes(v128.load(p, 16), dashes)) << 16;
  const wanted: u32 = (1 << length) - 1;
  return (good & wanted) == wanted;
}

@inline
function nameBytes(v: v128, dashes: bool): v128 {
  const letter = i8x16.lt_u(i8x16.sub(v128.or(v, i8x16.splat(0x20)), i8x16.splat(0x61)), i8x16.splat(26));
  const digit = i8x16.lt_u(i8x16.sub(v, i8x16.splat(0x30)), i8x16.splat(10));
  let good = v128.or(v128.or(letter, digit), i8x16.eq(v, i8x16.splat(0x5f)));
  if (dashes) good = v128.or(good, i8x16.eq(v, i8x16.splat(0x2d)));
  return good;
}

/** Copies up to 26 bytes to LOWER, A to Z made small, zeros behind them. */
@inline
function lowerCase(p: usize, length: u32): void {
  const mask: usize = MASKS + 32 - length;
  v128.store(LOWER, v128.and(lower(v128.load(p)), v128.load(mask)));
  v128.store(LOWER, v128.and(lower(v128.load(p, 16)), v128.load(mask, 16)), 16);
}

@inline
function lower(v: v128): v128 {
  const upper = i8x16.lt_u(i8x16.sub(v, i8x16.splat(0x41)), i8x16.splat(26));
  return v128.or(v, v128.and(upper, i8x16.splat(0x20)));
}

/** Whether the rules of `isNamedLikeBot` could hold for the name at LOWER; it has the last word. */
@inline
function isLikeBot(length: u32): bool {
  let bot = v128.and(
    v128.and(i8x16.eq(v128.load(LOWER), i8x16.splat(0x62)), i8x16.eq(v128.load(LOWER, 1), i8x16.splat(0x6f))),
    i8x16.eq(v128.load(LOWER, 2), i8x16.splat(0x74)),
  );
  if (length > 16) {
    const more = v128.and(
      v128.and(i8x16.eq(v128.load(LOWER, 14), i8x16.splat(0x62)), i8x16.eq(v128.load(LOWER, 15), i8x16.splat(0x6f))),
      i8x16.eq(v128.load(LOWER, 16), i8x16.splat(0x74)),
    );
    bot = v128.or(bot, more);
  }
  if (v128.any_true(bot)) return true;
  if ((load<u64>(LOWER) & 0xffffffffffffff) == 0x646f6d6f747561) return true; // automod
  return length >= 8 && load<u64>(LOWER + length - 8) == 0x6d616574646f6d2d; // -modteam
}

/** SipHash-2-4 of the name at LOWER. */
@inline
function sipHash(length: u32): u64 {
  let v0: u64 = key0 ^ 0x736f6d6570736575;
  let v1: u64 = key1 ^ 0x646f72616e646f6d;
  let v2: u64 = key0 ^ 0x6c7967656e657261;
  let v3: u64 = key1 ^ 0x7465646279746573;
  const last: usize = LOWER + (length & ~7);
  for (let at: usize = LOWER; at <= last + 8; at += 8) {
    let rounds = 2;
    let m: u64 = 0;
    if (at <= last) m = load<u64>(at);
    if (at == last) m |= (<u64>length) << 56;
    if (at > last) {
      v2 ^= 0xff;
      rounds = 4;
    }
    v3 ^= m;
    while (rounds-- > 0) {
      v0 += v1;
      v1 = rotl<u64>(v1, 13) ^ v0;
      v0 = rotl<u64>(v0, 32);
      v2 += v3;
      v3 = rotl<u64>(v3, 16) ^ v2;
      v0 += v3;
      v3 = rotl<u64>(v3, 21) ^ v0;
      v2 += v1;
      v1 = rotl<u64>(v1, 17) ^ v2;
      v2 = rotl<u64>(v2, 32);
    }
    v0 ^= m;
  }
  return v0 ^ v1 ^ v2 ^ v3;
}

/** Number of the spelling of a community, in order of first sight; MAX_NAMES where there is no room left. */
function nameId(p: usize, length: u32): u32 {
  const mask: usize = MASKS + 32 - length;
  const v0 = v128.and(v128.load(p), v128.load(mask));
  const v1 = v128.and(v128.load(p, 16), v128.load(mask, 16));
  // Keyed, so that nobody can choose names that collide.
  let h = (i64x2.extract_lane(v0, 0) ^ key0) * 0x9e3779b97f4a7c15;
  h = ((h ^ (h >>> 32)) + i64x2.extract_lane(v0, 1)) * (key1 | 1);
  h = ((h ^ (h >>> 32)) + i64x2.extract_lane(v1, 0)) * 0x9e3779b97f4a7c15;
  h = ((h ^ (h >>> 32)) + i64x2.extract_lane(v1, 1)) * 0xff51afd7ed558ccd;
  const tableMask: u32 = (1 << TABLE_BITS) - 1;
  let slot = <u32>(h >>> (64 - TABLE_BITS)) & tableMask;
  while (true) {
    const at: usize = TABLE + slot * 4;
    const id = load<u32>(at);
    if (id == 0) {
      if (numNames == MAX_NAMES) return MAX_NAMES;
      const entry: usize = NAMES + numNames * NAME_BYTES;
      v128.store(entry, v0);
      v128.store(entry, v1, 16);
      numNames++;
      store<u32>(at, numNames);
      return numNames - 1;
    }
    const entry: usize = NAMES + (id - 1) * NAME_BYTES;
    const same = v128.or(v128.xor(v128.load(entry), v0), v128.xor(v128.load(entry, 16), v1));
    if (!v128.any_true(same)) return id - 1;
    slot = (slot + 1) & tableMask;
  }
}

/** A whole number or null, bare or as text; 0 for what is no number; odd where only `Number` can tell. */
function readScore(p: usize): usize {
  score = 0;
  const isText = load<u8>(p) == 0x22;
  const first = load<u8>(isText ? p + 1 : p);
  if (first != 0x2d && first - 0x30 > 9) {
    if (isText) return 0;
    return skipValue(p); // null and whatever is no number
  }
  const end = readInteger(isText ? p + 1 : p, isText);
  if (end == 0) return 0;
  score = <i32>max<i64>(min<i64>(integer, 0x7fffffff), -0x80000000);
  return end;
}

/** Whole seconds, bare or as text, perhaps with `.0`; odd where only `Number` can tell. */
function readCreatedUtc(p: usize): usize {
  createdUtc = 0;
  badTime = false;
  const isText = load<u8>(p) == 0x22;
  const first = load<u8>(isText ? p + 1 : p);
  if (first != 0x2d && first - 0x30 > 9) {
    if (isText) return 0;
    badTime = load<u32>(p) != 0x6c6c756e; // null leaves it out
    return skipValue(p);
  }
  const end = readInteger(isText ? p + 1 : p, isText);
  if (end == 0) return 0;
  if (integer > 0 && integer <= 0xffffffff) createdUtc = <u32>integer;
  return end;
}

let integer: i64 = 0;

/** Reads a whole number of up to 15 digits, with zeros behind a point at the most, into `integer`; returns its end. */
function readInteger(p: usize, isText: bool): usize {
  const isNegative = load<u8>(p) == 0x2d;
  if (isNegative) p++;
  const begin = p;
  let value: i64 = 0;
  let digit: u32 = load<u8>(p) - 0x30;
  while (digit <= 9) {
    value = value * 10 + digit;
    p++;
    digit = <u32>load<u8>(p) - 0x30;
  }
  const length = p - begin;
  if (length == 0 || length > 15) return 0;
  if (length > 1 && !isText && load<u8>(begin) == 0x30) return 0;
  let c = load<u8>(p);
  if (c == 0x2e) {
    const point = p;
    do p++;
    while (load<u8>(p) == 0x30);
    if (p == point + 1) return 0;
    c = load<u8>(p);
    if (c - 0x30 <= 9) return 0;
  }
  if (c == 0x65 || c == 0x45) return 0; // exponent
  integer = isNegative ? -value : value;
  if (!isText) return p;
  return c == 0x22 ? p + 1 : 0;
}

/** The closing quote of the text that begins at `p`; 0 where it holds a backslash or is not JSON. */
@inline
function plainStringEnd(p: usize): usize {
  while (true) {
    const mask = specials(p);
    if (mask != 0) {
      p += ctz(mask);
      return load<u8>(p) == 0x22 ? p : 0;
    }
    p += 16;
  }
}

/** The closing quote of the text that begins at `p`; 0 where it is not JSON. */
function stringEnd(p: usize): usize {
  while (true) {
    const mask = specials(p);
    if (mask == 0) {
      p += 16;
      continue;
    }
    p += ctz(mask);
    const c = load<u8>(p);
    if (c == 0x22) return p;
    if (c != 0x5c) return 0;
    const escape = load<u8>(p, 1);
    if (escape == 0x75) {
      if (!isHex(load<u8>(p, 2)) || !isHex(load<u8>(p, 3)) || !isHex(load<u8>(p, 4)) || !isHex(load<u8>(p, 5))) return 0;
      p += 6;
    } else {
      // " \ / b f n r t
      if (escape != 0x6e && escape != 0x22 && escape != 0x5c && escape != 0x2f) {
        if (escape != 0x62 && escape != 0x66 && escape != 0x72 && escape != 0x74) return 0;
      }
      p += 2;
    }
  }
}

/** Bit i: byte p + i is a quote, a backslash or a control character. */
@inline
function specials(p: usize): u32 {
  const v = v128.load(p);
  return i8x16.bitmask(
    v128.or(
      v128.or(i8x16.eq(v, i8x16.splat(0x22)), i8x16.eq(v, i8x16.splat(0x5c))),
      i8x16.lt_u(v, i8x16.splat(0x20)),
    ),
  );
}

@inline
function isHex(c: u32): bool {
  return c - 0x30 <= 9 || (c | 0x20) - 0x61 <= 5;
}

/** Behind the value at `p`; 0 where it is not JSON or too deep. */
function skipValue(p: usize): usize {
  const c = load<u8>(p);
  if (c == 0x22) {
    p = stringEnd(p + 1);
    return p == 0 ? 0 : p + 1;
  }
  if (c == 0x6e) return load<u32>(p) == 0x6c6c756e ? p + 4 : 0; // null
  if (c == 0x66) return load<u32>(p, 1) == 0x65736c61 ? p + 5 : 0; // false
  if (c == 0x74) return load<u32>(p) == 0x65757274 ? p + 4 : 0; // true
  if (c == 0x5b || c == 0x7b) return load<u8>(p, 1) == c + 2 ? p + 2 : skipNested(p);
  return skipNumber(p);
}

function skipNumber(p: usize): usize {
  if (load<u8>(p) == 0x2d) p++;
  if (load<u8>(p) == 0x30) p++;
  else {
    const begin = p;
    p = skipDigits(p);
    if (p == begin) return 0;
  }
  if (load<u8>(p) == 0x2e) {
    const begin = p + 1;
    p = skipDigits(begin);
    if (p == begin) return 0;
  }
  if ((load<u8>(p) | 0x20) == 0x65) {
    p++;
    const sign = load<u8>(p);
    if (sign == 0x2b || sign == 0x2d) p++;
    const begin = p;
    p = skipDigits(p);
    if (p == begin) return 0;
  }
  return p;
}

@inline
function skipDigits(p: usize): usize {
  while (true) {
    const mask = i8x16.bitmask(i8x16.gt_u(i8x16.sub(v128.load(p), i8x16.splat(0x30)), i8x16.splat(9)));
    if (mask != 0) return p + ctz(mask);
    p += 16;
  }
}

/** Behind the array or object at `p`, whatever it holds, up to 64 levels deep. */
function skipNested(p: usize): usize {
  let stack: u64 = 0; // a bit a level: 1 = object
  let depth = 0;
  while (true) {
    let c = load<u8>(p);
    if (c == 0x5b || c == 0x7b) {
      if (depth == 64) return 0;
      depth++;
      stack = (stack << 1) | (<u64>(c == 0x7b));
      p = skipBlanks(p + 1);
      if (load<u8>(p) != c + 2) {
        if (c == 0x7b) {
          p = skipKey(p);
          if (p == 0) return 0;
        }
        continue;
      }
      depth--;
      stack >>= 1;
      p++;
    } else {
      p = skipValue(p); // opens nothing: that was the other case
      if (p == 0) return 0;
    }
    while (true) {
      if (depth == 0) return p;
      p = skipBlanks(p);
      c = load<u8>(p);
      if (c == 0x2c) {
        p = skipBlanks(p + 1);
        if ((stack & 1) != 0) {
          p = skipKey(p);
          if (p == 0) return 0;
        }
        break;
      }
      if (c != ((stack & 1) != 0 ? 0x7d : 0x5d)) return 0;
      depth--;
      stack >>= 1;
      p++;
    }
  }
}

/** Behind the key and colon at `p` and the blanks after it. */
function skipKey(p: usize): usize {
  if (load<u8>(p) != 0x22) return 0;
  p = stringEnd(p + 1);
  if (p == 0) return 0;
  p = skipBlanks(p + 1);
  return load<u8>(p) == 0x3a ? skipBlanks(p + 1) : 0;
}

@inline
function skipBlanks(p: usize): usize {
  let c = load<u8>(p);
  while (c == 0x20 || c == 0x09 || c == 0x0d) {
    p++;
    c = load<u8>(p);
  }
  return p;
}

function newlineFrom(p: usize): usize {
  while (true) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(p), i8x16.splat(0x0a)));
    if (mask != 0) return p + ctz(mask);
    p += 16;
  }
}
