import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { InputError, messageOf } from '../core/errors.js';

export interface ClipOptions {
  readonly model: string; // folder: config.json, preprocessor_config.json, tokenizer.json, onnx/{vision,text}_model.onnx
  readonly runtime?: string | undefined; // folder in which @huggingface/transformers is installed, where it is not with us
}

/** CLIP's two towers: pictures and texts as vectors of one space, [D], of length 1. */
export interface Clip {
  readonly dim: number; // D
  /** Vectors of pictures from the bytes of their files; an error for each that is no picture. */
  images(files: readonly Uint8Array[]): Promise<(Float32Array | Error)[]>;
  /** Vectors of texts; what is longer than the model reads, 77 tokens in most, is cut. */
  texts(texts: readonly string[]): Promise<Float32Array[]>;
}

/** The part of @huggingface/transformers 4 that we use. It is an optional peer: no types of it are at hand. */
interface Transformers {
  readonly env: { allowRemoteModels: boolean; localModelPath: string };
  readonly RawImage: { fromBlob(blob: Blob): Promise<unknown> };
  readonly AutoProcessor: Loader<(images: readonly unknown[]) => Promise<object>>;
  readonly AutoTokenizer: Loader<Tokenizer>;
  readonly CLIPVisionModelWithProjection: Loader<(inputs: object) => Promise<{ image_embeds: Rows }>>;
  readonly CLIPTextModelWithProjection: Loader<(inputs: object) => Promise<{ text_embeds: Rows }>>;
}
interface Tokenizer {
  (texts: readonly string[], options: object): { readonly input_ids: Tokens; readonly attention_mask: Tokens };
  readonly eos_token_id: number;
}
interface Tokens {
  readonly data: BigInt64Array; // [N, L]
  readonly dims: readonly number[]; // N, L
}
interface Loader<T> {
  from_pretrained(folder: string, options: object): Promise<T>;
}
interface Rows {
  readonly data: Float32Array; // [N, D]
}

const configSchema = z.object({ model_type: z.literal('clip'), projection_dim: z.int().positive() });

/**
 * Opens a CLIP model exported to ONNX, as they are found under the name `clip-vit-…` with a folder `onnx`. Runs on the
 * processor, and reads nothing but that folder: nothing is downloaded. Each tower is loaded when it is first needed.
 *
 * @throws `ERR_CLIP_MODEL` for a folder that holds no such model, `ERR_CLIP_RUNTIME` where the package is missing
 */
export async function openClip({ model, runtime }: ClipOptions): Promise<Clip> {
  const folder = resolve(model);
  const refuse = (cause: unknown): never => {
    throw new InputError(
      'ERR_CLIP_MODEL',
      `${model} holds no CLIP model that can be used: ${messageOf(cause)}. Expected config.json, preprocessor_config.json, tokenizer.json, and vision_model.onnx and text_model.onnx in a folder onnx.`,
      { model },
      { cause },
    );
  };
  const dim = await readFile(`${folder}/config.json`, 'utf8')
    .then((text) => configSchema.parse(JSON.parse(text)).projection_dim)
    .catch(refuse);
  const transformers = await loadTransformers(runtime);
  transformers.env.allowRemoteModels = false;
  transformers.env.localModelPath = '';
  const options = { dtype: 'fp32', device: 'cpu', local_files_only: true };
  const { AutoProcessor, AutoTokenizer, CLIPVisionModelWithProjection, CLIPTextModelWithProjection } = transformers;
  const vision = once(() =>
    Promise.all([
      AutoProcessor.from_pretrained(folder, options),
      CLIPVisionModelWithProjection.from_pretrained(folder, options),
    ]).catch(refuse),
  );
  const text = once(() =>
    Promise.all([
      AutoTokenizer.from_pretrained(folder, options),
      CLIPTextModelWithProjection.from_pretrained(folder, options),
    ]).catch(refuse),
  );
  return {
    dim,
    async images(files) {
      const [processor, tower] = await vision();
      const decoded = await Promise.all(
        files.map((bytes) =>
          transformers.RawImage.fromBlob(new Blob([bytes as Uint8Array<ArrayBuffer>])).catch(asError),
        ),
      );
      const pictures = decoded.filter((one) => !(one instanceof Error));
      if (pictures.length === 0) return decoded as Error[];
      const { image_embeds } = await processor(pictures).then(tower).catch(refuse);
      const rows = unitRowsOf(image_embeds, dim, model);
      let next = 0;
      return decoded.map((one) => (one instanceof Error ? one : rows[next++]));
    },
    async texts(texts) {
      const [tokenizer, tower] = await text();
      const tokens = tokenizer(texts, { padding: true, truncation: true });
      endRows(tokens.input_ids, tokens.attention_mask, tokenizer.eos_token_id);
      const { text_embeds } = await tower(tokens).catch(refuse);
      return unitRowsOf(text_embeds, dim, model);
    },
  };
}

/** CLIP reads a text off its end token, which the library cuts away with the rest of a text that is too long. */
function endRows({ data, dims }: Tokens, mask: Tokens, eos: number): void {
  const length = dims[1];
  for (let last = length - 1; last < data.length; last += length) if (mask.data[last] === 1n) data[last] = BigInt(eos);
}

async function loadTransformers(folder: string | undefined): Promise<Transformers> {
  const name = '@huggingface/transformers';
  const specifier = folder
    ? pathToFileURL(resolve(folder, 'node_modules', name, 'dist/transformers.node.mjs')).href
    : name;
  try {
    return (await import(specifier)) as Transformers;
  } catch (cause) {
    throw new InputError(
      'ERR_CLIP_RUNTIME',
      `CLIP needs ${name}, and ${folder ? `${folder} holds none` : 'it is not installed'}: ${messageOf(cause)}. ` +
        `Install it into a folder of its own: ONNXRUNTIME_NODE_INSTALL=skip npm i ${name}@4.3.1 (470 MB), and name the folder with --runtime.`,
      { folder },
      { cause },
    );
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function unitRowsOf({ data }: Rows, dim: number, model: string): Float32Array[] {
  return Array.from({ length: data.length / dim }, (_, i) => {
    const row = data.slice(i * dim, (i + 1) * dim);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (!Number.isFinite(length) || length === 0)
      throw new InputError('ERR_CLIP_MODEL', `${model} gives vectors that are not finite or zero.`, { model });
    return row.map((value) => value / length);
  });
}
