import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { chiSquare, chiSquareLimit } from './chi-square.js';

const draws = (random: Random, count = 8) => Array.from({ length: count }, () => random.uint32());

describe('Random', () => {
  it('repeats its stream for the same seed and gives another one for any other', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), (a, b) => {
        expect(draws(new Random(a))).toEqual(draws(new Random(a)));
        if (a !== b) expect(draws(new Random(a))).not.toEqual(draws(new Random(b)));
      }),
      { seed: 1 },
    );
  });

  it('keeps its streams from version to version: every result of every run depends on them', () => {
    expect(draws(new Random(1), 4)).toEqual([2005298919, 3447917500, 1297094615, 1978761029]);
    expect(draws(new Random(1).fork('train', 3, 'step'), 4)).toEqual([3771983965, 3995537678, 3949132323, 2128385314]);
  });

  it('forks to the same stream however much was drawn before, and draws nothing itself', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(50), fc.string(), fc.nat(), (seed, drawn, name, number) => {
        const fresh = new Random(seed);
        const used = new Random(seed);
        draws(used, drawn);
        used.fork('elsewhere').uint32();
        expect(draws(used.fork(name, number))).toEqual(draws(fresh.fork(name, number)));
        expect(draws(fresh)).toEqual(draws(new Random(seed)));
      }),
      { seed: 2 },
    );
  });

  it('gives different paths different streams, nested and reordered ones included', () => {
    const part = fc.oneof(fc.string({ maxLength: 3 }), fc.integer({ min: -4, max: 4 }));
    const path = fc.array(part, { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(path, path, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b));
        const random = new Random(7);
        expect(draws(random.fork(...a))).not.toEqual(draws(random.fork(...b)));
      }),
      { seed: 3, numRuns: 500 },
    );
    const random = new Random(7);
    const related = [
      random,
      random.fork('a', 'b'),
      random.fork('b', 'a'),
      random.fork('a').fork('b'),
      random.fork('a'),
    ];
    expect(new Set(related.map((one) => draws(one).join())).size).toBe(related.length);
  });

  it('never repeats a stream over a hundred thousand steps of one purpose', () => {
    const random = new Random(1);
    const first = new Set<string>();
    for (let step = 0; step < 100_000; step++) {
      const fork = random.fork('step', step);
      first.add(`${fork.uint32()} ${fork.uint32()}`);
    }
    expect(first.size).toBe(100_000);
  });

  it('gives neighboring seeds and neighboring forks streams that do not resemble each other', () => {
    const agreement = (a: Random, b: Random) => {
      let same = 0;
      for (let i = 0; i < 500; i++) {
        let bits = ~(a.uint32() ^ b.uint32());
        for (; bits !== 0; bits &= bits - 1) same++;
      }
      return same / (500 * 32);
    };
    const random = new Random(3);
    for (let i = 0; i < 20; i++) {
      expect(Math.abs(agreement(new Random(i), new Random(i + 1)) - 0.5)).toBeLessThan(0.02); // 5 standard errors
      expect(Math.abs(agreement(random.fork('step', i), random.fork('step', i + 1)) - 0.5)).toBeLessThan(0.02);
    }
  });

  it('is uniform in its high bits, its low bits and from one draw to the next', () => {
    const random = new Random(5);
    const high = new Array<number>(64).fill(0);
    const low = new Array<number>(64).fill(0);
    const pairs = new Array<number>(64).fill(0);
    for (let i = 0; i < 64_000; i++) {
      const draw = random.uint32();
      high[draw >>> 26]++;
      low[draw & 63]++;
      pairs[(draw >>> 29) * 8 + (random.uint32() >>> 29)]++;
    }
    for (const counts of [high, low, pairs]) expect(chiSquare(counts)).toBeLessThan(chiSquareLimit(63));
  });

  it('is uniform over the first draws of many forks, too', () => {
    const random = new Random(6);
    const counts = new Array<number>(64).fill(0);
    for (let i = 0; i < 64_000; i++) counts[random.fork('user', i).uint32() >>> 26]++;
    expect(chiSquare(counts)).toBeLessThan(chiSquareLimit(63));
  });
});

describe('Random.float', () => {
  it('stays in [0, 1) with the mean and variance of a uniform number', () => {
    const random = new Random(8);
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < 50_000; i++) {
      const x = random.float();
      if (!(x >= 0 && x < 1)) expect.fail(`drew ${x}`);
      sum += x;
      squares += x * x;
    }
    expect(sum / 50_000).toBeCloseTo(1 / 2, 2);
    expect(squares / 50_000).toBeCloseTo(1 / 3, 2);
  });
});

describe('Random.below', () => {
  it('stays in [0, bound) for every bound up to 2^32', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, bound) => {
        const random = new Random(seed);
        for (let i = 0; i < 20; i++) {
          const draw = random.below(bound);
          expect(Number.isInteger(draw) && draw >= 0 && draw < bound).toBe(true);
        }
      }),
      { seed: 4 },
    );
  });

  it('answers 0 for a bound of 1 and passes draws through for a bound of 2^32', () => {
    expect(new Random(1).below(1)).toBe(0);
    expect(new Random(1).below(2 ** 32)).toBe(new Random(1).uint32());
  });

  it('is unbiased where a plain remainder would prefer the lower third of the range', () => {
    const random = new Random(9);
    const bound = 3 * 2 ** 30; // 2^32 mod bound = 2^30: a remainder would draw the first third twice as often
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[Math.floor(random.below(bound) / 2 ** 30)]++;
    expect(chiSquare(counts)).toBeLessThan(chiSquareLimit(2));
  });
});

describe('Random.normal', () => {
  it('has the moments and the tails of a standard normal, and is always finite', () => {
    const random = new Random(10);
    const count = 100_000;
    const moments = [0, 0, 0, 0];
    let outside = 0;
    for (let i = 0; i < count; i++) {
      const x = random.normal();
      if (!Number.isFinite(x)) expect.fail(`drew ${x}`);
      for (let k = 0; k < 4; k++) moments[k] += x ** (k + 1) / count;
      if (Math.abs(x) > 1.96) outside++;
    }
    expect(moments[0]).toBeCloseTo(0, 1.5);
    expect(moments[1]).toBeCloseTo(1, 1.5);
    expect(moments[2]).toBeCloseTo(0, 1);
    expect(moments[3]).toBeCloseTo(3, 0.8);
    expect(outside / count).toBeCloseTo(0.05, 2);
  });
});

describe('Random.shuffle', () => {
  it('permutes in place and returns the array it was given', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.integer()), (seed, values) => {
        const array = [...values];
        expect(new Random(seed).shuffle(array)).toBe(array);
        expect([...array].sort((a, b) => a - b)).toEqual([...values].sort((a, b) => a - b));
        const typed = Int32Array.from(values);
        expect([...new Random(seed).shuffle(typed)]).toEqual(array);
      }),
      { seed: 5 },
    );
  });

  it('gives each of the 24 orders of four things the same chance', () => {
    const random = new Random(11);
    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = random.shuffle([0, 1, 2, 3]).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()])).toBeLessThan(chiSquareLimit(23));
  });
});
