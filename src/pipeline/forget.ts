import { createReadStream } from 'node:fs';
import { appendFile, readdir, readFile, rm } from 'node:fs/promises';
import { readBatches, readTable, TableWriter, writeTable } from '../artifacts/arrow.js';
import { hashFile, type Manifest, readManifest } from '../artifacts/manifest.js';
import { fileBytes, type RunDirectory, writeFileDurably } from '../artifacts/run-directory.js';
import { INGESTED_SUBREDDITS, INGESTED_USERS, INTERACTIONS, SNIPPETS } from '../artifacts/tables.js';
import { InputError, IntegrityError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import { sipHash24 } from '../core/siphash.js';
import { pseudonymOf } from '../reddit/exclusions.js';
import { FORGOTTEN_FILE } from './ingest.js';
import { STAGE_NAMES } from './stage.js';

/** Someone who is to be forgotten: by name, whose pseudonym the key gives, or by pseudonym. */
export interface Person {
  readonly pseudonym: bigint;
  readonly name?: string;
}

export interface Forgotten {
  readonly people: number; // asked for
  readonly found: number; // of them in the run
  readonly interactions: number; // removed
  readonly subreddits: number; // removed, as nobody else was in them
  readonly texts: number; // removed
  readonly searchedFiles: number;
  readonly searchedBytes: number;
  readonly traces: readonly string[]; // files in which a trace was found afterwards; must be empty
}

/** A name, or a pseudonym as 16 hex digits. */
export function personOf(text: string, key: Uint32Array): Person {
  if (/^[0-9a-f]{16}$/i.test(text)) return { pseudonym: BigInt(`0x${text}`) };
  const name = text
    .trim()
    .replace(/^\/?u\//i, '')
    .toLowerCase();
  const bytes = Buffer.from(name);
  const hash = new Uint32Array(2);
  sipHash24(key, bytes, 0, bytes.length, hash);
  return { pseudonym: BigInt(`0x${pseudonymOf(hash[1], hash[0])}`), name };
}

/**
 * Removes people from a run as if they had never been read, and searches every file for what is left of them.
 *
 * The tables of the stage ingest are rewritten to what they would be without these people, ids included; of the sample of
 * texts theirs are taken out, and nothing takes their place. Everything made
 * from them is removed: embeddings, weights and personas have learned from them in ways that no rewriting undoes. Their
 * pseudonyms go on the run's list of people who stay out, the one place where they remain.
 */
export async function forget(run: RunDirectory, people: readonly Person[], log: Log): Promise<Forgotten> {
  const folder = run.stageFolder('ingest');
  const manifest = await readManifest(folder);
  if (!manifest)
    throw new InputError('ERR_STAGE_MISSING', `${run.path}: nothing was read yet, so there is nobody to forget.`, {
      path: run.path,
    });
  // first of all, so that a kill from here on cannot bring them back
  const listed = people.map(({ pseudonym }) => hexOf(pseudonym));
  const known = await readFile(`${run.path}/${FORGOTTEN_FILE}`, 'utf8').catch(() => '');
  const fresh = listed.filter((hex) => !known.includes(hex));
  if (fresh.length > 0)
    await appendFile(`${run.path}/${FORGOTTEN_FILE}`, fresh.map((hex) => `${hex}\n`).join(''), { mode: 0o600 });

  const removed = await rewriteIngest(run, folder, manifest, new Set(people.map(({ pseudonym }) => pseudonym)), log);
  const searched = await searchTraces(run.path, people);
  if (searched.traces.length > 0)
    throw new IntegrityError(
      'ERR_TRACES',
      `Traces are left in ${searched.traces.join(', ')}. Those files were not written by this run: remove them by hand.`,
      { traces: searched.traces },
    );
  return { people: people.length, ...removed, ...searched };
}

async function removeDerived(run: RunDirectory): Promise<void> {
  for (const stage of STAGE_NAMES)
    if (stage !== 'ingest') await rm(run.stageFolder(stage), { recursive: true, force: true });
  for (const folder of ['.tmp', '.cache']) await rm(`${run.path}/${folder}`, { recursive: true, force: true });
  await rm(`${run.path}/llm-cache.jsonl`, { force: true }); // of prompts that may have told of them
}

async function rewriteIngest(
  run: RunDirectory,
  folder: string,
  manifest: Manifest,
  gone: ReadonlySet<bigint>,
  log: Log,
) {
  const { pseudonym } = await readTable(folder, INGESTED_USERS);
  const newId = new Uint32Array(pseudonym.length); // where kept
  const isGone = new Uint8Array(pseudonym.length);
  let kept = 0;
  pseudonym.forEach((value, id) => {
    if (gone.has(value)) isGone[id] = 1;
    else newId[id] = kept++;
  });
  const found = pseudonym.length - kept;
  const result = { found, interactions: 0, subreddits: 0, texts: 0 };
  if (found === 0) return result;
  await removeDerived(run); // before the table by which a second attempt would know that there is something to do

  const files = Object.keys(manifest.outputs);
  const shards = files.filter((file) => /^interactions(-\d+)?\.arrow$/.test(file));
  const tables = shards.map((file) => ({ ...INTERACTIONS, file }) as unknown as typeof INTERACTIONS);
  const { name: names } = await readTable(folder, INGESTED_SUBREDDITS);
  const people = new Uint32Array(names.length);
  for (const table of tables)
    for await (const { user, subreddit } of readBatches(folder, table))
      for (let i = 0; i < user.length; i++) {
        if (isGone[user[i]]) result.interactions++;
        else people[subreddit[i]]++;
      }
  const keptNames = names.filter((_, s) => people[s] > 0);
  const newSubreddit = new Uint32Array(names.length);
  let next = 0;
  people.forEach((count, s) => {
    if (count > 0) newSubreddit[s] = next++;
  });
  result.subreddits = names.length - keptNames.length;

  const { folder: out } = await run.beginStage('ingest', `forget ${manifest.fingerprint}`);
  const rows: Record<string, number> = {};
  const map = <T extends { user: Uint32Array; subreddit: Uint32Array }>(batch: T): T => {
    const keep = Array.from(batch.user.keys()).filter((i) => !isGone[batch.user[i]]);
    const columns = Object.entries(batch).map(([name, column]) => {
      const values = column as unknown as Uint32Array;
      if (name === 'user') return [name, Uint32Array.from(keep, (i) => newId[values[i]])];
      if (name === 'subreddit') return [name, Uint32Array.from(keep, (i) => newSubreddit[values[i]])];
      if (Array.isArray(column)) return [name, keep.map((i) => column[i] as string)];
      const picked = new (values.constructor as Uint32ArrayConstructor)(keep.length);
      keep.forEach((i, at) => {
        picked[at] = values[i];
      });
      return [name, picked];
    });
    return Object.fromEntries(columns) as T;
  };
  for (const table of tables) {
    const writer = new TableWriter(out, table);
    for await (const batch of readBatches(folder, table)) writer.append(map(batch));
    rows[table.file] = writer.close().rows;
  }
  if (files.includes(SNIPPETS.file)) {
    const writer = new TableWriter(out, SNIPPETS);
    for await (const batch of readBatches(folder, SNIPPETS)) {
      const mapped = map(batch);
      result.texts += batch.user.length - mapped.user.length;
      writer.append(mapped);
    }
    rows[SNIPPETS.file] = writer.close().rows;
  }
  const keptPseudonyms = pseudonym.filter((_, id) => !isGone[id]);
  writeTable(out, INGESTED_USERS, { id: Uint32Array.from(keptPseudonyms.keys()), pseudonym: keptPseudonyms });
  writeTable(out, INGESTED_SUBREDDITS, { id: Uint32Array.from(keptNames.keys()), name: keptNames });
  rows[INGESTED_USERS.file] = kept;
  rows[INGESTED_SUBREDDITS.file] = keptNames.length;

  const unknown = files.filter((file) => !(file in rows));
  if (unknown.length > 0)
    throw new IntegrityError(
      'ERR_FORGET',
      `${folder} holds ${unknown.join(', ')}, which this version cannot rewrite. Read the input again with --suppress and --force ingest.`,
      { files: unknown },
    );
  const outputs: Manifest['outputs'] = {};
  for (const file of (await readdir(out)).sort())
    outputs[file] = {
      bytes: await fileBytes(`${out}/${file}`),
      sha256: await hashFile(`${out}/${file}`),
      rows: rows[file],
    };
  const before = Number(manifest.counts['interactions']);
  const updated: Manifest = {
    ...manifest,
    outputs,
    accounting: [
      ...manifest.accounting,
      {
        unit: 'interactions',
        read: before,
        kept: before - result.interactions,
        dropped: { forgotten: result.interactions },
      },
    ],
    counts: {
      ...manifest.counts,
      users: kept,
      subreddits: keptNames.length,
      interactions: before - result.interactions,
    },
    notes: [...manifest.notes, `${found} people were forgotten after reading`],
  };
  await writeFileDurably(`${out}/manifest.json`, `${JSON.stringify(updated, null, 2)}\n`);
  await run.finishStage('ingest');
  log.info(`forget: ${result.interactions} interactions of ${found} people removed from ingest`);
  return result;
}

/** Searches every file of the run, whatever wrote it, for pseudonyms as numbers and as text, and for u/name. */
export async function searchTraces(
  path: string,
  people: readonly Person[],
): Promise<{ searchedFiles: number; searchedBytes: number; traces: string[] }> {
  const needles: Buffer[] = people.flatMap(({ pseudonym }) => {
    const little = Buffer.alloc(8);
    little.writeBigUInt64LE(pseudonym);
    return [little, Buffer.from(hexOf(pseudonym)), Buffer.from(String(pseudonym))];
  });
  const names = people.flatMap(({ name }) => (name === undefined ? [] : [`u/${name}`]));
  const longest = Math.max(32, ...needles.map(({ length }) => length), ...names.map((name) => Buffer.byteLength(name)));
  let searchedFiles = 0;
  let searchedBytes = 0;
  const traces: string[] = [];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = `${entry.parentPath}/${entry.name}`;
    const shown = file.slice(path.length + 1);
    if (shown === FORGOTTEN_FILE) continue; // keeps them out, and is the one place where they remain
    searchedFiles++;
    let tail = Buffer.alloc(0);
    let found = false;
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 22 })) {
      const bytes = Buffer.concat([tail, chunk as Buffer]);
      searchedBytes += (chunk as Buffer).length;
      const text = names.length > 0 ? bytes.toString('latin1').toLowerCase() : '';
      found ||= needles.some((needle) => bytes.includes(needle)) || names.some((name) => text.includes(name));
      tail = bytes.subarray(Math.max(0, bytes.length - longest));
    }
    if (found) traces.push(shown);
  }
  return { searchedFiles, searchedBytes, traces };
}

function hexOf(pseudonym: bigint): string {
  return pseudonym.toString(16).padStart(16, '0');
}
