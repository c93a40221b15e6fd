import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { ExternalError, InputError, messageOf } from '../../src/core/errors.js';

const CHUNK_BYTES = 1 << 20;

/** Where the lines of one file go. Nothing is complete before `close` resolves. */
export interface LineSink {
  readonly bytes: number; // raw, line ends included
  write(line: string | Uint8Array, end: string): void;
  /** Resolves when there is room for more. Call it now and then. */
  ready(): Promise<void>;
  /** SHA-256 of the raw bytes, in hex. */
  close(): Promise<string>;
}

/** Counts and forgets. */
export class CountingSink implements LineSink {
  bytes = 0;
  write(line: string | Uint8Array, end: string): void {
    this.bytes += (typeof line === 'string' ? Buffer.byteLength(line) : line.length) + end.length;
  }
  async ready(): Promise<void> {}
  async close(): Promise<string> {
    return '';
  }
}

/**
 * Writes through the `zstd` program, or plainly for level null.
 *
 * Input through a pipe has no known size, so the header claims the whole 2 GiB window, as in published dumps. Memory
 * stays at one chunk here; the compressor keeps up to the window.
 */
export class FileSink implements LineSink {
  bytes = 0;
  private readonly hash = createHash('sha256');
  private readonly chunk = Buffer.allocUnsafe(CHUNK_BYTES + 4);
  private used = 0;
  private readonly full: Buffer[] = [];
  private readonly file: number;
  private readonly compressor: { stdin: Writable; done: Promise<void> } | null;

  constructor(
    private readonly path: string,
    level: number | null,
  ) {
    this.file = openSync(path, 'w');
    this.compressor = level === null ? null : this.startCompressor(level);
  }

  write(line: string | Uint8Array, end: string): void {
    const most = (typeof line === 'string' ? line.length * 3 : line.length) + end.length; // UTF-8 of a UTF-16 unit
    if (most > CHUNK_BYTES - this.used) this.cut();
    if (typeof line === 'string') this.used += this.chunk.write(line, this.used);
    else {
      this.chunk.set(line, this.used);
      this.used += line.length;
    }
    this.used += this.chunk.write(end, this.used);
  }

  async ready(): Promise<void> {
    for (const chunk of this.full.splice(0)) {
      if (this.compressor === null) {
        for (let at = 0; at < chunk.length; ) at += writeSync(this.file, chunk, at);
      } else if (!this.compressor.stdin.write(chunk)) {
        const { stdin, done } = this.compressor;
        await Promise.race([once(stdin, 'drain').catch(() => done), done]); // whose pipe breaks, knows why
      }
    }
  }

  async close(): Promise<string> {
    this.cut();
    await this.ready();
    this.compressor?.stdin.end();
    await this.compressor?.done;
    closeSync(this.file);
    return this.hash.digest('hex');
  }

  private cut(): void {
    const chunk = Buffer.from(this.chunk.subarray(0, this.used));
    this.hash.update(chunk);
    this.bytes += chunk.length;
    this.used = 0;
    if (chunk.length > 0) this.full.push(chunk);
  }

  private startCompressor(level: number): { stdin: Writable; done: Promise<void> } {
    const flags = ['-q', '-c', `-${level}`, '--long=31', ...(level > 19 ? ['--ultra'] : [])];
    const child = spawn('zstd', flags, { stdio: ['pipe', this.file, 'inherit'] });
    const stdin = child.stdin!; // typed as null for other `stdio` settings
    stdin.on('error', () => {}); // the exit status says more
    const done = new Promise<void>((resolve, reject) => {
      child.on('error', (cause) => {
        const message = `Cannot start zstd for ${this.path}: ${messageOf(cause)}. Install the zstd program or pass --plain.`;
        reject(new InputError('ERR_ZSTD_MISSING', message, { path: this.path }, { cause }));
      });
      child.on('close', (code, signal) => {
        if (code === 0) return resolve();
        const message = `zstd ended with ${signal ?? `status ${code}`} while writing ${this.path}; the file is not complete. Free memory or disk space and run again.`;
        reject(new ExternalError('ERR_ZSTD_FAILED', message, { path: this.path, code, signal }));
      });
    });
    done.catch(() => {}); // awaited in close(); a failure before that must not end the process unexplained
    return { stdin, done };
  }
}
