import { Random } from '../src/core/random.js';
import { winRates } from '../src/evaluation/choices.js';
import { cmmd, unitRows, type VectorSet } from '../src/evaluation/cmmd.js';
import { quantile } from '../src/evaluation/intervals.js';
import { type ResultTable, toMarkdown } from '../src/evaluation/result-table.js';

/**
 * The figures of docs/published-figures.md: what ZIPP (arXiv 2606.08841, its page) published, by our statistics.
 *
 *     npx tsx scripts/published-figures.ts
 */
const STUDY: readonly [string, number, number][] = [
  ['ZIPP 0-shot over no persona', 79, 250],
  ['ZIPP 3-shot over Tailored Visions 3-shot', 78, 125],
  ['ZIPP 3-shot over ViPer', 65, 250],
  ['ZIPP 3-shot over DrUM', 58, 250],
  ['ZIPP 0-shot over Tailored Visions 3-shot', 56, 125],
];

function study(): ResultTable {
  const choices = STUDY.flatMap(([comparison, percent, n]) =>
    Array.from({ length: n }, (_, i) => ({ comparison, won: i < Math.round((percent * n) / 100) })),
  );
  return {
    title: 'Human study: choices between two images',
    columns: [
      { key: 'comparison', label: 'comparison' },
      { key: 'choices', label: 'n' },
      { key: 'rate', label: 'chosen, 95 % exact' },
      { key: 'p', label: 'p', digits: 4 },
      { key: 'adjustedP', label: 'p (Holm)', digits: 4 },
      { key: 'clustered', label: 'p if 20 choices of a person weigh as 10', digits: 4 },
    ],
    rows: winRates(choices).map(({ comparison, choices: n, wins, rate, p, adjustedP }) => {
      const [half] = winRates(
        Array.from({ length: Math.round(n / 2) }, (_, i) => ({ comparison, won: i < Math.round(wins / 2) })),
      );
      return { comparison, choices: n, rate, p, adjustedP, clustered: half.p };
    }),
    notes: ['Wins are rounded from the published percentages. The last column halves n: a design effect of 2.'],
  };
}

/** Unit vectors whose mean pairwise cosine is `cosine`. */
function vectors(rows: number, dim: number, cosine: number, random: Random): VectorSet {
  const pull = Math.sqrt(cosine / (1 - cosine));
  return unitRows({ dim, values: Float32Array.from({ length: rows * dim }, () => random.normal() + pull) });
}

function cmmdFloor(): ResultTable {
  const rows = [];
  for (const [n, repeats] of [
    [10, 60],
    [27, 60],
    [100, 20],
    [1000, 2],
  ])
    for (const cosine of [0.45, 0.67, 0.78]) {
      const random = new Random(n).fork(cosine.toFixed(2));
      const values = Array.from({ length: repeats }, () =>
        cmmd(vectors(n, 768, cosine, random), vectors(n, 768, cosine, random)),
      );
      const spread = (pick: (value: (typeof values)[number]) => number) => {
        const sorted = values.map(pick).sort((a, b) => a - b);
        const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
        return { value: mean, low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
      };
      rows.push({
        n,
        cosine,
        expected: (10 * (1 - cosine) * 2) / n,
        biased: spread((value) => value.biased),
        unbiased: spread((value) => value.unbiased),
      });
    }
  return {
    title: 'CMMD of two samples of one distribution (768 dimensions)',
    columns: [
      { key: 'n', label: 'n' },
      { key: 'cosine', label: 'mean cosine', digits: 2 },
      { key: 'expected', label: '10 (1 − c̄) · 2 / n', digits: 4 },
      { key: 'biased', label: 'biased form, mean and 95 % of draws', digits: 4 },
      { key: 'unbiased', label: 'unbiased form', digits: 4 },
    ],
    rows,
    notes: ['60, 60, 20 and 2 draws.'],
  };
}

const RAKED: readonly [string, number, number, number, number][] = [
  ['GPT-4o 0-shot', 67.3, 66.9, 56.0, 55.1],
  ['Tailored Visions 3-shot', 77.4, 73.8, 65.3, 60.1],
  ['DrUM', 70.3, 64.7, 63.5, 56.8],
  ['ViPer', 74.1, 73.7, 63.1, 60.8],
  ['ZIPP 0-shot', 73.9, 72.8, 61.5, 60.9],
  ['ZIPP 5-shot', 78.3, 77.4, 74.0, 73.0],
];

const LIFT = '63 76,62 72,62 72,61 69,62 70,62 69,61 67,62 68,62 67,62 67,61 66,62 66,58 61,60 62';

function raked(): ResultTable {
  const change = (raw: number, ipf: number) => (100 * (ipf - raw)) / raw;
  return {
    title: 'Scores raw and raked',
    columns: [
      { key: 'method', label: 'method' },
      { key: 'clip', label: 'CLIPScore Δ %', digits: 2 },
      { key: 'pig', label: 'PIGReward Δ %', digits: 2 },
    ],
    rows: RAKED.map(([method, raw, ipf, pigRaw, pigIpf]) => ({
      method,
      clip: change(raw, ipf),
      pig: change(pigRaw, pigIpf),
    })),
    notes: [
      'No margins, cell counts, effective n or intervals are published: none of these differences can be tested.',
    ],
  };
}

function lift(): ResultTable {
  const pairs = LIFT.split(',').map((pair) => pair.split(' ').map(Number));
  const percent = pairs.map(([without, withPersona]) => (100 * (withPersona - without)) / without);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    title: 'Lift of CLIPScore with a persona, 14 models',
    columns: [
      { key: 'what', label: '' },
      { key: 'lift', label: 'lift %', digits: 1 },
    ],
    rows: [
      { what: 'all 14', lift: bootstrapMean(percent) },
      { what: 'the best five', lift: mean([...percent].sort((a, b) => b - a).slice(0, 5)) },
      { what: 'the least', lift: Math.min(...percent) },
    ],
    notes: [
      'From scores rounded to two digits. The interval resamples models, as if they were drawn from a population of models; within a model no spread is published. Every model gains: the sign test over 14 gives p = 0.0001.',
    ],
  };
}

function bootstrapMean(values: readonly number[]) {
  const random = new Random(14);
  const means = Array.from({ length: 5000 }, () => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[random.below(values.length)];
    return sum / values.length;
  }).sort((a, b) => a - b);
  const value = values.reduce((sum, one) => sum + one, 0) / values.length;
  return { value, low: quantile(means, 0.025), high: quantile(means, 0.975) };
}

for (const table of [study(), lift(), cmmdFloor(), raked()]) console.log(toMarkdown(table));
