import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';
import { through } from '../through.js';
import { type FramePart, walkFrames, ZstdError } from './frames.js';

/** What Node 22.15 and later add to node:zlib; Node 20 has neither. */
interface ZlibWithZstd {
  createZstdDecompress?(options: { chunkSize: number; params: Record<number, number> }): Transform;
}
const createZstdDecompress = (zlib as unknown as ZlibWithZstd).createZstdDecompress;
const ZSTD_D_WINDOW_LOG_MAX = 100; // ZSTD_dParameter of zstd.h

export const nodeHasZstd = createZstdDecompress !== undefined;

/**
 * Decodes a .zst stream with node:zlib, one frame at a time. Node 22 and 24 stop silently after the first frame, and at
 * the end of a cut one (github.com/nodejs/node/issues/64741), so our own walk decides where frames begin and end.
 */
export async function* decodeZstdWithNode(chunks: AsyncIterable<Buffer>, maxWindowLog: number): AsyncGenerator<Buffer> {
  if (createZstdDecompress === undefined) throw new Error('This Node has no zstd in node:zlib.');
  const parts = walkFrames(chunks, maxWindowLog);
  try {
    for (let part = await parts.next(); !part.done; part = await parts.next()) {
      const { kind, offset } = part.value;
      if (kind !== 'header') throw new ZstdError('a frame does not begin with its header', offset);
      const { contentSize } = part.value.header;
      const decompress = createZstdDecompress({
        chunkSize: 1024 * 1024,
        params: { [ZSTD_D_WINDOW_LOG_MAX]: maxWindowLog },
      });
      let size = 0;
      for await (const chunk of through(decompress, rawFrame(part.value, parts))) {
        size += chunk.length;
        yield chunk;
      }
      if (contentSize !== undefined && size !== contentSize)
        throw new ZstdError(`a frame holds ${size} B and announces ${contentSize} B`, offset);
    }
  } finally {
    void parts.return(undefined); // not awaited: it may be waiting for input that never comes
  }
}

/** The bytes of one frame whose header has been taken from `parts` already. */
async function* rawFrame(header: FramePart, parts: AsyncGenerator<FramePart>): AsyncGenerator<Buffer> {
  yield header.raw;
  while (true) {
    const { done, value } = await parts.next();
    if (done) return;
    if (value.raw.length > 0) yield value.raw;
    if (value.kind === 'end') return;
  }
}
