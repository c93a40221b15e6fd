import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { readAllJsonLines } from '../artifacts/jsonl.js';
import { InputError, messageOf } from '../core/errors.js';
import { delimitedRows } from '../evaluation/delimited-rows.js';
import { type PersonaView, personaViewSchema } from '../rewriting/persona-view.js';

const text = z.string().trim().min(1);

/** A prompt, and for whom it is where that is given. */
const promptSchema = z.object({
  id: text.optional(),
  prompt: text,
  persona: text.optional(),
  user: text.optional(),
  visualInterest: z.string().nullish(),
});

export interface PromptLine {
  readonly id: string;
  readonly prompt: string;
  readonly persona?: string | undefined;
  readonly user?: string | undefined; // whose earlier prompts are shown, where it is not the persona's
  readonly visualInterest?: string | undefined;
}

/** Rows of a JSONL, CSV or TSV file, or lines of a text file under the name `prompt`. */
export async function readRows(path: string): Promise<Record<string, unknown>[]> {
  if (/\.(?:jsonl|ndjson|json)$/i.test(path)) return readAllJsonLines(path, z.record(z.string(), z.unknown()));
  const content = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError('ERR_FILE_MISSING', `${path} cannot be read: ${messageOf(cause)}.`, { path }, { cause });
  });
  if (/\.(?:csv|tsv)$/i.test(path)) return delimitedRows(content, path);
  const lines = content.split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => line !== '').map((prompt) => ({ prompt }));
}

/** Rows that fit `schema`. Throws `ERR_ROW` with the number of the first that does not, and `ERR_EMPTY` for none. */
export async function readChecked<T>(path: string, schema: z.ZodType<T>): Promise<T[]> {
  const rows = await readRows(path);
  if (rows.length === 0) throw new InputError('ERR_EMPTY', `${path} holds no rows.`, { path });
  return rows.map((row, i) => {
    const parsed = schema.safeParse(row);
    if (parsed.success) return parsed.data;
    throw new InputError('ERR_ROW', `${path}, row ${i + 1}: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}.`, {
      path,
      row: i + 1,
    });
  });
}

/** Prompts with ids: their own, or p1, p2 … by position. Throws `ERR_DUPLICATE_ID` where two rows share one. */
export async function readPrompts(path: string): Promise<PromptLine[]> {
  const rows = await readChecked(path, promptSchema);
  const seen = new Set<string>();
  return rows.map(({ id, prompt, persona, user, visualInterest }, i) => {
    const line = { id: id ?? `p${i + 1}`, prompt, persona, user, visualInterest: visualInterest ?? undefined };
    const key = JSON.stringify([line.id, persona]);
    if (seen.has(key))
      throw new InputError('ERR_DUPLICATE_ID', `${path}, row ${i + 1}: the id "${line.id}" was there before.`, {
        path,
        id,
      });
    seen.add(key);
    return line;
  });
}

export async function readPersonas(path: string): Promise<PersonaView[]> {
  const personas = await readAllJsonLines(path, personaViewSchema);
  if (personas.length === 0) throw new InputError('ERR_EMPTY', `${path} holds no personas.`, { path });
  const ids = new Set(personas.map(({ id }) => id));
  if (ids.size < personas.length)
    throw new InputError('ERR_DUPLICATE_ID', `${path} has two personas of one id.`, { path });
  return personas;
}

const historySchema = z
  .object({ persona: text.optional(), user: text.optional(), prompt: text })
  .refine((row) => row.persona !== undefined || row.user !== undefined, { message: 'needs a persona or a user' });

/** Earlier prompts by persona (or user) in the order of the file. */
export async function readHistory(path: string): Promise<Map<string, string[]>> {
  const histories = new Map<string, string[]>();
  for (const { persona, user, prompt } of await readChecked(path, historySchema)) {
    const of = (persona ?? user) as string;
    const list = histories.get(of);
    if (list) list.push(prompt);
    else histories.set(of, [prompt]);
  }
  return histories;
}
