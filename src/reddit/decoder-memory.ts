import { open } from 'node:fs/promises';
import { freemem } from 'node:os';
import type { InputFile } from './inputs.js';
import { isZstd, walkFrames } from './zstd/frames.js';

const OTHER_DECODERS = 64e6; // B; bzip2, xz and gzip need little
const READER = 0.35e9; // B: a thread with its scanner, its buffer of events and their sorter

/** How much memory reading a file takes, in bytes: the window that its first frame asks for, and our own share. */
export async function memoryToRead({ path, bytes }: InputFile): Promise<number> {
  if (bytes === 0) return READER + 2 ** 31; // a pipe: expect the worst
  const handle = await open(path);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
    const head = buffer.subarray(0, bytesRead);
    if (!isZstd(head)) return READER + OTHER_DECODERS;
    for await (const part of walkFrames(once(head), 31))
      if (part.kind === 'header') return READER + Math.min(part.header.windowSize, part.header.contentSize ?? Infinity);
    return READER + 2 ** 31;
  } catch {
    return READER + 2 ** 31; // a skippable frame first, or damage, which its reader will report
  } finally {
    await handle.close();
  }
}

async function* once(head: Buffer): AsyncGenerator<Buffer> {
  yield head;
}

/** How many of the files may be read at a time in the memory that is free, at least 1 and at most `wanted`. */
export async function filesAtOnce(files: readonly InputFile[], wanted: number, free = freeMemory()): Promise<number> {
  const needs = await Promise.all(files.map(memoryToRead));
  needs.sort((a, b) => b - a); // the largest may come together
  let sum = 0;
  let count = 0;
  while (count < Math.min(wanted, needs.length) && (count === 0 || sum + needs[count] <= free)) sum += needs[count++];
  return Math.max(1, count);
}

/** Bytes that may be taken, in a container what its limit leaves. */
function freeMemory(): number {
  return (process as { availableMemory?: () => number }).availableMemory?.() ?? freemem();
}
