import type { TerminalLog } from './progress.js';
import type { StopSwitch } from './signals.js';

/** Everything a command needs of the outside. */
export interface Shell {
  readonly environment: NodeJS.ProcessEnv;
  readonly log: TerminalLog;
  readonly stop: StopSwitch;
  /** Data for other programs; everything for people goes to the log. */
  print(text: string): void;
}
