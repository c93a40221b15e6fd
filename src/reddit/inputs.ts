import { access, constants, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { InputError, messageOf } from '../core/errors.js';
import { type Log, silentLog } from '../core/log.js';

/** One file to read, or standard input. */
export interface InputFile {
  readonly path: string; // as given or found; '-' for standard input
  readonly bytes: number; // compressed; 0 of an empty file and where nobody knows: standard input and pipes
  readonly mtimeMs: number; // 0 of standard input and pipes
  readonly isStdin: boolean;
}

/**
 * The files that a person means by `patterns`, sorted by path (by code unit, so the same everywhere), each once.
 *
 * A pattern is a file; a folder, searched through for the files of the best kind in it, see `FOLDER_KINDS`; a glob with
 * `*`, `?`, `[…]` and `**` for any depth, which matches files only and hidden ones only where it spells the dot; or `-`
 * for standard input. Files given twice, be it under two names, are read once and reported to `log`.
 *
 * @param keepsEmpty whether an empty file is an input like any other, for its reader to refuse, instead of an error here
 */
export async function resolveInputs(
  patterns: readonly string[],
  log: Log = silentLog,
  keepsEmpty = false,
): Promise<InputFile[]> {
  const paths: string[] = [];
  for (const pattern of patterns) paths.push(...(await pathsOf(pattern)));
  paths.sort(compareCodeUnits);

  const inputs: InputFile[] = [];
  const pathOfReal = new Map<string, string>();
  for (const path of paths) {
    const real = path === '-' ? path : await realpath(path).catch((error) => unreadable(path, error));
    const first = pathOfReal.get(real);
    if (first !== undefined) {
      log.warn(
        first === path
          ? `${path} is given twice and read once.`
          : `${path} is the same file as ${first} and read once.`,
      );
      continue;
    }
    pathOfReal.set(real, path);
    const input = await describeInput(path);
    if (!keepsEmpty) assertNotEmpty(input);
    inputs.push(input);
  }
  return inputs;
}

async function describeInput(path: string): Promise<InputFile> {
  if (path === '-') return { path, bytes: 0, mtimeMs: 0, isStdin: true };
  const stats = await stat(path).catch((error) => unreadable(path, error));
  await access(path, constants.R_OK).catch((error) => unreadable(path, error));
  if (!stats.isFile()) return { path, bytes: 0, mtimeMs: 0, isStdin: false }; // such as <(command)
  return { path, bytes: stats.size, mtimeMs: stats.mtimeMs, isStdin: false };
}

/** Whether nobody can say before reading it how long it is, nor recognise it later. */
export function isPipe({ mtimeMs }: InputFile): boolean {
  return mtimeMs === 0;
}

export function assertNotEmpty(input: InputFile): void {
  const { path, bytes } = input;
  if (bytes > 0 || isPipe(input)) return;
  throw new InputError('ERR_EMPTY_INPUT', `${path}: the file has 0 bytes. Fetch it again, or leave it out.`, { path });
}

async function pathsOf(pattern: string): Promise<string[]> {
  if (pattern === '-') return ['-'];
  const stats = await stat(pattern).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' || error.code === 'ENOTDIR' ? undefined : unreadable(pattern, error),
  );
  if (stats?.isDirectory()) return filesOfFolder(pattern);
  if (stats !== undefined) return [pattern];
  if (!isGlob(pattern))
    throw new InputError(
      'ERR_INPUT_NOT_FOUND',
      `${pattern}: no such file or folder. Check the spelling and the current folder (${process.cwd()}).`,
      { path: pattern },
    );
  const matches = await expandGlob(pattern);
  if (matches.length === 0)
    throw new InputError(
      'ERR_INPUT_NOT_FOUND',
      `${pattern}: matches no file. Check it with ls, and quote it so that the shell leaves it alone.`,
      { path: pattern },
    );
  return matches;
}

const COMPRESSED = String.raw`(\.(zst|gz|bz2|xz))?$`;

/** What a folder is searched for: the first kind that has any file anywhere in it, and of no other kind. */
const FOLDER_KINDS: readonly RegExp[] = [
  new RegExp(
    String.raw`^R[CS]_(\d{4}-\d{2}${COMPRESSED}|.*\.(zst|gz|bz2|xz|ndjson|jsonl|json|csv|tsv|arrow|feather|parquet)$)`,
  ),
  new RegExp(String.raw`\.(ndjson|jsonl)${COMPRESSED}`),
  new RegExp(String.raw`\.((csv|tsv|txt|dat)${COMPRESSED}|(arrow|feather|parquet)$)`),
  new RegExp(String.raw`\.json${COMPRESSED}`),
];
const ABOUT_THE_DATA = /^(readme|licen[cs]e|changelog|manifest|package|checksums?|sha\d+sums?|md5sums?)\b/i;

async function filesOfFolder(folder: string): Promise<string[]> {
  const files = await walk(folder);
  for (const kind of FOLDER_KINDS) {
    const chosen = files.filter(({ name }) => kind.test(name) && !ABOUT_THE_DATA.test(name));
    if (chosen.length > 0) return chosen.map(({ path }) => path);
  }
  throw new InputError(
    'ERR_INPUT_NOT_FOUND',
    `${folder}: no dump in this folder. Expected are files named RC_* or RS_*, .ndjson, .jsonl or tables (.csv, .tsv, .arrow, .parquet), compressed or not; name other files one by one.`,
    { path: folder, files: files.length },
  );
}

interface FolderEntry {
  readonly path: string;
  readonly name: string;
  readonly isFolder: boolean;
  readonly isLink: boolean;
}

/** Every file below `folder` that is not hidden. Links are followed, but into no folder that leads back up. */
async function walk(folder: string, above: readonly string[] = []): Promise<FolderEntry[]> {
  const real = await realpath(folder).catch((error) => unreadable(folder, error));
  if (above.includes(real)) return [];
  const found: FolderEntry[] = [];
  for (const entry of await listFolder(folder)) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isFolder) found.push(...(await walk(entry.path, [...above, real])));
    else found.push(entry);
  }
  return found;
}

async function listFolder(folder: string): Promise<FolderEntry[]> {
  const entries = await readdir(folder === '' ? '.' : folder, { withFileTypes: true }).catch((error) =>
    unreadable(folder, error),
  );
  return Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name);
      const isFolder = entry.isSymbolicLink()
        ? await stat(path).then(
            (stats) => stats.isDirectory(),
            () => false, // a link to nowhere is reported if it is chosen
          )
        : entry.isDirectory();
      return { name: entry.name, path, isFolder, isLink: entry.isSymbolicLink() };
    }),
  );
}

function isGlob(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}

async function expandGlob(pattern: string): Promise<string[]> {
  const segments = pattern.split('/').filter((segment, i) => segment !== '' || i === 0);
  const isAbsolute = segments[0] === '';
  return isAbsolute ? matchSegments('/', segments.slice(1)) : matchSegments('', segments);
}

/** The files below `folder` whose path matches the segments. */
async function matchSegments(folder: string, segments: readonly string[]): Promise<string[]> {
  const [segment, ...rest] = segments;
  if (!isGlob(segment)) {
    const path = join(folder, segment);
    const stats = await stat(path).catch(() => undefined);
    if (rest.length === 0) return stats !== undefined && !stats.isDirectory() ? [path] : [];
    return stats?.isDirectory() ? matchSegments(path, rest) : [];
  }
  if (segment === '**') {
    const found = rest.length === 0 ? [] : await matchSegments(folder, rest);
    for (const { name, path, isFolder, isLink } of await listFolder(folder)) {
      if (name.startsWith('.')) continue;
      if (!isFolder && rest.length === 0) found.push(path);
      if (isFolder && !isLink) found.push(...(await matchSegments(path, segments))); // a link may lead back up
    }
    return [...new Set(found)]; // 'a/**/**' finds files twice
  }
  const matcher = segmentMatcher(segment);
  const found: string[] = [];
  for (const { name, path, isFolder } of await listFolder(folder)) {
    if (!matcher.test(name) || (name.startsWith('.') && !segment.startsWith('.'))) continue;
    if (rest.length > 0 && isFolder) found.push(...(await matchSegments(path, rest)));
    if (rest.length === 0 && !isFolder) found.push(path);
  }
  return found;
}

/** One segment of a glob as a regular expression; a `[` that is never closed stands for itself. */
function segmentMatcher(segment: string): RegExp {
  const source = segment.replace(/\*+|\?|\[(?<not>[!^]?)(?<set>\]?[^\]]*)\]|[^*?]/g, (part, not, set) => {
    if (part.startsWith('*')) return '.*';
    if (part === '?') return '.';
    if (set !== undefined) return `[${not ? '^' : ''}${set.replace(/[\\\]^[]/g, '\\$&')}]`;
    return part.replace(/[\\^$.|+()[\]{}]/, '\\$&');
  });
  return new RegExp(`^${source}$`, 'su');
}

function unreadable(path: string, error: unknown): never {
  throw new InputError(
    'ERR_INPUT_UNREADABLE',
    `${path}: cannot be read (${messageOf(error)}). Check its permissions.`,
    { path },
    { cause: error },
  );
}

function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
