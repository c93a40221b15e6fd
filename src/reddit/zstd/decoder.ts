import { BlockDecoder, BlockScratch, type Window } from './block.js';
import { type FrameHeader, MAX_BLOCK_SIZE, walkFrames, ZstdError } from './frames.js';
import { Xxh64 } from './xxh64.js';

const MIN_CHUNK = 256 * 1024; // B
const MIN_SLACK = 1024 * 1024; // B

/**
 * Decodes a .zst stream in TypeScript alone: RFC 8878 whole, except dictionaries. Frames follow one another, skippable
 * ones are skipped, content checksums and sizes are verified, and a stream that ends early throws `ZstdError`.
 *
 * Memory follows what is decoded, not what a header announces: 5/4 of the smaller of window and content, plus a few
 * MiB, and up to as much again until the collector has come to what was outgrown (5 GB seen for a window of 2 GiB).
 */
export async function* decodeZstd(chunks: AsyncIterable<Buffer>, maxWindowLog = 31): AsyncGenerator<Buffer> {
  const scratch = new BlockScratch();
  let frame: FrameDecoder | undefined;
  for await (const part of walkFrames(chunks, maxWindowLog)) {
    try {
      if (part.kind === 'header') {
        frame = new FrameDecoder(part.header, scratch);
        continue;
      }
      if (frame === undefined) throw new ZstdError('a block comes before any header');
      if (part.kind === 'block') frame.append(part.type, part.content, part.size);
      else frame.finish(part.checksum);
    } catch (error) {
      throw error instanceof ZstdError && error.offset === undefined
        ? new ZstdError(error.message, part.offset)
        : error;
    }
    const ready = frame.takeOutput(part.kind === 'end' ? 1 : MIN_CHUNK);
    if (ready !== undefined) yield ready;
  }
}

/** Decodes one frame block by block. */
class FrameDecoder {
  private readonly window: Window = { bytes: new Uint8Array(0), end: 0 };
  private readonly blocks: BlockDecoder;
  private readonly maxBlockSize: number;
  private readonly checksum: Xxh64 | undefined;
  private total = 0; // B decoded so far
  private taken = 0; // position in the window up to which output has been handed out

  constructor(
    private readonly header: FrameHeader,
    scratch: BlockScratch,
  ) {
    this.blocks = new BlockDecoder(scratch, header.windowSize);
    this.maxBlockSize = Math.min(header.windowSize, MAX_BLOCK_SIZE);
    this.checksum = header.hasChecksum ? new Xxh64() : undefined;
  }

  append(type: 'raw' | 'rle' | 'compressed', content: Buffer, size: number): void {
    const { window } = this;
    this.reserve(type === 'compressed' ? this.maxBlockSize : size);
    const begin = window.end;
    if (type === 'compressed') {
      this.blocks.decode(content, window, this.maxBlockSize);
    } else {
      if (type === 'raw') window.bytes.set(content, begin);
      else window.bytes.fill(content[0], begin, begin + size);
      window.end += size;
    }
    this.checksum?.update(Buffer.from(window.bytes.buffer, begin, window.end - begin));
    this.total += window.end - begin;
    if (this.total > (this.header.contentSize ?? Infinity))
      throw new ZstdError(`a frame holds more than the ${this.header.contentSize} B that it announces`);
  }

  finish(checksum: number | undefined): void {
    const { contentSize } = this.header;
    if (contentSize !== undefined && this.total !== contentSize)
      throw new ZstdError(`a frame holds ${this.total} B and announces ${contentSize} B`);
    if (this.checksum !== undefined && this.checksum.digestLow32() !== checksum)
      throw new ZstdError('the checksum of a frame does not fit its content');
  }

  /** A copy of the output not yet handed out, if it is at least `minSize` bytes. */
  takeOutput(minSize: number): Buffer | undefined {
    const { window, taken } = this;
    if (window.end - taken < minSize) return undefined;
    this.taken = window.end;
    return Buffer.from(window.bytes.subarray(taken, window.end));
  }

  /** Makes room for `size` bytes after the window's end: by moving it to the front or by growing. */
  private reserve(size: number): void {
    const { window } = this;
    const { windowSize, contentSize } = this.header;
    const reach = Math.min(windowSize, contentSize ?? Infinity);
    const maxLength = reach + Math.max(MIN_SLACK, Math.floor(reach / 4)); // moving `reach` bytes pays for the slack
    if (window.end + size > maxLength) {
      const begin = Math.min(window.end - windowSize, this.taken);
      window.bytes.copyWithin(0, begin, window.end);
      window.end -= begin;
      this.taken -= begin;
    }
    const needed = window.end + size;
    if (needed > window.bytes.length) {
      const grown = new Uint8Array(Math.min(maxLength, Math.max(needed, 2 * window.bytes.length)));
      grown.set(window.bytes.subarray(0, window.end));
      window.bytes = grown;
    }
  }
}
