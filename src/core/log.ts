/** Where a stage says what it does. Only `cli` knows about terminals; everything else gets one of these. */
export interface Log {
  /** A fact that a person wants to keep: what was decided, what was found. */
  info(message: string): void;
  /** Something that changes what the result means. */
  warn(message: string): void;
  /** How far a long task is; called as often as convenient, shown at most ten times a second. */
  progress(progress: Progress): void;
}

export interface Progress {
  readonly task: string;
  readonly done: number;
  readonly total?: number; // unknown for streams such as stdin
  readonly unit: string; // what is counted: 'B' is shown as bytes
  readonly detail?: string;
}

/** Says nothing: for tests and library use. */
export const silentLog: Log = { info() {}, warn() {}, progress() {} };
