import { open } from 'node:fs/promises';
import { InputError, IntegrityError, StopRequested } from '../core/errors.js';
import { sipHash24 } from '../core/siphash.js';
import { readArrowFile, readArrowStream, readParquet } from './columnar.js';
import { openDecompressed } from './decompress.js';
import { detectDelimiter, readDelimited } from './delimited.js';
import type { Exclusions } from './exclusions.js';
import type { InputFile } from './inputs.js';
import { forEachLine } from './lines.js';
import type { DropReason } from './records.js';
import { DROP_REASONS, newAction, readAction, subredditKey } from './records.js';
import { type OnTableRow, quoted } from './table-columns.js';

/**
 * Where interactions go. A user is 64 bits of keyed hash: the name itself never leaves the scan.
 *
 * `subreddit` is spelled as the record has it. The same community may come in another spelling: count it under
 * `subredditKey`.
 */
export interface InteractionSink {
  add(
    userHi: number, // uint32
    userLo: number, // uint32
    subreddit: string,
    posts: number,
    comments: number,
    score: number,
    firstUtc: number, // s, 0 when unknown
    lastUtc: number, // s, 0 when unknown
  ): void;
}

export type InputFormat = 'dump' | 'table' | 'arrow' | 'parquet';

export interface ScanOptions {
  readonly keyWords: Uint32Array; // [4], the key of `sipHash24`
  readonly exclusions: Exclusions;
  readonly onBadLine: 'count' | 'stop';
  readonly format?: InputFormat | 'auto' | undefined; // default 'auto': by content
  readonly columns?: readonly string[] | undefined; // titles of a table's columns by position
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
}

export interface ScanProgress {
  readonly bytes: number | undefined; // of the input file, compressed as it is; undefined where nobody knows
  readonly read: number; // lines or rows so far
}

/** What became of every line or row: `read` = `kept` + all of `dropped`. */
export interface ScanCounts {
  readonly format: InputFormat;
  readonly read: number; // lines, or rows of a table without its header
  readonly kept: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  readonly bytes: number; // after decompression
  /** By `subredditKey`, of every submission whose community is known, also of those dropped for another reason. */
  readonly submissionsBySubreddit: ReadonlyMap<string, { readonly submissions: number; readonly over18: number }>;
  readonly ignoredColumns: readonly string[];
  readonly note?: string | undefined; // what a person should know about how the input was decompressed, if anything
}

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
  const chunks = await openDecompressed(input, { signal: options.signal });
  const counts = await scanChunks(chunks, path, options, sink, () => chunks.position());
  return chunks.note === undefined ? counts : { ...counts, note: chunks.note };
}

/** `scanInput` on decompressed bytes; `path` is for messages. Leaves `chunks` closed, whatever happens. */
export async function scanChunks(
  chunks: AsyncIterable<Buffer>,
  path: string,
  options: ScanOptions,
  sink: InteractionSink,
  position: () => number | undefined = () => undefined,
): Promise<ScanCounts> {
  const stream = new PeekedBytes(chunks[Symbol.asyncIterator]());
  try {
    const head = await stream.peek(HEAD_BYTES);
    const wanted = options.format ?? 'auto';
    const format = wanted === 'auto' ? sniffFormat(head) : wanted;
    if (format === null) throw notADump(path, head);

    const tally = new Tally(path, options, sink, position);
    if (format === 'dump') {
      const lines = await scanLines(stream, tally);
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

/** Returns the number of lines. */
async function scanLines(stream: AsyncIterable<Buffer>, tally: Tally): Promise<number> {
  // Where the current line stands is asked for at most once, so it is found from the chunks instead of counted along.
  let chunk: Buffer = Buffer.alloc(0);
  let linesBefore = 0; // ended before `chunk`
  const watched = async function* () {
    for await (const next of stream) {
      linesBefore += countNewlines(chunk, chunk.length);
      chunk = next;
      yield next;
    }
    linesBefore += countNewlines(chunk, chunk.length); // a last line without newline comes after the last chunk
    chunk = Buffer.alloc(0);
  };
  // A line in another buffer than `chunk` began in an earlier one.
  const lineOf = (buffer: Buffer, begin: number) =>
    linesBefore + 1 + (buffer === chunk ? countNewlines(chunk, begin) : 0);

  const onLine = (buffer: Buffer, begin: number, end: number) => tally.line(buffer, begin, end, lineOf);
  const onTooLong = () => tally.lineTooLong(() => linesBefore + 1);
  const { lines, emptyLines } = await forEachLine(watched(), onLine, { onTooLong });
  tally.emptyLines(emptyLines);
  return lines;
}

function countNewlines(bytes: Buffer, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1 && at < end; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

/** Counts what becomes of lines and rows, and hands the kept ones on. */
class Tally {
  private seen = 0; // lines and rows so far
  private kept = 0;
  private readonly dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<
    DropReason,
    number
  >;
  private readonly submissions = new Map<string, { submissions: number; over18: number }>();
  private readonly action = newAction();
  private readonly hash = new Uint32Array(2);
  private readonly nameBytes = Buffer.alloc(1024); // UTF-8 of the longest name, 256 UTF-16 code units, is 768

  constructor(
    private readonly path: string,
    private readonly options: ScanOptions,
    private readonly sink: InteractionSink,
    private readonly position: () => number | undefined,
  ) {}

  /** Whether any line was a submission or a comment, kept or not. */
  get hasActions(): boolean {
    const { dropped } = this;
    const strange = dropped['empty-line'] + dropped['line-too-long'] + dropped['not-json'] + dropped['not-a-record'];
    return this.seen > strange;
  }

  /** A line of a dump: bytes begin to end, end excluded; `lineOf` tells its number. */
  line(buffer: Buffer, begin: number, end: number, lineOf: (buffer: Buffer, begin: number) => number): void {
    const { action } = this;
    const drop = readAction(buffer, begin, end, action);
    const key = subredditKey(action.subreddit);
    if (action.kind === 'post' && key !== '') this.countSubmission(key, action.over18);
    const isHidden = action.over18 && !this.options.exclusions.includeOver18;
    // Reddit tells names apart without regard to case, so the hash does too.
    const reason = drop ?? this.exclude(action.author, action.author.toLowerCase(), key, isHidden);
    if (reason === null) {
      const { kind, subreddit, score, createdUtc } = action;
      const isPost = kind === 'post' ? 1 : 0;
      this.kept++;
      this.sink.add(this.hash[1], this.hash[0], subreddit, isPost, 1 - isPost, score, createdUtc, createdUtc);
    } else this.drop(reason, () => lineOf(buffer, begin));
    this.advance();
  }

  /** A row of a table. */
  readonly row: OnTableRow = (row, drop, at) => {
    const { user, subreddit, posts, comments, score, firstUtc, lastUtc } = row;
    // Ids of other places may differ in nothing but case: hashed as they are.
    const reason = drop ?? this.exclude(user, user, subredditKey(subreddit), false);
    if (reason === null) {
      this.kept++;
      this.sink.add(this.hash[1], this.hash[0], subreddit, posts, comments, score, firstUtc, lastUtc);
    } else this.drop(reason, () => at);
    this.advance();
  };

  lineTooLong(lineOf: () => number): void {
    this.drop('line-too-long', lineOf);
    this.advance();
  }

  emptyLines(count: number): void {
    this.dropped['empty-line'] += count;
    this.seen += count;
  }

  /** `lineOf` tells where the line or row stands. */
  private drop(reason: DropReason, lineOf: () => number): void {
    const damage = DAMAGE.get(reason);
    if (damage !== undefined && this.options.onBadLine === 'stop') {
      const { path } = this;
      const line = lineOf();
      throw new InputError(
        'ERR_DUMP_FORMAT',
        `${path}:${line}: ${damage}. Pass --on-bad-line count to count and skip such lines.`,
        { path, line, reason },
      );
    }
    this.dropped[reason]++;
  }

  /** Everything counted, once the input has ended after `read` lines or rows. */
  close(format: InputFormat, read: number, bytes: number, ignoredColumns: readonly string[]): ScanCounts {
    const { path, kept, dropped } = this;
    const numDropped = DROP_REASONS.reduce((sum, reason) => sum + dropped[reason], 0);
    if (read !== kept + numDropped) {
      throw new IntegrityError(
        'ERR_ROW_ACCOUNTING',
        `${path}: ${read} lines read, but ${kept} kept and ${numDropped} dropped. This is a fault of the program: please report it.`,
        { path, read, kept, dropped },
      );
    }
    if (read > 0 && dropped['bad-row'] === read) {
      throw new InputError(
        'ERR_TABLE_COLUMNS',
        `${path}: none of the ${read} rows has a user, a community and whole numbers where its columns promise them. Check the columns.`,
        { path, read },
      );
    }
    return { format, read, kept, dropped, bytes, submissionsBySubreddit: this.submissions, ignoredColumns };
  }

  /** Hashes the user and says why the action is left out, or null. */
  private exclude(user: string, hashed: string, subredditKey: string, isOver18: boolean): DropReason | null {
    const { exclusions, keyWords } = this.options;
    sipHash24(keyWords, this.nameBytes, 0, this.nameBytes.write(hashed), this.hash);
    return (
      exclusions.dropUser(user) ??
      exclusions.dropPseudonym(this.hash[1], this.hash[0]) ??
      exclusions.dropSubreddit(subredditKey) ??
      (isOver18 ? 'over-18' : null)
    );
  }

  private advance(): void {
    this.seen++;
    if (this.seen % 16384 !== 0) return;
    if (this.options.signal?.aborted) throw new StopRequested();
    this.options.onProgress?.({ bytes: this.position(), read: this.seen });
  }

  private countSubmission(key: string, isOver18: boolean): void {
    let counts = this.submissions.get(key);
    if (counts === undefined) {
      counts = { submissions: 0, over18: 0 };
      this.submissions.set(key, counts);
    }
    counts.submissions++;
    if (isOver18) counts.over18++;
  }
}

/** Reasons that speak of damage rather than of content, and how to say so. */
const DAMAGE: ReadonlyMap<DropReason, string> = new Map([
  ['line-too-long', 'the line is too long for a Reddit record'],
  ['not-json', 'not JSON'],
  ['not-a-record', 'neither a submission nor a comment of Reddit'],
  ['bad-row', 'a cell is missing or is not of the type that its column promises'],
]);

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

/** A stream of bytes whose begin can be looked at before it is read. Counts what it gives out. */
class PeekedBytes implements AsyncIterable<Buffer> {
  bytes = 0;
  private head: Buffer = Buffer.alloc(0);

  constructor(private readonly chunks: AsyncIterator<Buffer>) {}

  /** The first `length` bytes, or fewer where the stream is shorter. */
  async peek(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let have = 0; have < length; ) {
      const { done, value } = await this.chunks.next();
      if (done) break;
      parts.push(value);
      have += value.length;
    }
    this.head = Buffer.concat(parts);
    return this.head.subarray(0, length);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    if (this.head.length > 0) yield this.count(this.head);
    for (;;) {
      const { done, value } = await this.chunks.next();
      if (done) return;
      yield this.count(value);
    }
  }

  async close(): Promise<void> {
    await this.chunks.return?.();
  }

  private count(chunk: Buffer): Buffer {
    this.bytes += chunk.length;
    return chunk;
  }
}
