import { mkdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { writeFileDurably } from '../artifacts/run-directory.js';
import { type ResultTable, toCsv, toMarkdown } from '../evaluation/result-table.js';
import type { Shell } from './shell.js';
import { wholeNumber } from './whole-number.js';

export interface EvaluateFlags {
  readonly out?: string;
  readonly json?: boolean;
  readonly seed: number;
  readonly replicates: number;
}

/** Flags that every evaluation of later stages has. */
export function withOutput(command: Command): Command {
  return command
    .option('--out <dir>', 'folder for metrics.md, metrics.json and a CSV per table')
    .option('--replicates <count>', 'resamples behind each interval', wholeNumber, 2000)
    .option('--seed <number>', 'start of every random draw', wholeNumber, 1)
    .option('--json', 'print JSON to stdout instead of Markdown');
}

/** Prints the tables, and writes them as Markdown, JSON and CSV where a folder was named. */
export async function giveTables(
  shell: Shell,
  { out, json }: Pick<EvaluateFlags, 'out' | 'json'>,
  tables: readonly ResultTable[],
  about: Readonly<Record<string, unknown>>,
): Promise<void> {
  const markdown = tables.map(toMarkdown).join('\n');
  const object = { ok: true, ...about, tables };
  if (out !== undefined) {
    await mkdir(out, { recursive: true });
    await writeFileDurably(`${out}/metrics.md`, markdown);
    await writeFileDurably(`${out}/metrics.json`, `${JSON.stringify(object, null, 2)}\n`);
    for (const table of tables) {
      const name = table.title.toLowerCase().replace(/[^a-z0-9]+/g, '-');
      await writeFileDurably(`${out}/${name}.csv`, toCsv(table));
    }
    shell.log.info(`${out}: metrics.md, metrics.json, ${tables.length} CSV`);
  }
  shell.print(json ? JSON.stringify(object) : markdown.trimEnd());
}
