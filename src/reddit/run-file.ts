import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { IntegrityError, messageOf } from '../core/errors.js';
import { BEHAVIOUR_WORDS } from './behaviour.js';
import type { UserSums } from './user-sums.js';

/**
 * Sorted runs on disk: the half-way house between scanned events and the merged table of interactions.
 *
 * A run file is a header of 40 bytes and little-endian u32 words: users ascending by hash, each its high and low word
 * and then its rows, one a subreddit in any order. The first word of a row is the subreddit in 28
 * bits, a code in two and, in bit 31, whether it is the user's last. What follows depends on the code:
 *
 *     POST, COMMENT   one action: time, score as i32
 *     SHORT           posts and comments as two u16, first time, last time, score as i32; rows = posts + comments
 *     LONG            posts, comments, rows, first time, last time, score as f64
 *
 * The header is written last and its checksum covers everything, so a file that was cut or never finished cannot pass
 * for a run.
 *
 * A run set is a JSON file beside its runs: which runs belong to one scanned input, and the subreddit of each id in
 * them. It is written after its runs have reached the disk, so that a later process can merge from it.
 */
const Code = { POST: 0, COMMENT: 1, SHORT: 2, LONG: 3 } as const;
const CODE_SHIFT = 28;
const LAST = 0x80000000;
const WORDS_OF_CODE: readonly number[] = [3, 3, 5, 8]; // first one included
export const MAX_SUBREDDITS = 2 ** CODE_SHIFT;
const MAX_ROW_WORDS = 2 + 8; // with the user

const HEADER_BYTES = 40;
const CHECKSUM_OFFSET = HEADER_BYTES - 4;
const MAGIC = 'MPERSRUN';
const VERSION = 4;
const WRITE_WORDS = 2 ** 18; // 1 MiB

/** One run file and what must be found in it. */
export interface Run {
  readonly path: string;
  readonly numRows: number;
  readonly numWords: number;
  readonly checksum: number; // crc32 of rows and header
}

/** What one scanned input left behind. Plain data: it may cross to another thread. */
export interface RunSet {
  readonly path: string; // of the JSON file with runs and subreddit names
  readonly numEvents: number; // input rows, the sum of `rows` over all runs
}

const float = new Float64Array(1);
const floatWords = new Uint32Array(float.buffer);

/** Writes one run: `user`, then its rows, then the next user; `finish` when there are no more. */
export class RunFileWriter {
  private readonly words = new Uint32Array(WRITE_WORDS);
  private readonly bytes = Buffer.from(this.words.buffer);
  private readonly fd: number;
  private used = 0; // words
  private numWords = 0; // on disk
  private numRows = 0;
  private checksum = 0;

  constructor(private readonly path: string) {
    this.fd = openSync(path, 'w', 0o600);
  }

  user(userHi: number, userLo: number): void {
    if (this.used + MAX_ROW_WORDS > WRITE_WORDS) this.drain();
    this.words[this.used++] = userHi;
    this.words[this.used++] = userLo;
  }

  /** One row of the current user; `rows` is how many input rows it stands for. */
  row(
    subreddit: number,
    posts: number,
    comments: number,
    rows: number,
    score: number,
    firstUtc: number,
    lastUtc: number,
    isLast: boolean,
  ): void {
    if (this.used + MAX_ROW_WORDS > WRITE_WORDS) this.drain();
    const { words } = this;
    let at = this.used;
    const head = subreddit | (isLast ? LAST : 0);
    const isSmall = rows === posts + comments && (score | 0) === score;
    if (isSmall && rows === 1 && firstUtc === lastUtc) {
      words[at++] = head | ((posts === 1 ? Code.POST : Code.COMMENT) << CODE_SHIFT);
      words[at++] = firstUtc;
      words[at++] = score;
    } else if (isSmall && posts <= 0xffff && comments <= 0xffff) {
      words[at++] = head | (Code.SHORT << CODE_SHIFT);
      words[at++] = (posts << 16) | comments;
      words[at++] = firstUtc;
      words[at++] = lastUtc;
      words[at++] = score;
    } else {
      float[0] = score;
      words[at++] = head | (Code.LONG << CODE_SHIFT);
      words[at++] = posts;
      words[at++] = comments;
      words[at++] = rows;
      words[at++] = firstUtc;
      words[at++] = lastUtc;
      words[at++] = floatWords[0];
      words[at++] = floatWords[1];
    }
    this.used = at;
    this.numRows++;
  }

  /** All rows of the current user. */
  rows(sums: UserSums): void {
    const { size, subreddits, posts, comments, rows, score, firstUtc, lastUtc } = sums;
    for (let i = 0; i < size; i++) {
      const slot = sums.slotAt(i);
      this.row(
        subreddits[i],
        posts[slot],
        comments[slot],
        rows[slot],
        score[slot],
        firstUtc[slot],
        lastUtc[slot],
        i === size - 1,
      );
    }
  }

  finish(): Run {
    this.drain();
    const { path, numRows, numWords } = this;
    const header = encodeHeader(numRows, numWords, this.checksum);
    writeFully(this.fd, header, 0);
    return { path, numRows, numWords, checksum: header.readUInt32LE(CHECKSUM_OFFSET) };
  }

  /** Closes the file, finished or not. */
  close(): void {
    closeSync(this.fd);
  }

  private drain(): void {
    const filled = this.bytes.subarray(0, this.used * 4);
    this.checksum = crc32(filled, this.checksum);
    writeFully(this.fd, filled, HEADER_BYTES + this.numWords * 4);
    this.numWords += this.used;
    this.used = 0;
  }
}

/** Reads one run through a bounded buffer. Stands on its first row after construction; ask `isAtEnd` before reading. */
export class RunFileReader {
  isAtEnd = false;
  // The row it stands on.
  userHi = 0;
  userLo = 0;
  subreddit = 0;
  posts = 0;
  comments = 0;
  rows = 0;
  score = 0;
  firstUtc = 0;
  lastUtc = 0;

  private readonly words: Uint32Array;
  private readonly bytes: Buffer;
  private readonly header = Buffer.alloc(HEADER_BYTES);
  private readonly fd: number;
  private at = 0; // words consumed of those in memory
  private end = 0; // words in memory
  private numRead = 0; // words
  private numRows = 0; // decoded
  private isLast = true; // of its user
  private checksum = 0;

  /** @param bufferWords how many words to hold in memory */
  constructor(
    private readonly run: Run,
    bufferWords: number,
  ) {
    this.words = new Uint32Array(Math.max(2 * MAX_ROW_WORDS, Math.min(bufferWords, run.numWords)));
    this.bytes = Buffer.from(this.words.buffer);
    this.fd = openRun(run.path);
    try {
      this.checkHeader();
      this.advance();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Steps to the next row; at the end of the run sets `isAtEnd` and closes the file. */
  advance(): void {
    if (this.end - this.at < MAX_ROW_WORDS && !this.fill()) return;
    const { words } = this;
    let at = this.at;
    if (this.isLast) {
      this.userHi = words[at];
      this.userLo = words[at + 1];
      at += 2;
    }
    const head = words[at];
    const code = (head >>> CODE_SHIFT) & 3;
    this.isLast = head >= LAST;
    this.subreddit = head & (MAX_SUBREDDITS - 1);
    if (code <= Code.COMMENT) {
      this.posts = 1 - code;
      this.comments = code;
      this.rows = 1;
      this.firstUtc = words[at + 1];
      this.lastUtc = words[at + 1];
      this.score = words[at + 2] | 0;
    } else if (code === Code.SHORT) {
      const counts = words[at + 1];
      this.posts = counts >>> 16;
      this.comments = counts & 0xffff;
      this.rows = this.posts + this.comments;
      this.firstUtc = words[at + 2];
      this.lastUtc = words[at + 3];
      this.score = words[at + 4] | 0;
    } else {
      this.posts = words[at + 1];
      this.comments = words[at + 2];
      this.rows = words[at + 3];
      this.firstUtc = words[at + 4];
      this.lastUtc = words[at + 5];
      floatWords[0] = words[at + 6];
      floatWords[1] = words[at + 7];
      this.score = float[0];
    }
    this.at = at + WORDS_OF_CODE[code];
    this.numRows++;
    if (this.at > this.end) throw runError(this.run.path, 'whole rows', 'a row that goes on behind the end');
  }

  close(): void {
    if (!this.isAtEnd) closeSync(this.fd);
    this.isAtEnd = true;
  }

  /** Brings more words into memory; false where there is none left, neither there nor in the file. */
  private fill(): boolean {
    const { run, words, bytes } = this;
    words.copyWithin(0, this.at, this.end);
    this.end -= this.at;
    this.at = 0;
    const numWords = Math.min(words.length - this.end, run.numWords - this.numRead);
    if (numWords > 0) {
      const wanted = bytes.subarray(this.end * 4, (this.end + numWords) * 4);
      readFully(this.fd, wanted, HEADER_BYTES + this.numRead * 4, run.path);
      this.checksum = crc32(wanted, this.checksum);
      this.numRead += numWords;
      this.end += numWords;
    }
    if (this.end > 0) return true;
    if (this.numRows !== run.numRows) throw runError(run.path, `${run.numRows} rows`, `${this.numRows}`);
    if (!this.header.equals(encodeHeader(this.numRows, this.numRead, this.checksum)))
      throw runError(run.path, 'rows and header that match their checksum', 'others');
    this.close();
    return false;
  }

  private checkHeader(): void {
    const { path, numWords, checksum } = this.run;
    const size = fstatSync(this.fd).size;
    const expectedSize = HEADER_BYTES + numWords * 4;
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
      numWords: z.int().nonnegative(),
      checksum: z.int().nonnegative(),
    }),
  ),
  subreddits: z.array(z.string()), // position = id in the runs
  behaviours: z.string(), // rows of `BehaviourTable` in base64: as numbers they would take ten times the memory
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
  behaviours: Uint32Array,
): Promise<RunSet> {
  for (const run of runs) await syncFile(run.path);
  const content: z.infer<typeof runSetContent> = {
    numEvents,
    runs: runs.map(({ path, numRows, numWords, checksum }) => ({ file: basename(path), numRows, numWords, checksum })),
    subreddits: [...subreddits],
    behaviours: Buffer.from(behaviours.buffer, behaviours.byteOffset, behaviours.byteLength).toString('base64'),
  };
  const checksum = crc32(JSON.stringify(content));
  const file: z.infer<typeof runSetFile> = { format: 'mine-personas run set', version: VERSION, checksum, content };

  const temporary = `${path}.tmp`;
  const handle = await open(temporary, 'w', 0o600);
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
export function readRunSet(path: string): RunSet & { runs: Run[]; subreddits: string[]; behaviours: Uint32Array } {
  let file: z.infer<typeof runSetFile>;
  try {
    file = runSetFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw runSetError(path, messageOf(error), error);
  }
  const { numEvents, runs, subreddits, behaviours } = file.content;
  const got = crc32(JSON.stringify({ numEvents, runs, subreddits, behaviours }));
  if (got !== file.checksum) throw runSetError(path, `expected checksum ${file.checksum}, got ${got}`);

  const directory = dirname(path);
  const located = runs.map(({ file, ...run }) => ({ path: join(directory, file), ...run }));
  const bytes = Buffer.from(behaviours, 'base64');
  const rowBytes = 4 * BEHAVIOUR_WORDS;
  if (bytes.length % rowBytes !== 0)
    throw runSetError(path, `expected behaviours of ${rowBytes} bytes a row, got ${bytes.length} bytes`);
  const rows = new Uint32Array(bytes.length / 4);
  Buffer.from(rows.buffer).set(bytes);
  return { path, numEvents, runs: located, subreddits, behaviours: rows };
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

function encodeHeader(numRows: number, numWords: number, rowsChecksum: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(VERSION, 8);
  header.writeDoubleLE(numRows, 16);
  header.writeDoubleLE(numWords, 24);
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
