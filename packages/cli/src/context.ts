import { CancelledError, PipeClosedError } from './cancellation.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { Secrets } from './secrets.ts';
import { type Paint, paintFor, type Terminal } from './terminal.ts';

/** What a command is given beside its arguments. */
export interface Context extends Terminal {
  /** Aborts when the program is to end: stop cleanly, and soon. Its reason is a {@link CancelledError}. */
  readonly signal: AbortSignal;
  /** The user of the operating system. */
  readonly user: string;
  readonly secrets: Secrets;
  /** For standard output. */
  readonly paint: Paint;
  /** For standard error. */
  readonly paintNotes: Paint;
  /** One line on standard error, without the passwords that were given. */
  note(line: string): void;
  /** What the program will exit with; the command that ran sets it. */
  readonly outcome: { exitCode: ExitCode };
}

export function createContext(terminal: Terminal, controller: AbortController, user: string): Context {
  const { stdout, stderr, env } = terminal;
  const secrets = new Secrets();
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    controller.abort(
      error.code === 'EPIPE' ? new PipeClosedError() : new CancelledError(error.message, exitCodes.failed),
    );
  });
  stderr.on('error', () => undefined); // nobody reads it any more: that ends no work
  return {
    ...terminal,
    signal: controller.signal,
    user,
    secrets,
    paint: paintFor(stdout, env),
    paintNotes: paintFor(stderr, env),
    note: (line) => void stderr.write(`${secrets.redacted(line)}\n`),
    outcome: { exitCode: exitCodes.done },
  };
}
