import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { decodeZstd } from '../../src/reddit/zstd/decoder.js';
import { ZstdError } from '../../src/reddit/zstd/frames.js';
import { CONTENTS, chunksOf, collect, compress, hasProgram, randomBytes, skippableFrame } from '../reddit/archives.js';
import { GOLDEN } from '../reddit/zstd/golden.js';

const BUDGET_MS = 1_500; // a test; the seed decides what is tried, the machine how much of it

/** What decoding gives: the content, or undefined for a `ZstdError`. Anything else that is thrown is a fault of ours. */
async function decode(bytes: Buffer, chunkSize: number): Promise<Buffer | undefined> {
  try {
    return await collect(decodeZstd(chunksOf(bytes, chunkSize)));
  } catch (error) {
    if (error instanceof ZstdError) return undefined;
    throw error;
  }
}

/** One to four changes of the kind that disks and downloads make. */
function damage(archive: Buffer, random: Random): Buffer {
  let bytes = Buffer.from(archive);
  for (let i = random.below(4); i >= 0; i--) {
    const at = random.below(bytes.length);
    const kind = random.below(5);
    if (kind === 0) bytes = bytes.subarray(0, at + 1);
    if (kind === 1) bytes[at] ^= 1 << random.below(8);
    if (kind === 2) bytes[at] = random.below(256);
    if (kind === 3)
      bytes = Buffer.concat([bytes.subarray(0, at), randomBytes(random.below(4), random), bytes.subarray(at + 1)]);
    if (kind === 4) bytes = Buffer.concat([bytes, bytes.subarray(at)]);
    if (bytes.length === 0) return bytes;
  }
  return bytes;
}

async function whileInBudget(step: () => Promise<void>): Promise<number> {
  const end = performance.now() + BUDGET_MS;
  let count = 0;
  for (; performance.now() < end; count++) await step();
  return count;
}

describe('the zstd decoder under damage', () => {
  it('errs or gives what was archived, and never something else, where there is a checksum', async () => {
    const random = new Random(1);
    const checked = GOLDEN.filter(({ args, content }) => !args.includes('--no-check') && content !== 'empty');
    const count = await whileInBudget(async () => {
      const { archive, content } = checked[random.below(checked.length)];
      const damaged = damage(archive, random);
      const decoded = await decode(damaged, 1 + random.below(2_000));
      // Whole frames may be repeated or left; what is inside one never changes.
      const expected = CONTENTS[content]();
      if (decoded === undefined) return;
      expect(decoded.length % expected.length).toBe(0);
      for (let at = 0; at < decoded.length; at += expected.length)
        expect(decoded.subarray(at, at + expected.length).equals(expected), damaged.toString('hex')).toBe(true);
    });
    expect(count).toBeGreaterThan(20);
  });

  it('ends with content or ZstdError for any block bytes', async () => {
    const random = new Random(2);
    const count = await whileInBudget(async () => {
      const payload = randomBytes(2 + random.below(300), random);
      payload[0] = (payload[0] & 0xf0) | random.below(16); // all kinds of literals, few of them
      const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0, 0, 0]);
      head.writeUIntLE((payload.length << 3) | (2 << 1) | 1, 6, 3);
      await decode(Buffer.concat([head, payload]), 65_536);
    });
    expect(count).toBeGreaterThan(20);
  });

  it.skipIf(!hasProgram('zstd'))('agrees with the program zstd on damage without checksum (needs zstd)', async () => {
    const random = new Random(3);
    const archive = compress('zstd', ['-3', '--no-check'], CONTENTS['few letters']());
    const count = await whileInBudget(async () => {
      const damaged = Buffer.concat([damage(archive, random), skippableFrame(Buffer.alloc(3))]);
      let theirs: Buffer | undefined;
      try {
        theirs = compress('zstd', ['-d', '--long=31'], damaged);
      } catch {
        theirs = undefined;
      }
      const ours = await decode(damaged, 65_536);
      // The program lets some broken streams pass that the format forbids; what both decode has to be the same.
      if (ours !== undefined) expect(theirs?.equals(ours), damaged.toString('hex')).toBe(true);
    });
    expect(count).toBeGreaterThan(5);
  });
});
