import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import PQueue from 'p-queue';
import { z } from 'zod';
import { ExternalError, InputError, IntegrityError } from '../core/errors.js';
import type { Budget } from './budget.js';
import type { GenerateRequest, LanguageModel, Reply } from './language-model.js';

/** record: known replies are used, new ones kept. replay: nothing but known replies. off: neither. */
export const CACHE_MODES = ['record', 'replay', 'off'] as const;
export type CacheMode = (typeof CACHE_MODES)[number];

const entrySchema = z.object({
  key: z.string().regex(/^[0-9a-f]{64}$/),
  model: z.string(),
  reply: z.object({
    text: z.string(),
    usage: z.object({ inputTokens: z.number(), outputTokens: z.number() }),
    finishReason: z.enum(['stop', 'length', 'content_filter']),
  }),
});

/**
 * What a request is known by: everything that its reply depends on. The address of the server is left out, so that a
 * recording made behind one serves behind another.
 */
export function requestKey(model: string, request: GenerateRequest): string {
  const { messages, schema, schemaName, maxOutputTokens, temperature, seed } = request;
  const depends = { model, messages, schema, schemaName, maxOutputTokens, temperature, seed };
  return createHash('sha256').update(JSON.stringify(depends)).digest('hex');
}

/**
 * Replies by the key of their request, in a JSONL file that is only ever appended to: what was paid for is on the disk
 * before anybody uses it, so a run that is killed never asks for it again. The same file replays a run without a model.
 * Prompts and keys of servers are not in it.
 */
export class ReplyCache {
  private readonly places = new Map<string, { at: number; bytes: number }>(); // of lines; the replies stay on the disk
  private end = 0; // bytes
  private waiting: { line: Buffer; key: string; done: () => void; failed: (error: unknown) => void }[] = [];
  private writing: Promise<void> | undefined;

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /** Opens or creates the file. A last line that a kill cut off is removed; damage elsewhere is `ERR_LLM_CACHE`. */
  static async open(path: string, mode: 'record' | 'replay'): Promise<ReplyCache> {
    const file = await open(path, mode === 'replay' ? 'r' : 'a+', 0o600).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'ENOENT') throw thrown;
      throw new InputError(
        'ERR_LLM_CACHE',
        `There are no recorded replies in ${path}: no such file. Record them with --llm-cache-mode record.`,
        { path },
      );
    });
    const cache = new ReplyCache(path, file);
    const whole = await cache.readAll();
    if (mode === 'record' && whole < cache.end) await file.truncate(whole);
    cache.end = whole;
    return cache;
  }

  get size(): number {
    return this.places.size;
  }

  has(key: string): boolean {
    return this.places.has(key);
  }

  async get(key: string): Promise<Reply | undefined> {
    const place = this.places.get(key);
    if (!place) return undefined;
    const line = Buffer.alloc(place.bytes);
    await this.file.read(line, 0, place.bytes, place.at);
    return this.parse(line.toString('utf8'), 'an entry').reply;
  }

  /** Keeps a reply; it is on the disk when the promise resolves. What is known already is left as it is. */
  put(key: string, model: string, reply: Reply): Promise<void> {
    if (this.places.has(key)) return Promise.resolve();
    const { text, usage, finishReason } = reply;
    const line = Buffer.from(`${JSON.stringify({ key, model, reply: { text, usage, finishReason } })}\n`);
    return new Promise((done, failed) => {
      this.waiting.push({ line, key, done, failed });
      this.writing ??= this.writeWaiting();
    });
  }

  async close(): Promise<void> {
    await this.writing;
    await this.file.close();
  }

  /** Writes what waits, together and with one flush, until nothing does. */
  private async writeWaiting(): Promise<void> {
    await undefined; // all that is put in this turn goes together
    while (this.waiting.length > 0) {
      const some = this.waiting.splice(0);
      try {
        await this.file.appendFile(Buffer.concat(some.map(({ line }) => line)));
        await this.file.datasync();
        for (const { line, key, done } of some) {
          this.places.set(key, { at: this.end, bytes: line.length - 1 });
          this.end += line.length;
          done();
        }
      } catch (error) {
        for (const { failed } of some) failed(error);
      }
    }
    this.writing = undefined; // in the turn in which nothing waits, so that what comes next starts anew
  }

  /** Notes where each line lies; returns the bytes of whole lines and leaves those of the file in `end`. */
  private async readAll(): Promise<number> {
    let rest = Buffer.alloc(0);
    let at = 0; // of `rest`
    let lineNumber = 0;
    const chunk = Buffer.alloc(1 << 20);
    for (let position = 0; ; ) {
      const { bytesRead } = await this.file.read(chunk, 0, chunk.length, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      let begin = 0;
      for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10, begin)) {
        lineNumber++;
        if (end > begin) {
          const { key } = this.parse(rest.toString('utf8', begin, end), `line ${lineNumber}`);
          this.places.set(key, { at: at + begin, bytes: end - begin });
        }
        begin = end + 1;
      }
      at += begin;
      rest = rest.subarray(begin);
    }
    this.end = at + rest.length;
    return at;
  }

  private parse(line: string, where: string): z.infer<typeof entrySchema> {
    try {
      return entrySchema.parse(JSON.parse(line));
    } catch (thrown) {
      throw new IntegrityError(
        'ERR_LLM_CACHE',
        `${this.path}: ${where} is no recorded reply. Remove that line, or the file to ask for everything again.`,
        { path: this.path, where },
        { cause: thrown },
      );
    }
  }
}

/**
 * The model with a memory. Without `model` nothing but recorded replies is given, and a request that was not recorded
 * is an error. Two equal requests at once are one call. A request counts as under way until its reply is on the disk, so
 * that a kill loses `concurrency` replies at the most.
 */
export function rememberingModel(
  id: Pick<LanguageModel, 'id' | 'maxInputTokens' | 'countTokens'>,
  model: LanguageModel | undefined,
  cache: ReplyCache,
  budget?: Budget,
  concurrency = Number.POSITIVE_INFINITY,
): LanguageModel {
  const queue = new PQueue({ concurrency });
  const underWay = new Map<string, Promise<Reply>>();
  const counted = new Set<string>();
  const ask = async (key: string, request: GenerateRequest): Promise<Reply> => {
    const known = await cache.get(key);
    if (known) {
      if (!counted.has(key)) budget?.remember(known.usage);
      counted.add(key);
      return known;
    }
    if (!model)
      throw new ExternalError(
        'ERR_LLM_NOT_RECORDED',
        `${cache.path} holds no reply of ${id.id} to this request. The evidence, the prompt or a setting changed: record again with --llm-cache-mode record.`,
        { path: cache.path, key },
      );
    return queue.add(async () => {
      request.signal?.throwIfAborted();
      const reply = await model.generate(request);
      counted.add(key);
      await cache.put(key, id.id, reply);
      return reply;
    });
  };
  return {
    id: id.id,
    maxInputTokens: id.maxInputTokens,
    ...(id.countTokens && { countTokens: id.countTokens.bind(id) }),
    generate(request) {
      const key = requestKey(id.id, request);
      const running = underWay.get(key) ?? ask(key, request).finally(() => underWay.delete(key));
      underWay.set(key, running);
      return running;
    },
  };
}
