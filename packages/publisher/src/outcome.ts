import { RefusedError, SurehopError, UnknownOutcomeError, UnroutableError } from '@surehop/core';
import type { Outcome } from '@surehop/core/internal';
import { addressOf, type Pending } from './pending.ts';

export type NotConfirmed = Exclude<Outcome, { readonly status: 'confirmed' }>;

/**
 * What a caller is told of a message that was not confirmed. An answer speaks of the last write only: where an earlier
 * one may have been stored, its outcome is unknown, and the answer is the cause.
 */
export function errorOf(outcome: NotConfirmed, { message, messageId }: Pending): SurehopError {
  const answer = answerOf(outcome, messageId, addressOf(message));
  if (!outcome.mayBeStored) return answer;
  return new UnknownOutcomeError(messageId, `an earlier write was not answered, the last one was: ${answer.message}`, {
    cause: answer,
  });
}

function answerOf(outcome: NotConfirmed, messageId: string, to: string): SurehopError {
  switch (outcome.status) {
    case 'unroutable':
      return new UnroutableError(messageId, to, { code: outcome.replyCode, text: outcome.replyText });
    case 'refused':
      return new RefusedError(messageId, to);
    case 'rejected':
      return rejection(outcome.replyCode, outcome.error, `message ${messageId} to ${to} was not stored`);
  }
}

function rejection(replyCode: number | undefined, cause: Error, what: string): SurehopError {
  const because = `${what}: ${cause.message}`;
  if (replyCode === 403) return new SurehopError('SUREHOP_ACCESS_REFUSED', because, { retryable: false, cause });
  if (replyCode === 404) return new SurehopError('SUREHOP_EXCHANGE_NOT_FOUND', because, { retryable: false, cause });
  if (replyCode === 406 && /message size/i.test(cause.message)) {
    const advice = 'set maxMessageBytes to the broker’s max_message_size';
    return new SurehopError('SUREHOP_MESSAGE_TOO_LARGE', `${because}; ${advice}`, { retryable: false, cause });
  }
  return new SurehopError('SUREHOP_PROPERTIES_INVALID', because, { retryable: false, cause });
}
