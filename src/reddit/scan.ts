import { open } from 'node:fs/promises';
import { InputError } from '../core/errors.js';
import { type ByteSource, ByteStream } from './byte-stream.js';
import { readArrowFile, readArrowStream, readParquet } from './columnar.js';
import { openDecompressed } from './decompress.js';
import { detectDelimiter, readDelimited } from './delimited.js';
import type { InputFile } from './inputs.js';
import { scanLines } from './scan-lines.js';
import { bestScanner, createLineScanner } from './scanner/create-scanner.js';
import { quoted } from './table-columns.js';
import { type InputFormat, type InteractionSink, type ScanCounts, type ScanOptions, Tally } from './tally.js';

/** Reads one dump or table to its end and hands every kept action to `sink`, in file order. */
export async function scanInput(input: InputFile, options: ScanOptions, sink: InteractionSink): Promise<ScanCounts> {
  const path = input.isStdin ? 'standard input' : input.path;
  const columnar = await columnarFormat(input, options.format ?? 'auto');
  if (columnar !== null) {
    const tally = new Tally(path, options, sink, () => undefined);
    const readTable = columnar === 'arrow' ? readArrowFile : readParquet;
    const { numRows, ignored } = await readTable({ path, titles: options.columns }, tally.row);
    return tally.close(columnar, numRows, input.bytes, ignored);
  }
  const chunks = await openDecompressed(input, { signal: options.signal, blocking: options.blocking ?? false });
  const counts = await scanChunks(chunks, path, options, sink, () => chunks.position());
  return chunks.note === undefined ? counts : { ...counts, note: chunks.note };
}

/** `scanInput` on decompressed bytes; `path` is for messages. Leaves `chunks` closed, whatever happens. */
export async function scanChunks(
  chunks: ByteSource,
  path: string,
  options: ScanOptions,
  sink: InteractionSink,
  position: () => number | undefined = () => undefined,
): Promise<ScanCounts> {
  const stream = new ByteStream(chunks);
  try {
    const head = await stream.peek(HEAD_BYTES);
    const wanted = options.format ?? 'auto';
    const format = wanted === 'auto' ? sniffFormat(head) : wanted;
    if (format === null) throw notADump(path, head);

    const tally = new Tally(path, options, sink, position);
    if (format === 'dump') {
      const kind = options.scanner ?? bestScanner();
      const lines = await scanLines(stream, createLineScanner(kind, options.keyWords), tally);
      if (!tally.hasActions) throw notADump(path, head);
      return tally.close(format, lines, stream.bytes, []);
    }
    if (format === 'parquet' || head.toString('latin1', 0, 6) === ARROW_MAGIC) {
      throw new InputError(
        'ERR_NEEDS_FILE',
        `${path}: Parquet and Arrow files are read from their end, which a pipe or a compressed file cannot offer. Save it as a plain file first.`,
        { path, format },
      );
    }
    const source = { path, titles: options.columns };
    const delimiter = detectDelimiter(firstLines(head)[0] ?? '') ?? ',';
    const { numRows, ignored } =
      format === 'arrow'
        ? await readArrowStream(stream, source, tally.row)
        : await readDelimited(stream, { ...source, delimiter }, tally.row);
    return tally.close(format, numRows, stream.bytes, ignored);
  } finally {
    await stream.close();
  }
}

const HEAD_BYTES = 65536;
const PARQUET_MAGIC = 'PAR1';
const ARROW_MAGIC = 'ARROW1'; // of the file format; the stream format has none

/** What the first bytes of an input look like; null when like nothing that we read. */
export function sniffFormat(head: Buffer): InputFormat | null {
  const magic = head.toString('latin1', 0, 6);
  if (magic === ARROW_MAGIC) return 'arrow';
  if (magic.startsWith(PARQUET_MAGIC)) return 'parquet';
  // An Arrow stream: a continuation mark and the length of its schema.
  if (head.length >= 8 && head.readInt32LE(0) === -1 && head.readInt32LE(4) > 0) return 'arrow';

  const lines = firstLines(head);
  if (lines.length === 0 || /^\[\s*(?:$|\{)/.test(lines[0])) return null; // a JSON array is no dump
  // The first line may be the rest of a record where a dump was cut out of a larger one.
  if (lines.some((line) => line.startsWith('{'))) return 'dump';
  return head.includes(0) || detectDelimiter(lines[0]) === null ? null : 'table';
}

/** The first two lines that are not blank. */
function firstLines(head: Buffer): string[] {
  const lines = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/, 1000);
  return lines
    .map((line) => line.trimStart())
    .filter((line) => line !== '')
    .slice(0, 2);
}

/** The format of a plain file that is read from its end; null for all other inputs. */
async function columnarFormat(
  { path, bytes }: InputFile,
  wanted: InputFormat | 'auto',
): Promise<'arrow' | 'parquet' | null> {
  if (bytes === 0) return null; // a pipe: looking at it would take bytes from it
  if (wanted === 'parquet') return 'parquet';
  if (wanted !== 'auto' && wanted !== 'arrow') return null;
  const handle = await open(path).catch(() => null);
  if (handle === null) return null; // `openDecompressed` says what is wrong with it
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(6), 0, 6, 0);
    const magic = buffer.toString('latin1', 0, bytesRead);
    if (magic === ARROW_MAGIC) return 'arrow';
    return wanted === 'auto' && magic.startsWith(PARQUET_MAGIC) ? 'parquet' : null;
  } finally {
    await handle.close();
  }
}

function notADump(path: string, head: Buffer): InputError {
  // Shown, since it tells what the file is; but not who is in it.
  const begin = head.toString('utf8', 0, 400).replace(/("author[a-z_]*"\s*:\s*")[^"]*/g, '$1…');
  return new InputError(
    'ERR_NOT_A_DUMP',
    `${path}: ${head.length === 0 ? 'the input is empty' : `begins with ${quoted(begin, 60)} and holds no Reddit record`}. Expected one JSON object a line (a submission or comment), a table with a header, Arrow or Parquet.`,
    { path },
  );
}
