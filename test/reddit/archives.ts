import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../../src/core/random.js';

/** Contents that take a decoder through its different parts. All seeded: the golden archives depend on them. */
export const CONTENTS: Readonly<Record<string, () => Buffer>> = {
  empty: () => Buffer.alloc(0),
  'one byte': () => Buffer.from('a'),
  'a short text': () => Buffer.from('{"author":"someone","subreddit":"pics","score":1}\n'),
  'one byte again and again': () => Buffer.alloc(300_000, 'z'),
  'few letters': () => letters(1_200, new Random(1)),
  'zeros with letters strewn in': () => strewn(400_000, new Random(2)),
  'random bytes': () => randomBytes(200_000, new Random(3)),
  'lines of JSON': () => jsonLines(1_000, new Random(4)),
};

/** Letters of skewed frequency, which compress as literals but not as matches. */
function letters(length: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length }, () => 97 + Math.floor(random.float() ** 3 * 6)));
}

function strewn(length: number, random: Random): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1 + random.below(4_000)) letters(1 + random.below(6), random).copy(bytes, at);
  return bytes;
}

export function randomBytes(length: number, random: Random): Buffer {
  return Buffer.from(Array.from({ length }, () => random.below(256)));
}

export function jsonLines(count: number, random: Random): Buffer {
  const words = Array.from({ length: 200 }, () => letters(2 + random.below(8), random).toString());
  const line = (i: number): string => {
    const body = Array.from({ length: random.below(40) }, () => words[random.below(words.length)]).join(' ');
    return `${JSON.stringify({ author: `user${random.below(999)}`, body, created_utc: 1_500_000_000 + i, score: random.below(99) })}\n`;
  };
  return Buffer.from(Array.from({ length: count }, (_, i) => line(i)).join(''));
}

export function hasProgram(name: string): boolean {
  return spawnSync(name, ['--help'], { stdio: 'ignore' }).error === undefined;
}

/** What `program` makes of `content`, which it gets as standard input. */
export function compress(program: string, args: readonly string[], content: Buffer): Buffer {
  return execFileSync(program, ['-c', ...args], {
    input: content,
    maxBuffer: 2 ** 30,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
}

/** A frame that decoders have to skip. */
export function skippableFrame(payload: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0x184d2a53, 0);
  head.writeUInt32LE(payload.length, 4);
  return Buffer.concat([head, payload]);
}

/** `bytes` in chunks of `size`, as a stream delivers them. */
export async function* chunksOf(bytes: Buffer, size = 65_536): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** The folder with real dumps, if this machine has it. */
export function sharedDumps(): string | undefined {
  const folder = join(process.env['MINE_PERSONAS_SHARED'] ?? '../shared', 'data', 'reddit');
  return existsSync(folder) ? folder : undefined;
}
