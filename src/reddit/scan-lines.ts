import type { ByteStream } from './byte-stream.js';
import { type LineScanner, WINDOW_BYTES } from './scanner/line-scanner.js';

const NEWLINE = 10;
const CARRIAGE_RETURN = 13;

/** Longest line that is looked at, newline excluded; the longest of Reddit are a few hundred kilobytes. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Who takes the lines, in order; every one comes in exactly one of these calls. */
export interface LineReceiver {
  /** What the scanner's last run left in its records. */
  records(scanner: LineScanner): void;
  /** A line that is longer than the window: bytes begin to end, its newline and a carriage return excluded. */
  line(bytes: Buffer, begin: number, end: number): void;
  lineTooLong(): void;
}

/**
 * Brings the lines of a stream before the scanner, whole, wherever the chunks are cut. A last line without newline
 * counts. Memory is the window and, while a line does not fit into it, up to `MAX_LINE_BYTES`. Returns the number of
 * lines.
 */
export async function scanLines(stream: ByteStream, scanner: LineScanner, receiver: LineReceiver): Promise<number> {
  const { window } = scanner;
  let lines = 0;
  let begin = 0; // of the first line that was not scanned
  let have = 0;
  for (let atEnd = false; !atEnd; ) {
    if (WINDOW_BYTES - have < MIN_READ && begin > 0) {
      window.copyWithin(0, begin, have);
      have -= begin;
      begin = 0;
    }
    if (have === WINDOW_BYTES) {
      have = await passLongLine(stream, window, receiver);
      lines++;
    }
    // A pipe hands over a few pages at a time; each run costs the rest of a line that has to be begun again.
    for (const enough = Math.min(have + MIN_READ, WINDOW_BYTES); have < enough && !atEnd; ) {
      const reading = stream.read(window, have);
      const got = typeof reading === 'number' ? reading : await reading;
      atEnd = got === 0;
      have += got;
    }
    do {
      begin = scanner.run(begin, have, atEnd);
      receiver.records(scanner);
      lines += scanner.numRecords;
    } while (scanner.numRecords > 0);
  }
  return lines;
}

const MIN_READ = 128 * 1024; // B

/** The window is full of one line: collects the rest of it. Returns how many bytes of the next lines the window holds. */
async function passLongLine(stream: ByteStream, window: Buffer, receiver: LineReceiver): Promise<number> {
  let held: Buffer = Buffer.allocUnsafe(4 * WINDOW_BYTES);
  let length = 0; // of the line so far, held or not
  let end = WINDOW_BYTES; // of what of it is in the window
  let have = WINDOW_BYTES;
  for (;;) {
    if (length + end <= MAX_LINE_BYTES + 1) {
      if (length + end > held.length) held = Buffer.concat([held], Math.min(2 * held.length, MAX_LINE_BYTES + 1));
      window.copy(held, length, 0, end);
    }
    length += end;
    if (end < have) break; // at a newline
    have = await stream.read(window, 0);
    if (have === 0) break;
    const newline = window.subarray(0, have).indexOf(NEWLINE);
    end = newline === -1 ? have : newline;
  }
  if (length > MAX_LINE_BYTES) receiver.lineTooLong();
  else receiver.line(held, 0, held[length - 1] === CARRIAGE_RETURN ? length - 1 : length);
  if (have === 0) return 0;
  window.copyWithin(0, end + 1, have);
  return have - end - 1;
}
