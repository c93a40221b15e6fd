import { mkdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import type { EvaluateFlags } from './evaluate-output.js';
import { giveTables, withOutput } from './evaluate-output.js';
import type { Shell } from './shell.js';
import { wholeNumber } from './whole-number.js';

/** A model of a sweep: a name for the table, and where it is reached. Other settings are those of `rewrite`. */
const sweepModelSchema = z.object({
  name: z.string().regex(/^[\w.-]{1,80}$/, 'expected letters, digits, dots and dashes'),
  llm: z.string().default('openai-compatible'),
  llmModel: z.string().optional(),
  llmBaseUrl: z.string().optional(),
  llmApiKeyFile: z.string().optional(),
  llmConcurrency: z.coerce.number().int().min(1).max(256).optional(),
  shots: z.coerce.number().int().min(0).optional(),
});

interface SweepFlags extends EvaluateFlags {
  readonly models: string;
  readonly personas: string;
  readonly prompts: string;
  readonly history?: string;
  readonly shots: number;
  readonly out: string;
}

/** `sweep`: the same rewrites by many models, and the table that compares them. */
export function addSweep(program: Command, shell: Shell): void {
  const command = program
    .command('sweep')
    .description('rewrite with every model of a list and compare them; finished models are skipped')
    .requiredOption('--models <file>', 'JSONL or CSV: name, llm, llmModel, llmBaseUrl, llmApiKeyFile, shots')
    .requiredOption('--personas <file>', 'personas.jsonl')
    .requiredOption('--prompts <file>', 'prompts')
    .option('--history <file>', 'earlier prompts (persona, prompt)')
    .option('--shots <count>', 'earlier prompts shown, where the list does not say', wholeNumber, 0);
  withOutput(command).action((flags: SweepFlags) => sweep(shell, flags));
}

async function sweep(shell: Shell, flags: SweepFlags): Promise<void> {
  const { UsageError, InputError } = await import('../core/errors.js');
  if (!flags.out) throw new UsageError('ERR_USAGE', 'Name the folder of the sweep with --out DIR.');
  const { readAllJsonLines } = await import('../artifacts/jsonl.js');
  const { Random } = await import('../core/random.js');
  const { rewriteTables } = await import('../evaluation/rewrite-measures.js');
  const { readChecked, readPersonas } = await import('../pipeline/prompt-files.js');
  const { rewriteAll } = await import('../pipeline/rewrite.js');
  const { rewriteSchema } = await import('../rewriting/rewrite.js');
  const { apiKeyOf } = await import('./api-key.js');
  const { resolveSettings } = await import('./settings.js');

  const models = await readChecked(flags.models, sweepModelSchema);
  const names = new Set(models.map(({ name }) => name));
  if (names.size < models.length)
    throw new InputError('ERR_DUPLICATE_ID', `${flags.models} lists two models of one name.`, { path: flags.models });
  await mkdir(flags.out, { recursive: true });
  const lines = [];
  for (const { name, shots, ...model } of models) {
    const { config } = await resolveSettings({ ...model, seed: flags.seed }, shell.environment, undefined);
    const out = `${flags.out}/${name}.jsonl`;
    const summary = await rewriteAll(
      {
        personas: flags.personas,
        prompts: flags.prompts,
        history: flags.history,
        out,
        shots: shots ?? flags.shots,
        baseline: true,
        seed: config.seed,
        temperature: config.llmTemperature,
        llm: config,
        apiKey: await apiKeyOf(config, shell.environment),
      },
      shell.log,
      shell.stop.signal,
    );
    shell.log.info(`${name}: ${summary.unchanged ? 'unchanged' : `${summary.lines} rewrites, ${summary.calls} calls`}`);
    for (const line of await readAllJsonLines(out, rewriteSchema)) lines.push({ ...line, model: name });
  }
  const tables = rewriteTables(lines, await readPersonas(flags.personas), {
    replicates: flags.replicates,
    random: new Random(flags.seed),
    unit: 'prompt',
  });
  await giveTables(shell, flags, tables, { models: models.length, rewrites: lines.length });
}
