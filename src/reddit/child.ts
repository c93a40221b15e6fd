import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, rmSync, constants as systemConstants } from 'node:fs';
import { access, constants, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

/** What a decoding program reads, and where we note how far it has come. */
export interface ChildInput {
  readonly path: string | undefined; // of a regular file; a pipe has to be read by us
  readonly signal: AbortSignal | undefined;
  read(): AsyncIterable<Buffer>;
  position: () => number | undefined; // set here
}

export async function findProgram(name: string): Promise<string | undefined> {
  const fileName = process.platform === 'win32' ? `${name}.exe` : name;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, fileName);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== '' && isThere) return path;
  }
  return undefined;
}

/** A decoding program did not end well. */
export class ChildError extends Error {
  constructor(
    readonly exitCode: number | null,
    readonly killedBy: string | null,
    readonly stderr: string,
  ) {
    super(stderr || (killedBy === null ? `exit code ${exitCode}` : `killed by ${killedBy}`));
  }
}

const MAX_STDERR = 2000; // characters kept

/** How a program ends: the end of its output is not success, its exit status is. */
function endOf(child: ChildProcess): () => Promise<void> {
  let stderr = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < MAX_STDERR) stderr += text;
  });
  const closed = new Promise<[number | null, string | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...how) => resolve(how));
  });
  closed.catch(() => undefined); // it is awaited later, perhaps after the rejection
  return async () => {
    const [code, killedBy] = await closed;
    if (code !== 0 || stderr.includes('trailing garbage')) throw new ChildError(code, killedBy, stderr.trim()); // bzip2 lets garbage pass
  };
}

/** Decodes by a child process. A file is its standard input directly; anything else is written to it by us. */
export async function* childOutput(program: string, args: string[], input: ChildInput): AsyncGenerator<Buffer> {
  const handle = input.path === undefined ? undefined : await open(input.path);
  const child = spawn(program, args, { stdio: [handle?.fd ?? 'pipe', 'pipe', 'pipe'] });
  const ended = endOf(child);
  const stop = (): void => void child.kill('SIGKILL');
  input.signal?.addEventListener('abort', stop);

  try {
    let feedError: unknown;
    if (handle === undefined)
      pipeline(Readable.from(input.read()), child.stdin!).catch((error: unknown) => {
        feedError = error;
      });
    else input.position = () => sharedPosition(handle.fd);
    for await (const chunk of child.stdout!) yield chunk as Buffer;

    const failure = await ended().catch((error: unknown) => error);
    if (feedError !== undefined && !isClosedPipe(feedError)) throw feedError; // a closed pipe: the child says why
    if (failure !== undefined) throw failure;
  } finally {
    input.signal?.removeEventListener('abort', stop);
    stop();
    if (handle !== undefined) {
      const last = sharedPosition(handle.fd);
      input.position = () => last;
      await handle.close();
    }
  }
}

/** A program whose output is read by waiting for it. */
export interface BlockingChild {
  /** Fills `target` from `begin` on with at least one byte; 0 at the end of the output. */
  readSync(target: Buffer, begin: number): number;
  /** Call at the end of the output; throws where the program did not end well. */
  finish(): Promise<void>;
  close(): void;
}

/**
 * Decodes a file by a child process into a named pipe, which unlike the sockets that Node makes can be waited at and read
 * straight into any memory: a fifth more bytes per CPU second. Undefined where `input` is no file or the system makes no
 * named pipes.
 */
export async function openBlockingChild(
  program: string,
  args: string[],
  input: ChildInput,
): Promise<BlockingChild | undefined> {
  const mkfifo = await findProgram('mkfifo');
  if (input.path === undefined || mkfifo === undefined) return undefined;
  const pipe = await makePipe(mkfifo);
  if (pipe === undefined) return undefined;
  const file = openSync(input.path, 'r');
  const child = spawn(program, args, { stdio: [file, pipe.write, 'pipe'] });
  closeSync(pipe.write); // so that the output ends when the child does
  const ended = endOf(child);
  input.position = () => sharedPosition(file);
  let isOpen = true;
  return {
    readSync: (target, begin) => readSync(pipe.read, target, begin, target.length - begin, null),
    finish: ended,
    close() {
      if (!isOpen) return;
      isOpen = false;
      const last = sharedPosition(file);
      input.position = () => last;
      child.kill('SIGKILL');
      closeSync(pipe.read);
      closeSync(file);
    },
  };
}

async function makePipe(mkfifo: string): Promise<{ read: number; write: number } | undefined> {
  const path = join(tmpdir(), `mine-personas-${randomUUID()}`);
  try {
    await promisify(execFile)(mkfifo, ['-m', '600', path]);
    // Opening either end waits for the other, but for a reader that asks not to: it opens the way.
    const first = openSync(path, systemConstants.O_RDONLY | systemConstants.O_NONBLOCK);
    const write = openSync(path, 'w');
    const read = openSync(path, 'r');
    closeSync(first);
    return { read, write };
  } catch {
    return undefined;
  } finally {
    rmSync(path, { force: true });
  }
}

/** How far a child has read the file whose descriptor it got from us: both share one position. Linux only. */
function sharedPosition(fd: number): number | undefined {
  try {
    const pos = /^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'));
    return pos === null ? undefined : Number(pos[1]);
  } catch {
    return undefined;
  }
}

function isClosedPipe(error: unknown): boolean {
  if (!(error instanceof Error && 'code' in error)) return false;
  return error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}
