import type { ExchangeContract, QueueContract, QueueOptions } from '@surehop/core';
import { integer, invalid, kindOf, knownKeys } from '@surehop/core/internal';
import { type ContractProperties, checkPublishOptions, type PublishOptions } from './publish-options.ts';
import { longestDeadlineMs } from './publisher-options.ts';

export interface PublishAndWaitOptions<Answer = unknown>
  extends Omit<PublishOptions, 'deadlineMs' | 'properties' | 'delayMs' | 'at' | 'sequence'> {
  /**
   * From the call to the answer, whatever happens between, in milliseconds, 1 to 2^31 - 1. A message that is retried is
   * answered after its last attempt: give it the time of its contract's delays where that is to be waited for.
   * @default the publisher's `deadlineMs`
   */
  readonly timeoutMs?: number;
  /** Checks what the handler returned, and gives it its type. @default none: it is what the codec made of it */
  readonly answer?: NonNullable<QueueOptions<unknown, Answer>['schema']>;
  /** As of `publish`, without `replyTo`, which is the reply queue's. */
  readonly properties?: Omit<ContractProperties, 'replyTo'>;
}

/** Publishing with an answer. */
export interface AnsweredPublisher {
  /**
   * Publishes one message, and resolves once the broker has stored it and a consumer has handled it, with what the
   * handler returned; `undefined` where it returned nothing. Behind an exchange, the first of several answers counts.
   *
   * The message is as safe as any: it is retried, dead-lettered and handled at least once, whether or not somebody still
   * waits. An answer can come after the message's first handling, and the message be handled once more.
   *
   * @throws {DeadLetteredError} a consumer has laid it aside; `cause` is the handler's error
   * @throws {NoAnswerError} it is stored, and no answer has come: whether it was, is or will be handled is not known
   * @throws {SurehopError} SUREHOP_ANSWER_UNREADABLE: it was handled, and what the handler returned could not be sent, read
   *   or does not fit `answer`; all that `publish` rejects with; SUREHOP_PUBLISHER_FULL beyond `maxAwaitedAnswers`, nothing
   *   was sent; SUREHOP_ACCESS_REFUSED for the reply queue, nothing was sent
   */
  publishAndWait<In, Answer = unknown>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown>,
    body: NoInfer<In>,
    options?: PublishAndWaitOptions<Answer>,
  ): Promise<Answer>;
}

/** @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkWaitOptions(given: PublishAndWaitOptions): void {
  const { timeoutMs, answer, ...rest } = given;
  knownKeys('publishAndWait', given, waitOptions);
  if (timeoutMs !== undefined) integer('timeoutMs', timeoutMs, 1, longestDeadlineMs);
  if (answer !== undefined && typeof answer?.['~standard']?.validate !== 'function') {
    invalid(`answer must be a Standard Schema (zod, valibot, arktype …), got ${kindOf(answer)}`);
  }
  checkPublishOptions(rest);
  if ((rest.properties as ContractProperties | undefined)?.replyTo === undefined) return;
  invalid('replyTo must not be given to publishAndWait: the answer comes to its own reply queue');
}

const waitOptions = ['timeoutMs', 'answer', 'signal', 'routingKey', 'headers', 'messageId', 'properties'];
