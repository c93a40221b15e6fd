import { Command, CommanderError, Option } from 'commander';
import { explainSystemError } from '../artifacts/run-directory.js';
import { MinerError, messageOf } from '../core/errors.js';
import { PACKAGE_VERSION } from '../pipeline/package-version.js';
import { STAGE_NAMES, type StageName } from '../pipeline/stage.js';
import type { BatchFlags } from './batch.js';
import { printConfig } from './config-command.js';
import { doctor } from './doctor.js';
import type { EmbedNewFlags } from './embed-new.js';
import { addEvaluateCommand } from './evaluate-command.js';
import { EXIT, exitCodeOf } from './exit-codes.js';
import type { ForgetFlags } from './forget.js';
import type { GraphExportFlags } from './graph-export.js';
import { addLaterStages } from './later-stages.js';
import { TerminalLog } from './progress.js';
import type { CommonFlags } from './run-command.js';
import { addSettingFlags } from './settings.js';
import type { Shell } from './shell.js';
import { installStopSwitch } from './signals.js';

/** Stages by the names of their commands. */
const STAGE_COMMANDS: readonly [command: string, stage: StageName, description: string][] = [
  ['train', 'train', 'train the encoder on the graph of a run'],
  ['embed', 'embed', 'embed users and subreddits of a run'],
  ['cluster', 'cluster', 'group the users of a run'],
  ['verbalize', 'verbalize', 'put the groups of a run into words'],
  ['export', 'export', 'collect what a run found for other programs'],
];

/** Parses the command line, runs the command and returns the exit status. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done); // the reader has had enough
    throw error;
  });
  process.stderr.on('error', () => {}); // nobody listens any more: no reason to stop the work
  const has = (flag: string) => argv.includes(flag);
  const log = new TerminalLog({
    stream: process.stderr,
    environment: process.env,
    quiet: has('--quiet'),
    format: has('--log-format=json') || argv[argv.indexOf('--log-format') + 1] === 'json' ? 'json' : 'text',
    now: () => performance.now(),
  });
  const stop = installStopSwitch(log);
  const shell: Shell = { environment: process.env, log, stop, print: (text) => void process.stdout.write(`${text}\n`) };
  try {
    await buildProgram(shell).parseAsync(argv, { from: 'user' });
    return EXIT.done;
  } catch (thrown) {
    return report(thrown, shell, has('--debug'), has('--json'));
  } finally {
    log.clear();
    stop.dispose();
  }
}

function report(thrown: unknown, { log, stop, print }: Shell, debug: boolean, json: boolean): number {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return EXIT.done; // help or version
    const { message } = thrown; // printed already, but for programs
    if (json) print(JSON.stringify({ ok: false, exitCode: EXIT.usage, error: { code: 'ERR_USAGE', message } }));
    return EXIT.usage;
  }
  const error = explainSystemError(thrown, '--out');
  const code = exitCodeOf(error, stop.received());
  const isOurs = error instanceof MinerError;
  const shown = debug || !isOurs ? ((error as Error | undefined)?.stack ?? String(error)) : messageOf(error);
  const advice = isOurs ? '' : '\nThis is a fault of the program. Please report it with the lines above.';
  log.error(`${shown}${advice}`, code, isOurs ? error.code : undefined);
  if (json)
    print(
      JSON.stringify({
        ok: false,
        exitCode: code,
        error: isOurs ? { code: error.code, message: error.message, ...error.fields } : { message: messageOf(error) },
      }),
    );
  return code;
}

function buildProgram(shell: Shell): Command {
  const program = new Command('mine-personas')
    .description('Mines natural-language personas from community behaviour: Reddit dumps in, personas.jsonl out.')
    .version(PACKAGE_VERSION)
    .exitOverride()
    .showSuggestionAfterError()
    .enablePositionalOptions()
    .addHelpText('before', EXAMPLES);

  const withRun = (command: Command, needsOut = true) => {
    if (needsOut) command.requiredOption('--out <dir>', 'folder of the run');
    return command
      .option('--config <file>', 'settings as JSON; flags and MINE_PERSONAS_* win over it')
      .option('--json', 'print one JSON object to stdout when done')
      .option('--quiet', 'no progress, only warnings and errors')
      .option('--log-format <format>', 'text or json (one object a line on stderr)')
      .option('--debug', 'show where errors come from');
  };
  const inputHelp = 'dumps, tables, folders or globs; - for standard input';

  // loaded when needed: the stages bring an engine that takes a second, and --help should not
  const runStagesOf = async (inputs: string[] | undefined, flags: CommonFlags, only?: StageName) =>
    (await import('./run-command.js')).runCommand(shell, inputs, flags, only);

  const run = withRun(
    program.command('run').description('every stage, from dumps to personas; goes on where it was stopped'),
  )
    .argument('<input...>', inputHelp)
    .option('--from <stage>', `first stage to run again: ${STAGE_NAMES.join(', ')}`)
    .option('--until <stage>', 'last stage to run')
    .option('--force <stage>', 'stage to run even if nothing changed; may be given again', collect);
  addSettingFlags(run).action((inputs: string[], flags: CommonFlags) => runStagesOf(inputs, flags));

  const ingest = withRun(program.command('ingest').description('read dumps and tables into a run')).argument(
    '<input...>',
    inputHelp,
  );
  addSettingFlags(ingest).action((inputs: string[], flags: CommonFlags) =>
    runStagesOf(inputs, { ...flags, until: 'ingest' }),
  );

  const graph = withRun(program.command('graph').description('build the graph of a run; see also: graph export'), false)
    .option('--out <dir>', 'folder of the run')
    .option('--force', 'run even if nothing changed');
  addSettingFlags(graph).action((flags: CommonFlags) => runStagesOf(undefined, flags, 'build-graph'));
  graph
    .enablePositionalOptions() // what follows `export` is for it
    .command('export')
    .description('write a graph of a run as GEXF, GraphML or Parquet tables')
    .exitOverride()
    .requiredOption('--out <dir>', 'folder of the run')
    .requiredOption(
      '--to <file>',
      'file to write, ending in .gexf or .graphml, or folder, ending in /, for Parquet tables',
    )
    .option(
      '--kind <kind>',
      'projection (subreddits that share users) or bipartite (users and subreddits)',
      'projection',
    )
    .option('--subreddits <names>', 'only these, comma-separated')
    .option('--communities <numbers>', 'only these communities of subreddits, comma-separated')
    .option('--top <count>', 'only the subreddits with the most users (default: 500; of Parquet tables all)')
    .action(async (flags: GraphExportFlags) => (await import('./graph-export.js')).graphExport(shell, flags));

  for (const [name, stage, description] of STAGE_COMMANDS) {
    const command = withRun(program.command(name).description(description)).option(
      '--force',
      'run even if nothing changed',
    );
    if (stage === 'embed')
      command
        .option('--model <dir>', 'finished run whose model embeds people it has never seen, given with --input')
        .option('--input <path...>', inputHelp);
    if (stage === 'verbalize')
      command
        .option('--emit-batch <dir>', 'write the requests for a batch service (OpenAI Batch, vllm run-batch) and stop')
        .option('--ingest-batch <file...>', 'result files of such a batch, to be recorded before the stage runs');
    addSettingFlags(command).action(async (flags: CommonFlags & EmbedNewFlags & BatchFlags) => {
      if (stage === 'verbalize' && flags.emitBatch)
        return (await import('./batch.js')).emitBatchCommand(shell, flags, flags.emitBatch);
      if (stage === 'verbalize' && flags.ingestBatch)
        await (await import('./batch.js')).ingestBatchCommand(shell, flags, flags.ingestBatch);
      return stage === 'embed' && (flags.model || flags.input)
        ? (await import('./embed-new.js')).embedNew(shell, flags)
        : runStagesOf(undefined, flags, stage);
    });
  }

  const planCommand = withRun(
    program.command('plan').description('say what a run would do and need, and do nothing'),
  ).argument('<input...>', inputHelp);
  addSettingFlags(planCommand).action(async (inputs: string[], flags: CommonFlags) =>
    (await import('./plan.js')).plan(shell, inputs, flags),
  );

  addEvaluateCommand(program, shell);
  addLaterStages(program, shell);

  program
    .command('forget')
    .description('remove people from a run, search every file for traces of them, and keep them out')
    .requiredOption('--out <dir>', 'folder of the run')
    .option('--user <name>', 'account name, or pseudonym of 16 hex digits; may be given again', collect)
    .option('--user-file <file>', 'file of names, one a line')
    .option('--key-file <file>', 'key of pseudonyms that the run was made with (default: as saved, or your own)')
    .option('--rebuild', 'run the later stages again without them')
    .option('--json', 'print one JSON object to stdout when done')
    .action(async (flags: ForgetFlags) => (await import('./forget.js')).forgetCommand(shell, flags));

  program
    .command('status')
    .description('say how far a run is, and what is stale')
    .requiredOption('--out <dir>', 'folder of the run')
    .option('--json', 'print one JSON object to stdout')
    .action(async (flags: { out: string; json?: boolean }) => (await import('./status.js')).status(shell, flags));

  program
    .command('doctor')
    .description('look at this machine: what works, what is missing, what would be faster')
    .option('--json', 'print one JSON object to stdout')
    .option('--out <dir>', 'folder to test for space and rights', '.')
    .addOption(
      new Option('--device <name>', 'look at one device instead, and check its kernels on it').choices(['cuda']),
    )
    .action(async (flags: { out: string; json?: boolean; device?: string }) => {
      if (flags.device === undefined) return doctor(shell, flags);
      const { doctorCuda } = await import('./doctor-cuda.js');
      return doctorCuda(shell, flags.json === true);
    });

  const config = program
    .command('config')
    .description('print every setting with its origin, or the JSON Schema of configuration files')
    .option('--config <file>', 'settings as JSON')
    .option('--schema', 'print the JSON Schema instead');
  addSettingFlags(config).action((flags: Record<string, unknown>) => printConfig(shell, flags));

  for (const command of program.commands) command.exitOverride().showSuggestionAfterError();
  return program;
}

function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, value];
}

const EXAMPLES = `Examples:
  mine-personas run RC_2025-06.zst RS_2025-06.zst --out runs/june
  mine-personas run links.tsv.zst --out runs/links --min-users 200 --clusters 20
  mine-personas plan dumps/ --out runs/all
  mine-personas status --out runs/june
  mine-personas graph export --out runs/june --to subreddits.gexf
  mine-personas embed --model runs/june --input RC_2025-07.zst --out runs/july
`;
