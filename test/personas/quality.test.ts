import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { assignByLinks, diversity, matchOwnGroup, rankHidden, withPopularity } from '../../src/personas/quality.js';
import { TextScorer } from '../../src/personas/text-scorer.js';

const NAMES = ['gardening', 'houseplants', 'linux', 'programming', 'AskReddit'];
/** houseplants and gardening share users, and so do linux and programming. */
const LIKENESS = {
  rowPtr: Uint32Array.of(0, 1, 2, 3, 4, 4),
  target: Uint32Array.of(1, 0, 3, 2),
  cosine: Float32Array.of(0.5, 0.5, 0.5, 0.5),
};
const scorer = new TextScorer(NAMES, LIKENESS);

describe('the reader of personas', () => {
  it('finds what a text names, what it says in words, and what lies near', () => {
    expect([...scorer.score('They meet in r/gardening.')]).toEqual([1, 0.25, 0, 0, 0]);
    const words = scorer.score('They love to garden and keep a houseplant.');
    expect(words[0]).toBeGreaterThan(0);
    expect(words[1]).toBeGreaterThan(0);
    expect(words[2]).toBe(0);
  });

  it('finds nothing in words that are about everybody', () => {
    expect([...scorer.score('These people often take part in other communities at the usual rate.')]).toEqual([
      0, 0, 0, 0, 0,
    ]);
  });
});

describe('ranking hidden links', () => {
  const users = [
    { visible: Uint32Array.of(4), hidden: Uint32Array.of(0) },
    { visible: Uint32Array.of(4), hidden: Uint32Array.of(1) },
  ];

  it('leaves out what is known and counts ties half', () => {
    const { mrr, hitsAt10 } = rankHidden(users, () => [3, 2, 1, 1, 99]);
    expect(mrr).toBeCloseTo((1 + 1 / 2) / 2);
    expect(hitsAt10).toBe(1);
    expect(rankHidden(users, () => [1, 1, 1, 1, 1]).mrr).toBeCloseTo(1 / 2.5);
  });

  it('is better by the right persona than by popularity, and by popularity than by the wrong one', () => {
    const popularity = Float64Array.of(5, 5, 20, 20, 100);
    const by = (text: string) => rankHidden(users, () => withPopularity(scorer.score(text), popularity)).mrr;
    const popular = rankHidden(users, () => popularity).mrr;
    expect(by('r/gardening and r/houseplants')).toBeGreaterThan(popular);
    expect(by('r/linux and r/programming')).toBeLessThanOrEqual(popular);
  });
});

describe('groups', () => {
  const group = (...usersIn: number[]) => ({ users: 100, usersIn: Float64Array.from(usersIn) });

  it('are found by visible links', () => {
    const groups = [group(80, 60, 2, 2, 50), group(2, 2, 80, 60, 50)];
    expect(assignByLinks(Uint32Array.of(0, 4), groups)).toBe(0);
    expect(assignByLinks(Uint32Array.of(3), groups)).toBe(1);
  });

  it('are picked out by their own persona, and not by the words of another', () => {
    const members = [
      Array.from({ length: 20 }, () => Uint32Array.of(0, 1, 4)),
      Array.from({ length: 20 }, () => Uint32Array.of(2, 3, 4)),
    ];
    const texts = ['r/gardening', 'r/linux'].map((text) => scorer.score(text));
    const options = { lot: 5, draws: 10, random: new Random(1) };
    const popularity = Float64Array.of(20, 20, 20, 20, 40);
    expect(matchOwnGroup(texts, [[1], [0]], members, popularity, options)).toEqual({
      candidates: 2,
      trials: 20,
      top1: 1,
      chance: 0.5,
    });
    expect(matchOwnGroup([texts[1], texts[0]], [[1], [0]], members, popularity, options).top1).toBe(0);
  });
});

describe('diversity', () => {
  it('ignores words that all texts share, is full among texts that share none, and less in between', () => {
    expect(diversity(['a b c', 'a b c'])).toEqual({ meanDistance: 1, distinct2: 0.5 }); // words of all texts weigh nothing
    expect(diversity(['one two', 'three four']).meanDistance).toBe(1);
    expect(diversity(['one two x', 'one two y', 'z']).meanDistance).toBeLessThan(1);
  });
});
