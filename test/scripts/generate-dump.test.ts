import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { makeCommunities, userName } from '../../scripts/dump/communities.js';
import { counters, DROP_REASONS, type DropReason } from '../../scripts/dump/lines.js';
import { BACKGROUND, makePlan, type Plan, planActions, shufflePairs } from '../../scripts/dump/plan.js';
import {
  bytesOf,
  DEFAULTS,
  type DumpManifest,
  type DumpOptions,
  generateDump,
  monthsOf,
  scaleToBytes,
} from '../../scripts/generate-dump.js';
import { Random } from '../../src/core/random.js';

const SAMPLE = join(import.meta.dirname, '../../data/sample');
const noZstd = spawnSync('zstd', ['--version']).status === 0 ? '' : 'no zstd program on this machine';

const folders: string[] = [];
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dump-'));
  folders.push(folder);
  return folder;
}
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const SMALL: Omit<DumpOptions, 'out'> = { ...DEFAULTS, users: 120, groups: 3, actionsPerUser: 12, level: null };

describe('the generator', () => {
  it('writes the same bytes for the same seed and others for another', async () => {
    const [a, b, c] = [newFolder(), newFolder(), newFolder()];
    await generateDump({ ...SMALL, out: a });
    await generateDump({ ...SMALL, out: b });
    await generateDump({ ...SMALL, seed: 2, out: c });
    for (const name of readdirSync(a)) {
      expect(readFileSync(join(a, name)).equals(readFileSync(join(b, name))), name).toBe(true);
      if (name.startsWith('R'))
        expect(readFileSync(join(a, name)).equals(readFileSync(join(c, name))), name).toBe(false);
    }
  });

  it('plants in a plain dump exactly what its manifest says', async () => {
    const out = newFolder();
    const manifest = await generateDump({ ...SMALL, out });
    expectAsManifest(manifest, (name) => readFileSync(join(out, name)));
  });

  it('writes one user and one month too', async () => {
    const out = newFolder();
    const manifest = await generateDump({ ...SMALL, users: 1, groups: 1, months: monthsOf('1'), out });
    expect(manifest.users).toBe(1);
    expectAsManifest(manifest, (name) => readFileSync(join(out, name)));
  });

  it('compresses to the same raw bytes, in a frame that asks for a window of 2 GiB', async ({ skip }) => {
    skip(noZstd !== '', noZstd);
    const [plain, packed] = [newFolder(), newFolder()];
    await generateDump({ ...SMALL, out: plain });
    const manifest = await generateDump({ ...SMALL, level: 1, out: packed });
    for (const { name } of manifest.files) {
      const compressed = readFileSync(join(packed, name));
      expect(compressed[5] >> 3, 'exponent of the window over 1 KiB').toBe(21);
      const raw = readFileSync(join(plain, name.replace('.zst', '.ndjson')));
      expect(decompress(join(packed, name)).equals(raw), name).toBe(true);
    }
  });

  it('says what to do where zstd is missing', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = '';
    try {
      await expect(generateDump({ ...SMALL, level: 1, out: newFolder() })).rejects.toMatchObject({
        code: 'ERR_ZSTD_MISSING',
      });
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('comes within a tenth of the wanted size, by users or by actions', async () => {
    for (const scale of ['users', 'actionsPerUser'] as const) {
      const options = await scaleToBytes({ ...SMALL, users: 2000, out: newFolder() }, 30e6, scale);
      const { rawBytes } = await generateDump(options);
      expect(Math.abs(rawBytes / 30e6 - 1)).toBeLessThan(0.1);
    }
  });
});

describe('the committed sample', () => {
  const manifest = JSON.parse(readFileSync(join(SAMPLE, 'manifest.json'), 'utf8')) as DumpManifest;

  it('contains exactly what its manifest says', ({ skip }) => {
    skip(noZstd !== '', noZstd);
    expectAsManifest(manifest, (name) => decompress(join(SAMPLE, name)));
  });

  it('is what the generator writes today', async () => {
    const again = await generateDump({ ...manifest.options, level: null, out: newFolder() });
    expect(again.files.map((file) => file.rawSha256)).toEqual(manifest.files.map((file) => file.rawSha256));
  });

  it('has groups of at least 150 and every planted trait, in less than 3 MB', () => {
    const { background, ...groups } = manifest.usersPerGroup;
    expect(background).toBeGreaterThan(0);
    expect(Math.min(...Object.values(groups))).toBeGreaterThanOrEqual(150);
    const traits = new Map<string, number>();
    for (const file of manifest.files)
      for (const [trait, count] of Object.entries(file.traits)) traits.set(trait, (traits.get(trait) ?? 0) + count);
    for (const [trait, count] of traits) expect(count, trait).toBeGreaterThan(0);
    const bytes = readdirSync(SAMPLE).reduce((sum, name) => sum + statSync(join(SAMPLE, name)).size, 0);
    expect(bytes).toBeLessThan(3e6);
  });

  it('tells the truth about every user once', () => {
    const rows = readFileSync(join(SAMPLE, 'truth.tsv'), 'utf8').trimEnd().split('\n').slice(1);
    const groups = rows.map((row) => row.split('\t')[1]);
    expect(new Set(rows.map((row) => row.split('\t')[0])).size).toBe(rows.length);
    for (const [group, size] of Object.entries(manifest.usersPerGroup))
      expect(groups.filter((one) => one === group).length, group).toBe(size);
    expect(groups.filter((one) => one === 'bot').length).toBe(manifest.bots.length);
  });

  it('comes with a key of 32 bytes', () => {
    expect(existsSync(join(SAMPLE, 'key'))).toBe(true);
    expect(readFileSync(join(SAMPLE, 'key'), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
  });
});

describe('the plan', () => {
  it('keeps all four degrees when partners are exchanged, and changes the pairs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 1, max: 150 }), (seed, users) => {
        const communities = makeCommunities(3, 8);
        const plan = makePlan(communities, users, 10, new Random(seed));
        const control = makePlan(communities, users, 10, new Random(seed));
        shufflePairs(control, new Random(seed + 1));
        expect(degrees(control)).toEqual(degrees(plan));
        const pairs = Array.from(control.pairUser, (user, e) => `${user} ${control.pairSubreddit[e]}`);
        expect(new Set(pairs).size).toBe(pairs.length);
        if (users > 20) expect(control.pairSubreddit).not.toEqual(plan.pairSubreddit);
      }),
      { seed: 1, numRuns: 20 },
    );
  });

  it('puts most niche actions into the own group, and in the control no more than chance', () => {
    const communities = makeCommunities(8, 24);
    const plan = makePlan(communities, 1000, 26, new Random(1));
    expect(ownShare(plan, 24, 8)).toBeGreaterThan(0.75);
    shufflePairs(plan, new Random(2));
    expect(ownShare(plan, 24, 8)).toBeLessThan(0.2); // one in eight by chance, more for the larger groups
  });

  it('plays every action of every pair once', () => {
    const plan = makePlan(makeCommunities(2, 5), 50, 10, new Random(3));
    const seen = new Uint16Array(plan.pairActions.length);
    for (const pair of planActions(plan, new Random(4))) seen[pair]++;
    expect(seen).toEqual(plan.pairActions);
  });
});

describe('names', () => {
  it('gives every user another name, of a length that an account can have, and none like a bot', () => {
    const names = Array.from({ length: 30_000 }, (_, i) => userName(i));
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^(?!.*bot)[A-Za-z0-9_-]{3,20}$/i);
  });

  it('gives every subreddit another name, of a length that a subreddit can have', () => {
    for (const [groups, perGroup] of [
      [10, 288],
      [100, 24],
      [1, 1],
    ]) {
      const names = makeCommunities(groups, perGroup).subreddits.map((one) => one.name);
      expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
      for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_]{3,21}$/);
    }
  });

  it('refuses shapes that it has no names for', () => {
    for (const [groups, perGroup] of [
      [0, 5],
      [101, 5],
      [5, 0],
      [5, 289],
    ])
      expect(() => makeCommunities(groups, perGroup)).toThrow(expect.objectContaining({ code: 'ERR_DUMP_SHAPE' }));
  });
});

describe('flags', () => {
  it('reads months as a range or a number', () => {
    expect(monthsOf('2023-11..2024-02')).toEqual(['2023-11', '2023-12', '2024-01', '2024-02']);
    expect(monthsOf('1')).toEqual(['2025-06']);
    expect(monthsOf('3')).toEqual(['2010-01', '2017-10', '2025-06']);
    expect(new Set(monthsOf('186')).size).toBe(186);
    for (const wrong of ['', '0', '187', '2024-02..2024-01', '2024-13..2025-01', '2004-01..2006-01', 'x'])
      expect(() => monthsOf(wrong)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
  });

  it('reads sizes', () => {
    expect(['20000', '3GB', '1.5M', '2KiB'].map(bytesOf)).toEqual([20_000, 3e9, 1.5e6, 2048]);
    for (const wrong of ['', 'GB', '-1', '3 apples']) expect(() => bytesOf(wrong)).toThrow('--bytes');
  });
});

function decompress(path: string): Buffer {
  return execFileSync('zstd', ['-dc', '--long=31', path], { maxBuffer: 2 ** 28 });
}

/** Reads a dump as a careful reader would and compares every count with the manifest. */
function expectAsManifest(manifest: DumpManifest, rawOf: (name: string) => Buffer): void {
  const over18 = new Set(manifest.over18Subreddits);
  const bots = new Set(manifest.bots);
  const pairs = new Set<string>();
  const users = new Set<string>();
  for (const file of manifest.files) {
    const raw = rawOf(file.name);
    expect(createHash('sha256').update(raw).digest('hex'), file.name).toBe(file.rawSha256);
    expect(raw.length).toBe(file.rawBytes);
    expect(raw.at(-1) === 10, 'ends with a newline').toBe(file.finalNewline);
    const lines = raw.toString().split('\n');
    if (file.finalNewline) lines.pop();
    const dropped = counters(DROP_REASONS);
    const traits = { scoreNull: 0, crlf: 0, escapedAuthor: 0, crosspost: 0, subredditDetail: 0, promotedPosts: 0 };
    let kept = 0;
    let lastUtc = 0;
    for (const line of lines) {
      const post = parsed(line);
      const reason = post === null ? 'broken' : dropReason(post, over18, bots);
      if (post !== null) {
        const createdUtc = Number(post['created_utc']);
        if (createdUtc < lastUtc) expect.fail(`${file.name}: a line is out of order`);
        lastUtc = createdUtc;
      }
      if (reason !== null || post === null) {
        dropped[reason ?? 'broken']++;
        continue;
      }
      kept++;
      users.add(post['author'] as string);
      pairs.add(`${post['author']} ${post['subreddit']}`);
      if (post['score'] === null) traits.scoreNull++;
      if (line.endsWith('\r')) traits.crlf++;
      if (line.includes('"author":"\\u00') || line.includes('"author": "\\u00')) traits.escapedAuthor++;
      if ('crosspost_parent_list' in post) traits.crosspost++;
      if ('sr_detail' in post) traits.subredditDetail++;
      if ('ad_promoted_user_posts' in post) traits.promotedPosts++;
    }
    expect({ lines: lines.length, kept, dropped }, file.name).toEqual({
      lines: file.lines,
      kept: file.kept,
      dropped: file.dropped,
    });
    expect(file.traits, file.name).toMatchObject(traits);
    expect(file.lines).toBe(file.kept + Object.values(file.dropped).reduce((sum, n) => sum + n, 0));
  }
  expect(pairs.size).toBe(manifest.pairs);
  expect(users.size).toBe(manifest.users);
  expect(new Set([...pairs].map((pair) => pair.split(' ')[1])).size).toBe(manifest.subreddits);
  expect(users.has('nobody_here_0000')).toBe(false);
}

/** The record, or null where the line is broken. */
function parsed(line: string): Record<string, unknown> | null {
  let post: unknown;
  try {
    post = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof post !== 'object' || post === null || Array.isArray(post)) return null;
  const { author = '', subreddit = '', created_utc: createdUtc } = post as Record<string, unknown>;
  const isWhole = typeof author === 'string' && typeof subreddit === 'string' && Number(createdUtc) > 0;
  return isWhole ? (post as Record<string, unknown>) : null;
}

function dropReason(post: Record<string, unknown>, over18: Set<string>, bots: Set<string>): DropReason | null {
  const { author, subreddit } = post;
  if (author === undefined) return 'missingAuthor';
  if (subreddit === undefined) return 'missingSubreddit';
  if (author === '[deleted]') return 'deleted';
  if (bots.has(author as string)) return 'bot';
  if (over18.has(subreddit as string)) return 'over18Subreddit';
  if (post['over_18'] === true) return 'over18Record';
  if ((subreddit as string).startsWith('u_')) return 'userProfile';
  return null;
}

/** Distinct partners and actions of every user and every subreddit. */
function degrees({ numUsers, pairUser, pairSubreddit, pairActions }: Plan): Record<string, number[]> {
  const userPairs = new Array<number>(numUsers).fill(0);
  const userActions = new Array<number>(numUsers).fill(0);
  const subredditPairs: number[] = [];
  const subredditActions: number[] = [];
  pairUser.forEach((user, e) => {
    const subreddit = pairSubreddit[e];
    userPairs[user]++;
    userActions[user] += pairActions[e];
    subredditPairs[subreddit] = (subredditPairs[subreddit] ?? 0) + 1;
    subredditActions[subreddit] = (subredditActions[subreddit] ?? 0) + pairActions[e];
  });
  return { userPairs, userActions, subredditPairs, subredditActions };
}

/** Of the niche actions of regular users, the share in the user's own group. */
function ownShare({ userGroup, pairUser, pairSubreddit, pairActions }: Plan, perHobby: number, groups: number): number {
  let own = 0;
  let niche = 0;
  pairUser.forEach((user, e) => {
    const hobby = Math.floor(pairSubreddit[e] / perHobby);
    if (userGroup[user] === BACKGROUND || hobby >= groups) return;
    niche += pairActions[e];
    if (hobby === userGroup[user]) own += pairActions[e];
  });
  return own / niche;
}
