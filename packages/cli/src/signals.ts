import { CancelledError } from './cancellation.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';

/** The part of a process that is looked at. */
export interface Signalled {
  on(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

/**
 * The first Ctrl-C or SIGTERM aborts `controller`, so that what runs can stop cleanly. The second ends the process at
 * once: the broker keeps what is not acknowledged.
 *
 * @param say tells the person that it was heard
 */
export function watchSignals(
  process: Signalled,
  controller: AbortController,
  { say, exit }: { say: (line: string) => void; exit: (code: ExitCode) => void },
): void {
  const onSignal = (code: ExitCode): void => {
    if (controller.signal.aborted) {
      exit(code);
      return;
    }
    say('stopping; once more ends at once');
    controller.abort(new CancelledError('stopped', code));
  };
  process.on('SIGINT', () => onSignal(exitCodes.cancelled));
  process.on('SIGTERM', () => onSignal(exitCodes.terminated));
}
