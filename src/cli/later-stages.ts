import { type Command, Option } from 'commander';
import { addBenchmark } from './benchmark-command.js';
import { addClip } from './clip-command.js';
import { MODEL_SETTINGS, type RewriteFlags } from './rewrite-command.js';
import { addSettingFlags } from './settings.js';
import type { Shell } from './shell.js';
import { addSweep } from './sweep-command.js';
import { wholeNumber } from './whole-number.js';

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
  addSweep(program, shell);
  addBenchmark(program, shell);
  addDraw(program, shell);
  addClip(program, shell);
}

const IMAGE_SERVER_NAMES = ['openai', 'automatic1111', 'comfyui'] as const;

export interface DrawFlags {
  readonly rewrites: string;
  readonly out: string;
  readonly server: (typeof IMAGE_SERVER_NAMES)[number];
  readonly baseUrl: string;
  readonly model?: string;
  readonly perPrompt: number;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly concurrency: number;
  readonly timeoutSeconds: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** `draw`: pictures of rewritten prompts, by a server. */
function addDraw(program: Command, shell: Shell): void {
  program
    .command('draw')
    .description('have an image server draw rewritten prompts; draws only what is missing')
    .requiredOption('--rewrites <file>', 'prompts.jsonl')
    .requiredOption('--out <dir>', 'folder for the pictures and images.jsonl')
    .requiredOption('--base-url <url>', 'openai: ends in /v1; automatic1111 (also SD.Next) and comfyui: the root')
    .addOption(new Option('--server <kind>', 'protocol of the server').choices(IMAGE_SERVER_NAMES).default('openai'))
    .option('--model <name>', 'model or checkpoint to draw with')
    .option('--per-prompt <count>', 'pictures of each line', wholeNumber, 1)
    .option('--width <pixels>', 'width', wholeNumber, 1024)
    .option('--height <pixels>', 'height', wholeNumber, 1024)
    .option('--steps <count>', 'sampling steps', wholeNumber, 30)
    .option('--concurrency <count>', 'pictures under way at a time', wholeNumber, 1)
    .option('--timeout-seconds <seconds>', 'time a picture may take', wholeNumber, 600)
    .option('--seed <number>', 'start of the seeds of pictures', wholeNumber, 1)
    .option('--json', 'print one JSON object to stdout when done')
    .action(async (flags: DrawFlags) => {
      const { Random } = await import('../core/random.js');
      const { openImageServer } = await import('../images/image-server.js');
      const { drawAll } = await import('../pipeline/draw.js');
      const server = openImageServer({
        kind: flags.server,
        baseURL: flags.baseUrl,
        model: flags.model,
        apiKey: shell.environment['MINE_PERSONAS_IMAGE_API_KEY'],
        random: new Random(flags.seed).fork('retries'),
        timeoutMs: flags.timeoutSeconds * 1000,
        maxAttempts: 4,
      });
      const settings = { ...flags, serverName: flags.model ?? '' };
      const summary = await drawAll(settings, server, shell.log, shell.stop.signal);
      if (flags.json) shell.print(JSON.stringify({ ok: true, out: flags.out, ...summary }));
      else
        shell.log.info(
          `${flags.out}: ${summary.read} asked for = ${summary.drawn} drawn + ${summary.found} found + ${summary.failed} failed`,
        );
    });
}
