import { StopRequested } from '../core/errors.js';
import type { Log } from '../core/log.js';

/** How a person stops the program: the first Ctrl-C or SIGTERM asks it to checkpoint, the second ends it at once. */
export interface StopSwitch {
  readonly signal: AbortSignal;
  /** Which signal came, if any. */
  received(): NodeJS.Signals | undefined;
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
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', ignore);
  return {
    signal: controller.signal,
    received: () => received,
    dispose: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal).off('SIGHUP', ignore),
  };
}
