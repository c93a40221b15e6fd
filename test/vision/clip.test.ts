import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Log, silentLog } from '../../src/core/log.js';
import { writeClipVectors } from '../../src/pipeline/clip-vectors.js';
import { openClip } from '../../src/vision/clip.js';
import { readVectorTable } from '../../src/vision/vector-table.js';
import { temporaryFolders } from '../artifacts/folders.js';
import { NOT_SLOW } from '../e2e/program.js';
import { clipRuntime } from '../support/runtimes.js';

const newFolder = temporaryFolders();
const GOLDEN = join(import.meta.dirname, '../golden/vision');
const MODEL = join(GOLDEN, 'tiny-clip');

interface Expected {
  readonly images: Readonly<Record<string, readonly number[]>>;
  readonly texts: Readonly<Record<string, readonly number[]>>;
}
const EXPECTED = JSON.parse(readFileSync(join(GOLDEN, 'expected.json'), 'utf8')) as Expected;

const farthest = (a: ArrayLike<number>, b: readonly number[]) =>
  Math.max(...b.map((value, d) => Math.abs(value - a[d])));

describe.skipIf(NOT_SLOW)(`a CLIP model of a few thousand weights, in onnxruntime ${NOT_SLOW}`, () => {
  let runtime: string;
  beforeAll(() => {
    runtime = clipRuntime();
  }, 300_000);

  it('sees pictures as PyTorch does', async () => {
    const clip = await openClip({ model: MODEL, runtime });
    const names = Object.keys(EXPECTED.images);
    const vectors = await clip.images(names.map((name) => readFileSync(join(GOLDEN, `${name}.png`))));
    // exact where nothing is scaled; the two libraries scale with slightly different filters
    const tolerance: Record<string, number> = { square: 1e-6, tall: 1e-6, large: 0.02 };
    names.forEach((name, i) => {
      expect(farthest(vectors[i] as Float32Array, EXPECTED.images[name]), name).toBeLessThan(tolerance[name]);
    });
  });

  it('reads texts as PyTorch does, those that are too long included', async () => {
    const clip = await openClip({ model: MODEL, runtime });
    const texts = Object.keys(EXPECTED.texts);
    const together = await clip.texts(texts);
    for (const [i, text] of texts.entries()) {
      expect(farthest(together[i], EXPECTED.texts[text]), text).toBeLessThan(1e-6);
      const [alone] = await clip.texts([text]);
      expect(farthest(alone, [...together[i]]), text).toBeLessThan(1e-6); // padding changes nothing
    }
  });

  it('leaves out what is no picture, and refuses a damaged model', async () => {
    const clip = await openClip({ model: MODEL, runtime });
    const good = readFileSync(join(GOLDEN, 'large.png'));
    const [broken, cut, whole, empty] = await clip.images([
      Buffer.from('no'),
      good.subarray(0, 100),
      good,
      Buffer.alloc(0),
    ]);
    expect([broken, cut, empty].map((one) => one instanceof Error)).toEqual([true, true, true]);
    expect(farthest(whole as Float32Array, EXPECTED.images['large'])).toBeLessThan(0.02);
    const damaged = newFolder();
    mkdirSync(join(damaged, 'onnx'));
    for (const name of ['config.json', 'preprocessor_config.json'])
      copyFileSync(join(MODEL, name), join(damaged, name));
    writeFileSync(join(damaged, 'onnx/vision_model.onnx'), 'no model');
    const bad = await openClip({ model: damaged, runtime });
    await expect(bad.images([good])).rejects.toMatchObject({ code: 'ERR_CLIP_MODEL' });
  });
});

/** A stand-in for the package: a picture is a text of two numbers, a text's vector its length and 1. */
const STAND_IN = `
export const env = {};
export const RawImage = {
  async fromBlob(blob) {
    const numbers = (await blob.text()).split(' ').map(Number);
    if (numbers.length !== 2 || numbers.some(Number.isNaN)) throw new Error('no picture');
    return numbers;
  },
};
const load = (value) => ({ from_pretrained: async () => value });
export const AutoProcessor = load(async (images) => ({ images }));
export const AutoTokenizer = load(Object.assign((texts) => ({ texts, input_ids: { data: [], dims: [0, 1] } }), { eos_token_id: 1 }));
const rows = (list) => ({ data: Float32Array.from(list.flat()) });
export const CLIPVisionModelWithProjection = load(async ({ images }) => ({ image_embeds: rows(images) }));
export const CLIPTextModelWithProjection = load(async ({ texts }) => ({ text_embeds: rows(texts.map((t) => [t.length, 1])) }));
`;

describe('tables of vectors', () => {
  const folder = newFolder();
  const module = join(folder, 'node_modules/@huggingface/transformers/dist/transformers.node.mjs');
  const open = async () => {
    mkdirSync(dirname(module), { recursive: true });
    writeFileSync(module, STAND_IN);
    writeFileSync(join(folder, 'config.json'), '{"model_type":"clip","projection_dim":2}');
    return openClip({ model: folder, runtime: folder });
  };

  it('hold a unit vector per picture of a folder; others are named and counted', async () => {
    const clip = await open();
    const pictures = newFolder();
    for (let i = 0; i < 7; i++) writeFileSync(join(pictures, `p${i}.png`), `${i} 4`);
    writeFileSync(join(pictures, 'broken.jpg'), 'oops');
    writeFileSync(join(pictures, 'notes.txt'), 'left alone');
    const warnings: string[] = [];
    const log: Log = { ...silentLog, warn: (text) => void warnings.push(text) };
    const out = join(pictures, 'vectors.arrow');
    const accounting = await writeClipVectors(clip, { images: pictures, out, batch: 3 }, log);
    expect(accounting).toEqual({ unit: 'pictures', read: 8, kept: 7, dropped: { missing: 0, 'no-picture': 1 } });
    expect(warnings).toEqual([expect.stringMatching(/broken\.jpg: no-picture$/)]);
    const { ids, values, dim } = await readVectorTable(out);
    expect(ids).toEqual(['p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6']);
    expect(dim).toBe(2);
    ids.forEach((_, i) => {
      expect(values[2 * i]).toBeCloseTo(i / Math.hypot(i, 4), 6);
      expect(values[2 * i + 1]).toBeCloseTo(4 / Math.hypot(i, 4), 6);
    });
  });

  it('follow a list of files by user, and prompts by the ids that rewriting gives them', async () => {
    const clip = await open();
    const work = newFolder();
    writeFileSync(join(work, 'one.png'), '3 4');
    writeFileSync(join(work, 'list.csv'), 'user,file\nann,one.png\nbob,gone.png\n');
    const out = join(work, 'v.arrow');
    const listed = await writeClipVectors(clip, { images: join(work, 'list.csv'), out, batch: 8 }, silentLog);
    expect(listed.dropped).toEqual({ missing: 1, 'no-picture': 0 });
    expect((await readVectorTable(out)).ids).toEqual(['ann']);
    writeFileSync(
      join(work, 'prompts.jsonl'),
      '{"prompt":"abc"}\n{"promptId":"x","prompt":"ab"}\n{"promptId":"x","prompt":"ab"}\n',
    );
    await writeClipVectors(clip, { texts: join(work, 'prompts.jsonl'), out, batch: 8 }, silentLog);
    const { ids, values } = await readVectorTable(out);
    expect(ids).toEqual(['p1', 'x']);
    expect(values[0]).toBeCloseTo(3 / Math.hypot(3, 1), 6);
  });

  it('are not written where nothing is a picture or a stop comes', async () => {
    const clip = await open();
    const work = newFolder();
    writeFileSync(join(work, 'one.png'), 'oops');
    const settings = { images: work, out: join(work, 'v.arrow'), batch: 8 };
    await expect(writeClipVectors(clip, settings, silentLog)).rejects.toMatchObject({ code: 'ERR_EMPTY' });
    const stop = AbortSignal.abort(new Error('stopped'));
    await expect(writeClipVectors(clip, settings, silentLog, stop)).rejects.toThrow('stopped');
    for (const name of ['v.arrow', 'v.arrow.tmp']) expect(existsSync(join(work, name))).toBe(false);
  });
});

describe('what is missing', () => {
  it('is said, with what to do: the package', async () => {
    const error = await openClip({ model: MODEL, runtime: newFolder() }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ERR_CLIP_RUNTIME' });
    expect((error as Error).message).toMatch(/npm i @huggingface\/transformers@\d.*--runtime/);
  });

  it.each([
    ['nothing', undefined],
    ['another model', '{"model_type":"bert"}'],
    ['no JSON', '{'],
  ])('is said, with what to do: the model, where there is %s', async (_, config) => {
    const model = newFolder();
    if (config) writeFileSync(join(model, 'config.json'), config);
    await expect(openClip({ model })).rejects.toMatchObject({ code: 'ERR_CLIP_MODEL' });
  });
});
