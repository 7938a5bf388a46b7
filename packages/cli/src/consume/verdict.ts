import { DeadLetter } from '@surehop/core';

/** How a program ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** The last of what it wrote to standard error. */
  readonly stderr: string;
}

/** EX_DATAERR of sysexits.h. Its EX_TEMPFAIL, 75, is a failure like any other. */
const deadLetterCode = 65;

/** The attempt failed: the consumer tries again, or lays the message aside after the last attempt. */
export class HandlerExitError extends Error {
  override readonly name = 'HandlerExitError';
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

/**
 * What the end of a program means for its message: undefined is done, else what the handler is to throw. 65 lays it aside
 * at once; anything else, 75 among it, is tried again.
 */
export function verdictOf({ code, signal, stderr }: ProgramEnd): HandlerExitError | DeadLetter | undefined {
  if (code === 0) return undefined;
  const how = signal === null ? `the handler exited with ${code}` : `the handler was ended by ${signal}`;
  const reason = reasonIn(stderr) ?? how;
  return code === deadLetterCode
    ? withoutStack(new DeadLetter(reason))
    : withoutStack(new HandlerExitError(reason, signal ?? `EXIT_${code}`));
}

/** Where in this program it was made says nothing; what the handler wrote is in the message. */
function withoutStack<E extends Error>(error: E): E {
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

/** All of it; where there are many lines, the last one first, which is where programs say what went wrong. */
function reasonIn(stderr: string): string | undefined {
  if (stderr === '') return undefined;
  const lines = stderr.split('\n');
  return lines.length === 1 ? stderr : `${lines.at(-1)?.trim()}\n${stderr}`;
}
