import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { InputError, messageOf } from '../core/errors.js';
import type { EvaluateFlags } from './evaluate-output.js';
import { giveTables, withOutput } from './evaluate-output.js';
import type { Shell } from './shell.js';

interface Flags extends EvaluateFlags {
  readonly scores: string;
  readonly metrics: string;
  readonly margins: string;
  readonly rake?: string;
  readonly attributes?: string;
  readonly unit: string;
  readonly by: string;
  readonly cap?: number;
  readonly emptyCells: 'refuse' | 'collapse';
}

/** `evaluate bias`: scores of people who were there, weighted to the people there are. */
export function addEvaluateBias(evaluate: Command, shell: Shell): void {
  const command = evaluate
    .command('bias')
    .description('scores raked to the margins of a population: raw, raked, and what changed')
    .requiredOption('--scores <file>', 'JSONL, CSV or TSV: a row per score, with unit, method and attributes')
    .requiredOption('--metrics <names>', 'columns of scores, comma-separated')
    .requiredOption(
      '--margins <file>',
      'shares of the population: attribute columns and share, or variable, category, share',
    )
    .option('--rake <names>', 'margins to match, comma-separated; a*b for a joint one (default: each attribute)')
    .option('--attributes <file>', 'attributes by unit, where the scores lack them')
    .option('--unit <column>', 'who is resampled as one', 'user')
    .option('--by <column>', 'what each row of the table is', 'method')
    .option('--cap <times>', 'largest weight, in mean weights', (text) => {
      if (!(Number(text) > 1)) throw new InvalidArgumentError('expected a number above 1.');
      return Number(text);
    })
    .addOption(
      new Option('--empty-cells <what>', 'a category nobody has: refuse, or collapse into its neighbour')
        .choices(['refuse', 'collapse'])
        .default('refuse'),
    );
  withOutput(command).action((flags: Flags) => evaluateBias(shell, flags));
}

async function evaluateBias(shell: Shell, flags: Flags): Promise<void> {
  const { Random } = await import('../core/random.js');
  const { codeRecords, parseMargins } = await import('../evaluation/margins.js');
  const { RAKING_DEFAULTS, rakingDesign } = await import('../evaluation/raking.js');
  const { weightedScores } = await import('../evaluation/weighted-scores.js');
  const { readRows } = await import('../pipeline/prompt-files.js');

  const text = await readFile(flags.margins, 'utf8').catch((cause: unknown) => {
    throw new InputError('ERR_FILE_MISSING', `${flags.margins} cannot be read: ${messageOf(cause)}.`, {}, { cause });
  });
  const name = flags.margins.replace(/^.*[/\\]/, '');
  const margins = parseMargins(
    text,
    name,
    flags.rake?.split(',').map((one) => one.trim()),
  );
  const metrics = flags.metrics.split(',').map((one) => one.trim());
  const attributes = new Map<string, Record<string, unknown>>();
  if (flags.attributes)
    for (const row of await readRows(flags.attributes)) attributes.set(String(row[flags.unit] ?? ''), row);
  const rows = (await readRows(flags.scores)).map((row, i) => {
    const unit = row[flags.unit];
    if (unit === undefined || unit === '')
      throw new InputError(
        'ERR_ROW',
        `${flags.scores}, row ${i + 1} has no ${flags.unit}; name the column with --unit.`,
        {
          row: i + 1,
        },
      );
    for (const metric of metrics)
      if (row[metric] === '' || row[metric] === null || !Number.isFinite(Number(row[metric])))
        throw new InputError('ERR_ROW', `${flags.scores}, row ${i + 1}: ${metric} is no number.`, {
          row: i + 1,
          metric,
        });
    return { ...attributes.get(String(unit)), ...row, [flags.unit]: String(unit) } as Record<string, unknown>;
  });

  const methods = [...new Set(rows.map((row) => String(row[flags.by] ?? 'all')))];
  const options = {
    ...RAKING_DEFAULTS,
    cap: flags.cap ?? RAKING_DEFAULTS.cap,
    tolerance: flags.cap === undefined ? RAKING_DEFAULTS.tolerance : 1e-6,
    emptyCells: flags.emptyCells,
    replicates: flags.replicates,
  };
  const scoreRows = [];
  const fitRows = [];
  const notes: string[] = [];
  for (const method of methods) {
    const own = rows.filter((row) => String(row[flags.by] ?? 'all') === method);
    const { codes, keptRows, unknownShare } = codeRecords(margins, own);
    const kept = Array.from(keptRows, (i) => own[i]);
    const units = new Map<string, number>();
    const unitOf = Int32Array.from(kept, (row) => {
      const id = String(row[flags.unit]);
      const position = units.get(id) ?? units.size;
      units.set(id, position);
      return position;
    });
    const scores = Object.fromEntries(
      metrics.map((metric) => [metric, Float64Array.from(kept, (row) => Number(row[metric]))]),
    );
    const result = weightedScores(
      rakingDesign(margins, codes),
      { scores, unitOf, numUnits: units.size },
      { ...options, random: new Random(flags.seed).fork('bias', method) },
    );
    for (const { metric, raw, raked, changePercent } of result.scores)
      scoreRows.push({ method, metric, raw, raked, changePercent });
    fitRows.push({
      method,
      read: own.length,
      kept: kept.length,
      units: units.size,
      iterations: result.iterations,
      worstError: result.worstError.toExponential(1),
      effectiveSize: result.effectiveSize,
      designEffect: result.designEffect,
      largestWeight: result.largestWeight,
      failed: result.failedReplicates,
    });
    for (const { variable, category, into, share } of result.collapsed)
      notes.push(
        `${method}: nobody has ${variable} = "${category}" (${(100 * share).toFixed(1)} % of the population); its share went to "${into}".`,
      );
    const unknown = Object.entries(unknownShare).filter(([, share]) => share > 0);
    if (unknown.length > 0)
      notes.push(
        `${method}: unknown and left out of raw and raked alike: ${unknown.map(([variable, share]) => `${variable} ${(100 * share).toFixed(1)} %`).join(', ')}.`,
      );
    if (result.failedReplicates > 0.05 * flags.replicates)
      notes.push(
        `${method}: ${result.failedReplicates} of ${flags.replicates} resamples could not be raked; its intervals are too narrow.`,
      );
  }
  const sources = margins.map(({ variable, source }) => `${variable} (${source})`).join(', ');
  await giveTables(
    shell,
    flags,
    [
      {
        title: 'Scores raw and raked',
        columns: [
          { key: 'method', label: flags.by },
          { key: 'metric', label: 'metric' },
          { key: 'raw', label: 'raw' },
          { key: 'raked', label: 'raked' },
          { key: 'changePercent', label: 'Δ %', digits: 2 },
        ],
        rows: scoreRows,
        notes: [
          `Margins: ${sources}. ${flags.cap ? `Weights at most ${flags.cap} times the mean.` : 'No cap on weights.'}`,
          `95 % percentile intervals from ${flags.replicates} resamples of whole ${flags.unit}s, each raked anew.`,
          ...notes,
        ],
      },
      {
        title: 'How the weights fit',
        columns: [
          { key: 'method', label: flags.by },
          { key: 'read', label: 'rows read' },
          { key: 'kept', label: 'kept' },
          { key: 'units', label: `${flags.unit}s` },
          { key: 'iterations', label: 'cycles' },
          { key: 'worstError', label: 'worst margin error' },
          { key: 'effectiveSize', label: 'effective n', digits: 1 },
          { key: 'designEffect', label: 'design effect', digits: 2 },
          { key: 'largestWeight', label: 'largest weight', digits: 2 },
          { key: 'failed', label: 'resamples not raked' },
        ],
        rows: fitRows,
        notes: ['Effective n: (Σw)² / Σw² of rows; design effect: rows / effective n (Kish).'],
      },
    ],
    { rows: rows.length },
  );
}
