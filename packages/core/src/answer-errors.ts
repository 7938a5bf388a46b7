import type { Answer } from './answer.ts';
import { SurehopError } from './errors.ts';

/** Its publisher waited for what became of a message, and a consumer has laid it aside. `cause` is the handler's error. */
export class DeadLetteredError extends SurehopError {
  override readonly name = 'DeadLetteredError';
  readonly messageId: string;
  /** Where it failed: it is in this queue's dead-letter queue. */
  readonly queue: string;
  /** `failed`, `dead-letter`, `undecodable` or `invalid`, as the dead letter has it. */
  readonly reason: string;
  /** How often it failed. */
  readonly attempts: number;

  constructor(messageId: string, death: Extract<Answer, { readonly kind: 'dead-lettered' }>) {
    const { queue, reason, attempts } = death;
    const where = `it is in ${queue}.dead-letter, after ${attempts} failed ${attempts === 1 ? 'attempt' : 'attempts'}`;
    super('SUREHOP_DEAD_LETTERED', `message ${messageId} was stored and laid aside: ${where}: ${death.message}`, {
      retryable: false,
      cause: errorOf(death),
    });
    this.messageId = messageId;
    this.queue = queue;
    this.reason = reason;
    this.attempts = attempts;
  }
}

/** The message is stored; whether it was, is or will be handled is not known. */
export class NoAnswerError extends SurehopError {
  override readonly name = 'NoAnswerError';
  readonly messageId: string;

  constructor(messageId: string, why: string, options: { cause?: unknown } = {}) {
    const advice = 'Publishing it again, under the same id, may have it handled twice';
    super('SUREHOP_NO_ANSWER', `message ${messageId} is stored; its outcome is unknown: ${why}. ${advice}`, {
      retryable: true,
      ...options,
    });
    this.messageId = messageId;
  }
}

/** The error as it was thrown, as far as it went over the wire. */
function errorOf({ name, message, code }: { name: string; message: string; code: string | undefined }): Error {
  const error = new Error(message);
  // What names this place tells nothing of where it was thrown.
  delete error.stack;
  return Object.assign(error, { name }, code === undefined ? undefined : { code });
}
