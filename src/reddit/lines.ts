const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const MAX_LINE_BYTES = 16 * 1024 * 1024;

export interface LineCounts {
  readonly lines: number; // ended by a newline, or non-empty at the end of the input; includes the next two
  readonly emptyLines: number;
  readonly tooLong: number;
  readonly bytes: number; // of the input, newlines included
}

export interface LineOptions {
  readonly maxLineBytes?: number; // newline excluded; default 16 MiB
  /** Called once for each line that is longer, with its length; its bytes are let go as they come. */
  readonly onTooLong?: (bytes: number) => void;
}

/**
 * Calls `onLine(buffer, begin, end)` for every line that is neither empty nor too long, in order; `end` is excluded and
 * so are the newline and a carriage return before it. A last line without newline counts.
 *
 * The bytes belong to the caller only during the call. Memory: a chunk and at most `maxLineBytes`.
 */
export async function forEachLine(
  chunks: AsyncIterable<Buffer>,
  onLine: (buffer: Buffer, begin: number, end: number) => void,
  options: LineOptions = {},
): Promise<LineCounts> {
  const { maxLineBytes = MAX_LINE_BYTES, onTooLong } = options;
  const counts = { lines: 0, emptyLines: 0, tooLong: 0, bytes: 0 };
  let held: Buffer = Buffer.alloc(0); // room for the start of a line that its chunk did not end
  let heldLength = 0; // B of that line so far, kept or not

  const finish = (buffer: Buffer, begin: number, end: number): void => {
    counts.lines++;
    if (end - begin > maxLineBytes) {
      counts.tooLong++;
      onTooLong?.(end - begin);
      return;
    }
    const textEnd = end > begin && buffer[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    if (textEnd === begin) counts.emptyLines++;
    else onLine(buffer, begin, textEnd);
  };
  const hold = (chunk: Buffer, begin: number, end: number): void => {
    const length = heldLength + end - begin;
    if (length <= maxLineBytes) {
      if (length > held.length) {
        const grown = Buffer.allocUnsafe(Math.min(maxLineBytes, Math.max(2 * held.length, length)));
        held.copy(grown, 0, 0, heldLength);
        held = grown;
      }
      chunk.copy(held, heldLength, begin, end);
    }
    heldLength = length;
  };
  const finishHeld = (): void => {
    finish(held, 0, heldLength);
    heldLength = 0;
  };

  for await (const chunk of chunks) {
    counts.bytes += chunk.length;
    let begin = 0;
    while (begin < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, begin);
      const end = newline === -1 ? chunk.length : newline;
      if (newline === -1 || heldLength > 0) hold(chunk, begin, end);
      if (newline !== -1)
        if (heldLength > 0) finishHeld();
        else finish(chunk, begin, end);
      begin = end + 1;
    }
  }
  if (heldLength > 0) finishHeld();
  return counts;
}
