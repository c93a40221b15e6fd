import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sipHash24 } from '../../src/core/siphash.js';

const wordsOf = (key: Uint8Array) => {
  const view = new DataView(key.buffer, key.byteOffset, 16);
  return Uint32Array.from([0, 4, 8, 12], (at) => view.getUint32(at, true));
};

const hexOf = (key: Uint32Array, bytes: Uint8Array, begin = 0, end = bytes.length) => {
  const out = new Uint32Array(2);
  sipHash24(key, bytes, begin, end, out);
  return out[1].toString(16).padStart(8, '0') + out[0].toString(16).padStart(8, '0');
};

/** The definition again, word by word on BigInt. */
function sipHash24Reference(key: Uint8Array, bytes: Uint8Array): string {
  const mask = (1n << 64n) - 1n;
  const rotl = (x: bigint, k: bigint) => ((x << k) | (x >> (64n - k))) & mask;
  const wordAt = (from: Uint8Array, at: number) => new DataView(from.buffer, from.byteOffset).getBigUint64(at, true);
  const k0 = wordAt(key, 0);
  const k1 = wordAt(key, 8);
  const v = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ] as [bigint, bigint, bigint, bigint];
  const round = () => {
    v[0] = (v[0] + v[1]) & mask;
    v[1] = rotl(v[1], 13n) ^ v[0];
    v[0] = rotl(v[0], 32n);
    v[2] = (v[2] + v[3]) & mask;
    v[3] = rotl(v[3], 16n) ^ v[2];
    v[0] = (v[0] + v[3]) & mask;
    v[3] = rotl(v[3], 21n) ^ v[0];
    v[2] = (v[2] + v[1]) & mask;
    v[1] = rotl(v[1], 17n) ^ v[2];
    v[2] = rotl(v[2], 32n);
  };
  const padded = new Uint8Array((Math.floor(bytes.length / 8) + 1) * 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const m = wordAt(padded, at);
    v[3] ^= m;
    round();
    round();
    v[0] ^= m;
  }
  v[2] ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  return (v[0] ^ v[1] ^ v[2] ^ v[3]).toString(16).padStart(16, '0');
}

describe('sipHash24', () => {
  const counting = Uint8Array.from({ length: 64 }, (_, i) => i);

  it('gives the published vectors: key 00…0f, text 00…(n−1)', () => {
    const key = wordsOf(counting.subarray(0, 16));
    const published: [number, string][] = [
      [0, '726fdb47dd0e0e31'],
      [1, '74f839c593dc67fd'],
      [2, '0d6c8009d9a94f5a'],
      [3, '85676696d7fb7e2d'],
      [4, 'cf2794e0277187b7'],
      [5, '18765564cd99a68d'],
      [6, 'cbc9466e58fee3ce'],
      [7, 'ab0200f58b01d137'],
      [8, '93f5f5799a932462'],
      [15, 'a129ca6149be45e5'],
    ];
    for (const [n, expected] of published) expect(hexOf(key, counting, 0, n)).toBe(expected);
  });

  it('agrees with the definition on 64-bit integers for any key and text', () => {
    const bytes = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });
    fc.assert(
      fc.property(bytes(16, 16), bytes(0, 300), (key, text) => {
        expect(hexOf(wordsOf(key), text)).toBe(sipHash24Reference(key, text));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('reads only its range', () => {
    const key = wordsOf(counting.subarray(16, 32));
    for (let n = 0; n <= 20; n++) {
      const around = new Uint8Array(n + 9).fill(0xee);
      around.set(counting.subarray(0, n), 3);
      expect(hexOf(key, around, 3, 3 + n)).toBe(hexOf(key, counting, 0, n));
    }
  });

  it('changes with every bit of the key', () => {
    const text = new TextEncoder().encode('some_name');
    const hashes = new Set<string>();
    for (let bit = 0; bit < 128; bit++) {
      const key = new Uint8Array(16);
      key[bit >> 3] = 1 << (bit & 7);
      hashes.add(hexOf(wordsOf(key), text));
    }
    expect(hashes.size).toBe(128);
  });
});
