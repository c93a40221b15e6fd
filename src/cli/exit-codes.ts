import {
  ExternalError,
  InputError,
  IntegrityError,
  MinerError,
  PrivacyError,
  ResourceError,
  StopRequested,
  UsageError,
} from '../core/errors.js';

/** What the program's exit status says. */
export const EXIT = {
  done: 0,
  fault: 1,
  usage: 2,
  input: 3,
  integrity: 4,
  resources: 5,
  external: 6,
  privacy: 7,
  interrupted: 130,
  terminated: 143,
} as const;

export function exitCodeOf(thrown: unknown, signal: NodeJS.Signals | undefined): number {
  if (thrown instanceof StopRequested) return signal === 'SIGTERM' ? EXIT.terminated : EXIT.interrupted;
  if (thrown instanceof UsageError) return EXIT.usage;
  if (thrown instanceof InputError) return EXIT.input;
  if (thrown instanceof IntegrityError) return EXIT.integrity;
  if (thrown instanceof ResourceError) return EXIT.resources;
  if (thrown instanceof ExternalError) return EXIT.external;
  if (thrown instanceof PrivacyError) return EXIT.privacy;
  if (thrown instanceof MinerError) return EXIT.input;
  return EXIT.fault;
}
