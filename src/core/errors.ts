/**
 * Every error this project raises on purpose. Match on `code`, never on the message.
 *
 * A message is one sentence with four parts: what happened and where, what was expected, what was got, and what to do
 * next. The same facts are `fields`, so that nobody parses the sentence. The class says whose turn it is; the command
 * line maps it to an exit code.
 */
export abstract class MinerError extends Error {
  constructor(
    readonly code: `ERR_${string}`,
    message: string,
    readonly fields: Readonly<Record<string, unknown>> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The command line was not understood. */
export class UsageError extends MinerError {}

/** Configuration or input cannot be used as it is: a missing file, a wrong column, too little data. */
export class InputError extends MinerError {}

/** Data was readable once and is not what it claims to be: a cut file, a wrong checksum, a foreign artefact. */
export class IntegrityError extends MinerError {}

/** The machine ran out of something: disk, memory, descriptors. */
export class ResourceError extends MinerError {}

/** A service outside this process did not do its part. */
export class ExternalError extends MinerError {}

/** Going on would break the privacy rules of the run. */
export class PrivacyError extends MinerError {}

/** The person asked to stop; what was finished is kept. */
export class StopRequested extends MinerError {
  constructor() {
    super('ERR_STOPPED', 'Stopped on request. Run the same command again to go on from here.');
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
