import { type Command, InvalidArgumentError } from 'commander';
import { MODEL_SETTINGS, type RewriteFlags } from './rewrite-command.js';
import { addSettingFlags } from './settings.js';
import type { Shell } from './shell.js';

/** The commands after the miner: what is done with personas.jsonl. */
export function addLaterStages(program: Command, shell: Shell): void {
  const rewrite = program
    .command('rewrite')
    .description('rewrite image prompts from the point of view of personas; goes on where it was stopped')
    .requiredOption('--personas <file>', 'personas.jsonl')
    .requiredOption('--prompts <file>', 'JSONL, CSV or TSV with prompt and perhaps id, persona; or a prompt a line')
    .requiredOption('--out <file>', 'prompts.jsonl to write')
    .option('--history <file>', 'earlier prompts (persona, prompt), for --shots')
    .option('--shots <count>', 'earlier prompts shown to the model', wholeNumber, 0)
    .option('--baseline', 'also rewrite each prompt without a persona')
    .option('--emit-batch <dir>', 'write the requests as batch files instead of asking')
    .option('--ingest-batch <file...>', 'take in result files of a batch first')
    .option('--config <file>', 'settings as JSON; flags and MINE_PERSONAS_* win over it')
    .option('--json', 'print one JSON object to stdout when done')
    .option('--quiet', 'no progress, only warnings and errors');
  addSettingFlags(rewrite, MODEL_SETTINGS).action(async (flags: RewriteFlags) =>
    (await import('./rewrite-command.js')).rewriteCommand(shell, flags),
  );
}

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || text.trim() === '')
    throw new InvalidArgumentError(`expected a whole number, got "${text}".`);
  return value;
}
