/** The fields that ingest looks at, and what is known of them in the line so far. */
import { plainStringEnd, skipValue } from './json';

export const NONE: u32 = 0;
export const AUTHOR: u32 = 1;
export const SUBREDDIT: u32 = 2;
export const CREATED_UTC: u32 = 3;
export const SCORE: u32 = 4;
export const BODY: u32 = 5;
export const TITLE: u32 = 6;
export const OVER18: u32 = 7;
export const URL: u32 = 8;
export const NUM_COMMENTS: u32 = 9;
export const LINK_OR_PARENT_ID: u32 = 10;
export const MISS: u32 = 11;

// A field that comes twice counts as it came last, as with JSON.parse.
export let seen: u32 = 0; // bits of the fields that tell posts from comments
export let over18: bool = false;
export let badTime: bool = false;
export let authorBegin: usize = 0; // 0: no text
export let authorLength: u32 = 0;
export let nameBegin: usize = 0;
export let nameLength: u32 = 0;
export let score: i32 = 0;
export let createdUtc: u32 = 0;
export let bodyBegin: usize = 0;
export let bodyLength: u32 = 0;
export let titleBegin: usize = 0;
export let titleLength: u32 = 0;

export const SEEN_TITLE: u32 = 1;
export const SEEN_URL: u32 = 2;
export const SEEN_NUM_COMMENTS: u32 = 4;
export const SEEN_COMMENT: u32 = 8;

/** Forgets the line before. */
export function clearFields(): void {
  seen = 0;
  over18 = false;
  badTime = false;
  authorBegin = 0;
  nameBegin = 0;
  score = 0;
  createdUtc = 0;
  bodyBegin = 0;
  titleBegin = 0;
}

/** Which of our fields has this key. */
@inline
export function fieldOf(key: usize, length: u32): u32 {
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
export function readValue(field: u32, p: usize): usize {
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
