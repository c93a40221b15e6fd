import type { Accounting } from '../artifacts/manifest.js';
import { ALIKE, SPLITS } from '../evaluation/benchmark.js';

export interface BenchmarkManifest {
  readonly formatVersion: 1;
  readonly program: string;
  readonly seed: number;
  readonly settings: Readonly<Record<string, number>>;
  readonly inputs: Readonly<Record<string, string>>; // sha256
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>; // rows of each file, by split
  readonly accounting: readonly Accounting[];
  readonly outputs: Readonly<Record<string, string>>; // sha256
}

/** The card of a benchmark: what it holds, how it was split, what it cannot tell. */
export function benchmarkCard(
  { counts, accounting, settings, seed, program }: Omit<BenchmarkManifest, 'outputs'>,
  personas: number,
): string {
  const files = [...new Set(SPLITS.flatMap((split) => Object.keys(counts[split] ?? {})))];
  return `---
configs:
${files.map((file) => `  - config_name: ${file.replace('.jsonl', '')}\n    data_files:\n${SPLITS.map((split) => `      - split: ${split}\n        path: ${split}/${file}`).join('\n')}`).join('\n')}
language:
  - en
tags:
  - personas
---
# A benchmark of persona-conditioned prompts

${personas} personas (\`personas.jsonl\`) and what they are to be tried on. Choose models, wordings and shots on \`dev\`; report \`test\`, once.

| file | ${SPLITS.join(' | ')} | a line |
|---|${SPLITS.map(() => '---').join('|')}|---|
${files.map((file) => `| \`${file}\` | ${SPLITS.map((split) => counts[split]?.[file] ?? 0).join(' | ')} | ${LINES[file]} |`).join('\n')}

    mine-personas rewrite --personas personas.jsonl --prompts test/prompts.jsonl --baseline --out rewrites.jsonl
    mine-personas evaluate rewrites --rewrites rewrites.jsonl --personas personas.jsonl
${files.includes('history.jsonl') ? '\nFew-shot: add `--history test/history.jsonl --shots 3` to the first.\n' : ''}
## How it was split

No user is in both splits, and no persona that was given prompts of the pool. No prompt of \`test\`, in whatever letters and order, is
anywhere in \`dev\`. Of each user the last ${settings['heldOut']} prompts are held out; earlier ones that share ${ALIKE} or more of their words with one of these
are left out. A user's persona, where the input names none, is the one nearest in words to the earlier prompts alone. Later behaviour comes
from input that the run behind the personas has never read.

## From what to what

| unit | read | kept | dropped |
|---|---|---|---|
${accounting.map(({ unit, read, kept, dropped }) => `| ${unit} | ${read} | ${kept} | ${reasons(dropped)} |`).join('\n')}

## Limits

- Personas describe groups; a user's persona is the nearest group, not that person.
- Visual interests of prompts are told by their words, in English.
- Names of users were replaced by numbers. What people wrote is theirs: the terms of the source hold, and prompts can name persons.
- References and choices were made with other models than those to be tried: they show taste, not the best picture.

Seed ${seed}, ${program}.
`;
}

const LINES: Readonly<Record<string, string>> = {
  'prompts.jsonl': 'a prompt, its persona, perhaps its user and the image that the user made with it',
  'history.jsonl': 'an earlier prompt of a user, oldest first',
  'pairs.jsonl': 'two images or models for a prompt, and which of them the user took',
  'behaviour.jsonl': 'a persona and the communities that its people took up later',
};

function reasons(dropped: Readonly<Record<string, number>>): string {
  const some = Object.entries(dropped).filter(([, count]) => count > 0);
  return some.map(([reason, count]) => `${reason} ${count}`).join(', ') || '–';
}
