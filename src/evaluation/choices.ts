import { binomialInterval, binomialTest, type Estimate } from './intervals.js';

/** One choice between two things. */
export interface Choice {
  readonly comparison: string; // what is compared: 'persona over none'
  readonly won: boolean | null; // whether the first was chosen; null: no preference
}

export interface WinRate {
  readonly comparison: string;
  readonly wins: number;
  readonly choices: number; // without ties
  readonly ties: number;
  readonly rate: Estimate; // exact (Clopper–Pearson) interval
  readonly p: number; // two-sided exact test against one half
  readonly adjustedP: number; // Holm 1979 over all comparisons of the table
}

/** Win rates of each comparison. Ties are left out of the rate and counted. Comparisons without a choice are left out. */
export function winRates(choices: Iterable<Choice>, level = 0.95): WinRate[] {
  const counts = new Map<string, { wins: number; choices: number; ties: number }>();
  for (const { comparison, won } of choices) {
    const count = counts.get(comparison) ?? { wins: 0, choices: 0, ties: 0 };
    counts.set(comparison, count);
    if (won === null) count.ties++;
    else {
      count.choices++;
      if (won) count.wins++;
    }
  }
  const rates = [...counts]
    .filter(([, count]) => count.choices > 0)
    .map(([comparison, count]) => ({
      comparison,
      ...count,
      rate: binomialInterval(count.wins, count.choices, level),
      p: binomialTest(count.wins, count.choices),
    }));
  const adjusted = holm(rates.map(({ p }) => p));
  return rates.map((rate, i) => ({ ...rate, adjustedP: adjusted[i] }));
}

/** Holm's step-down adjustment: controls the chance of any false positive among all p-values. */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((a, b) => p[a] - p[b]);
  const adjusted = new Array<number>(p.length);
  let most = 0;
  order.forEach((i, rank) => {
    most = Math.max(most, Math.min(1, (p.length - rank) * p[i]));
    adjusted[i] = most;
  });
  return adjusted;
}
