import type { Command } from 'commander';
import { addEvaluateAttention } from './evaluate-attention.js';
import { addEvaluateBias } from './evaluate-bias.js';
import { addEvaluateChoices } from './evaluate-choices.js';
import { addEvaluateDiversity, addEvaluateImages } from './evaluate-images.js';
import { addEvaluateLinks } from './evaluate-links.js';
import { addEvaluatePersonas } from './evaluate-personas.js';
import { addEvaluateRewrites } from './evaluate-rewrites.js';
import type { Shell } from './shell.js';

/** `evaluate`: measures of what a run found. Each subcommand is a file of its own. */
export function addEvaluateCommand(program: Command, shell: Shell): void {
  const evaluate = program.command('evaluate').description('measure what a run found, beside baselines');
  addEvaluateAttention(evaluate, shell);
  addEvaluateLinks(evaluate, shell);
  addEvaluatePersonas(evaluate, shell);
  addEvaluateRewrites(evaluate, shell);
  addEvaluateImages(evaluate, shell);
  addEvaluateDiversity(evaluate, shell);
  addEvaluateBias(evaluate, shell);
  addEvaluateChoices(evaluate, shell);
  for (const command of evaluate.commands) command.exitOverride().showSuggestionAfterError();
}
