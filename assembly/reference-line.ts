/**
 * The reference line. Most members of most lines are byte for byte those of any other line of the month. So a line that
 * was read is kept: where the next one agrees with it over whole members, those are JSON already and are passed over in
 * one comparison. Members that we look at are always read. Which line is kept changes the speed, never a record.
 */
import { NONE } from './fields';
import { DIFFERENCES, MAX_MEMBERS, MAX_REFERENCE_BYTES, MEMBERS, REFERENCE } from './layout';

const STOPS_EVERY: u32 = 256; // lines
const OFTEN: u32 = 64; // differences in that many lines

export let numMembers: u32 = 0; // of the reference line, 0 = none yet
let referenceEnd: usize = REFERENCE;
let linesSinceStops: u32 = 0;
let poorLines: u32 = 0; // in a row
let patience: u32 = 2; // poor lines before another reference is taken

@inline
export function memberBegin(i: u32): u32 {
  return load<u32>(MEMBERS + i * 16);
}

@inline
export function memberValue(i: u32): u32 {
  return load<u32>(MEMBERS + i * 16, 4);
}

@inline
export function memberField(i: u32): u32 {
  return load<u32>(MEMBERS + i * 16, 8);
}

/** The first member from i on that must be read. */
@inline
export function memberStop(i: u32): u32 {
  return load<u32>(MEMBERS + i * 16, 12);
}

/**
 * Whether the line at `begin` is to be the reference, because lines have looked different for a while. Call for each line
 * that was read well.
 *
 * @param misses members of the line whose key had to be read
 */
export function isNewReference(begin: usize, end: usize, misses: u32): bool {
  if (numMembers > 0 && ++linesSinceStops == STOPS_EVERY) setStops();
  if (misses <= 8) {
    poorLines = 0;
    patience = 2;
    return false;
  }
  if (++poorLines < patience || end - begin > MAX_REFERENCE_BYTES) return false;
  poorLines = 0;
  if (patience < 4096) patience *= 2; // there may be no line like the others
  numMembers = 0;
  return true;
}

/** Adds a member to the reference line that is being read; begin of member and value in the line. */
export function learnMember(begin: u32, value: u32, field: u32): void {
  if (numMembers == MAX_MEMBERS) return;
  const entry: usize = MEMBERS + numMembers * 16;
  store<u32>(entry, begin);
  store<u32>(entry, value, 4);
  store<u32>(entry, field, 8);
  numMembers++;
}

/** Keeps the line whose members were learned. */
export function keepReference(begin: usize, end: usize): void {
  referenceEnd = REFERENCE + (end - begin);
  memory.copy(REFERENCE, begin, end - begin);
  memory.fill(DIFFERENCES, 0, 4 * MAX_MEMBERS);
  setStops();
}

/** A line stops at members that we look at, at those that often differ, and at the last. */
function setStops(): void {
  linesSinceStops = 0;
  let stop: u32 = numMembers - 1;
  for (let i: i32 = numMembers - 1; i >= 0; i--) {
    const differences: usize = DIFFERENCES + (<usize>i << 2);
    if (memberField(i) != NONE || load<u32>(differences) >= OFTEN) stop = i;
    else store<u32>(differences, 0);
    store<u32>(MEMBERS + <u32>i * 16, stop, 12);
  }
}

@inline
export function countDifference(member: u32): void {
  const differences: usize = DIFFERENCES + (<usize>member << 2);
  store<u32>(differences, load<u32>(differences) + 1);
}

/** Whether `length` bytes at `p` are those at `q`. */
@inline
export function isSame(p: usize, q: usize, length: usize): bool {
  if (length < 16) {
    const differ: u32 = i8x16.bitmask(i8x16.ne(v128.load(p), v128.load(q)));
    return (differ & ((1 << <u32>length) - 1)) == 0;
  }
  const last = p + length - 16;
  let differ = v128.xor(v128.load(last), v128.load(q + length - 16));
  while (p < last) {
    differ = v128.or(differ, v128.xor(v128.load(p), v128.load(q)));
    p += 16;
    q += 16;
  }
  return !v128.any_true(differ);
}

/** How many bytes at `p` are those of the reference line at `reference`. */
@inline
export function commonLength(p: usize, reference: usize): u32 {
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
export function memberAfter(expected: u32, p: usize): u32 {
  const word = load<u64>(p);
  const last = min<u32>(numMembers, expected + 12);
  for (let i = expected; i < last; i++) if (load<u64>(REFERENCE + memberBegin(i)) == word) return i + 1;
  return expected;
}
