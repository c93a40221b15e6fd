import { createReadStream } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { InputError, messageOf } from '../core/errors.js';
import { writeFileDurably } from './run-directory.js';

/** Lines of a JSONL file that fit `schema`. Throws `ERR_JSONL` with the number of the first line that does not. */
export async function* readJsonLines<T>(path: string, schema: z.ZodType<T>): AsyncGenerator<T> {
  const input = await openToRead(path);
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    const text = number === 1 ? line.replace(/^\ufeff/, '') : line;
    if (text.trim() !== '') yield parseLine(path, number, text, schema);
  }
}

export async function readAllJsonLines<T>(path: string, schema: z.ZodType<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of readJsonLines(path, schema)) all.push(value);
  return all;
}

function parseLine<T>(path: string, number: number, text: string, schema: z.ZodType<T>): T {
  let problem: string;
  try {
    const parsed = schema.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    problem = z.prettifyError(parsed.error).replaceAll('\n', ' ');
  } catch (thrown) {
    problem = messageOf(thrown);
  }
  throw new InputError('ERR_JSONL', `${path}, line ${number}: ${problem}. Mend or remove the line.`, {
    path,
    line: number,
  });
}

async function openToRead(path: string) {
  const handle = await open(path, 'r').catch((cause: unknown) => {
    throw new InputError('ERR_FILE_MISSING', `${path} cannot be read: ${messageOf(cause)}.`, { path }, { cause });
  });
  return createReadStream(path, { fd: handle, encoding: 'utf8' });
}

const FLUSH_BYTES = 1 << 20;
const FLUSH_MS = 1000;

/**
 * A JSONL file that grows in order and survives a kill: lines go to `PATH.partial` and are flushed at least every second;
 * the file gets its name when it is whole. What a kill leaves is taken up again by whoever writes the same thing, which
 * the fingerprint tells.
 */
export class GrowingJsonl {
  private waiting: string[] = [];
  private waitingBytes = 0;
  private lastFlush = performance.now();

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    readonly linesFound: number, // lines that an earlier attempt left
  ) {}

  /** Opens the partial file of `path`; one of another fingerprint is begun anew, a cut last line removed. */
  static async open(path: string, fingerprint: string): Promise<GrowingJsonl> {
    const left = await readFile(`${path}.partial.id`, 'utf8').catch(() => undefined);
    if (left !== fingerprint) {
      await rm(`${path}.partial`, { force: true });
      await writeFileDurably(`${path}.partial.id`, fingerprint);
    }
    const file = await open(`${path}.partial`, 'a+', 0o600);
    const { lines, bytes } = await wholeLines(file);
    await file.truncate(bytes);
    return new GrowingJsonl(path, file, lines);
  }

  async add(value: unknown): Promise<void> {
    const line = `${JSON.stringify(value)}\n`;
    this.waiting.push(line);
    this.waitingBytes += line.length;
    if (this.waitingBytes >= FLUSH_BYTES || performance.now() - this.lastFlush >= FLUSH_MS) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.waiting.length > 0) {
      const text = this.waiting.join('');
      this.waiting = [];
      this.waitingBytes = 0;
      await this.file.appendFile(text);
      await this.file.datasync();
    }
    this.lastFlush = performance.now();
  }

  /** Keeps what is there and lets the file go. */
  async leave(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.file.close();
    }
  }

  /** Gives the file its name. */
  async finish(): Promise<void> {
    await this.leave();
    await rename(`${this.path}.partial`, this.path);
    await rm(`${this.path}.partial.id`, { force: true });
  }
}

async function wholeLines(file: FileHandle): Promise<{ lines: number; bytes: number }> {
  const chunk = Buffer.alloc(1 << 20);
  let lines = 0;
  let bytes = 0;
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) return { lines, bytes };
    for (let at = chunk.indexOf(10); at !== -1 && at < bytesRead; at = chunk.indexOf(10, at + 1)) {
      lines++;
      bytes = position + at + 1;
    }
    position += bytesRead;
  }
}
