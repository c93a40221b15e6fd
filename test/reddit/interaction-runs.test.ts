import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunSet, readRunSet } from '../../src/reddit/run-file.js';
import { type MergeOptions, type MergeTotals, mergeRuns, type UserBatch } from '../../src/reddit/run-merge.js';
import { RunWriter } from '../../src/reddit/run-writer.js';

const NONE = { users: 0, rows: 0, interactions: 0 };
const NO_PROGRAMS = { rate: NONE, repetition: NONE, regularity: NONE };

interface Event {
  userHi: number;
  userLo: number;
  subreddit: string;
  posts: number;
  comments: number;
  score: number;
  firstUtc: number;
  lastUtc: number;
}

interface Result {
  subreddits: { key: string; name: string }[];
  users: [hi: number, lo: number][];
  interactions: number[][]; // user, subreddit, posts, comments, score, firstUtc, lastUtc
  totals: MergeTotals;
}

let root: string;
let numDirectories = 0;
beforeAll(() => {
  // Thousands of tiny flushed files: in memory where there is such a place.
  root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'interaction-runs-'));
});
afterAll(() => rmSync(root, { recursive: true }));

function freshDirectory(): string {
  const directory = join(root, `${numDirectories++}`);
  mkdirSync(directory);
  return directory;
}

async function writeEvents(directory: string, name: string, events: Event[], eventsPerRun: number): Promise<RunSet> {
  const writer = new RunWriter({ directory, name, eventsPerRun });
  for (const e of events)
    writer.add(e.userHi, e.userLo, writer.intern(e.subreddit), e.posts, e.comments, e.score, e.firstUtc, e.lastUtc);
  return writer.finish();
}

function collect(runSets: RunSet[], options: Partial<MergeOptions> = {}): Result & { batches: UserBatch[] } {
  const merge = mergeRuns(runSets, { scratchDirectory: freshDirectory(), ...options });
  const users: Result['users'] = [];
  const interactions: number[][] = [];
  const batches = Array.from(merge.batches, (batch) => structuredClone(batch));
  for (const b of batches) {
    b.userHi.forEach((hi, i) => {
      users.push([hi, b.userLo[i]]);
    });
    b.user.forEach((user, i) => {
      const counts = [b.posts[i], b.comments[i], b.score[i], b.firstUtc[i], b.lastUtc[i]];
      interactions.push([user, b.subreddit[i], ...counts]);
    });
  }
  return { subreddits: [...merge.subreddits], users, interactions, totals: merge.totals, batches };
}

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** The same table by plain maps and sorts. */
function oracle(events: Event[], dropSubreddit: (key: string) => string | undefined): Result {
  const droppedRows: Record<string, number> = {};
  const kept = events.filter(({ subreddit }) => {
    const reason = dropSubreddit(subreddit.toLowerCase());
    if (reason !== undefined) droppedRows[reason] = (droppedRows[reason] ?? 0) + 1;
    return reason === undefined;
  });

  const keys = [...new Set(kept.map(({ subreddit }) => subreddit.toLowerCase()))].sort(byBytes);
  const subreddits = keys.map((key) => {
    const spellings = kept.map(({ subreddit }) => subreddit).filter((name) => name.toLowerCase() === key);
    return { key, name: spellings.sort(byBytes)[0] };
  });
  const hashes = new Map(
    kept.map(({ userHi, userLo }) => [`${userHi}:${userLo}`, [userHi, userLo] as [number, number]]),
  );
  const users = [...hashes.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const rankOf = new Map(users.map(([hi, lo], rank) => [`${hi}:${lo}`, rank]));

  const pairs = new Map<string, number[]>();
  for (const e of kept) {
    const user = rankOf.get(`${e.userHi}:${e.userLo}`)!;
    const subreddit = keys.indexOf(e.subreddit.toLowerCase());
    const row = pairs.get(`${user}:${subreddit}`) ?? [user, subreddit, 0, 0, 0, Infinity, 0];
    row[2] += e.posts;
    row[3] += e.comments;
    row[4] += e.score;
    if (e.firstUtc > 0) row[5] = Math.min(row[5], e.firstUtc);
    row[6] = Math.max(row[6], e.lastUtc);
    pairs.set(`${user}:${subreddit}`, row);
  }
  const interactions = [...pairs.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  for (const row of interactions) if (row[5] === Infinity) row[5] = 0;
  const totals: MergeTotals = {
    readRows: events.length,
    keptRows: kept.length,
    droppedRows,
    numUsers: users.length,
    programs: NO_PROGRAMS,
    numInteractions: interactions.length,
  };
  return { subreddits, users, interactions, totals };
}

const half = fc.constantFrom(0, 1, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff); // collides often
// U+FF5E sorts before an emoji by bytes and after it by UTF-16; Ÿ is the larger byte-wise of its two spellings.
const names = ['AskReddit', 'askreddit', 'ASKREDDIT', 'de', 'De', '__proto__', 'Ÿ', 'ÿ', '～', '😀', 'u_a', 'U_b', ''];
const utc = fc.constantFrom(0, 0, 1, 1_700_000_000, 0xffffffff);
const event: fc.Arbitrary<Event> = fc.record({
  userHi: half,
  userLo: half,
  subreddit: fc.constantFrom(...names),
  posts: fc.nat(3),
  comments: fc.constantFrom(0, 1, 100_000_000),
  score: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  firstUtc: utc,
  lastUtc: utc,
});
const events = fc.array(event, { maxLength: 40 });
const dropProfiles = (key: string) => (key.startsWith('u_') ? 'profile' : key === '' ? 'unnamed' : undefined);

/** Splits as [file][event]; some files stay empty. */
function splitByFile(all: Event[], files: readonly number[], numFiles: number): Event[][] {
  const split: Event[][] = Array.from({ length: numFiles }, () => []);
  all.forEach((e, i) => {
    split[files[i % files.length] % numFiles].push(e);
  });
  return split;
}

describe('RunWriter and mergeRuns', () => {
  it('add up to what plain maps say, however events are split into files and runs and merged in rounds', async () => {
    await fc.assert(
      fc.asyncProperty(
        events,
        fc.array(fc.nat(3), { minLength: 1, maxLength: 20 }),
        fc.record({ eventsPerRun: fc.integer({ min: 1, max: 9 }), maxOpenRuns: fc.integer({ min: 2, max: 5 }) }),
        fc.integer({ min: 1, max: 9 }),
        async (all, files, { eventsPerRun, maxOpenRuns }, batchRows) => {
          const directory = freshDirectory();
          const split = splitByFile(all, files, 4);
          const sets = await Promise.all(split.map((part, f) => writeEvents(directory, `f${f}`, part, eventsPerRun)));
          const options = { maxOpenRuns, batchRows, dropSubreddit: dropProfiles };
          const { batches, ...result } = collect(sets, options);
          expect(result).toEqual(oracle(all, dropProfiles));

          for (const batch of batches) {
            expect(new Set(batch.user).size).toBe(batch.userHi.length); // whole users, each named once
            if (batch.userHi.length > 1) expect(batch.user.length).toBeLessThanOrEqual(batchRows);
          }
        },
      ),
      { seed: 1, numRuns: 80 },
    );
  });

  it('give the same result whatever the order of events, of files, and the size of runs', async () => {
    await fc.assert(
      fc.asyncProperty(
        events.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        fc.array(fc.nat(2), { minLength: 1, maxLength: 20 }),
        async ([all, shuffled], files) => {
          const directory = freshDirectory();
          const one = await writeEvents(directory, 'one', all, 1000);
          const parts = splitByFile(shuffled, files, 3);
          const sets = await Promise.all(parts.map((part, f) => writeEvents(directory, `f${f}`, part, 3)));
          expect(collect(sets.reverse(), { maxOpenRuns: 2 })).toEqual(collect([one]));
        },
      ),
      { seed: 2, numRuns: 40 },
    );
  });

  it('keep every row in one sum or another when there are many users with full-width hashes', async () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const spread = fc.array(
      fc.tuple(event, word, word).map(([e, userHi, userLo]) => ({ ...e, userHi, userLo })),
      { minLength: 2000, maxLength: 2000 },
    );
    const [all] = fc.sample(spread, { seed: 3, numRuns: 1 });
    const again = [...all, ...all.slice(0, 700)];
    const directory = freshDirectory();
    const sets = [
      await writeEvents(directory, 'a', again.slice(0, 1500), 128),
      await writeEvents(directory, 'b', again.slice(1500), 100),
    ];
    const { batches: _, ...result } = collect(sets, { maxOpenRuns: 3, batchRows: 64 });
    expect(result).toEqual(oracle(again, () => undefined));
  });

  it('handle a user with thousands of subreddits as one batch', async () => {
    const all = Array.from({ length: 5000 }, (_, i) => ({ ...oneEvent, subreddit: `r${(i * 7919) % 4000}` }));
    const set = await writeEvents(freshDirectory(), 'bot', all, 512);
    const { batches, ...result } = collect([set], { batchRows: 10 });
    expect(batches).toHaveLength(1);
    expect(result).toEqual(oracle(all, () => undefined));
  });

  it('give nothing for no sets and for sets without events', async () => {
    const empty = await writeEvents(freshDirectory(), 'empty', [], 4);
    const totals = {
      readRows: 0,
      keptRows: 0,
      droppedRows: {},
      numUsers: 0,
      numInteractions: 0,
      programs: NO_PROGRAMS,
    };
    for (const sets of [[], [empty], [empty, empty]])
      expect(collect(sets)).toEqual({ subreddits: [], users: [], interactions: [], totals, batches: [] });
  });

  it('give one row for one event', async () => {
    const set = await writeEvents(freshDirectory(), 'one', [oneEvent], 4);
    const { users, subreddits, interactions } = collect([set]);
    expect(users).toEqual([[7, 0xfffffff0]]);
    expect(subreddits).toEqual([{ key: 'askreddit', name: 'AskReddit' }]);
    expect(interactions).toEqual([[0, 0, 1, 2, -3, 10, 20]]);
  });

  it('give no id to a user all of whose subreddits are dropped', async () => {
    const profile = { ...oneEvent, userHi: 0, subreddit: 'u_someone' };
    const set = await writeEvents(freshDirectory(), 'one', [profile, profile, oneEvent], 2);
    const { users, interactions, totals } = collect([set], { dropSubreddit: dropProfiles });
    expect(users).toEqual([[7, 0xfffffff0]]);
    expect(interactions.map(([user]) => user)).toEqual([0]);
    expect(totals).toMatchObject({ readRows: 3, keptRows: 1, droppedRows: { profile: 2 } });
  });

  it('leave nothing in the scratch directory, even if the batches are not all taken', async () => {
    const all = Array.from({ length: 40 }, (_, i) => ({ ...oneEvent, userLo: i }));
    const set = await writeEvents(freshDirectory(), 'many', all, 2);
    for (const isAbandoned of [false, true]) {
      const scratchDirectory = freshDirectory();
      const { batches } = mergeRuns([set], { scratchDirectory, maxOpenRuns: 2, batchRows: 4 });
      for (const _ of batches) {
        expect(readdirSync(scratchDirectory)).not.toEqual([]);
        if (isAbandoned) break;
      }
      expect(readdirSync(scratchDirectory)).toEqual([]);
    }
  });
});

describe('sums that do not fit', () => {
  it.each([
    ['posts', { posts: 0xffffffff }],
    ['comments', { comments: 0xffffffff }],
    ['score', { score: Number.MAX_SAFE_INTEGER }],
    ['score', { score: Number.MIN_SAFE_INTEGER, lastUtc: 1 }],
  ])('of %s are an error within a run and between runs', async (column, values) => {
    const all = [0, 1].map(() => ({ ...oneEvent, ...values }));
    const failure = { code: 'ERR_INTERACTION_OVERFLOW', fields: expect.objectContaining({ column }) };
    await expect(writeEvents(freshDirectory(), 'one', all, 2)).rejects.toMatchObject(failure);
    const set = await writeEvents(freshDirectory(), 'two', all, 1);
    expect(() => collect([set])).toThrow(expect.objectContaining(failure));
  });

  it('are told before an event enters that no column can hold', () => {
    const writer = new RunWriter({ directory: freshDirectory(), name: 'bad', eventsPerRun: 4 });
    const add = (e: Event) => () =>
      writer.add(e.userHi, e.userLo, writer.intern(e.subreddit), e.posts, e.comments, e.score, e.firstUtc, e.lastUtc);
    const bad = [{ posts: -1 }, { comments: 2 ** 32 }, { score: 0.5 }, { score: NaN }, { firstUtc: 1.7e12 }];
    for (const values of bad)
      expect(add({ ...oneEvent, ...values })).toThrow(expect.objectContaining({ code: 'ERR_EVENT' }));
  });
});

describe('files on disk', () => {
  const three = [0, 1, 2].map((userLo) => ({ ...oneEvent, userLo }));
  const runFileError = expect.objectContaining({ code: 'ERR_RUN_FILE' });
  const runSetError = expect.objectContaining({ code: 'ERR_RUN_SET' });

  it('are refused when a run is cut at any length, grown, changed in any byte, or missing', async () => {
    const directory = freshDirectory();
    const set = await writeEvents(directory, 'x', three, 8);
    const path = join(directory, 'x.0.run');
    const good = readFileSync(path);
    expect(good.length).toBe(40 + 3 * 40);
    for (let length = 0; length < good.length; length++) {
      writeFileSync(path, good.subarray(0, length));
      expect(() => collect([set])).toThrow(runFileError);
    }
    for (let i = 0; i < good.length; i++) {
      const changed = Buffer.from(good);
      changed[i] ^= 1 << (i % 8);
      writeFileSync(path, changed);
      expect(() => collect([set]), `byte ${i}`).toThrow(runFileError);
    }
    writeFileSync(path, Buffer.concat([good, good.subarray(40, 80)]));
    expect(() => collect([set])).toThrow(runFileError);
    rmSync(path);
    expect(() => collect([set])).toThrow(runFileError);
    writeFileSync(path, good);
    expect(collect([set]).interactions).toHaveLength(3);
  });

  it('are refused when a good run of another set lies in the place of one', async () => {
    const directory = freshDirectory();
    const set = await writeEvents(directory, 'x', three, 8);
    await writeEvents(directory, 'y', [...three.slice(1), { ...oneEvent, userLo: 3 }], 8);
    renameSync(join(directory, 'y.0.run'), join(directory, 'x.0.run'));
    expect(() => collect([set])).toThrow(runFileError);
  });

  it('are refused when the set is cut at any length, changed, or missing', async () => {
    const set = await writeEvents(freshDirectory(), 'x', three, 8);
    const good = readFileSync(set.path, 'utf8');
    for (let length = 0; length < good.length; length++) {
      writeFileSync(set.path, good.slice(0, length));
      expect(() => readRunSet(set.path)).toThrow(runSetError);
    }
    for (const change of [good.replace('AskReddit', 'AskReddot'), good.replace('x.0.run', '../x.run'), '[]']) {
      writeFileSync(set.path, change);
      expect(() => collect([set])).toThrow(runSetError);
    }
    rmSync(set.path);
    expect(() => collect([set])).toThrow(runSetError);
  });

  it('are refused when sets do not hold as many rows as they were said to', async () => {
    const set = await writeEvents(freshDirectory(), 'x', three, 8);
    const wrong = { ...set, numEvents: 4 };
    expect(() => collect([wrong])).toThrow(expect.objectContaining({ code: 'ERR_ROW_ACCOUNTING' }));
  });

  it('can be merged by a later process, from another place', async () => {
    const directory = freshDirectory();
    const set = await writeEvents(directory, 'x', three, 2);
    const expected = collect([set]);
    renameSync(directory, `${directory}-moved`);
    expect(collect([readRunSet(join(`${directory}-moved`, 'x.runset.json'))])).toEqual(expected);
  });

  it.skipIf(process.platform !== 'linux')('pass the error of a full disk on as it is', async () => {
    const directory = freshDirectory();
    symlinkSync('/dev/full', join(directory, 'x.0.run')); // Linux: every write fails for lack of space
    await expect(writeEvents(directory, 'x', three, 8)).rejects.toMatchObject({ code: 'ENOSPC', syscall: 'write' });
  });
});

const oneEvent: Event = {
  userHi: 7,
  userLo: 0xfffffff0,
  subreddit: 'AskReddit',
  posts: 1,
  comments: 2,
  score: -3,
  firstUtc: 10,
  lastUtc: 20,
};
