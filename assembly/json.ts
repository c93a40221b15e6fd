/**
 * JSON as strict as `JSON.parse`, passed over and not made into anything. Positions are addresses; 0 stands for what is not
 * JSON. Blanks are those that may stand in a line.
 */

/** Behind the value at `p`; 0 where it is not JSON or too deep. */
export function skipValue(p: usize): usize {
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

/** The same as `skipValue`, at once for short plain texts. */
@inline
export function skipMember(p: usize): usize {
  if (load<u8>(p) == 0x22) {
    const mask = specials(p + 1);
    if (mask != 0) {
      const end = p + 1 + ctz(mask);
      if (load<u8>(end) == 0x22) return end + 1;
    }
  }
  return skipValue(p);
}

/** The closing quote of the text that begins at `p`; 0 where it holds a backslash or is not JSON. */
@inline
export function plainStringEnd(p: usize): usize {
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
export function skipBlanks(p: usize): usize {
  let c = load<u8>(p);
  while (c == 0x20 || c == 0x09 || c == 0x0d) {
    p++;
    c = load<u8>(p);
  }
  return p;
}

export function newlineFrom(p: usize): usize {
  while (true) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(p), i8x16.splat(0x0a)));
    if (mask != 0) return p + ctz(mask);
    p += 16;
  }
}
