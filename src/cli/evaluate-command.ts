import type { Command } from 'commander';
import { addEvaluatePersonas } from './evaluate-personas.js';
import type { Shell } from './shell.js';

/** `evaluate`: measures of what a run found. Each subcommand is a file of its own. */
export function addEvaluateCommand(program: Command, shell: Shell): void {
  const evaluate = program.command('evaluate').description('measure what a run found, beside baselines');
  addEvaluatePersonas(evaluate, shell);
  for (const command of evaluate.commands) command.exitOverride().showSuggestionAfterError();
}
