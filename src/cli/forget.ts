import { readFile } from 'node:fs/promises';
import { RunDirectory } from '../artifacts/run-directory.js';
import { InputError, UsageError } from '../core/errors.js';
import { parseNameList } from '../reddit/exclusions.js';
import { loadKey } from './key.js';
import { formatBytes, formatCount } from './progress.js';
import { readSaved } from './run-command.js';
import type { Shell } from './shell.js';

export interface ForgetFlags {
  readonly out: string;
  readonly user?: string[];
  readonly userFile?: string;
  readonly keyFile?: string;
  readonly rebuild?: boolean;
  readonly json?: boolean;
}

/** `forget`: removes people from a run, searches it for traces, and makes the rest anew where that was asked for. */
export async function forgetCommand(shell: Shell, flags: ForgetFlags): Promise<void> {
  const run = await RunDirectory.open(flags.out, { create: false });
  const names = [...(flags.user ?? []), ...(flags.userFile ? await readNames(flags.userFile) : [])];
  if (names.length === 0)
    throw new UsageError(
      'ERR_USAGE',
      'Name who is to be forgotten with --user NAME, or a file of names with --user-file.',
    );
  const { config } = await readSaved(run);
  const { key } = await loadKey(flags.keyFile ?? config.keyFile, shell.environment, false);
  const { forget, personOf } = await import('../pipeline/forget.js');
  const unlock = run.lock();
  const result = await forget(
    run,
    names.map((name) => personOf(name, key)),
    shell.log,
  ).finally(unlock);
  const { log } = shell;
  if (config.llmCache !== undefined)
    log.warn(
      `${config.llmCache} is not of this run alone, and was left as it is: it holds what models said of them too`,
    );
  log.info(
    `forget: ${result.found} of ${result.people} people were in the run; ${formatCount(result.interactions)} interactions, ${formatCount(result.subreddits)} subreddits and ${formatCount(result.texts)} texts of theirs removed`,
  );
  log.info(
    `forget: no trace in ${result.searchedFiles} files (${formatBytes(result.searchedBytes)}); pseudonyms stay in forgotten.txt, which keeps them out`,
  );
  if (flags.rebuild) {
    const { runCommand } = await import('./run-command.js');
    await runCommand(shell, undefined, {
      out: flags.out,
      ...(flags.keyFile && { keyFile: flags.keyFile }),
      from: 'build-graph',
    });
  } else
    log.info(`forget: what was made from them is gone; make it again with: mine-personas forget … --rebuild, or run`);
  if (flags.json) shell.print(JSON.stringify({ ok: true, ...result }));
}

async function readNames(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError('ERR_LIST_UNREADABLE', `Cannot read the list ${path}.`, { path }, { cause });
  });
  return parseNameList(text);
}
