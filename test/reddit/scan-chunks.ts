import { existsSync } from 'node:fs';
import type { TestContext } from 'vitest';
import { createExclusions } from '../../src/reddit/exclusions.js';
import type { DropReason } from '../../src/reddit/records.js';
import { scanChunks } from '../../src/reddit/scan.js';
import type { InteractionSink, ScanCounts, ScanOptions } from '../../src/reddit/tally.js';

/** One call of `InteractionSink.add`. */
export interface Interaction {
  readonly user: string; // both words, hexadecimal
  readonly subreddit: string;
  readonly posts: number;
  readonly comments: number;
  readonly score: number;
  readonly firstUtc: number;
  readonly lastUtc: number;
}

export function collector(): { sink: InteractionSink; added: Interaction[] } {
  const added: Interaction[] = [];
  const names: string[] = [];
  const sink: InteractionSink = {
    intern: (name) => (names.includes(name) ? names.indexOf(name) : names.push(name) - 1),
    add(userHi, userLo, subreddit, posts, comments, score, firstUtc, lastUtc) {
      const user = `${userHi.toString(16)}:${userLo.toString(16)}`;
      added.push({ user, subreddit: names[subreddit], posts, comments, score, firstUtc, lastUtc });
    },
  };
  return { sink, added };
}

export const testOptions: ScanOptions = {
  keyWords: Uint32Array.of(1, 2, 3, 4),
  exclusions: createExclusions(),
  onBadLine: 'count',
};

/** The bytes in chunks of `size` bytes. */
export async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Scans text or bytes as if they came from a file called `input`. */
export async function scanBytes(
  content: string | Buffer,
  options: Partial<ScanOptions> = {},
  chunkSize = 65536,
): Promise<{ counts: ScanCounts; added: Interaction[] }> {
  const { sink, added } = collector();
  const chunks = inChunks(Buffer.from(content), chunkSize);
  const counts = await scanChunks(chunks, 'input', { ...testOptions, ...options }, sink);
  return { counts, added };
}

/** The reasons that occurred. */
export function reasonsOf({ dropped }: ScanCounts): Partial<Record<DropReason, number>> {
  return Object.fromEntries(Object.entries(dropped).filter(([, count]) => count > 0));
}

/** The folder of real data, or a skip that says why. */
export function sharedFolder(context: TestContext): string {
  const folder = process.env['MINE_PERSONAS_SHARED'] ?? '../shared/data';
  if (!existsSync(folder))
    context.skip('no real data here: MINE_PERSONAS_SHARED is not set and ../shared/data is absent');
  return folder;
}
