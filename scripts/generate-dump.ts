/**
 * Writes an invented Reddit dump with planted groups of users, and the truth about it.
 *
 *     npx tsx scripts/generate-dump.ts --out runs/dump --seed 1 --users 3000 --groups 8 --months 3
 *
 * With `--images`, `image-vectors.arrow` holds vectors of images that users posted, to be given to `--image-vectors`: each
 * group has a taste, and seven in ten of its people share it.
 *
 * Same flags and seed give the same raw bytes. Nothing in it was written by a person.
 */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { InputError, messageOf, UsageError } from '../src/core/errors.js';
import { Random } from '../src/core/random.js';
import { writeVectorTable } from '../src/vision/vector-table.js';
import { type Communities, makeCommunities, userName } from './dump/communities.js';
import { eraOf } from './dump/layouts.js';
import {
  BOT_NAMES,
  counters,
  DROP_REASONS,
  type DropReason,
  type DumpKind,
  LineWriter,
  type Trait,
} from './dump/lines.js';
import { CountingSink, FileSink, type LineSink } from './dump/output.js';
import { BACKGROUND, makePlan, type Plan, planActions, shufflePairs } from './dump/plan.js';
import { makeText, type TextSource } from './dump/text.js';
import { PlantedImages } from './planted-images.js';

export interface DumpOptions {
  readonly out: string; // folder
  readonly seed: number;
  readonly users: number;
  readonly groups: number;
  readonly subredditsPerGroup: number;
  readonly actionsPerUser: number; // mean of regular users
  readonly months: readonly string[]; // YYYY-MM, ascending
  readonly level: number | null; // of zstd; null writes plain .ndjson
  readonly shuffleEdges: boolean;
  readonly images?: boolean; // vectors of posted images as well
  readonly wordy?: boolean; // bodies as long and varied as real ones, for figures of speed
}

export interface DumpFile {
  readonly name: string;
  readonly kind: DumpKind;
  readonly month: string;
  readonly era: string;
  readonly lines: number; // kept + everything dropped
  readonly kept: number;
  readonly dropped: Record<DropReason, number>;
  readonly traits: Record<Trait, number>;
  readonly finalNewline: boolean;
  readonly rawBytes: number;
  readonly rawSha256: string;
}

/** What a correct reader must find. `kept` lines are exactly the planned actions. */
export interface DumpManifest {
  readonly format: 'mine-personas synthetic dump';
  readonly version: 1;
  readonly options: Omit<DumpOptions, 'out'>;
  readonly lines: number;
  readonly kept: number;
  readonly dropped: Record<DropReason, number>;
  readonly rawBytes: number;
  readonly users: number; // with at least one kept line
  readonly subreddits: number; // with at least one kept line
  readonly pairs: number; // distinct user–subreddit pairs among kept lines
  readonly usersPerGroup: Record<string, number>;
  readonly bots: readonly string[];
  readonly over18Subreddits: readonly string[];
  readonly files: readonly DumpFile[];
}

export const DEFAULTS: Omit<DumpOptions, 'out'> = {
  seed: 1,
  users: 3000,
  groups: 10,
  subredditsPerGroup: 24,
  actionsPerUser: 26,
  months: monthsOf('3'),
  level: 19,
  shuffleEdges: false,
};

const IMAGE_DIM = 32;
const SHARED_TASTE = 0.7; // of the people of a group
const WITH_IMAGES_SHARE = 0.5; // of users
const COMMENT_SHARE = 0.8; // of actions
const ACTIONS_BETWEEN_WAITS = 256;

/** Writes the dump, its truth and its manifest into `options.out` and returns the manifest. */
export async function generateDump(options: DumpOptions): Promise<DumpManifest> {
  mkdirSync(options.out, { recursive: true });
  const { communities, plan, actions, text } = prepare(options);
  const specs = fileSpecs(options, actions.length);
  const lastComments = specs.filter((spec) => spec.kind === 'comments').at(-1);
  const files: DumpFile[] = [];
  for (const spec of specs) {
    const sink = new FileSink(join(options.out, spec.name), options.level);
    const finalNewline = spec !== lastComments; // as when a download was joined from parts
    files.push(await writeFile(spec, { communities, plan, actions, text }, options.seed, sink, finalNewline));
  }

  const manifest = describeDump(options, communities, plan, files);
  const write = (name: string, content: string) => writeFileSync(join(options.out, name), content);
  write('truth.tsv', truthTable(communities, plan));
  write('groups.tsv', groupTable(communities));
  write('over18.tsv', over18Table(communities));
  if (options.images) await writeImages(options, plan);
  write('manifest.json', `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

async function writeImages({ out, seed, groups }: DumpOptions, plan: Plan): Promise<void> {
  const random = new Random(seed).fork('images');
  const images = new PlantedImages(groups, IMAGE_DIM, random);
  async function* rows() {
    for (let user = 0; user < plan.numUsers; user++) {
      if (random.float() >= WITH_IMAGES_SHARE) continue;
      const group = plan.userGroup[user];
      const taste = group !== BACKGROUND && random.float() < SHARED_TASTE ? group : random.below(groups);
      for (const vector of images.ofUser(user, taste)) yield { id: userName(user), vector };
    }
  }
  await writeVectorTable(join(out, 'image-vectors.arrow'), IMAGE_DIM, rows());
}

/** Users or actions for about `bytes` raw bytes, measured on small dumps of the same kind. */
export async function scaleToBytes(
  options: DumpOptions,
  bytes: number,
  scale: 'users' | 'actionsPerUser',
): Promise<DumpOptions> {
  const small = { ...options, users: 400, shuffleEdges: false };
  const prepared = prepare(small);
  let measured = 0;
  for (const spec of fileSpecs(small, prepared.actions.length))
    measured += (await writeFile(spec, prepared, small.seed, new CountingSink(), true)).rawBytes;
  const wantedActions = (bytes / measured) * prepared.actions.length;

  const many = prepare({ ...small, users: 20_000 }); // activity has a heavy tail: few users do not show its mean
  const wantedPerUser = (wantedActions * 20_000) / many.actions.length;
  return scale === 'users'
    ? { ...options, users: Math.max(1, Math.round(wantedPerUser)) }
    : { ...options, actionsPerUser: (options.actionsPerUser * wantedPerUser) / options.users };
}

interface Prepared {
  readonly communities: Communities;
  readonly plan: Plan;
  readonly actions: Uint32Array; // pair of each action, in order of time
  readonly text: TextSource;
}

function prepare(options: DumpOptions): Prepared {
  const random = new Random(options.seed);
  const communities = makeCommunities(options.groups, options.subredditsPerGroup);
  const plan = makePlan(communities, options.users, options.actionsPerUser, random.fork('plan'));
  if (options.shuffleEdges) shufflePairs(plan, random.fork('shuffle'));
  const actions = planActions(plan, random.fork('order'));
  return { communities, plan, actions, text: makeText(communities, random.fork('text'), options.wordy) };
}

interface FileSpec {
  readonly name: string;
  readonly kind: DumpKind;
  readonly month: string;
  readonly begin: number; // its actions: begin to end, end excluded
  readonly end: number;
}

/** Two files a month. The actions are in random order, so a slice of them is a fair sample. */
function fileSpecs(options: DumpOptions, numActions: number): FileSpec[] {
  const { months, level } = options;
  const extension = level === null ? 'ndjson' : 'zst';
  return months.flatMap((month, m) => {
    const at = (share: number) => Math.round((numActions * (m + share)) / months.length);
    return [
      { name: `RC_${month}.${extension}`, kind: 'comments', month, begin: at(0), end: at(COMMENT_SHARE) },
      { name: `RS_${month}.${extension}`, kind: 'submissions', month, begin: at(COMMENT_SHARE), end: at(1) },
    ] as const;
  });
}

/** Writes one file in order of time: every planned action, and before some of them lines that must be dropped. */
async function writeFile(
  spec: FileSpec,
  { communities, plan, actions, text }: Prepared,
  seed: number,
  sink: LineSink,
  finalNewline: boolean,
): Promise<DumpFile> {
  const [year, month] = spec.month.split('-').map(Number);
  const begin = Date.UTC(year, month - 1) / 1000;
  const seconds = Date.UTC(year, month) / 1000 - begin;
  const era = eraOf(year);
  const random = new Random(seed).fork('file', spec.kind, spec.month);
  const writer = new LineWriter(spec.kind, era, (year - 2005) * 12 + month, communities, plan, text, random);
  const numActions = spec.end - spec.begin;
  let lines = 0;
  for (let i = 0; i < numActions; i++) {
    const createdUtc = begin + Math.floor((seconds * (i + random.float())) / numActions);
    for (let reason = writer.drawExtra(); reason !== null; reason = writer.drawExtra()) {
      sink.write(writer.extra(reason, createdUtc), '\n');
      lines++;
    }
    const pair = actions[spec.begin + i];
    const { line, crlf } = writer.action(plan.pairUser[pair], plan.pairSubreddit[pair], createdUtc);
    const isLast = i === numActions - 1;
    sink.write(line, isLast && !finalNewline ? '' : crlf ? '\r\n' : '\n');
    lines++;
    if (i % ACTIONS_BETWEEN_WAITS === 0) await sink.ready();
  }
  const rawSha256 = await sink.close();
  const { dropped, traits } = writer;
  return {
    name: spec.name,
    kind: spec.kind,
    month: spec.month,
    era: era.name,
    lines,
    kept: numActions,
    dropped,
    traits,
    finalNewline,
    rawBytes: sink.bytes,
    rawSha256,
  };
}

function describeDump(
  options: DumpOptions,
  communities: Communities,
  plan: Plan,
  files: readonly DumpFile[],
): DumpManifest {
  const { out: _, ...rest } = options;
  const dropped = counters(DROP_REASONS);
  for (const file of files) for (const reason of DROP_REASONS) dropped[reason] += file.dropped[reason];
  const sum = (field: 'lines' | 'kept' | 'rawBytes') => files.reduce((total, file) => total + file[field], 0);
  const usersPerGroup = counters([...communities.hobbies.map((hobby) => hobby.name), 'background']);
  for (const group of plan.userGroup) usersPerGroup[groupName(communities, group)]++;
  return {
    format: 'mine-personas synthetic dump',
    version: 1,
    options: rest,
    lines: sum('lines'),
    kept: sum('kept'),
    dropped,
    rawBytes: sum('rawBytes'),
    users: plan.numUsers,
    subreddits: new Set(plan.pairSubreddit).size,
    pairs: plan.pairUser.length,
    usersPerGroup,
    bots: BOT_NAMES,
    over18Subreddits: communities.subreddits.filter((one) => one.kind === 'over18').map((one) => one.name),
    files,
  };
}

function truthTable(communities: Communities, plan: Plan): string {
  const rows = Array.from(plan.userGroup, (group, user) => `${userName(user)}\t${groupName(communities, group)}`);
  return table('user\tgroup', [...rows, ...BOT_NAMES.map((name) => `${name}\tbot`)]);
}

function groupTable({ hobbies, subreddits, perHobby, generalBegin, over18Begin }: Communities): string {
  const names = (begin: number, end: number) =>
    subreddits
      .slice(begin, end)
      .map((one) => one.name)
      .join(' ');
  const rows = hobbies.map(({ name, title }, g) => `${name}\t${title}\t${names(g * perHobby, (g + 1) * perHobby)}`);
  rows.push(`general\tEverybody is here\t${names(generalBegin, over18Begin)}`);
  rows.push(`over18\tBehind an age gate\t${names(over18Begin, subreddits.length)}`);
  return table('group\ttitle\tsubreddits', rows);
}

function over18Table({ subreddits }: Communities): string {
  return table(
    'subreddit\tover18',
    subreddits.map((one) => `${one.name}\t${one.kind === 'over18' ? 1 : 0}`),
  );
}

function table(header: string, rows: readonly string[]): string {
  return `${[header, ...rows].join('\n')}\n`;
}

function groupName({ hobbies }: Communities, group: number): string {
  return group === BACKGROUND ? 'background' : hobbies[group].name;
}

/** `2024-01..2024-06`, or a number of months spread evenly from January 2010 to June 2025. */
export function monthsOf(text: string): string[] {
  const name = (index: number) => `${2005 + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, '0')}`;
  if (/^\d{1,3}$/.test(text) && Number(text) > 0) {
    const [first, last, count] = [60, 245, Number(text)];
    if (count === 1) return [name(last)];
    if (count > last - first + 1) throw usage('--months', text, `at most ${last - first + 1} months`);
    return Array.from({ length: count }, (_, i) => name(Math.round(first + ((last - first) * i) / (count - 1))));
  }
  const range = /^(20\d\d)-(0[1-9]|1[0-2])\.\.(20\d\d)-(0[1-9]|1[0-2])$/.exec(text);
  if (range === null) throw usage('--months', text, 'a number or a range such as 2024-01..2024-06');
  const [begin, end] = [indexOf(range[1], range[2]), indexOf(range[3], range[4])];
  if (begin < 0 || end < begin)
    throw usage('--months', text, 'a range that begins in 2005 or later and does not end before');
  return Array.from({ length: end - begin + 1 }, (_, i) => name(begin + i));
}

function indexOf(year: string, month: string): number {
  return (Number(year) - 2005) * 12 + Number(month) - 1;
}

/** `3GB`, `500M`, `1GiB`, `20000` → bytes. */
export function bytesOf(text: string): number {
  const match = /^(\d+(?:\.\d+)?)([kMGT]?)(i?)B?$/i.exec(text);
  if (match === null) throw usage('--bytes', text, 'a size such as 3GB or 500M');
  const power = ['', 'k', 'm', 'g', 't'].indexOf(match[2].toLowerCase());
  return Number(match[1]) * (match[3] === '' ? 1000 : 1024) ** power;
}

function usage(flag: string, got: string, expected: string): UsageError {
  return new UsageError('ERR_USAGE', `${flag} ${got}: expected ${expected}.`, { flag, got });
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      seed: { type: 'string' },
      users: { type: 'string' },
      groups: { type: 'string' },
      'subreddits-per-group': { type: 'string' },
      'actions-per-user': { type: 'string' },
      months: { type: 'string' },
      bytes: { type: 'string' },
      level: { type: 'string' },
      plain: { type: 'boolean', default: false },
      'shuffle-edges': { type: 'boolean', default: false },
      images: { type: 'boolean', default: false },
      wordy: { type: 'boolean', default: false },
    },
  });
  const integer = (
    flag: 'seed' | 'users' | 'groups' | 'subreddits-per-group' | 'level',
    fallback: number,
    least = 1,
  ) => {
    const text = values[flag];
    if (text === undefined) return fallback;
    if (!/^\d+$/.test(text) || Number(text) < least || Number(text) > 2 ** 32)
      throw usage(`--${flag}`, text, `a whole number of at least ${least}`);
    return Number(text);
  };
  if (values.out === undefined) throw new InputError('ERR_USAGE', 'Nowhere to write to. Pass --out DIR.');
  const actionsPerUser = Number(values['actions-per-user'] ?? DEFAULTS.actionsPerUser);
  if (!(actionsPerUser >= 1 && actionsPerUser <= 1000))
    throw usage('--actions-per-user', String(values['actions-per-user']), 'a number from 1 to 1000');
  let options: DumpOptions = {
    out: values.out,
    seed: integer('seed', DEFAULTS.seed, 0),
    users: integer('users', DEFAULTS.users),
    groups: integer('groups', DEFAULTS.groups),
    subredditsPerGroup: integer('subreddits-per-group', DEFAULTS.subredditsPerGroup),
    actionsPerUser,
    months: values.months === undefined ? DEFAULTS.months : monthsOf(values.months),
    level: values.plain ? null : integer('level', 19),
    shuffleEdges: values['shuffle-edges'],
    ...(values.images && { images: true }),
    ...(values.wordy && { wordy: true }),
  };
  if (options.level !== null && options.level > 22) throw usage('--level', String(options.level), '1 to 22');
  if (values.bytes !== undefined) {
    if (values.users !== undefined && values['actions-per-user'] !== undefined)
      throw usage('--bytes', values.bytes, '--users or --actions-per-user to be left open, so that one can be scaled');
    options = await scaleToBytes(
      options,
      bytesOf(values.bytes),
      values.users === undefined ? 'users' : 'actionsPerUser',
    );
  }
  const start = performance.now();
  const manifest = await generateDump(options);
  const wall = (performance.now() - start) / 1000;
  const peak = process.resourceUsage().maxRSS / 1024;
  process.stderr.write(
    `${manifest.lines} lines, ${manifest.rawBytes} raw bytes, ${manifest.users} users, ${manifest.pairs} pairs in ` +
      `${wall.toFixed(1)} s (${(manifest.rawBytes / 1e6 / wall).toFixed(0)} MB/s), peak ${peak.toFixed(0)} MiB\n`,
  );
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((error: unknown) => {
    process.stderr.write(`generate-dump: ${messageOf(error)}\n`);
    process.exitCode = 1;
  });
}
