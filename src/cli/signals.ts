import { StopRequested } from '../core/errors.js';
import type { Log } from '../core/log.js';

/** How a person stops the program: the first Ctrl-C or SIGTERM asks it to checkpoint, the second ends it at once. */
export interface StopSwitch {
  readonly signal: AbortSignal;
  /** Which signal came, if any. */
  received(): NodeJS.Signals | undefined;
  /** While true, a signal ends the program at once: for work that computes in one go and would not hear us. */
  leaveToSystem(leave: boolean): void;
  dispose(): void;
}

export function installStopSwitch(log: Log): StopSwitch {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const onSignal = (name: NodeJS.Signals) => {
    if (received) process.exit(received === 'SIGTERM' ? 143 : 130);
    received = name;
    log.warn('stopping at the next safe point; again to stop at once');
    controller.abort(new StopRequested());
  };
  const ignore = () => {};
  const unlisten = () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  const listen = () => {
    unlisten(); // never twice
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  };
  listen();
  process.on('SIGHUP', ignore);
  return {
    signal: controller.signal,
    received: () => received,
    leaveToSystem: (leave) => (leave ? unlisten() : listen()),
    dispose: () => {
      unlisten();
      process.off('SIGHUP', ignore);
    },
  };
}
