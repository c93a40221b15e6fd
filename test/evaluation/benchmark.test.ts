import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import {
  ALIKE,
  type Benchmark,
  type BenchmarkInput,
  buildBenchmark,
  type HistoryRow,
} from '../../src/evaluation/benchmark.js';
import { VISUAL_INTERESTS } from '../../src/personas/persona.js';
import { personaViewSchema } from '../../src/rewriting/persona-view.js';
import { contentStems, promptKey } from '../../src/rewriting/words.js';

const OPTIONS = { perInterest: 2, heldOut: 2, minHistory: 2, maxHistory: 4, devShare: 0.3 };
const build = (input: Partial<BenchmarkInput>, seed = 1, options: Partial<typeof OPTIONS> = {}): Benchmark =>
  buildBenchmark(
    { personas: [], pool: [], histories: [], pairs: [], ...input },
    { ...OPTIONS, ...options, random: new Random(seed) },
  );

// Few words, so that prompts of different people meet and those of one person resemble each other.
const word = fc.constantFrom('fox', 'foxes', 'Castle', 'robot', 'garden', 'lake', 'rose', 'the', 'a', 'of');
const prompt = fc.array(word, { maxLength: 5 }).map((words) => words.join(' '));
const user = fc.constantFrom('ann', 'bob', 'cleo', 'dan', 'eve');
const personas = fc
  .uniqueArray(fc.constantFrom('gardening', 'robots', 'castles', 'lakes', 'animals'), { maxLength: 5 })
  .map((names) => names.map((name) => personaViewSchema.parse({ id: `cluster-${name}`, interests: [name, 'fox'] })));
const inputs: fc.Arbitrary<BenchmarkInput> = fc.record({
  personas,
  pool: fc
    .array(fc.record({ prompt, visualInterest: fc.option(fc.constantFrom(...VISUAL_INTERESTS), { nil: undefined }) }), {
      maxLength: 25,
    })
    .map((rows) => rows.map((row, i) => ({ ...row, id: `p${i}` }))),
  histories: fc.array(fc.record({ user, prompt }), { maxLength: 60 }),
  pairs: fc.array(
    fc.record({
      user,
      prompt,
      a: fc.constantFrom('x', 'y'),
      b: fc.constantFrom('z', 'w'),
      choice: fc.constantFrom('a' as const, 'b' as const, 'tie' as const),
    }),
    { maxLength: 12 },
  ),
});
const check = (test: (input: BenchmarkInput, seed: number) => void) =>
  fc.assert(fc.property(inputs, fc.nat(1000), test), { numRuns: 60, seed: 7 });

function alike(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => new Set(contentStems(text)));
  const shared = [...a].filter((stem) => b.has(stem)).length;
  const all = new Set([...a, ...b]).size;
  return all === 0 || shared / all >= ALIKE;
}

describe('the splits of a benchmark', () => {
  it('have no prompt of test, in whatever letters and order, anywhere in dev', () => {
    check((input, seed) => {
      const { dev, test } = build(input, seed).splits;
      const tested = new Set([...test.prompts, ...test.pairs].map((row) => promptKey(row.prompt)));
      for (const row of [...dev.prompts, ...dev.history, ...dev.pairs])
        expect(tested).not.toContain(promptKey(row.prompt));
    });
  });

  it('share no user, and no persona that was given prompts of the pool', () => {
    check((input, seed) => {
      const { dev, test } = build(input, seed).splits;
      for (const of of [
        (part: typeof dev) => [...part.history, ...part.pairs, ...part.prompts].map((row) => row.user),
        (part: typeof dev) => part.prompts.flatMap((row) => (row.user === undefined ? [row.persona] : [])),
      ]) {
        const other = new Set(of(test).filter((id) => id !== undefined));
        for (const id of of(dev)) expect(other).not.toContain(id);
      }
    });
  });

  it('show no earlier prompt of a user that is like one held out', () => {
    check((input, seed) => {
      for (const { prompts, history } of Object.values(build(input, seed).splits))
        for (const held of prompts.filter((row) => row.user !== undefined))
          for (const shot of history.filter((row) => row.user === held.user))
            expect(alike(held.prompt, shot.prompt), `${held.prompt} | ${shot.prompt}`).toBe(false);
    });
  });

  it('account for every row', () => {
    check((input, seed) => {
      const { splits, accounting } = build(input, seed);
      const parts = Object.values(splits);
      const [pool, history, pairs] = accounting;
      for (const { read, kept, dropped } of accounting)
        expect(read).toBe(kept + Object.values(dropped).reduce((sum, n) => sum + n, 0));
      expect([pool.read, history.read, pairs.read]).toEqual([
        input.pool.length,
        input.histories.length,
        input.pairs.length,
      ]);
      const prompts = parts.flatMap((part) => part.prompts);
      expect(pool.kept).toBe(new Set(prompts.flatMap(({ id, user: of }) => (of === undefined ? [id] : []))).size);
      const shown = parts.flatMap((part) => part.history).length;
      expect(history.kept).toBe(shown + prompts.filter(({ user: of }) => of !== undefined).length);
      expect(pairs.kept).toBe(parts.flatMap((part) => part.pairs).length);
    });
  });

  it('do not depend on how rows of different users are mixed', () => {
    check((input, seed) => {
      const byUser = (rows: readonly HistoryRow[]) =>
        [...rows].sort((a, b) => (a.user < b.user ? 1 : a.user > b.user ? -1 : 0)); // stable: the order of each user stays
      expect(build({ ...input, histories: byUser(input.histories) }, seed)).toEqual(build(input, seed));
    });
  });

  it('name no user as the input does', () => {
    check((input, seed) => {
      const text = JSON.stringify(build(input, seed).splits);
      for (const name of ['ann', 'bob', 'cleo', 'dan', 'eve']) expect(text).not.toContain(`"${name}"`);
    });
  });
});

describe('the persona of a user', () => {
  const own = (id: string, ...interests: string[]) => personaViewSchema.parse({ id, interests });
  const people = [own('cluster-0000', 'gardening', 'roses'), own('cluster-0001', 'robots', 'space')];
  const rows = (...prompts: string[]): HistoryRow[] => prompts.map((one) => ({ user: 'ann', prompt: one }));

  it('is the nearest in words to the earlier prompts, whatever is held out', () => {
    const earlier = ['a robot in a field', 'a robot at sea', 'robots dancing'];
    for (const heldOut of [
      ['a rose', 'a garden of roses'],
      ['a ship', 'a moon'],
    ]) {
      const { splits } = build({ personas: people, histories: rows(...earlier, ...heldOut) }, 1, { devShare: 0 });
      expect(splits.test.prompts.map(({ prompt: one, persona }) => [one, persona])).toEqual(
        heldOut.map((one) => [one, 'cluster-0001']),
      );
    }
  });

  it('is the one that the file names; a user like none is left out and counted', () => {
    const named = rows('x', 'y', 'z', 'q').map((row) => ({ ...row, persona: 'cluster-0000' }));
    expect(build({ personas: people, histories: named }, 1, { devShare: 0 }).splits.test.prompts[0].persona).toBe(
      'cluster-0000',
    );
    const { accounting } = build({ personas: people, histories: rows('x', 'y', 'z', 'q') });
    expect(accounting[1].dropped).toEqual({ 'user-like-no-persona': 4 });
  });
});

describe('prompts of the pool', () => {
  it('are given to each persona by visual interest, in both splits', () => {
    const pool = VISUAL_INTERESTS.flatMap((visualInterest, i) =>
      Array.from({ length: 5 }, (_, n) => ({ id: `${i}-${n}`, prompt: `thing${i} number${n}`, visualInterest })),
    );
    const five = ['a', 'b', 'c', 'd', 'e'].map((id) => personaViewSchema.parse({ id, interests: [id] }));
    const { dev, test } = build({ personas: five, pool }, 3).splits;
    expect([dev.prompts.length, test.prompts.length]).toEqual([2 * 20, 3 * 20]);
    for (const { prompts } of [dev, test])
      for (const persona of new Set(prompts.map((row) => row.persona)))
        for (const interest of VISUAL_INTERESTS)
          expect(prompts.filter((row) => row.persona === persona && row.visualInterest === interest)).toHaveLength(2);
  });
});
