import { mkdir, open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { InputError } from '../core/errors.js';
import { type ReplyCache, requestKey } from './cache.js';
import type { GenerateRequest } from './language-model.js';
import { chatBody, readCompletion } from './openai-compatible.js';

export interface BatchLimits {
  readonly maxRequests: number; // of a file
  readonly maxBytes: number; // of a file
}

/** What the strictest of the large services take. */
export const BATCH_LIMITS: BatchLimits = { maxRequests: 50_000, maxBytes: 100_000_000 };

export interface EmittedBatch {
  readonly files: readonly string[];
  readonly requests: number; // written
  readonly known: number; // left out, as their replies are recorded
}

/**
 * Writes requests as files for OpenAI's Batch API and `vllm run-batch`, which read the same JSONL. A request is named
 * by its key, so that its reply finds its way back into the recorded replies.
 */
export async function emitBatch(
  requests: Iterable<GenerateRequest> | AsyncIterable<GenerateRequest>,
  options: { model: string; folder: string; cache?: ReplyCache | undefined; limits?: BatchLimits },
): Promise<EmittedBatch> {
  const { model, folder, cache, limits = BATCH_LIMITS } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files: string[] = [];
  const written = new Set<string>();
  let known = 0;
  let file: Awaited<ReturnType<typeof open>> | undefined;
  let inFile = 0;
  let bytes = 0;
  try {
    for await (const request of requests) {
      const key = requestKey(model, request);
      if (written.has(key)) continue;
      if (cache?.has(key)) {
        known++;
        continue;
      }
      const body = chatBody(model, request);
      const line = `${JSON.stringify({ custom_id: key, method: 'POST', url: '/v1/chat/completions', body })}\n`;
      const size = Buffer.byteLength(line);
      if (!file || inFile >= limits.maxRequests || bytes + size > limits.maxBytes) {
        await file?.close();
        const path = `${folder}/batch-${String(files.length + 1).padStart(4, '0')}.jsonl`;
        file = await open(path, 'w', 0o600);
        files.push(path);
        inFile = 0;
        bytes = 0;
      }
      await file.writeFile(line);
      written.add(key);
      inFile++;
      bytes += size;
    }
  } finally {
    await file?.close();
  }
  return { files, requests: written.size, known };
}

/** read = kept + Σ dropped. */
export interface IngestedBatch {
  readonly read: number;
  readonly kept: number;
  readonly dropped: { readonly failed: number; readonly unreadable: number; readonly known: number };
}

const resultSchema = z.object({
  custom_id: z.string().regex(/^[0-9a-f]{64}$/),
  response: z.object({ status_code: z.number().nullish(), body: z.unknown() }).nullish(),
  error: z.unknown().nullish(),
});

/** Records the replies in result files of a batch; what failed there is asked for again by the next run. */
export async function ingestBatch(paths: readonly string[], cache: ReplyCache, model: string): Promise<IngestedBatch> {
  let read = 0;
  let kept = 0;
  const dropped = { failed: 0, unreadable: 0, known: 0 };
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      throw new InputError(
        'ERR_BATCH_FILE',
        `${path} cannot be read. Name the result files of a batch.`,
        { path },
        { cause },
      );
    });
    for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
      read++;
      const result = resultSchema.safeParse(parse(line));
      if (!result.success) {
        dropped.unreadable++;
        continue;
      }
      const { custom_id: key, response } = result.data;
      const reply = readCompletion(response?.body, { messages: [] });
      if (reply === undefined || (response?.status_code ?? 200) >= 400) dropped.failed++;
      else if (cache.has(key)) dropped.known++;
      else {
        await cache.put(key, model, reply);
        kept++;
      }
    }
  }
  return { read, kept, dropped };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
