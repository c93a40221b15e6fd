/**
 * The hot loop of ingest, in AssemblyScript: lines of a dump in, one record of 13 words a line out.
 *
 * Every line is read as JSON from its first byte to its last, as strictly as `JSON.parse` reads it, but without making
 * a value of anything: strings are passed over 16 bytes at a time, and only the fields that ingest needs are looked at,
 * at the outermost level. A line that this file cannot judge in full gets the outcome `odd` and is left to `readAction`;
 * so a record is either what `readAction` says of the line, or `odd`. `src/reddit/scanner/typescript-scanner.ts` is the
 * same in TypeScript, `line-scanner.ts` beside it explains the records.
 *
 * Bounds: the host ends the window with a newline of its own. No loop passes a newline, no load reaches more than 64
 * bytes beyond one, and a comparison with the reference line at most its length; the memory is laid out so that this
 * stays inside.
 */
import { clearFields, fieldOf, MISS, NONE, readValue } from './fields';
import { finishLine } from './judge-line';
import { newlineFrom, plainStringEnd, skipBlanks, skipMember } from './json';
import { EMPTY, MAX_RECORDS, ODD, RECORD_BYTES, RECORDS, REFERENCE, WINDOW } from './layout';
import { setKey } from './names';
import {
  commonLength,
  countDifference,
  isNewReference,
  isSame,
  keepReference,
  learnMember,
  memberAfter,
  memberBegin,
  memberField,
  memberStop,
  memberValue,
  numMembers,
} from './reference-line';

export { CAPACITY, MAX_RECORDS, NAME_BYTES, NAMES, RECORD_BYTES, RECORDS, WINDOW } from './layout';
export { numNames } from './names';

export let numRecords: u32 = 0;
let isLearning: bool = false; // this line becomes the reference
let misses: u32 = 0; // members of this line whose key had to be read

/** Call once, with the key of SipHash as four little-endian words. */
export function init(k0: u32, k1: u32, k2: u32, k3: u32): void {
  setKey(k0, k1, k2, k3);
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
    if (isRead && isNewReference(at, after, misses)) learn(at, after);
    store<u32>(record, isRead ? finishLine(record) : textEnd == at ? EMPTY : ODD);
    store<u32>(record, <u32>(at - WINDOW), 4);
    store<u32>(record, <u32>(textEnd - WINDOW), 8);
    records++;
    at = after + 1;
  }
  numRecords = records;
  return min<u32>(<u32>(at - WINDOW), have);
}

/** Reads a line again, member by member, to be the reference. */
function learn(begin: usize, end: usize): void {
  isLearning = true;
  readLine(begin);
  isLearning = false;
  keepReference(begin, end);
}

/** The end of the object at `begin` and of the blanks behind it, or 0 where the line is odd. */
function readLine(begin: usize): usize {
  clearFields();
  misses = 0;
  if (load<u8>(begin) != 0x7b) return 0;
  let p = skipBlanks(begin + 1);
  if (load<u8>(p) == 0x7d) return skipBlanks(p + 1);
  let member: u32 = 0; // of the reference line, that we expect here
  while (true) {
    let field: u32 = MISS;
    if (member < numMembers && !isLearning) {
      const from = memberBegin(member);
      const stop = memberStop(member);
      const at = p - from;
      let isKnown = isSame(p, REFERENCE + from, memberValue(stop) - from);
      if (isKnown) member = stop;
      else {
        const reach = from + commonLength(p, REFERENCE + from);
        while (member < stop && memberBegin(member + 1) <= reach) member++;
        isKnown = memberValue(member) <= reach;
        if (isKnown) countDifference(member);
        else p = at + memberBegin(member);
      }
      if (isKnown) {
        p = at + memberValue(member);
        if (load<u8>(p) <= 0x20) p = skipBlanks(p); // the reference may have none here
        field = memberField(member);
        member++;
      }
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
      if (isLearning) learnMember(<u32>(start - begin), <u32>(p - begin), field);
      else member = memberAfter(member, start);
    }
    p = field == NONE ? skipMember(p) : readValue(field, p);
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
