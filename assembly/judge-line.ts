/** What becomes of a line that was read. */
import {
  authorBegin,
  authorLength,
  badTime,
  bodyBegin,
  bodyLength,
  createdUtc,
  nameBegin,
  nameLength,
  over18,
  SEEN_COMMENT,
  SEEN_NUM_COMMENTS,
  SEEN_TITLE,
  SEEN_URL,
  score,
  seen,
  titleBegin,
  titleLength,
} from './fields';
import {
  ACTION,
  BAD_AUTHOR_NAME,
  BAD_SUBREDDIT_NAME,
  DELETED_AUTHOR,
  HAS_NAME,
  MAX_NAMES,
  MAYBE_BOT,
  NO_AUTHOR,
  NO_SUBREDDIT,
  NOT_A_RECORD,
  ODD,
  OVER_18,
  POST,
  USER_PROFILE,
  WINDOW,
} from './layout';
import { isLikeBot, isNameOf, isRedditCom, lowerCase, nameId, sipHash } from './names';

/** Judges the line that `readLine` has read; fills words 3 to 12 of the record and returns word 0. */
export function finishLine(record: usize): u32 {
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
  const textLength: u32 = textBegin == 0 ? 0 : isPost ? titleLength : bodyLength;
  store<u32>(record, textBegin == 0 ? 0 : <u32>(textBegin - WINDOW), 40);
  store<u32>(record, textLength, 44);
  store<u32>(record, markOf(textBegin, textLength), 48);
  return ACTION | flags;
}

/** `markOfText` of src/reddit/behaviour.ts. */
@inline
function markOf(begin: usize, length: u32): u32 {
  if (length < 20) return 0;
  let mark = length;
  for (let i: u32 = 0; i < 8; i++)
    mark = ((mark ^ load<u32>(begin + ((length - 4) * i) / 7)) * 0x9e3779b1) ^ (mark >>> 15);
  return mark | 1;
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
