/**
 * SipHash-2-4 (Aumasson & Bernstein, 2012): a keyed hash of bytes to 64 bits.
 *
 * Without the key nobody can tell which name a hash stands for, not even by hashing a list of all names. JavaScript
 * has no fast 64-bit integers, so each 64-bit word is two 32-bit halves and additions carry by hand.
 *
 * @param key   the 128-bit key as four words: its 16 bytes read as little-endian uint32
 * @param bytes the text is bytes[begin] to bytes[end], end excluded; may be empty
 * @param out   uint32 [2], overwritten: low and high word of the hash
 */
export function sipHash24(key: Uint32Array, bytes: Uint8Array, begin: number, end: number, out: Uint32Array): void {
  let v0l = key[0] ^ 0x70736575; // "somepseudorandomlygeneratedbytes", as the paper has it
  let v0h = key[1] ^ 0x736f6d65;
  let v1l = key[2] ^ 0x6e646f6d;
  let v1h = key[3] ^ 0x646f7261;
  let v2l = key[0] ^ 0x6e657261;
  let v2h = key[1] ^ 0x6c796765;
  let v3l = key[2] ^ 0x79746573;
  let v3h = key[3] ^ 0x74656462;

  const length = end - begin;
  const numWords = (length >>> 3) + 1; // the last word holds the rest of the text and the length
  let at = begin;
  for (let word = 0; word <= numWords; word++) {
    let ml = 0;
    let mh = 0;
    let rounds = 2;
    if (word < numWords - 1) {
      ml = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
      mh = bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24);
      at += 8;
    } else if (word === numWords - 1) {
      for (let shift = 0; at < end && shift < 32; shift += 8) ml |= bytes[at++] << shift;
      for (let shift = 0; at < end; shift += 8) mh |= bytes[at++] << shift;
      mh |= length << 24;
    } else {
      v2l ^= 0xff; // no more text: finish
      rounds = 4;
    }

    v3l ^= ml;
    v3h ^= mh;
    while (rounds-- > 0) {
      // v0 += v1; v1 <<<= 13; v1 ^= v0; v0 <<<= 32
      let low = (v0l >>> 0) + (v1l >>> 0);
      v0h = (v0h + v1h + (low > 0xffffffff ? 1 : 0)) | 0;
      v0l = low | 0;
      let held = v1l;
      v1l = ((v1l << 13) | (v1h >>> 19)) ^ v0l;
      v1h = ((v1h << 13) | (held >>> 19)) ^ v0h;
      held = v0l;
      v0l = v0h;
      v0h = held;

      // v2 += v3; v3 <<<= 16; v3 ^= v2
      low = (v2l >>> 0) + (v3l >>> 0);
      v2h = (v2h + v3h + (low > 0xffffffff ? 1 : 0)) | 0;
      v2l = low | 0;
      held = v3l;
      v3l = ((v3l << 16) | (v3h >>> 16)) ^ v2l;
      v3h = ((v3h << 16) | (held >>> 16)) ^ v2h;

      // v0 += v3; v3 <<<= 21; v3 ^= v0
      low = (v0l >>> 0) + (v3l >>> 0);
      v0h = (v0h + v3h + (low > 0xffffffff ? 1 : 0)) | 0;
      v0l = low | 0;
      held = v3l;
      v3l = ((v3l << 21) | (v3h >>> 11)) ^ v0l;
      v3h = ((v3h << 21) | (held >>> 11)) ^ v0h;

      // v2 += v1; v1 <<<= 17; v1 ^= v2; v2 <<<= 32
      low = (v2l >>> 0) + (v1l >>> 0);
      v2h = (v2h + v1h + (low > 0xffffffff ? 1 : 0)) | 0;
      v2l = low | 0;
      held = v1l;
      v1l = ((v1l << 17) | (v1h >>> 15)) ^ v2l;
      v1h = ((v1h << 17) | (held >>> 15)) ^ v2h;
      held = v2l;
      v2l = v2h;
      v2h = held;
    }
    v0l ^= ml;
    v0h ^= mh;
  }
  out[0] = v0l ^ v1l ^ v2l ^ v3l;
  out[1] = v0h ^ v1h ^ v2h ^ v3h;
}
