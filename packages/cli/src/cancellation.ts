import { type ExitCode, exitCodes } from './exit-codes.ts';

/** A person, or the system, wants the program to end. The reason of the context's signal. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Who read our output has gone (`surehop … | head`): there is nothing left to do, and nobody to tell. */
export class PipeClosedError extends CancelledError {
  constructor() {
    super('the reader of standard output has gone', exitCodes.done);
  }
}
