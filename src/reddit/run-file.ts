import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { IntegrityError, messageOf } from '../core/errors.js';

/**
 * Sorted runs on disk: the half-way house between scanned events and the merged table of interactions.
 *
 * A run file is a header of 40 bytes and rows of 40 bytes, little-endian, ascending by (userHi, userLo, subreddit),
 * equal keys already added up. A row is eight u32 words, at the offsets of `Word`, and the score as f64. The header is
 * written last and its checksum covers everything, so a file that was cut or never finished cannot pass for a run.
 *
 * A run set is a JSON file beside its runs: which runs belong to one scanned input, and the subreddit of each id in
 * them. It is written after its runs have reached the disk, so that a later process can merge from it.
 */
export const Word = {
  userHi: 0,
  userLo: 1,
  subreddit: 2, // id within the run set; in runs that a merge wrote, within the merge
  posts: 3,
  comments: 4,
  rows: 5, // input rows added up in this one
  firstUtc: 6, // s, 0 = unknown
  lastUtc: 7, // s, 0 = unknown
} as const;

/** u32 words of a row; the last two are the score. */
export const ROW_WORDS = 10;

/** Where the score of the row at word offset `at` is in the f64 view. */
export function scoreIndex(at: number): number {
  return (at >>> 1) + 4;
}

const ROW_BYTES = ROW_WORDS * 4;
const HEADER_BYTES = ROW_BYTES;
const CHECKSUM_OFFSET = HEADER_BYTES - 4;
const MAGIC = 'MPERSRUN';
const VERSION = 1;
const WRITE_ROWS = 16_384; // 640 KiB

/** One run file and what must be found in it. */
export interface Run {
  readonly path: string;
  readonly numRows: number;
  readonly checksum: number; // crc32 of rows and header
}

/** What one scanned input left behind. Plain data: it may cross to another thread. */
export interface RunSet {
  readonly path: string; // of the JSON file with runs and subreddit names
  readonly numEvents: number; // input rows, the sum of `rows` over all runs
}

/** Writes one run. Ask `next` for the place of a row, fill all ten words there, and `finish` when there are no more. */
export class RunFileWriter {
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
  private readonly bytes: Buffer;
  private readonly fd: number;
  private used = 0; // words
  private numRows = 0; // on disk
  private checksum = 0;

  constructor(private readonly path: string) {
    const memory = new ArrayBuffer(WRITE_ROWS * ROW_BYTES);
    this.u32 = new Uint32Array(memory);
    this.f64 = new Float64Array(memory);
    this.bytes = Buffer.from(memory);
    this.fd = openSync(path, 'w');
  }

  /** Word offset in `u32` where the next row goes. */
  next(): number {
    if (this.used === WRITE_ROWS * ROW_WORDS) this.drain();
    const at = this.used;
    this.used += ROW_WORDS;
    return at;
  }

  finish(): Run {
    this.drain();
    const header = encodeHeader(this.numRows, this.checksum);
    writeFully(this.fd, header, 0);
    return { path: this.path, numRows: this.numRows, checksum: header.readUInt32LE(CHECKSUM_OFFSET) };
  }

  /** Closes the file, finished or not. */
  close(): void {
    closeSync(this.fd);
  }

  private drain(): void {
    const filled = this.bytes.subarray(0, this.used * 4);
    this.checksum = crc32(filled, this.checksum);
    writeFully(this.fd, filled, HEADER_BYTES + this.numRows * ROW_BYTES);
    this.numRows += this.used / ROW_WORDS;
    this.used = 0;
  }
}

/** Reads one run through a bounded buffer. Stands on its first row after construction; ask `isAtEnd` before reading. */
export class RunFileReader {
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
  at = 0; // word offset of the current row
  isAtEnd = false;
  private readonly bytes: Buffer;
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private readonly fd: number;
  private end = 0; // words filled
  private numRead = 0; // rows
  private checksum = 0;

  /** @param bufferRows how many rows to hold in memory, at least 1 */
  constructor(
    private readonly run: Run,
    bufferRows: number,
  ) {
    const memory = new ArrayBuffer(bufferRows * ROW_BYTES);
    this.u32 = new Uint32Array(memory);
    this.f64 = new Float64Array(memory);
    this.bytes = Buffer.from(memory);
    this.fd = openRun(run.path);
    try {
      this.checkHeader();
      this.fill();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Steps to the next row; at the end of the run sets `isAtEnd` and closes the file. */
  advance(): void {
    this.at += ROW_WORDS;
    if (this.at === this.end) this.fill();
  }

  close(): void {
    if (!this.isAtEnd) closeSync(this.fd);
    this.isAtEnd = true;
  }

  private fill(): void {
    if (this.numRead === this.run.numRows) {
      if (!this.header.equals(encodeHeader(this.numRead, this.checksum)))
        throw runError(this.run.path, 'rows and header that match their checksum', 'others');
      this.close();
      return;
    }
    const numRows = Math.min(this.bytes.length / ROW_BYTES, this.run.numRows - this.numRead);
    const wanted = this.bytes.subarray(0, numRows * ROW_BYTES);
    readFully(this.fd, wanted, HEADER_BYTES + this.numRead * ROW_BYTES, this.run.path);
    this.checksum = crc32(wanted, this.checksum);
    this.numRead += numRows;
    this.end = numRows * ROW_WORDS;
    this.at = 0;
  }

  private checkHeader(): void {
    const { path, numRows, checksum } = this.run;
    const size = fstatSync(this.fd).size;
    const expectedSize = HEADER_BYTES + numRows * ROW_BYTES;
    if (size !== expectedSize) throw runError(path, `${expectedSize} bytes`, `${size}`);

    const { header } = this;
    readFully(this.fd, header, 0, path);
    const magic = header.toString('latin1', 0, 8);
    if (magic !== MAGIC) throw runError(path, `a file that begins with ${MAGIC}`, JSON.stringify(magic));
    const version = header.readUInt32LE(8);
    if (version !== VERSION) throw runError(path, `version ${VERSION}`, `${version}`);
    const stored = header.readUInt32LE(CHECKSUM_OFFSET);
    if (stored !== checksum) throw runError(path, `checksum ${checksum} in the header`, `${stored}`);
  }
}

const runSetContent = z.strictObject({
  numEvents: z.int().nonnegative(),
  runs: z.array(
    z.strictObject({
      file: z.string().regex(/^[^/\\]+$/), // beside the set, so that the folder can be renamed
      numRows: z.int().nonnegative(),
      checksum: z.int().nonnegative(),
    }),
  ),
  subreddits: z.array(z.string()), // position = id in the runs
});
const runSetFile = z.strictObject({
  format: z.literal('mine-personas run set'),
  version: z.literal(VERSION),
  checksum: z.int().nonnegative(), // crc32 of the content as JSON without spaces
  content: runSetContent,
});

/** Brings the runs to the disk, then writes their set beside them as `path`. */
export async function writeRunSet(
  path: string,
  runs: readonly Run[],
  numEvents: number,
  subreddits: readonly string[],
): Promise<RunSet> {
  for (const run of runs) await syncFile(run.path);
  const content: z.infer<typeof runSetContent> = {
    numEvents,
    runs: runs.map(({ path, numRows, checksum }) => ({ file: basename(path), numRows, checksum })),
    subreddits: [...subreddits],
  };
  const checksum = crc32(JSON.stringify(content));
  const file: z.infer<typeof runSetFile> = { format: 'mine-personas run set', version: VERSION, checksum, content };

  const temporary = `${path}.tmp`;
  const handle = await open(temporary, 'w');
  try {
    await handle.writeFile(JSON.stringify(file));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  return { path, numEvents };
}

/** The run set that an earlier process finished at `path`; `ERR_RUN_SET` where the file is missing or damaged. */
export function readRunSet(path: string): RunSet & { runs: Run[]; subreddits: string[] } {
  let file: z.infer<typeof runSetFile>;
  try {
    file = runSetFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw runSetError(path, messageOf(error), error);
  }
  const { numEvents, runs, subreddits } = file.content;
  const got = crc32(JSON.stringify({ numEvents, runs, subreddits }));
  if (got !== file.checksum) throw runSetError(path, `expected checksum ${file.checksum}, got ${got}`);

  const directory = dirname(path);
  const located = runs.map(({ file, numRows, checksum }) => ({ path: join(directory, file), numRows, checksum }));
  return { path, numEvents, runs: located, subreddits };
}

/** `ERR_RUN_FILE`: what is at `path` is not the run that was written there. */
export function runError(path: string, expected: string, got: string, cause?: unknown): IntegrityError {
  const message = `${path}: damaged or foreign run file: expected ${expected}, got ${got}. Delete it and scan its input again.`;
  return new IntegrityError('ERR_RUN_FILE', message, { path, expected, got }, { cause });
}

function runSetError(path: string, problem: string, cause?: unknown): IntegrityError {
  const message = `${path}: damaged or foreign run set: ${problem}. Delete it and scan its input again.`;
  return new IntegrityError('ERR_RUN_SET', message, { path }, { cause });
}

function encodeHeader(numRows: number, rowsChecksum: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(VERSION, 8);
  header.writeUInt32LE(ROW_BYTES, 12);
  header.writeDoubleLE(numRows, 16);
  header.writeUInt32LE(crc32(header.subarray(0, CHECKSUM_OFFSET), rowsChecksum), CHECKSUM_OFFSET);
  return header;
}

function openRun(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw runError(path, 'a run file', 'none', error);
  }
}

function writeFully(fd: number, bytes: Buffer, position: number): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

function readFully(fd: number, bytes: Buffer, position: number, path: string): void {
  for (let done = 0; done < bytes.length; ) {
    const numRead = readSync(fd, bytes, done, bytes.length - done, position + done);
    if (numRead === 0) throw runError(path, `${position + bytes.length} bytes`, `${position + done}`);
    done += numRead;
  }
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
