/** Names of people and communities. */
import { LOWER, MASKS, MAX_NAMES, NAME_BYTES, NAMES, TABLE, TABLE_BITS } from './layout';

let key0: u64 = 0;
let key1: u64 = 0;
export let numNames: u32 = 0;

/** The key of SipHash as four little-endian words. */
export function setKey(k0: u32, k1: u32, k2: u32, k3: u32): void {
  key0 = (<u64>k0) | ((<u64>k1) << 32);
  key1 = (<u64>k2) | ((<u64>k3) << 32);
  memory.fill(MASKS, 0xff, 32);
}

/** Whether all of up to 24 bytes are letters, digits, underscores, or dashes where those are allowed. */
@inline
export function isNameOf(p: usize, length: u32, dashes: bool): bool {
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

export function isRedditCom(p: usize, length: u32): bool {
  if (length != 10 || load<u8>(p, 6) != 0x2e) return false;
  lowerCase(p, length);
  return load<u64>(LOWER) == 0x632e746964646572 && load<u16>(LOWER, 8) == 0x6d6f;
}

/** Copies up to 26 bytes to LOWER, A to Z made small, zeros behind them. */
@inline
export function lowerCase(p: usize, length: u32): void {
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
export function isLikeBot(length: u32): bool {
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
export function sipHash(length: u32): u64 {
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
export function nameId(p: usize, length: u32): u32 {
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
