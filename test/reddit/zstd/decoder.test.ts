import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { decodeZstd } from '../../../src/reddit/zstd/decoder.js';
import { ZstdError } from '../../../src/reddit/zstd/frames.js';
import { decodeZstdWithNode, nodeHasZstd } from '../../../src/reddit/zstd/node-zlib.js';
import {
  CONTENTS,
  chunksOf,
  collect,
  compress,
  hasProgram,
  jsonLines,
  randomBytes,
  sharedDumps,
  skippableFrame,
} from '../archives.js';
import { GOLDEN } from './golden.js';

const decoders = [
  { name: 'our decoder', decode: (bytes: Buffer, chunk?: number) => collect(decodeZstd(chunksOf(bytes, chunk))) },
  ...(nodeHasZstd
    ? [
        {
          name: 'node:zlib',
          decode: (bytes: Buffer, chunk?: number) => collect(decodeZstdWithNode(chunksOf(bytes, chunk), 31)),
        },
      ]
    : []),
];

describe.each(decoders)('zstd by $name', ({ decode }) => {
  const golden = (content: string, args: string): Buffer =>
    GOLDEN.find((entry) => entry.content === content && entry.args === args)!.archive;
  const shortText = CONTENTS['a short text']();
  const short = golden('a short text', '-3 --long=31');

  it.each(GOLDEN)('decodes the golden archive of $content, made with $args', async ({ content, archive }) => {
    expect((await decode(archive)).equals(CONTENTS[content]())).toBe(true);
  });

  it('gives the same bytes however the input is cut into chunks', async () => {
    const archive = golden('zeros with letters strewn in', '-9 --long=31');
    const whole = await decode(archive);
    for (const size of [1, 2, 3, 7, 500]) expect((await decode(archive, size)).equals(whole)).toBe(true);
  });

  it('decodes nothing from nothing', async () => {
    expect(await decode(Buffer.alloc(0))).toHaveLength(0);
  });

  it('decodes every frame, empty and skippable ones between them included', async () => {
    const empty = golden('empty', '-3');
    const skippable = skippableFrame(randomBytes(100_000, new Random(5)));
    const frames = [skippable, short, empty, skippableFrame(Buffer.alloc(0)), short, short, empty];
    const text = Buffer.concat([shortText, shortText, shortText]);
    for (const chunk of [1_000, 65_536]) expect((await decode(Buffer.concat(frames), chunk)).equals(text)).toBe(true);
    expect(await decode(skippable)).toHaveLength(0);
  });

  it('decodes ten thousand small frames', async () => {
    const numFrames = nodeHasZstd ? 500 : 10_000; // node:zlib sets a decompressor up for each
    const decoded = await decode(Buffer.concat(Array.from({ length: numFrames }, () => short)));
    expect(decoded).toHaveLength(numFrames * shortText.length);
  });

  it('refuses an archive that is cut, wherever that is', async () => {
    for (const archive of [short, golden('zeros with letters strewn in', '-9 --long=31'), golden('few letters', '-19')])
      for (let length = 1; length < archive.length; length += 1 + Math.floor(archive.length / 150))
        await expect(decode(archive.subarray(0, length)), `cut at ${length}`).rejects.toThrow();
  });

  it('refuses a second frame or a skippable frame that is cut', async () => {
    const twice = Buffer.concat([short, short]);
    for (let length = short.length + 1; length < twice.length; length++)
      await expect(decode(twice.subarray(0, length))).rejects.toThrow(ZstdError);
    const skipped = Buffer.concat([short, skippableFrame(Buffer.alloc(50))]);
    await expect(decode(skipped.subarray(0, -1))).rejects.toThrow(ZstdError);
    await expect(decode(skipped.subarray(0, short.length + 6))).rejects.toThrow(ZstdError);
  });

  it('refuses bytes after the last frame that begin no frame', async () => {
    for (const tail of [Buffer.alloc(1), Buffer.alloc(9), Buffer.from('garbage')])
      await expect(decode(Buffer.concat([short, tail]))).rejects.toThrow(ZstdError);
  });

  it('refuses a flipped bit in any byte of an archive with checksum', async () => {
    const archive = golden('few letters', '-19');
    const content = CONTENTS['few letters']();
    let numRefused = 0;
    for (let at = 0; at < archive.length; at++) {
      const damaged = Buffer.from(archive);
      damaged[at] ^= 1 << (at % 8);
      const decoded = await decode(damaged).catch(() => undefined);
      if (decoded === undefined) numRefused++;
      else expect(decoded.equals(content), `byte ${at}`).toBe(true); // such as the announced window
    }
    expect(numRefused).toBeGreaterThan(archive.length - 4);
  });

  it('refuses dictionaries, windows above 2 GiB, reserved bits and blocks above 128 KiB, and says so', async () => {
    const magic = [0x28, 0xb5, 0x2f, 0xfd];
    const refuse = (bytes: number[], why: RegExp) =>
      expect(decode(Buffer.from([...magic, ...bytes]))).rejects.toThrow(why);
    await refuse([0x01, 0x58, 0x07, 1, 0, 0], /dictionary 7/);
    await refuse([0x00, 0xa9, 1, 0, 0], /window of 2415919104 B/);
    await refuse([0x08, 0x58, 1, 0, 0], /reserved bit/);
    await refuse([0x00, 0x58, 0x07, 0, 0], /reserved type/);
    await refuse([0x00, 0x58, 0x08, 0x00, 0x11], /block of/);
  });

  it('refuses content that is shorter or longer than its header announces', async () => {
    const rle = (announced: number, times: number): Buffer =>
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, announced, (times << 3) | 3, 0, 0, 0x61]);
    expect(await decode(rle(9, 9))).toHaveLength(9);
    await expect(decode(rle(9, 8))).rejects.toThrow();
    await expect(decode(rle(8, 9))).rejects.toThrow();
  });

  it.skipIf(!hasProgram('zstd'))(
    'agrees with the program zstd on every content at every level (needs zstd)',
    async () => {
      const options = [
        '-1',
        '-3 --no-check',
        '-9 --long=31',
        '-19',
        '--ultra -22 --long=31',
        '--fast=50',
        '-5 -T2 -B100KB',
      ];
      for (const [name, make] of Object.entries(CONTENTS))
        for (const args of options) {
          const content = make();
          const size = `--stream-size=${content.length}`; // else level 22 sets up memory for 2 GiB
          const decoded = await decode(compress('zstd', [...args.split(' '), size], content));
          expect(decoded.equals(content), `${name} ${args}`).toBe(true);
        }
    },
  );

  it.skipIf(!hasProgram('zstd'))('keeps its place when content is many times the window (needs zstd)', async () => {
    const content = jsonLines(20_000, new Random(6));
    for (const windowLog of [10, 14, 18]) {
      const archive = compress('zstd', ['-6', `--zstd=wlog=${windowLog}`], content);
      expect((await decode(archive)).equals(content), `window 2^${windowLog}`).toBe(true);
    }
  });

  it.skipIf(sharedDumps() === undefined || !hasProgram('zstd'))(
    'agrees with the program zstd on real dumps (needs zstd and shared data)',
    async () => {
      const folder = sharedDumps()!;
      for (const name of readdirSync(folder).filter((file) => file.endsWith('.zst'))) {
        const path = join(folder, name);
        const expected = createHash('sha256');
        expected.update(execFileSync('zstd', ['-dc', '--long=31', path], { maxBuffer: 2 ** 30 }));
        const got = createHash('sha256');
        for await (const chunk of decodeZstd(createReadStream(path))) got.update(chunk);
        expect(got.digest('hex'), name).toBe(expected.digest('hex'));
      }
    },
  );
});

it('keeps memory in proportion to what it decodes, not to the window that a header announces', async () => {
  const before = process.memoryUsage().arrayBuffers;
  const archive = GOLDEN.find(({ args }) => args === '-9 --long=31')!.archive; // a window of 2 GiB, 400 kB of content
  let peak = 0;
  for await (const _ of decodeZstd(chunksOf(archive)))
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
  expect(peak).toBeLessThan(8 * 2 ** 20);
});

it('decodes a bomb piece by piece: 256 MiB of zeros in flat memory', async () => {
  const frameHead = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]); // window 128 KiB
  const block = Buffer.from([0x02, 0x00, 0x10, 0]); // 131,072 zeros, not the last
  const last = Buffer.from([0x01, 0x00, 0x00]);
  const numBlocks = 2 ** 11;
  const bomb = Buffer.concat([frameHead, ...Array.from({ length: numBlocks }, () => block), last]);
  const before = process.memoryUsage().arrayBuffers;
  let length = 0;
  let peak = 0;
  for await (const chunk of decodeZstd(chunksOf(bomb))) {
    length += chunk.length;
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
  }
  expect(length).toBe(numBlocks * 131_072);
  expect(peak).toBeLessThan(100 * 2 ** 20); // chunks that the collector has not come to yet
});
