import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { type Accounting, assertAccounting } from '../artifacts/manifest.js';
import { InputError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import type { Clip } from '../vision/clip.js';
import { writeVectorTable } from '../vision/vector-table.js';
import { readChecked } from './prompt-files.js';

export interface ClipVectorsSettings {
  readonly images?: string | undefined; // folder of pictures, or a list of them
  readonly texts?: string | undefined; // prompts
  readonly out: string; // .arrow
  readonly batch: number; // pictures or texts at a time
}

const PICTURE = /\.(?:png|jpe?g|webp|gif|avif|tiff?)$/i;
const MAX_WARNINGS = 10;

const text = z.coerce.string().trim().min(1);
const listSchema = z
  .object({ user: text.optional(), id: text.optional(), file: text })
  .transform(({ user, id, file }) => ({ id: user ?? id ?? nameOf(file), file }));
const textSchema = z.object({ id: text.optional(), promptId: text.optional(), prompt: text });

/**
 * CLIP vectors of pictures or texts as a table `(id, vector)`, which the evaluations of images and the training with images
 * read. Files that are no pictures are named, counted and left out.
 */
export async function writeClipVectors(
  clip: Clip,
  settings: ClipVectorsSettings,
  log: Log,
  signal?: AbortSignal,
): Promise<Accounting> {
  const { out, batch } = settings;
  const dropped = { missing: 0, 'no-picture': 0 };
  const say = (reason: keyof typeof dropped, file: string) => {
    dropped[reason]++;
    const total = dropped.missing + dropped['no-picture'];
    if (total <= MAX_WARNINGS)
      log.warn(`${file}: ${reason}${total === MAX_WARNINGS ? '; others like it are only counted' : ''}`);
  };
  const items = settings.images ? await pictures(settings.images) : await readTexts(settings.texts as string);
  let done = 0;
  const kept = await writeVectorTable(
    out,
    clip.dim,
    (async function* () {
      for (let begin = 0; begin < items.length; begin += batch) {
        signal?.throwIfAborted();
        const some = items.slice(begin, begin + batch);
        if (settings.images) {
          const read = await Promise.all(
            some.map(async (item) => ({ ...item, bytes: await readFile(item.from).catch(() => undefined) })),
          );
          const there = read.flatMap(({ id, from, bytes }) => {
            if (bytes) return [{ id, from, bytes }];
            say('missing', from);
            return [];
          });
          const vectors = await clip.images(there.map(({ bytes }) => bytes));
          for (const [i, vector] of vectors.entries())
            if (vector instanceof Error) say('no-picture', there[i].from);
            else yield { id: there[i].id, vector };
        } else
          for (const [i, vector] of (await clip.texts(some.map(({ from }) => from))).entries())
            yield { id: some[i].id, vector };
        done += some.length;
        log.progress({ task: 'clip', done, total: items.length, unit: settings.images ? 'pictures' : 'texts' });
      }
    })(),
  );
  const accounting = { unit: settings.images ? 'pictures' : 'texts', read: items.length, kept, dropped };
  assertAccounting('clip', [accounting]);
  if (kept === 0) {
    await rm(out, { force: true });
    throw new InputError('ERR_EMPTY', `None of ${items.length} files is a picture; ${out} was not written.`, {
      dropped,
    });
  }
  return accounting;
}

/** Pictures of a folder by the name of their file without its ending; or of a list: file, and id or user. */
async function pictures(path: string): Promise<{ id: string; from: string }[]> {
  const names = await readdir(path).catch(() => undefined);
  if (names) {
    const files = names.filter((name) => PICTURE.test(name)).sort();
    if (files.length === 0) throw new InputError('ERR_EMPTY', `${path} holds no pictures.`, { path });
    return files.map((name) => ({ id: nameOf(name), from: resolve(path, name) }));
  }
  const list = await readChecked(path, listSchema);
  return list.map(({ id, file }) => ({ id, from: resolve(dirname(path), file) }));
}

/** Prompts by the ids that rewriting knows them by: their own, or p1, p2 … by position. */
async function readTexts(path: string): Promise<{ id: string; from: string }[]> {
  const rows = await readChecked(path, textSchema);
  const byId = new Map(rows.map(({ id, promptId, prompt }, i) => [id ?? promptId ?? `p${i + 1}`, prompt]));
  return [...byId].map(([id, from]) => ({ id, from })); // a prompt for several personas has one vector
}

function nameOf(file: string): string {
  return file.replace(/^.*[/\\]/, '').replace(/\.[^.]+$/, '');
}
