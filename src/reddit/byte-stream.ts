/** A source of bytes that hands over chunks or, where it can, fills memory of ours. */
export interface ByteSource extends AsyncIterable<Buffer> {
  /**
   * Fills `target` from `begin` on, waiting for at least one byte; 0 at the end. Where it is there, it is used instead of
   * the iteration, and whoever calls is held up while it waits.
   */
  readonly readSync?: ((target: Buffer, begin: number) => number) | undefined;
  /** Throws where what was read by `readSync` was not the whole. */
  readonly finish?: (() => Promise<void>) | undefined;
  readonly close?: (() => void) | undefined;
}

/** A stream of bytes whose begin can be looked at before it is read. Read it either as chunks or by `read`. */
export class ByteStream implements AsyncIterable<Buffer> {
  bytes = 0; // given out
  private head: Buffer = Buffer.alloc(0); // read, but not given out
  private readonly iterator: AsyncIterator<Buffer>;

  constructor(private readonly source: ByteSource) {
    this.iterator = source[Symbol.asyncIterator]();
  }

  /** The first `length` bytes, or fewer where the stream is shorter. */
  async peek(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let have = 0; have < length; ) {
      const chunk = await this.next();
      if (chunk === undefined) break;
      parts.push(chunk);
      have += chunk.length;
    }
    this.head = Buffer.concat(parts);
    return this.head.subarray(0, length);
  }

  /** Fills `target` from `begin` on, where it has room for at least one byte; returns how many, 0 at the end. */
  read(target: Buffer, begin: number): number | Promise<number> {
    const { readSync, finish } = this.source;
    if (readSync === undefined || this.head.length > 0) return this.readChunk(target, begin);
    const got = readSync(target, begin);
    this.bytes += got;
    return got > 0 || finish === undefined ? got : finish().then(() => 0);
  }

  private async readChunk(target: Buffer, begin: number): Promise<number> {
    if (this.head.length === 0) this.head = (await this.next()) ?? this.head;
    const got = this.head.copy(target, begin);
    this.head = this.head.subarray(got);
    this.bytes += got;
    return got;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (let chunk: Buffer | undefined = this.head; chunk !== undefined; chunk = await this.next()) {
      this.head = Buffer.alloc(0);
      this.bytes += chunk.length;
      if (chunk.length > 0) yield chunk;
    }
  }

  async close(): Promise<void> {
    this.source.close?.();
    await this.iterator.return?.();
  }

  private async next(): Promise<Buffer | undefined> {
    const { readSync, finish } = this.source;
    if (readSync !== undefined) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const got = readSync(chunk, 0);
      if (got === 0) await finish?.();
      return got === 0 ? undefined : chunk.subarray(0, got);
    }
    const { done, value } = await this.iterator.next();
    return done ? undefined : value;
  }
}

const CHUNK_BYTES = 65536;
