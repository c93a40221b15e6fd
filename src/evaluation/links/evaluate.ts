import type { Random } from '../../core/random.js';
import { type LinkMethod, popularityOf } from '../baselines/method.js';
import { bootstrapMean, type Interval } from './bootstrap.js';
import { drawNegatives, measureLinks, USER_METRICS, type UserMetric } from './metrics.js';
import type { LinkTask } from './protocols.js';

/** One line of the table: a method on a case, every mean with its 95 % interval over users. */
export interface LinkResult {
  readonly protocol: string;
  readonly case: string;
  readonly method: string;
  readonly users: number;
  readonly metrics: Readonly<Record<UserMetric, Interval>>;
  readonly coverage: number;
  readonly popularityBias: number;
  readonly fitSeconds: number;
}

/**
 * Fits a method on what a task shows, and asks it every case.
 *
 * Negatives and resamples depend on the case alone, so that methods are compared on the same draws.
 *
 * @param ranked subreddits that are ranked, ascending; all truth is among them
 * @param now    seconds
 */
export async function evaluateMethod(
  task: LinkTask,
  method: LinkMethod,
  ranked: Uint32Array,
  random: Random,
  now: () => number,
): Promise<LinkResult[]> {
  const begin = now();
  const fitted = await method.fit(task.train, task.asked);
  const fitSeconds = now() - begin;
  const popularity = Uint32Array.from(popularityOf(task.train));
  return task.cases.map(({ name, case: asked }) => {
    const draws = random.fork(task.name, name);
    const negatives = drawNegatives(asked, ranked, popularity, draws.fork('negatives'));
    const quality = measureLinks(asked, fitted(asked.given), ranked, negatives, popularity);
    const metrics = Object.fromEntries(
      USER_METRICS.map((metric) => [metric, bootstrapMean(quality.perUser[metric], draws.fork('resamples'))]),
    ) as Record<UserMetric, Interval>;
    const { users, coverage, popularityBias } = quality;
    return {
      protocol: task.name,
      case: name,
      method: method.name,
      users,
      metrics,
      coverage,
      popularityBias,
      fitSeconds,
    };
  });
}

const TITLES: Readonly<Record<UserMetric, string>> = {
  recallAt20: 'Recall@20',
  ndcgAt20: 'NDCG@20',
  mrr: 'MRR',
  hitsAt10: 'Hits@10',
  accuracy: 'accuracy',
  accuracyMatched: 'accuracy, matched',
};

/** The table in Markdown; half the width of the 95 % interval stands behind ±. */
export function linkTableMarkdown(results: readonly LinkResult[]): string {
  const header = ['case', 'users', 'method', ...USER_METRICS.map((m) => TITLES[m]), 'coverage', 'popularity', 'fit, s'];
  const lines = results.map(
    ({ protocol, case: name, users, method, metrics, coverage, popularityBias, fitSeconds }) => [
      `${protocol}: ${name}`,
      users,
      method,
      ...USER_METRICS.map((m) => {
        const { mean, low, high } = metrics[m];
        return `${mean.toFixed(4)} ± ${((high - low) / 2).toFixed(4)}`;
      }),
      `${(100 * coverage).toFixed(1)} %`,
      `${popularityBias.toFixed(2)}×`,
      fitSeconds.toFixed(1),
    ],
  );
  const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [row(header), row(header.map(() => '---')), ...lines.map(row)].join('\n');
}

/** One line per case, method and measure: what plots want. */
export function linkTableCsv(results: readonly LinkResult[]): string {
  const lines = ['protocol,case,method,users,measure,mean,low,high'];
  for (const { protocol, case: name, method, users, metrics, coverage, popularityBias, fitSeconds } of results) {
    const head = [protocol, quoted(name), quoted(method), users].join(',');
    for (const m of USER_METRICS) lines.push(`${head},${m},${metrics[m].mean},${metrics[m].low},${metrics[m].high}`);
    for (const [measure, value] of Object.entries({ coverage, popularityBias, fitSeconds }))
      lines.push(`${head},${measure},${value},,`);
  }
  return lines.join('\n');
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
