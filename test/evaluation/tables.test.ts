import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { holm, winRates } from '../../src/evaluation/choices.js';
import { unitRows } from '../../src/evaluation/cmmd.js';
import { imageScore, VectorIndex } from '../../src/evaluation/image-scores.js';
import { personaLift } from '../../src/evaluation/lift.js';
import { toCsv, toMarkdown } from '../../src/evaluation/result-table.js';
import { rewriteTables } from '../../src/evaluation/rewrite-measures.js';
import { cosineOf, distinctNgrams, diversity, TextSpace } from '../../src/evaluation/text-vectors.js';
import { personaViewSchema } from '../../src/rewriting/persona-view.js';
import { rewrite } from '../../src/rewriting/rewrite.js';

describe('win rates', () => {
  it('of the published study: 56 % of 125 is no win, 79 % of 250 is', () => {
    const choices = [
      ...Array.from({ length: 125 }, (_, i) => ({ comparison: 'x', won: i < 70 })),
      ...Array.from({ length: 250 }, (_, i) => ({ comparison: 'y', won: i < 198 })),
      { comparison: 'y', won: null },
    ];
    const [x, y] = winRates(choices);
    expect(x.p).toBeCloseTo(0.2099, 3);
    expect(x.rate.low).toBeLessThan(0.5);
    expect(y).toMatchObject({ wins: 198, choices: 250, ties: 1 });
    expect(y.adjustedP).toBeLessThan(1e-15);
  });

  it('adjusts by Holm', () => {
    [0.06, 0.06, 0.06, 0.02].forEach((p, i) => {
      expect(holm([0.02, 0.04, 0.03, 0.005])[i]).toBeCloseTo(p, 12);
    });
  });
});

describe('persona lift', () => {
  const pairs = (units: number, each: number, effect: number, random: Random) =>
    Array.from({ length: units * each }, (_, i) => {
      const unit = Math.floor(i / each);
      const shared = new Random(unit).normal(); // of the unit: what makes its pairs alike
      const without = 0.6 + 0.02 * random.normal();
      return { unit: String(unit), withPersona: without + effect + 0.05 * shared, without };
    });

  it('finds an effect, and its interval knows that pairs of one unit are alike', () => {
    const few = personaLift(pairs(20, 50, 0.1, new Random(1)), { replicates: 500, random: new Random(2) });
    const many = personaLift(pairs(1000, 1, 0.1, new Random(1)), { replicates: 500, random: new Random(2) });
    expect(many.difference.value).toBeCloseTo(0.1, 1);
    expect(many.p).toBeLessThan(0.01);
    expect(few.pairs).toBe(many.pairs);
    const width = ({ low, high }: { low: number; high: number }) => high - low;
    expect(width(few.difference)).toBeGreaterThan(4 * width(many.difference));
    expect(few.percent.value).toBeCloseTo((100 * few.difference.value) / few.without.value, 9);
  });

  it('finds none where there is none, 95 times of 100', () => {
    let covered = 0;
    for (let set = 0; set < 40; set++) {
      const random = new Random(set);
      const draw = () => random.normal();
      const values = Array.from({ length: 80 }, (_, i) => ({ unit: `${i}`, withPersona: draw(), without: draw() }));
      const { difference } = personaLift(values, { replicates: 200, random });
      if (difference.low <= 0 && difference.high >= 0) covered++;
    }
    expect(covered).toBeGreaterThanOrEqual(34);
  });
});

describe('texts as vectors', () => {
  it('are alike where they share rare words, and diverse where they share none', () => {
    const texts = ['red fox in snow', 'red foxes and snow', 'a castle at night'];
    const space = new TextSpace(texts);
    const [a, b, c] = texts.map((text) => space.vector(text));
    expect(cosineOf(a, b)).toBeCloseTo(1, 6);
    expect(cosineOf(a, c)).toBe(0);
    expect(diversity([a, b], space.dim)).toBeCloseTo(0, 6);
    const pairwise = (cosineOf(a, b) + cosineOf(a, c) + cosineOf(b, c)) / 3;
    expect(diversity([a, b, c], space.dim)).toBeCloseTo(1 - pairwise, 6);
    expect(diversity([a], space.dim)).toBeNaN();
    expect(distinctNgrams(['a b a b'], 2)).toBeCloseTo(2 / 3);
  });
});

describe('image scores', () => {
  it('are cosines, cut at 0 and weighted for texts', () => {
    const images = new VectorIndex(['i', 'r'], unitRows({ dim: 2, values: Float32Array.of(1, 1, -3, 0) }));
    const texts = new VectorIndex(['t'], unitRows({ dim: 2, values: Float32Array.of(5, 0) }));
    const score = imageScore({ id: 'i', textId: 't', referenceId: 'r' }, images, texts, 2.5);
    expect(score?.clipScore).toBeCloseTo(2.5 * Math.SQRT1_2, 6);
    expect(score?.imageAlignment).toBeCloseTo(-Math.SQRT1_2, 6);
    expect(imageScore({ id: 'r', textId: 't' }, images, texts, 1)?.clipScore).toBe(0);
    const others = new VectorIndex(['made'], unitRows({ dim: 2, values: Float32Array.of(0, 2) }));
    const made = imageScore({ id: 'i', textId: 't', referenceId: 'pictures/made.png' }, images, texts, 1, others);
    expect(made?.imageAlignment).toBeCloseTo(Math.SQRT1_2, 6);
    expect(imageScore({ id: 'nowhere', textId: 't' }, images, texts, 1)).toBeUndefined();
  });
});

describe('tables of rewrites', () => {
  it('tell that the template knows its personas, and shuffled personas that nobody does', async () => {
    const personas = ['gardening', 'programming', 'cars', 'film'].map((interest, i) =>
      personaViewSchema.parse({
        id: `c${i}`,
        title: interest,
        interests: [interest],
        aesthetics: ['nature and animals'],
      }),
    );
    const prompts = Array.from({ length: 40 }, (_, i) => `object number ${i}`);
    const options = { model: undefined, seed: 1, temperature: 0 };
    const lines = await Promise.all(
      prompts.flatMap((prompt, i) =>
        [undefined, ...personas].map((persona) => rewrite({ promptId: `p${i}`, prompt, persona, shots: [] }, options)),
      ),
    );
    const measure = (of: typeof lines) =>
      rewriteTables(of, personas, { replicates: 200, random: new Random(1), unit: 'prompt' })[1].rows[0];
    const known = measure(lines);
    expect(known).toMatchObject({ pairs: 160, units: 40, chance: 0.25 });
    expect((known['recognised'] as { low: number }).low).toBeGreaterThan(0.9);
    const random = new Random(3);
    const blind = lines.map((line) => (line.persona === null ? line : { ...line, persona: `c${random.below(4)}` }));
    const unknown = measure(blind);
    expect((unknown['recognised'] as { low: number }).low).toBeLessThan(0.3);
  });
});

describe('a table of results', () => {
  const table = {
    title: 'T',
    columns: [
      { key: 'name', label: 'name' },
      { key: 'rate', label: 'rate' },
    ],
    rows: [
      { name: 'a|b, "c"', rate: { value: 0.5, low: 0.25, high: 0.75 } },
      { name: '=1+1', rate: null },
    ],
    notes: ['how'],
  };

  it('is Markdown for people', () => {
    expect(toMarkdown(table)).toContain('| a\\|b, "c" | 0.500 [0.250, 0.750] |');
  });

  it('is CSV for programs, without formulas', () => {
    expect(toCsv(table)).toBe('name,rate,rate_low,rate_high\n"a|b, ""c""",0.5,0.25,0.75\n\'=1+1,,,\n');
  });
});
