import { fetch } from 'undici';
import { z } from 'zod';
import { ExternalError, messageOf } from '../core/errors.js';
import type { Random } from '../core/random.js';
import { endpointAgent, parseEndpoint } from '../llm/endpoint.js';
import { AttemptError, GaveUp, Retrier, retryAfterMs } from '../llm/retry.js';

export const IMAGE_SERVERS = ['openai', 'automatic1111', 'comfyui'] as const;
export type ImageServerKind = (typeof IMAGE_SERVERS)[number];

export interface ImageRequest {
  readonly prompt: string;
  readonly seed: number; // in [0, 2^32); OpenAI's own service ignores it
  readonly width: number; // pixels
  readonly height: number;
  readonly steps: number;
  readonly signal?: AbortSignal | undefined;
}

/** Whatever draws a picture from words. */
export interface ImageServer {
  readonly kind: ImageServerKind;
  draw(request: ImageRequest): Promise<Buffer>; // the bytes of a PNG, JPEG or WebP
}

export interface ImageServerOptions {
  readonly kind: ImageServerKind;
  readonly baseURL: string; // openai: ends in /v1; the others: the root
  readonly model?: string | undefined; // openai: model; automatic1111, comfyui: checkpoint
  readonly apiKey?: string | undefined;
  readonly random: Random; // for waits between attempts
  readonly timeoutMs: number; // of one picture
  readonly maxAttempts: number;
  readonly pollMs?: number; // comfyui: between two looks, default 500
}

const MAX_BODY_BYTES = 64 * 2 ** 20;

const SIGNATURES: readonly (readonly number[])[] = [
  [0x89, 0x50, 0x4e, 0x47],
  [0xff, 0xd8, 0xff],
  [0x52, 0x49, 0x46, 0x46],
];

/** Opens the adapter of a server. Pictures are checked by their first bytes: servers answer errors with status 200 too. */
export function openImageServer(options: ImageServerOptions): ImageServer {
  const caller = new Caller(options);
  const draw = { openai, automatic1111, comfyui }[options.kind];
  return {
    kind: options.kind,
    draw: (request) => caller.run(() => draw(caller, options, request), request),
  };
}

type Adapter = (caller: Caller, options: ImageServerOptions, request: ImageRequest) => Promise<Buffer>;

const openai: Adapter = async (caller, { model }, { prompt, seed, width, height, signal }) => {
  const body = { model, prompt, n: 1, size: `${width}x${height}`, response_format: 'b64_json', seed };
  const reply = await caller.json('/images/generations', body, signal);
  const parsed = z.object({ data: z.array(z.object({ b64_json: z.string() })).min(1) }).safeParse(reply);
  if (!parsed.success) throw caller.unreadable('data[0].b64_json');
  return caller.picture(Buffer.from(parsed.data.data[0].b64_json, 'base64'));
};

const automatic1111: Adapter = async (caller, { model }, { prompt, seed, width, height, steps, signal }) => {
  const override = model === undefined ? {} : { override_settings: { sd_model_checkpoint: model } };
  const reply = await caller.json('/sdapi/v1/txt2img', { prompt, seed, width, height, steps, ...override }, signal);
  const parsed = z.object({ images: z.array(z.string()).min(1) }).safeParse(reply);
  if (!parsed.success) throw caller.unreadable('images[0]');
  return caller.picture(Buffer.from(parsed.data.images[0].replace(/^data:[^,]*,/, ''), 'base64'));
};

const comfyui: Adapter = async (caller, { model, pollMs = 500 }, request) => {
  const { signal } = request;
  const queued = await caller.json(
    '/prompt',
    { prompt: comfyWorkflow(request, model ?? 'sd_xl_base_1.0.safetensors') },
    signal,
  );
  const { prompt_id: id } = z.object({ prompt_id: z.string() }).catch({ prompt_id: '' }).parse(queued);
  if (id === '') throw caller.unreadable('prompt_id');
  const history = z.record(
    z.string(),
    z.object({
      outputs: z.record(
        z.string(),
        z.object({
          images: z.array(z.object({ filename: z.string(), subfolder: z.string(), type: z.string() })).optional(),
        }),
      ),
      status: z.object({ status_str: z.string().optional() }).optional(),
    }),
  );
  for (const end = performance.now() + caller.timeoutMs; ; ) {
    const found = history.safeParse(await caller.json(`/history/${encodeURIComponent(id)}`, undefined, signal));
    const entry = found.success ? found.data[id] : undefined;
    if (entry?.status?.status_str === 'error') throw new AttemptError('ERR_LLM_SERVER', 'the workflow failed', false);
    const image = Object.values(entry?.outputs ?? {}).flatMap((output) => output.images ?? [])[0];
    if (image) return caller.picture(await caller.bytes(`/view?${new URLSearchParams(image)}`, undefined, signal));
    if (performance.now() > end)
      throw new AttemptError('ERR_LLM_TIMEOUT', `no picture in ${caller.timeoutMs} ms`, false);
    await new Promise((done) => setTimeout(done, pollMs));
    signal?.throwIfAborted();
  }
};

/** The plainest text-to-image workflow: checkpoint, two prompts, empty latent, sampler, decoder, file. */
function comfyWorkflow({ prompt, seed, width, height, steps }: ImageRequest, checkpoint: string) {
  const node = (class_type: string, inputs: Record<string, unknown>) => ({ class_type, inputs });
  const sampling = { steps, cfg: 7, sampler_name: 'euler', scheduler: 'normal', denoise: 1 };
  return {
    1: node('CheckpointLoaderSimple', { ckpt_name: checkpoint }),
    2: node('CLIPTextEncode', { clip: ['1', 1], text: prompt }),
    3: node('CLIPTextEncode', { clip: ['1', 1], text: '' }),
    4: node('EmptyLatentImage', { width, height, batch_size: 1 }),
    5: node('KSampler', {
      model: ['1', 0],
      positive: ['2', 0],
      negative: ['3', 0],
      latent_image: ['4', 0],
      seed,
      ...sampling,
    }),
    6: node('VAEDecode', { samples: ['5', 0], vae: ['1', 2] }),
    7: node('SaveImage', { images: ['6', 0], filename_prefix: 'mine-personas' }),
  };
}

/** Requests with attempts, time limits and errors that say what to do. Redirects are not followed. */
class Caller {
  readonly timeoutMs: number;
  private readonly endpoint: URL;
  private readonly dispatcher = endpointAgent();
  private readonly retrier: Retrier;
  private requests = 0;

  constructor(private readonly options: ImageServerOptions) {
    this.endpoint = parseEndpoint(options.baseURL);
    this.timeoutMs = options.timeoutMs;
    this.retrier = new Retrier({
      maxAttempts: options.maxAttempts,
      delayMs: 200,
      maxDelayMs: 30_000,
      maxRetryAfterMs: 600_000,
    });
  }

  async run(attempt: () => Promise<Buffer>, { signal }: ImageRequest): Promise<Buffer> {
    try {
      return await this.retrier.run(attempt, this.options.random.fork('request', this.requests++), signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof GaveUp)) throw error;
      const { code, message, status } = error.last;
      const { host } = this.endpoint;
      throw new ExternalError(
        code.replace('ERR_LLM_', 'ERR_IMAGE_') as `ERR_${string}`,
        `The image server at ${host} failed after ${error.attempts} attempts: ${message}. Check --base-url and the server, and run the same command again: finished pictures are kept.`,
        { host, status, attempts: error.attempts },
      );
    }
  }

  async json(path: string, body: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    const bytes = await this.bytes(path, body, signal);
    try {
      return JSON.parse(bytes.toString('utf8')) as unknown;
    } catch {
      throw this.unreadable('JSON');
    }
  }

  /** Posts JSON, or gets where there is no body. */
  async bytes(path: string, body: unknown, signal: AbortSignal | undefined): Promise<Buffer> {
    const timeout = AbortSignal.timeout(this.timeoutMs);
    const { apiKey } = this.options;
    try {
      const response = await fetch(`${this.endpoint.href.replace(/\/$/, '')}${path}`, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(apiKey && { authorization: `Bearer ${apiKey}` }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        dispatcher: this.dispatcher,
        redirect: 'manual',
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      const chunks: Uint8Array[] = [];
      let size = 0;
      for await (const chunk of response.body ?? []) {
        chunks.push(chunk as Uint8Array);
        size += (chunk as Uint8Array).byteLength;
        if (size > MAX_BODY_BYTES)
          throw new AttemptError('ERR_LLM_RESPONSE', `the body exceeds ${MAX_BODY_BYTES} bytes`, false);
      }
      if (response.ok) return Buffer.concat(chunks);
      const { status } = response;
      const after = retryAfterMs(response.headers as unknown as Headers, Date.now());
      if (status === 401 || status === 403) throw new AttemptError('ERR_LLM_AUTH', `status ${status}`, false, status);
      if (status === 429 || status >= 500)
        throw new AttemptError('ERR_LLM_SERVER', `status ${status}`, true, status, after);
      throw new AttemptError('ERR_LLM_REQUEST', `status ${status}`, false, status);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof AttemptError) throw error;
      if (timeout.aborted) throw new AttemptError('ERR_LLM_TIMEOUT', `no answer in ${this.timeoutMs} ms`, true);
      throw new AttemptError('ERR_LLM_NETWORK', messageOf((error as Error).cause ?? error), true);
    }
  }

  unreadable(expected: string): AttemptError {
    return new AttemptError('ERR_LLM_RESPONSE', `its answer has no ${expected}`, true);
  }

  picture(bytes: Buffer): Buffer {
    if (!SIGNATURES.some((signature) => signature.every((byte, i) => bytes[i] === byte)))
      throw this.unreadable('picture');
    return bytes;
  }
}
