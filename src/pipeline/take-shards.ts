import { constants } from 'node:fs';
import { copyFile, link } from 'node:fs/promises';
import { readBatches } from '../artifacts/arrow.js';
import { INGESTED_SUBREDDITS, INGESTED_USERS, INTERACTIONS, type TableDefinition } from '../artifacts/tables.js';
import { InputError } from '../core/errors.js';
import type { InputFile } from '../reddit/inputs.js';
import type { StageContext, StageSummary } from './stage.js';

/**
 * Takes interactions that another system has summed already: a folder with `users.arrow`, `subreddits.arrow` and
 * `interactions-<number>.arrow` of the tables of the stage ingest, each shard sorted by user, then subreddit.
 *
 * Nothing is read through: build-graph merges the shards, checks their order and sums the pairs they share. Files are
 * linked into the run where both lie on one disk, and must not be changed in place afterwards; else they are copied.
 */
export async function takeShards(
  { folder, log, signal }: StageContext,
  files: readonly InputFile[],
): Promise<StageSummary> {
  const shards = files.map(({ path }) => path).filter((path) => /^interactions(-\d+)?\.arrow$/.test(nameOf(path)));
  const paths = [fileNamed(files, INGESTED_USERS.file), fileNamed(files, INGESTED_SUBREDDITS.file), ...shards];
  if (shards.length === 0) throw missing('interactions-0.arrow', files);
  if (new Set(paths.map(nameOf)).size < paths.length)
    throw new InputError('ERR_SHARDS', 'Two shards have the same name; give each its own number.', {
      files: paths.map(nameOf),
    });
  for (const path of paths) {
    signal.throwIfAborted();
    await link(path, `${folder}/${nameOf(path)}`).catch(() =>
      copyFile(path, `${folder}/${nameOf(path)}`, constants.COPYFILE_FICLONE),
    );
  }
  log.info(`ingest: ${shards.length} shards of interactions`);
  const rows: Record<string, number> = {
    [INGESTED_USERS.file]: await countRows(folder, INGESTED_USERS),
    [INGESTED_SUBREDDITS.file]: await countRows(folder, INGESTED_SUBREDDITS),
  };
  for (const path of shards)
    rows[nameOf(path)] = await countRows(folder, { ...INTERACTIONS, file: nameOf(path) } as typeof INTERACTIONS);
  const interactions = shards.reduce((sum, path) => sum + rows[nameOf(path)], 0);
  return {
    rows,
    accounting: [{ unit: 'rows', read: interactions, kept: interactions, dropped: {} }],
    counts: { users: rows[INGESTED_USERS.file], subreddits: rows[INGESTED_SUBREDDITS.file], interactions },
  };
}

async function countRows(folder: string, table: TableDefinition): Promise<number> {
  const [first] = Object.keys(table.columns);
  let rows = 0;
  for await (const batch of readBatches(folder, table)) rows += batch[first].length;
  return rows;
}

function fileNamed(files: readonly InputFile[], name: string): string {
  const file = files.find(({ path }) => nameOf(path) === name);
  if (!file) throw missing(name, files);
  return file.path;
}

function missing(name: string, files: readonly InputFile[]): InputError {
  return new InputError(
    'ERR_SHARDS',
    `With --format shards the input holds users.arrow, subreddits.arrow and interactions-<number>.arrow; ${name} is not among the ${files.length} files found.`,
    { missing: name },
  );
}

function nameOf(path: string): string {
  return path.split('/').at(-1) ?? path;
}
