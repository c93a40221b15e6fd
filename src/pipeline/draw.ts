import { createHash } from 'node:crypto';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { readAllJsonLines } from '../artifacts/jsonl.js';
import { writeFileDurably } from '../artifacts/run-directory.js';
import { ExternalError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { Random } from '../core/random.js';
import type { ImageServer } from '../images/image-server.js';
import { rewriteSchema } from '../rewriting/rewrite.js';
import { inOrder } from './rewrite.js';

export interface DrawSettings {
  readonly rewrites: string; // prompts.jsonl
  readonly out: string; // folder
  readonly seed: number;
  readonly perPrompt: number; // pictures of each line
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly concurrency: number;
  readonly serverName: string; // of the model that draws; part of what a picture is known by
}

export interface DrawSummary {
  readonly read: number; // pictures asked for
  readonly drawn: number;
  readonly found: number; // there from an earlier attempt
  readonly failed: number;
}

const MAX_FAILURES_IN_A_ROW = 10;

/**
 * A picture per line of prompts.jsonl. Its name is the hash of all it depends on, so a second run draws only what is
 * missing. Pictures of one prompt share their seed with and without persona: what differs is the words alone.
 */
export async function drawAll(
  settings: DrawSettings,
  server: ImageServer,
  log: Log,
  signal?: AbortSignal,
): Promise<DrawSummary> {
  const { out, seed, perPrompt, width, height, steps, serverName } = settings;
  const lines = await readAllJsonLines(settings.rewrites, rewriteSchema);
  await mkdir(out, { recursive: true });
  const jobs = lines.flatMap((line) =>
    Array.from({ length: perPrompt }, (_, n) => {
      const pictureSeed = new Random(seed).fork('picture', line.promptId, n).uint32();
      const depends = [line.rewritten, pictureSeed, width, height, steps, server.kind, serverName];
      const id = createHash('sha256').update(JSON.stringify(depends)).digest('hex').slice(0, 24);
      return { line, id, pictureSeed };
    }),
  );
  const tally = { read: jobs.length, drawn: 0, found: 0, failed: 0 };
  const underWay = new Map<string, Promise<boolean>>(); // equal words give one picture
  const work = async ({ line, id, pictureSeed }: (typeof jobs)[number]) => {
    const path = `${out}/${id}.png`;
    if (await isThere(path)) return { state: 'found' as const, line, id, pictureSeed };
    signal?.throwIfAborted();
    const drawing =
      underWay.get(id) ??
      server
        .draw({ prompt: line.rewritten, seed: pictureSeed, width, height, steps, signal })
        .then(async (bytes) => {
          await writeFileDurably(path, bytes);
          return true;
        })
        .catch((error: unknown) => {
          if (error instanceof ExternalError && error.code !== 'ERR_IMAGE_AUTH') {
            log.warn(`a picture was not drawn: ${error.message}`);
            return false;
          }
          throw error;
        });
    underWay.set(id, drawing);
    const good = await drawing;
    underWay.delete(id);
    return { state: good ? ('drawn' as const) : ('failed' as const), line, id, pictureSeed };
  };
  const index = await open(`${out}/images.jsonl.tmp`, 'w', 0o600);
  let failuresInARow = 0;
  try {
    for await (const { state, line, id, pictureSeed } of inOrder(jobs, settings.concurrency, work)) {
      tally[state]++;
      failuresInARow = state === 'failed' ? failuresInARow + 1 : 0;
      if (failuresInARow >= MAX_FAILURES_IN_A_ROW)
        throw new ExternalError(
          'ERR_IMAGE_FAILING',
          `${MAX_FAILURES_IN_A_ROW} pictures in a row failed. Check the server and run the same command again.`,
        );
      log.progress({
        task: 'draw',
        done: tally.drawn + tally.found + tally.failed,
        total: jobs.length,
        unit: 'pictures',
      });
      if (state === 'failed') continue;
      const { promptId, persona, model } = line;
      await index.writeFile(
        `${JSON.stringify({ id, file: `${id}.png`, promptId, persona, model, seed: pictureSeed })}\n`,
      );
    }
    await index.sync();
  } finally {
    await index.close();
  }
  await writeFileDurably(`${out}/images.jsonl`, await readFile(`${out}/images.jsonl.tmp`));
  return tally;
}

async function isThere(path: string): Promise<boolean> {
  return ((await stat(path).catch(() => undefined))?.size ?? 0) > 0;
}
