import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type MinerError, StopRequested } from '../../src/core/errors.js';
import { Random } from '../../src/core/random.js';
import { type DecompressOptions, openDecompressed, type ZstdDecoder } from '../../src/reddit/decompress.js';
import { nodeHasZstd } from '../../src/reddit/zstd/node-zlib.js';
import { collect, compress, hasProgram, jsonLines, randomBytes, skippableFrame } from './archives.js';
import { GOLDEN } from './zstd/golden.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'decompress-'));
});
afterAll(() => rm(folder, { recursive: true }));

const PATH = process.env['PATH'];
afterEach(() => {
  process.env['PATH'] = PATH;
});

let numFiles = 0;
async function fileOf(bytes: Buffer, ending = ''): Promise<string> {
  const path = join(folder, `${numFiles++}${ending}`);
  await writeFile(path, bytes);
  return path;
}

async function readFileOf(bytes: Buffer, options?: DecompressOptions, ending?: string): Promise<Buffer> {
  return collect(await openDecompressed({ path: await fileOf(bytes, ending), isStdin: false }, options));
}

async function readStdinOf(bytes: Buffer, options: DecompressOptions = {}, chunkSize = 65_536): Promise<Buffer> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / chunkSize) }, (_, i) =>
    bytes.subarray(i * chunkSize, (i + 1) * chunkSize),
  );
  return collect(await openDecompressed({ path: '-', isStdin: true }, { ...options, stdin: Readable.from(pieces) }));
}

async function errorOf(promise: Promise<unknown>): Promise<MinerError> {
  return promise.then(
    () => expect.fail('no error'),
    (error: unknown) => error as MinerError,
  );
}

const content = jsonLines(4_000, new Random(1));

interface Archiver {
  readonly format: string;
  readonly decoder: string;
  readonly needs?: string;
  readonly forceDecoder?: ZstdDecoder;
  readonly blocking?: boolean;
  compress(bytes: Buffer): Buffer;
}

const zstd = (bytes: Buffer): Buffer => compress('zstd', ['-3', '--long=31'], bytes);
const ARCHIVERS: readonly Archiver[] = [
  { format: 'zst', decoder: 'zstd', needs: 'zstd', forceDecoder: 'zstd', compress: zstd },
  { format: 'zst', decoder: 'zstd', needs: 'zstd', forceDecoder: 'zstd', blocking: true, compress: zstd },
  { format: 'zst', decoder: 'built-in zstd', needs: 'zstd', forceDecoder: 'typescript', compress: zstd },
  { format: 'zst', decoder: 'node:zlib', needs: 'zstd', forceDecoder: 'node', compress: zstd },
  { format: 'gz', decoder: 'node:zlib', compress: (bytes) => gzipSync(bytes) },
  { format: 'bz2', decoder: 'bzip2', needs: 'bzip2', compress: (bytes) => compress('bzip2', [], bytes) },
  {
    format: 'bz2',
    decoder: 'bzip2',
    needs: 'bzip2',
    blocking: true,
    compress: (bytes) => compress('bzip2', [], bytes),
  },
  { format: 'xz', decoder: 'xz', needs: 'xz', compress: (bytes) => compress('xz', ['-1'], bytes) },
];

describe.each(ARCHIVERS)('.$format by $decoder, blocking: $blocking', (archiver) => {
  const { format, decoder, needs, forceDecoder, blocking = false, compress: archive } = archiver;
  const isMissing = (needs !== undefined && !hasProgram(needs)) || (forceDecoder === 'node' && !nodeHasZstd);
  const test = it.skipIf(isMissing); // it needs the program, or a Node with zstd
  const options = { forceDecoder, blocking };

  test('gives every byte, of one archive and of several after one another, from a file and from a pipe', async () => {
    const whole = archive(content);
    const parts = [content.subarray(0, 70_001), Buffer.alloc(0), content.subarray(70_001)];
    const several = Buffer.concat(parts.map(archive));
    for (const bytes of [whole, several]) {
      expect((await readFileOf(bytes, options)).equals(content)).toBe(true);
      expect((await readStdinOf(bytes, options)).equals(content)).toBe(true);
    }
    expect((await readStdinOf(archive(Buffer.from('tiny\n')), options, 1)).toString()).toBe('tiny\n');
  });

  test('says what it found, and how far it is', async () => {
    const bytes = archive(content);
    const path = await fileOf(bytes, '.any-name');
    const opened = await openDecompressed({ path, isStdin: false }, options);
    expect(opened).toMatchObject({ format, decoder });
    expect(opened.note === undefined).toBe(decoder !== 'built-in zstd');
    if (!blocking) expect(opened.position()).toBe(0); // else the program has begun already
    const sizes: number[] = [];
    for await (const chunk of opened) sizes.push(chunk.length);
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(256 * 1024);
    if (process.platform === 'linux') expect(opened.position()).toBe(bytes.length);
  });

  test('refuses a cut archive, wherever it is cut, from a file and from a pipe', async () => {
    const bytes = archive(content);
    for (const length of [1, 3, 9, 15, 30, Math.floor(bytes.length / 2), bytes.length - 5, bytes.length - 1]) {
      const cut = bytes.subarray(0, length);
      const error = await errorOf(readFileOf(cut, options, `.ndjson.${format}`));
      expect(error, `cut at ${length}`).toMatchObject({ code: 'ERR_CUT_OR_CORRUPT' });
      expect(error.fields).toHaveProperty('path');
      if (length >= 15) await expect(readStdinOf(cut, options)).rejects.toMatchObject({ code: 'ERR_CUT_OR_CORRUPT' });
    }
  });

  test('refuses damage and what follows the end', async () => {
    const bytes = archive(content);
    const damaged = Buffer.from(bytes);
    damaged[Math.floor(bytes.length / 2)] ^= 16;
    for (const wrong of [damaged, Buffer.concat([bytes, Buffer.from('garbage after the end')])]) {
      await expect(readFileOf(wrong, options)).rejects.toMatchObject({
        code: 'ERR_CUT_OR_CORRUPT',
        fields: { decoder },
      });
      await expect(readStdinOf(wrong, options)).rejects.toMatchObject({ code: 'ERR_CUT_OR_CORRUPT' });
    }
  });

  test('lets go of everything when its reader stops early', async () => {
    const bytes = archive(content);
    for (let i = 0; i < 3; i++)
      for await (const _ of await openDecompressed({ path: await fileOf(bytes), isStdin: false }, options)) break;
    await vi.waitFor(async () => expect(await openDescriptorsIn(folder)).toBe(0), 5_000);
  });

  test('stops on an aborted signal, before and while it reads', async () => {
    const path = await fileOf(archive(content));
    const input = { path, isStdin: false };
    const early = AbortSignal.abort();
    await expect(openDecompressed(input, { ...options, signal: early }).then(collect)).rejects.toThrow(StopRequested);
    const controller = new AbortController();
    const reading = async (): Promise<void> => {
      for await (const _ of await openDecompressed(input, { ...options, signal: controller.signal }))
        controller.abort();
    };
    await expect(reading()).rejects.toThrow(StopRequested);
  });

  test('stops on an aborted signal while it waits for a pipe', async () => {
    const controller = new AbortController();
    const bytes = archive(content);
    const stdin = new Readable({ read() {} }); // never ends
    stdin.push(bytes.subarray(0, 1_000));
    const opened = await openDecompressed(
      { path: '-', isStdin: true },
      { ...options, stdin, signal: controller.signal },
    );
    setTimeout(() => controller.abort(), 50);
    await expect(collect(opened)).rejects.toThrow(StopRequested);
  });
});

describe('openDecompressed', () => {
  it('passes plain text on, from a file and from a pipe', async () => {
    for (const bytes of [
      content,
      Buffer.from('x'),
      Buffer.alloc(0),
      Buffer.from('(\n'),
      randomBytes(1_000, new Random(3)),
    ]) {
      expect((await readFileOf(bytes)).equals(bytes)).toBe(true);
      expect((await readStdinOf(bytes, {}, 100)).equals(bytes)).toBe(true);
    }
  });

  it('goes by the first bytes and not by the name', async () => {
    expect((await readFileOf(gzipSync(content), {}, '.zst')).equals(content)).toBe(true);
    expect((await readFileOf(content, {}, '.gz')).equals(content)).toBe(true); // unpacked on its way here
    const error = await errorOf(readFileOf(randomBytes(500, new Random(4)), {}, '.zst'));
    expect(error.code).toBe('ERR_CUT_OR_CORRUPT');
  });

  it('accepts zeros after gzip data and nothing else', async () => {
    const bytes = gzipSync('text\n');
    expect((await readFileOf(Buffer.concat([bytes, Buffer.alloc(100_000)]))).toString()).toBe('text\n');
    const late = Buffer.concat([bytes, Buffer.alloc(3_000_000), Buffer.from('x')]);
    await expect(readFileOf(late)).rejects.toMatchObject({ code: 'ERR_CUT_OR_CORRUPT' });
    await expect(readFileOf(Buffer.concat([bytes, Buffer.from([0, 1])]))).rejects.toThrow();
  });

  it('finds a .zst that begins with a skippable frame', async () => {
    const archive = GOLDEN.find(({ args }) => args === '-3 --long=31')!.archive;
    const bytes = Buffer.concat([skippableFrame(Buffer.alloc(700)), archive]);
    expect((await readFileOf(bytes)).toString()).toContain('"author"');
  });

  it('falls back to a decoder of its own where the program zstd is missing, and names a missing bzip2 or xz', async () => {
    const archive = GOLDEN.find(({ args }) => args === '-3 --long=31')!.archive;
    process.env['PATH'] = folder;
    const opened = await openDecompressed({ path: await fileOf(archive), isStdin: false });
    expect(opened.decoder).toBe(nodeHasZstd ? 'node:zlib' : 'built-in zstd');
    expect((await collect(opened)).toString()).toContain('"author"');

    const bz2 = Buffer.from('425a6839177245385090000000000000', 'hex');
    const xz = Buffer.from('fd377a585a000004e6d6b446', 'hex');
    for (const [bytes, program] of [
      [bz2, 'bzip2'],
      [xz, 'xz'],
    ] as const) {
      const error = await errorOf(readFileOf(bytes));
      expect(error).toMatchObject({ code: 'ERR_NO_DECODER', fields: { program } });
      expect(error.message).toContain('Install');
    }
    await expect(readFileOf(archive, { forceDecoder: 'zstd' })).rejects.toMatchObject({ code: 'ERR_NO_DECODER' });
  });

  it.skipIf(process.platform === 'win32')('does not take the end of a pipe for success', async () => {
    const archive = GOLDEN.find(({ args }) => args === '-3 --long=31')!.archive;
    const path = join(folder, 'zstd');
    process.env['PATH'] = `${folder}:${PATH}`;
    const run = async (script: string) => {
      await writeFile(path, `#!/bin/sh\n${script}\n`);
      await chmod(path, 0o755);
      return readFileOf(archive);
    };
    try {
      expect((await run('echo fine')).toString()).toBe('fine\n');
      await expect(run('echo half; exit 3')).rejects.toMatchObject({ code: 'ERR_CUT_OR_CORRUPT' });
      const failed = await errorOf(run('echo half; echo the reason >&2; exit 1'));
      expect(failed.fields['detail']).toBe('the reason');
      await expect(run('echo half; kill -TERM $$')).rejects.toMatchObject({ code: 'ERR_CUT_OR_CORRUPT' });
      await expect(run('echo half; kill -KILL $$')).rejects.toMatchObject({ code: 'ERR_DECODER_MEMORY' });
    } finally {
      await rm(path);
    }
  });

  it.skipIf(process.platform === 'win32' || !hasProgram('mkfifo'))('reads a named pipe', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    const writing = writeFile(path, gzipSync(content));
    expect((await collect(await openDecompressed({ path, isStdin: false }))).equals(content)).toBe(true);
    await writing;
  });

  it('says which file is not there', async () => {
    const error = await errorOf(openDecompressed({ path: join(folder, 'missing'), isStdin: false }));
    expect(error).toMatchObject({ code: 'ERR_INPUT_UNREADABLE', fields: { path: join(folder, 'missing') } });
  });

  it('passes on why it was stopped, if that is one of our errors', async () => {
    const reason = new StopRequested();
    const error = await errorOf(readFileOf(content, { signal: AbortSignal.abort(reason) }));
    expect(error).toBe(reason);
  });
});

/** How many descriptors of this process point into `path`; 0 where the system does not tell. */
async function openDescriptorsIn(path: string): Promise<number> {
  if (process.platform !== 'linux') return 0;
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return links.filter((link) => link.startsWith(path)).length;
}
