import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forEachLine, type LineCounts } from '../../src/reddit/lines.js';
import { chunksOf } from './archives.js';

interface Read extends LineCounts {
  readonly texts: string[];
  readonly lengths: number[]; // of lines that were too long
}

async function read(bytes: Buffer, chunkSize: number, maxLineBytes?: number): Promise<Read> {
  const texts: string[] = [];
  const lengths: number[] = [];
  const counts = await forEachLine(
    chunksOf(bytes, chunkSize),
    (buffer, begin, end) => texts.push(buffer.toString('latin1', begin, end)),
    { onTooLong: (length) => lengths.push(length), ...(maxLineBytes === undefined ? {} : { maxLineBytes }) },
  );
  return { ...counts, texts, lengths };
}

/** What `forEachLine` should do, on the whole text at once. */
function expected(text: string, maxLineBytes: number): Read {
  const all = text.split('\n');
  if (all[all.length - 1] === '') all.pop();
  const fitting = all.filter((line) => line.length <= maxLineBytes).map((line) => line.replace(/\r$/, ''));
  const lengths = all.filter((line) => line.length > maxLineBytes).map((line) => line.length);
  const texts = fitting.filter((line) => line !== '');
  return {
    lines: all.length,
    emptyLines: fitting.length - texts.length,
    tooLong: lengths.length,
    bytes: text.length,
    texts,
    lengths,
  };
}

describe('forEachLine', () => {
  it('gives the lines of any bytes, however they are cut and wherever the limit is', async () => {
    const piece = fc.constantFrom('\n', '\r\n', '\r', 'a', 'bc', '\0', '\xff\xfe', 'a longer piece of text');
    const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 60 }),
        async (all, chunk, limit) => {
          expect(await read(Buffer.from(all, 'latin1'), chunk, limit)).toEqual(expected(all, limit));
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });

  it('counts nothing in nothing', async () => {
    expect(await read(Buffer.alloc(0), 1)).toEqual({
      lines: 0,
      emptyLines: 0,
      tooLong: 0,
      bytes: 0,
      texts: [],
      lengths: [],
    });
  });

  it('counts a last line without newline, as wc -l does not', async () => {
    expect((await read(Buffer.from('a\nb'), 10)).texts).toEqual(['a', 'b']);
    expect((await read(Buffer.from('a\nb\n'), 10)).lines).toBe(2);
  });

  it('accepts a line of exactly the limit and no byte more', async () => {
    const { texts, lengths } = await read(Buffer.from('12345\n123456\n1234'), 4, 5);
    expect(texts).toEqual(['12345', '1234']);
    expect(lengths).toEqual([6]);
  });

  it('lets a line of a gigabyte pass in flat memory and reads on after it', async () => {
    const mebibyte = Buffer.alloc(2 ** 20, 'x');
    const chunks = async function* () {
      yield Buffer.from('before\n');
      for (let i = 0; i < 1024; i++) yield mebibyte;
      yield Buffer.from('\nafter\n');
    };
    const texts: string[] = [];
    const before = process.memoryUsage().arrayBuffers;
    let peak = 0;
    const counts = await forEachLine(
      chunks(),
      (buffer, begin, end) => texts.push(buffer.toString('utf8', begin, end)),
      { onTooLong: () => (peak = process.memoryUsage().arrayBuffers - before) },
    );
    expect(texts).toEqual(['before', 'after']);
    expect(counts).toEqual({ lines: 3, emptyLines: 0, tooLong: 1, bytes: 2 ** 30 + 14 });
    expect(peak).toBeLessThan(64 * 2 ** 20);
  });

  it('passes an error of its input on', async () => {
    const chunks = async function* () {
      yield Buffer.from('a\nb');
      throw new Error('cut');
    };
    await expect(forEachLine(chunks(), () => undefined)).rejects.toThrow('cut');
  });
});
