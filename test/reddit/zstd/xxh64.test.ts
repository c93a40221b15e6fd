import { expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { Xxh64 } from '../../../src/reddit/zstd/xxh64.js';
import { compress, hasProgram, randomBytes } from '../archives.js';

const hashOf = (...pieces: Buffer[]): string => {
  const hash = new Xxh64();
  for (const piece of pieces) hash.update(piece);
  return hash.digestLow32().toString(16).padStart(8, '0');
};

it('gives the published values', () => {
  expect(hashOf(Buffer.from(''))).toBe('51d8e999');
  expect(hashOf(Buffer.from('a'))).toBe('a98c6e5b'); // of d24ec4f1a98c6e5b
  expect(hashOf(Buffer.from('abc'))).toBe('ad770999'); // of 44bc2cf5ad770999
});

it('does not depend on how the bytes are cut', () => {
  const random = new Random(1);
  const bytes = randomBytes(500, random);
  for (let i = 0; i < 200; i++) {
    const a = random.below(501);
    const b = a + random.below(501 - a);
    expect(hashOf(bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b))).toBe(hashOf(bytes));
  }
});

it.skipIf(!hasProgram('zstd'))('gives what zstd stores at the end of a frame, for every length (needs zstd)', () => {
  const bytes = randomBytes(130, new Random(2));
  for (let length = 0; length <= 130; length += 3) {
    const frame = compress('zstd', ['-1'], bytes.subarray(0, length));
    expect(hashOf(bytes.subarray(0, length))).toBe(
      frame
        .readUInt32LE(frame.length - 4)
        .toString(16)
        .padStart(8, '0'),
    );
  }
});
