import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { InputError, IntegrityError, MinerError, messageOf, ResourceError, StopRequested } from '../core/errors.js';
import type { ByteSource } from './byte-stream.js';
import { type BlockingChild, ChildError, childOutput, findProgram, openBlockingChild } from './child.js';
import type { InputFile } from './inputs.js';
import { through } from './through.js';
import { decodeZstd } from './zstd/decoder.js';
import { isZstd } from './zstd/frames.js';
import { decodeZstdWithNode, nodeHasZstd } from './zstd/node-zlib.js';

export type Format = 'zst' | 'gz' | 'bz2' | 'xz' | 'plain';
export type ZstdDecoder = 'zstd' | 'node' | 'typescript';

export interface DecompressOptions {
  readonly signal?: AbortSignal | undefined;
  readonly maxWindowLog?: number; // of .zst, default 31: 2 GiB, which the monthly dumps use
  readonly forceDecoder?: ZstdDecoder | undefined; // of .zst, instead of the first that is there
  readonly stdin?: Readable; // what '-' means, default process.stdin
  /** Whether reading may hold up this thread while a program decodes: faster, but nothing else happens meanwhile. */
  readonly blocking?: boolean;
}

/** The decompressed bytes of one input. Iterate once. */
export interface Decompressed extends ByteSource {
  readonly format: Format;
  readonly decoder: string; // who decodes, for messages
  readonly note: string | undefined; // what a person should know about that, if anything
  /** Compressed bytes consumed so far, for progress; undefined where the system does not tell. */
  position(): number | undefined;
}

/**
 * Opens an input for reading, whatever its compression, which its first bytes tell and not its name.
 *
 * An input that expands more than a thousandfold is no dump: `ERR_EXPANDS`. Chunks are at least 256 KiB, except the last. Iteration ends without error only if the whole input was there and every
 * checksum in it was right; else `ERR_CUT_OR_CORRUPT` is thrown after what was read before. Memory does not depend on how
 * far the input expands.
 *
 * .zst is decoded by the first of these that is there:
 *  1. the program `zstd`: about 1.1 GB/s, and memory of its own for the window;
 *  2. node:zlib from Node 22.15 on, driven frame by frame;
 *  3. our decoder in TypeScript: exact, about ten times slower.
 * .gz is decoded by node:zlib, .bz2 and .xz by the programs `bzip2` and `xz`.
 */
export async function openDecompressed(
  input: Pick<InputFile, 'path' | 'isStdin'>,
  options: DecompressOptions = {},
): Promise<Decompressed> {
  const { signal } = options;
  try {
    const source = await openSource(input, options);
    const format = formatOf(source);
    const { decoder, note, chunks } = await chooseDecoder(format, source, options);
    const limit = new ExpansionLimit(source);
    const explained = (error: unknown): never => {
      throw explain(error, source.name, decoder, signal);
    };
    const child = 'readSync' in chunks ? chunks : undefined;
    return {
      format,
      decoder,
      note,
      position: () => source.position(),
      async *[Symbol.asyncIterator]() {
        try {
          signal?.throwIfAborted();
          for await (const chunk of coalesce(
            child === undefined ? (chunks as AsyncIterable<Buffer>) : chunksOf(child),
          )) {
            limit.count(chunk.length);
            yield chunk;
            signal?.throwIfAborted();
          }
        } catch (error) {
          explained(error);
        } finally {
          child?.close();
        }
      },
      ...(child && {
        readSync(target: Buffer, begin: number) {
          try {
            const length = child.readSync(target, begin);
            limit.count(length);
            return length;
          } catch (error) {
            return explained(error);
          }
        },
        finish: () => child.finish().catch(explained),
        close: () => child.close(),
      }),
    };
  } catch (error) {
    throw explain(error, input.path, 'the file system', signal);
  }
}

/** Recent dumps expand 12-fold; what is made to swell expands up to 30,000-fold. */
const MAX_EXPANSION = 1000;
const FREE_EXPANSION = 2 ** 30; // B, of which nobody minds

/** Stops a reading of gigabytes that a small file was made to expand to. */
class ExpansionLimit {
  private decompressed = 0; // B

  constructor(private readonly source: Source) {}

  count(length: number): void {
    const before = this.decompressed;
    this.decompressed += length;
    // Asking for the position costs a system call: once every 2^30 bytes.
    if (Math.floor(before / FREE_EXPANSION) === Math.floor(this.decompressed / FREE_EXPANSION)) return;
    const compressed = this.source.bytes ?? this.source.position();
    if (compressed === undefined || this.decompressed <= MAX_EXPANSION * compressed) return;
    throw new IntegrityError(
      'ERR_EXPANDS',
      `${this.source.name}: ${compressed} bytes expand to more than ${this.decompressed}, a dump to 30 times its size at the most. Leave the file out, or decompress it first if it is what you want.`,
      { path: this.source.name, compressed, decompressed: this.decompressed },
    );
  }
}

/** An input before decompression. */
interface Source {
  readonly name: string; // for messages
  readonly path: string | undefined; // of a regular file; a pipe has to be read by us
  readonly bytes: number | undefined; // its size, where that is known
  readonly head: Buffer; // its first bytes
  readonly signal: AbortSignal | undefined;
  read(): AsyncIterable<Buffer>;
  position: () => number | undefined; // compressed bytes consumed so far
}

const HEAD_SIZE = 256; // B
const READ_SIZE = 1024 * 1024; // B

async function openSource(input: Pick<InputFile, 'path' | 'isStdin'>, options: DecompressOptions): Promise<Source> {
  const { path, isStdin } = input;
  const { signal } = options;
  const stats = isStdin ? undefined : await stat(path);
  if (stats?.isFile()) {
    const handle = await open(path);
    const head = Buffer.alloc(HEAD_SIZE);
    const { bytesRead } = await handle.read(head, 0, HEAD_SIZE, 0).finally(() => handle.close());
    const read = () => createReadStream(path, { highWaterMark: READ_SIZE, signal });
    return counting({
      name: path,
      path,
      bytes: stats.size,
      head: head.subarray(0, bytesRead),
      signal,
      read,
      position: () => 0,
    });
  }

  const stream = isStdin ? (options.stdin ?? process.stdin) : createReadStream(path);
  if (signal !== undefined) addAbortSignal(signal, stream);
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first: Buffer[] = [];
  let length = 0;
  let done = false;
  while (length < HEAD_SIZE && !done) {
    const next = await chunks.next();
    done = next.done === true;
    if (next.done) break;
    first.push(next.value);
    length += next.value.length;
  }
  const head = Buffer.concat(first);
  const read = async function* (): AsyncGenerator<Buffer> {
    yield head;
    if (!done) yield* { [Symbol.asyncIterator]: () => chunks };
  };
  const name = isStdin ? 'standard input' : path;
  return counting({ name, path: undefined, bytes: undefined, head, signal, read, position: () => 0 });
}

/** The same source, whose position follows what is read from it. */
function counting(source: Source): Source {
  const counted: Source = {
    ...source,
    async *read() {
      let consumed = 0;
      counted.position = () => consumed;
      for await (const chunk of source.read()) {
        consumed += chunk.length;
        yield chunk;
      }
    },
  };
  return counted;
}

function formatOf({ name, head }: Source): Format {
  if (isZstd(head)) return 'zst';
  const hex = head.toString('hex', 0, 10);
  if (hex.startsWith('1f8b08')) return 'gz';
  if (/^425a683[1-9](314159265359|177245385090)$/.test(hex)) return 'bz2';
  if (hex.startsWith('fd377a585a00')) return 'xz';

  // Some downloads are unpacked on the way and keep their name. Anything else behind such a name is damaged.
  const claimed = /\.(zst|gz|bz2|xz)$/.exec(name)?.[1];
  const isText = head.length >= 10 && head.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13);
  if (claimed !== undefined && head.length > 0 && !isText)
    throw new IntegrityError(
      'ERR_CUT_OR_CORRUPT',
      `${name}: begins neither like a .${claimed} file nor like text. Fetch it again.`,
      { path: name, decoder: undefined, detail: head.toString('hex', 0, 10) },
    );
  return 'plain';
}

interface ChosenDecoder {
  readonly decoder: string;
  readonly note?: string | undefined;
  readonly chunks: AsyncIterable<Buffer> | BlockingChild;
}

async function chooseDecoder(format: Format, source: Source, options: DecompressOptions): Promise<ChosenDecoder> {
  if (format === 'zst') return chooseZstdDecoder(source, options);
  if (format === 'plain') return { decoder: 'none', chunks: source.read() };
  if (format === 'gz') return { decoder: 'node:zlib', chunks: gunzip(source.read()) };
  const name = format === 'xz' ? 'xz' : 'bzip2';
  const program = await findProgram(name);
  if (program === undefined) throw noDecoder(source, name, name === 'xz' ? 'xz-utils (or xz)' : name);
  return { decoder: name, chunks: await decodeByChild(program, ['-dc'], source, options) };
}

async function chooseZstdDecoder(source: Source, options: DecompressOptions): Promise<ChosenDecoder> {
  const { maxWindowLog = 31, forceDecoder } = options;
  const program = await findProgram('zstd');
  const chosen = forceDecoder ?? (program !== undefined ? 'zstd' : nodeHasZstd ? 'node' : 'typescript');
  if (chosen === 'zstd') {
    if (program === undefined) throw noDecoder(source, 'zstd', 'zstd');
    return {
      decoder: 'zstd',
      chunks: await decodeByChild(program, ['-dc', `--long=${maxWindowLog}`], source, options),
    };
  }
  if (chosen === 'node') return { decoder: 'node:zlib', chunks: decodeZstdWithNode(source.read(), maxWindowLog) };
  return {
    decoder: 'built-in zstd',
    note: 'the built-in zstd decoder was used, about ten times slower than the program zstd: install that for large files',
    chunks: decodeZstd(source.read(), maxWindowLog),
  };
}

/** Through a pipe that we wait at, where that is allowed and possible; else by events. */
async function decodeByChild(
  program: string,
  args: string[],
  source: Source,
  options: DecompressOptions,
): Promise<AsyncIterable<Buffer> | BlockingChild> {
  const blocking = options.blocking === true ? await openBlockingChild(program, args, source) : undefined;
  return blocking ?? childOutput(program, args, source);
}

async function* chunksOf(child: BlockingChild): AsyncGenerator<Buffer> {
  for (;;) {
    const chunk = Buffer.allocUnsafe(MIN_CHUNK);
    const length = child.readSync(chunk, 0);
    if (length === 0) return await child.finish();
    yield chunk.subarray(0, length);
  }
}

function noDecoder(source: Source, program: string, packages: string): InputError {
  return new InputError(
    'ERR_NO_DECODER',
    `${source.name}: the program ${program} is needed to read it and is not in the PATH. Install the package ${packages}, or decompress the file first.`,
    { path: source.name, program },
  );
}

/** Multi-member gzip. Only zeros may follow the last member, as some tapes and tools pad. */
function gunzip(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const transform = createGunzip({ chunkSize: MIN_CHUNK });
  const members = async function* (): AsyncGenerator<Buffer> {
    let fed = 0;
    for await (const chunk of chunks) {
      let unread = chunk;
      if (transform.bytesWritten === fed) {
        fed += chunk.length;
        yield chunk;
        unread = chunk.subarray(chunk.length - (fed - transform.bytesWritten));
      }
      if (unread.some((byte) => byte !== 0)) throw new Error('something else follows the end of the gzip data');
    }
  };
  return through(transform, members());
}

const MIN_CHUNK = 256 * 1024; // B

/** The same bytes in chunks of at least 256 KiB, except the last. */
async function* coalesce(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    pieces.push(chunk);
    length += chunk.length;
    if (length < MIN_CHUNK) continue;
    yield pieces.length === 1 ? chunk : Buffer.concat(pieces, length);
    pieces = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(pieces, length);
}

/** The error that a caller gets for whatever went wrong while an input was read. */
function explain(error: unknown, name: string, decoder: string, signal: AbortSignal | undefined): MinerError {
  if (signal?.aborted) return signal.reason instanceof MinerError ? signal.reason : new StopRequested();
  if (error instanceof MinerError) return error;
  const detail = messageOf(error);
  const fields = { path: name, decoder, detail };
  if (isOutOfMemory(error))
    return new ResourceError(
      'ERR_DECODER_MEMORY',
      `${name}: ${decoder} ran out of memory (${detail}). A dump needs up to 2.2 GiB per file that is open: free memory or read fewer files at once.`,
      fields,
      { cause: error },
    );
  if (isFileError(error))
    return new InputError(
      'ERR_INPUT_UNREADABLE',
      `${name}: cannot be read (${detail}). Check that it exists and that you may read it.`,
      fields,
      { cause: error },
    );
  return new IntegrityError(
    'ERR_CUT_OR_CORRUPT',
    `${name}: cut or damaged, says ${decoder}: ${detail}. Compare its size and checksum with the source and fetch it again.`,
    fields,
    { cause: error },
  );
}

function isOutOfMemory(error: unknown): boolean {
  if (error instanceof ChildError)
    return error.killedBy === 'SIGKILL' || /not enough memory|cannot allocate/i.test(error.stderr);
  return error instanceof RangeError && /allocation failed/i.test(error.message);
}

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
