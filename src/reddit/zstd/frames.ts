/** A .zst stream that breaks the format (RFC 8878) or asks for what we refuse. `offset` counts compressed bytes. */
export class ZstdError extends Error {
  constructor(
    what: string,
    readonly offset?: number,
  ) {
    super(offset === undefined ? what : `${what} (byte ${offset})`);
  }
}

export interface FrameHeader {
  readonly windowSize: number; // B, how far back a match may reach
  readonly contentSize: number | undefined; // B, decompressed
  readonly hasChecksum: boolean;
}

export type BlockType = 'raw' | 'rle' | 'compressed';

/** What a .zst stream consists of, in order: per frame one header, one or more blocks, one end. `raw` is the bytes. */
export type FramePart =
  | { readonly kind: 'header'; readonly header: FrameHeader; readonly raw: Buffer; readonly offset: number }
  | {
      readonly kind: 'block';
      readonly type: BlockType;
      readonly size: number; // B of `content`, or how often its one byte is repeated for 'rle'
      readonly content: Buffer;
      readonly raw: Buffer;
      readonly offset: number;
    }
  | { readonly kind: 'end'; readonly checksum: number | undefined; readonly raw: Buffer; readonly offset: number };

export const MAX_BLOCK_SIZE = 128 * 1024; // B, RFC 8878 section 3.1.1.2.4

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50; // and the 15 that follow

/** Whether a stream that begins with these bytes is a .zst stream. */
export function isZstd(head: Buffer): boolean {
  if (head.length < 4) return false;
  const magic = head.readUInt32LE(0);
  return magic === FRAME_MAGIC || isSkippable(magic);
}

/**
 * Walks the frames of a .zst stream without decoding any block. Skippable frames are skipped. A stream that ends inside
 * a frame, goes on with something else than a frame, needs a dictionary or a window above 2^maxWindowLog bytes throws
 * `ZstdError`; so whoever decodes each part that comes out has decoded everything.
 */
export async function* walkFrames(chunks: AsyncIterable<Buffer>, maxWindowLog: number): AsyncGenerator<FramePart> {
  const source = new ByteSource(chunks);
  try {
    while (true) {
      const offset = source.offset;
      const start = await source.peek(4);
      if (start.length === 0) return;
      if (start.length < 4) throw new ZstdError('ends inside the first bytes of a frame', offset);
      const magic = start.readUInt32LE(0);
      if (isSkippable(magic)) {
        const size = (await source.take(8)).readUInt32LE(4);
        await source.skip(size);
      } else if (magic === FRAME_MAGIC) {
        yield* walkFrame(source, maxWindowLog);
      } else {
        throw new ZstdError('a frame is followed by bytes that begin no frame', offset);
      }
    }
  } finally {
    await source.close();
  }
}

async function* walkFrame(source: ByteSource, maxWindowLog: number): AsyncGenerator<FramePart> {
  const headerOffset = source.offset;
  const headerSize = frameHeaderSize((await source.peek(5, 'must')).readUInt8(4), headerOffset);
  const rawHeader = await source.take(headerSize);
  const header = parseFrameHeader(rawHeader, headerOffset, maxWindowLog);
  yield { kind: 'header', header, raw: rawHeader, offset: headerOffset };

  const maxBlockSize = Math.min(header.windowSize, MAX_BLOCK_SIZE);
  let last = false;
  while (!last) {
    const offset = source.offset;
    const word = (await source.peek(3, 'must')).readUIntLE(0, 3);
    last = (word & 1) === 1;
    const type = (['raw', 'rle', 'compressed', undefined] as const)[(word >>> 1) & 3];
    const size = word >>> 3;
    if (type === undefined) throw new ZstdError('a block is of the reserved type', offset);
    if (size > maxBlockSize) throw new ZstdError(`a block of ${size} B, at most ${maxBlockSize} B are allowed`, offset);
    const raw = await source.take(3 + (type === 'rle' ? 1 : size));
    yield { kind: 'block', type, size, content: raw.subarray(3), raw, offset };
  }

  const offset = source.offset;
  const raw = await source.take(header.hasChecksum ? 4 : 0);
  yield { kind: 'end', checksum: header.hasChecksum ? raw.readUInt32LE(0) : undefined, raw, offset };
}

/** Bytes of the frame header, magic included, as told by its descriptor byte. */
function frameHeaderSize(descriptor: number, offset: number): number {
  if ((descriptor & 8) !== 0) throw new ZstdError('the reserved bit of a frame header is set', offset);
  const isSingleSegment = (descriptor & 32) !== 0;
  return 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3] + contentSizeBytes(descriptor);
}

function contentSizeBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 32) !== 0;
  return [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6];
}

function parseFrameHeader(raw: Buffer, offset: number, maxWindowLog: number): FrameHeader {
  const descriptor = raw[4];
  let at = 5;
  let windowSize: number | undefined;
  if ((descriptor & 32) === 0) {
    const base = 2 ** (10 + (raw[at] >>> 3));
    windowSize = base + (base / 8) * (raw[at] & 7);
    at++;
  }

  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3];
  const dictionaryId = dictionaryBytes === 0 ? 0 : raw.readUIntLE(at, dictionaryBytes);
  at += dictionaryBytes;
  if (dictionaryId !== 0)
    throw new ZstdError(`needs dictionary ${dictionaryId}: decompress it with zstd -D DICTIONARY first`, offset);

  let contentSize: number | undefined;
  const sizeBytes = contentSizeBytes(descriptor);
  if (sizeBytes === 1) contentSize = raw.readUInt8(at);
  if (sizeBytes === 2) contentSize = raw.readUInt16LE(at) + 256;
  if (sizeBytes === 4) contentSize = raw.readUInt32LE(at);
  if (sizeBytes === 8) contentSize = Number(raw.readBigUInt64LE(at));

  windowSize ??= contentSize as number; // a single segment always carries its size
  if (windowSize > 2 ** maxWindowLog)
    throw new ZstdError(`needs a window of ${windowSize} B, at most ${2 ** maxWindowLog} B are allowed`, offset);
  return { windowSize, contentSize, hasChecksum: (descriptor & 4) !== 0 };
}

function isSkippable(magic: number): boolean {
  return magic >= SKIPPABLE_MAGIC && magic <= SKIPPABLE_MAGIC + 15;
}

/** Hands out the bytes of a chunked stream in the pieces that a parser asks for. */
class ByteSource {
  offset = 0; // B taken or skipped so far
  private held: Buffer = Buffer.alloc(0);
  private readonly chunks: AsyncIterator<Buffer>;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `size` bytes without taking them; at the end of the stream fewer, or an error if they `must` be there. */
  async peek(size: number, must?: 'must'): Promise<Buffer> {
    if (this.held.length < size) {
      const pieces = [this.held];
      let length = this.held.length;
      while (length < size) {
        const { done, value } = await this.chunks.next();
        if (done) break;
        pieces.push(value);
        length += value.length;
      }
      this.held = Buffer.concat(pieces, length);
      if (length < size && must) throw new ZstdError('the file is cut: it ends inside a frame', this.offset + length);
    }
    return this.held.subarray(0, size);
  }

  async take(size: number): Promise<Buffer> {
    const taken = await this.peek(size, 'must');
    this.held = this.held.subarray(size);
    this.offset += size;
    return taken;
  }

  /** Lets `size` bytes pass without holding more than a chunk of them. */
  async skip(size: number): Promise<void> {
    for (let left = size; left > 0; ) {
      const step = Math.min(left, Math.max(1, this.held.length));
      await this.take(step);
      left -= step;
    }
  }

  async close(): Promise<void> {
    await this.chunks.return?.();
  }
}
