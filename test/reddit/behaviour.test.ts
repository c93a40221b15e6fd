import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import {
  BEHAVIOUR_WORDS,
  type Behaviour,
  BehaviourMeter,
  BehaviourTable,
  markOfText,
  programRule,
  programsOf,
} from '../../src/reddit/behaviour.js';
import { readRunSet, writeRunSet } from '../../src/reddit/run-file.js';
import { mergeRuns } from '../../src/reddit/run-merge.js';
import { RunWriter } from '../../src/reddit/run-writer.js';

const START = 1_700_006_400; // midnight
const random = new Random(1);
const meter = new BehaviourMeter();

/** Times of a person: some days, some hours of them, gaps of all lengths. */
const personTimes = (n: number) =>
  Array.from({ length: n }, (_, i) => START + Math.floor(i / 20) * 86_400 + random.below(50_000));
const ruleOf = (times: number[], marks: number[] = times.map((_, i) => i + 1)) =>
  programRule(meter.measure(Uint32Array.from(times), Uint32Array.from(marks)));

describe('behaviour of an account', () => {
  it('counts days, texts that came before and gaps of the commonest length', () => {
    const times = [START + 60, START, START + 120, 0, START + 120, START + 86_400 + 7];
    expect(meter.measure(Uint32Array.from(times), Uint32Array.of(5, 6, 5, 0, 0, 5))).toEqual({
      events: 6,
      days: 2,
      repeated: 2,
      gaps: 3,
      regularGaps: 2,
    } satisfies Behaviour);
    expect(meter.measure(new Uint32Array(0), new Uint32Array(0)).events).toBe(0);
  });

  it('finds programs by each of the rules, and never for fewer than a hundred actions', () => {
    const perMinute = Array.from({ length: 300 }, (_, i) => START + 60 * i);
    expect(ruleOf(perMinute)).toBe('regularity');
    expect(ruleOf(perMinute.slice(0, 99))).toBe(null);
    expect(ruleOf(Array.from({ length: 900 }, () => START + random.below(2 * 86_400)))).toBe('rate');
    const often = personTimes(200);
    expect(
      ruleOf(
        often,
        often.map((_, i) => 1 + (i % 50)),
      ),
    ).toBe('repetition');
  });

  it('leaves people alone: busy ones, ones who post at the same time as often as not, ones without times or texts', () => {
    expect(ruleOf(personTimes(2000))).toBe(null);
    const often = personTimes(400);
    expect(
      ruleOf(
        often,
        often.map((_, i) => (i % 2 === 0 ? 7 : i)),
      ),
    ).toBe(null); // half of it the same words
    expect(ruleOf(often.map(() => 0))).toBe(null);
    expect(
      ruleOf(
        often,
        often.map(() => 0),
      ),
    ).toBe(null);
  });

  it('marks texts by what they say, and short ones not at all', () => {
    const mark = (text: string) => markOfText(Buffer.from(text), 0, Buffer.byteLength(text));
    expect(mark('thanks!')).toBe(0);
    expect(mark('')).toBe(0);
    const text = 'This action was performed automatically, case 17.';
    expect(mark(text)).toBe(mark(text));
    expect(mark(text)).not.toBe(mark(text.replace('17', '18')));
    expect(markOfText(Buffer.from(`ab${text}cd`), 2, 2 + text.length)).toBe(mark(text));
  });
});

describe('programs among many rows', () => {
  const people: Behaviour = { events: 60, days: 9, repeated: 0, gaps: 50, regularGaps: 2 };
  const program: Behaviour = { events: 60, days: 9, repeated: 55, gaps: 50, regularGaps: 2 };
  const tables = [new BehaviourTable(), new BehaviourTable()];
  for (let user = 0; user < 3000; user++)
    for (const table of user % 2 === 0 ? tables : [...tables].reverse())
      table.add(0xfffffff0 - (user % 7), 0xffffffff - user, user % 100 === 0 ? program : people);

  it('are found by the sum of their rows, ascending by hash, in whatever order the tables come', () => {
    const found = programsOf(tables.map((table) => table.rows()));
    expect(found).toHaveLength(30); // 60 actions alone are too few to tell
    expect(new Set(found.map(({ rule }) => rule))).toEqual(new Set(['repetition']));
    const byHash = found.toSorted((a, b) => a.userHi - b.userHi || a.userLo - b.userLo);
    expect(found).toEqual(byHash);
    expect(programsOf([tables[1].rows(), tables[0].rows()])).toEqual(found);
    expect(programsOf([tables[0].rows()])).toEqual([]);
    expect(programsOf([])).toEqual([]);
  });

  it('come back from a run set as they were, and not from one that was cut', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'behaviour-'));
    try {
      const rows = tables[0].rows();
      const { path } = await writeRunSet(join(folder, 'x.runset.json'), [], 0, [], rows);
      expect(readRunSet(path).behaviours).toEqual(rows.slice());
      await writeRunSet(path, [], 0, [], rows.subarray(0, BEHAVIOUR_WORDS + 1));
      expect(() => readRunSet(path)).toThrow(expect.objectContaining({ code: 'ERR_RUN_SET' }));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('programs in a merge', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'behaviour-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([5000, 150])('are left out, with their effect, also where runs hold %d events', async (eventsPerRun) => {
    const writer = new RunWriter({ directory: folder, name: `r${eventsPerRun}`, eventsPerRun });
    const places = ['a', 'b', 'c'].map((name) => writer.intern(name));
    for (let i = 0; i < 600; i++) {
      writer.add(7, 7, places[i % 3], 0, 1, 1, START + 600 * i, START + 600 * i, i); // a program
      const time = START + Math.floor(i / 20) * 86_400 + random.below(50_000);
      writer.add(8, 8, places[i % 2], 0, 1, 1, time, time, i); // a person
    }
    const sets = [await writer.finish()];
    const merge = mergeRuns(sets, { scratchDirectory: folder });
    expect(Array.from(merge.batches, ({ userHi }) => [...userHi])).toEqual([[8]]);
    expect(merge.totals).toMatchObject({
      readRows: 1200,
      keptRows: 600,
      droppedRows: { 'bot-behaviour': 600 },
      programs: { regularity: { users: 1, rows: 600, interactions: 3 }, rate: { users: 0 } },
    });
    const kept = mergeRuns(sets, { scratchDirectory: folder, dropPrograms: false });
    expect(Array.from(kept.batches, ({ userHi }) => [...userHi])).toEqual([[7, 8]]);
    expect(kept.totals.droppedRows).toEqual({});
  });
});
