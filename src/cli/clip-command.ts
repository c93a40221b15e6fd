import type { Command } from 'commander';
import { formatCount } from './progress.js';
import type { Shell } from './shell.js';
import { wholeNumber } from './whole-number.js';

interface ClipFlags {
  readonly model: string;
  readonly images?: string;
  readonly texts?: string;
  readonly out: string;
  readonly runtime?: string;
  readonly batch: number;
  readonly json?: boolean;
}

/** `clip`: pictures and prompts as tables of vectors. */
export function addClip(program: Command, shell: Shell): void {
  program
    .command('clip')
    .description('CLIP vectors of pictures or prompts, as a table for evaluate images, evaluate diversity and train')
    .requiredOption('--model <dir>', 'CLIP exported to ONNX: config.json, tokenizer.json, … and a folder onnx')
    .requiredOption('--out <file>', 'Arrow table (id, vector) to write')
    .option('--images <path>', 'folder of pictures, or JSONL or CSV with file, and id or user')
    .option('--texts <file>', 'prompts: JSONL, CSV or TSV with prompt and perhaps id; or a prompt a line')
    .option('--runtime <dir>', 'folder in which @huggingface/transformers is installed')
    .option('--batch <count>', 'pictures or prompts at a time', wholeNumber, 32)
    .option('--json', 'print one JSON object to stdout when done')
    .action((flags: ClipFlags) => clip(shell, flags));
}

async function clip(shell: Shell, flags: ClipFlags): Promise<void> {
  const { UsageError } = await import('../core/errors.js');
  if ((flags.images === undefined) === (flags.texts === undefined))
    throw new UsageError('ERR_USAGE', 'Name either pictures with --images or prompts with --texts.');
  const { openClip } = await import('../vision/clip.js');
  const { writeClipVectors } = await import('../pipeline/clip-vectors.js');
  const settings = { ...flags, batch: Math.max(1, flags.batch) };
  const model = await openClip(flags);
  const { unit, read, kept, dropped } = await writeClipVectors(model, settings, shell.log, shell.stop.signal);
  if (flags.json) shell.print(JSON.stringify({ ok: true, out: flags.out, dim: model.dim, unit, read, kept, dropped }));
  else {
    const left = Object.entries(dropped).map(([reason, count]) => `${formatCount(count)} ${reason}`);
    shell.log.info(`${flags.out}: ${formatCount(read)} ${unit} = ${formatCount(kept)} vectors + ${left.join(' + ')}`);
  }
}
