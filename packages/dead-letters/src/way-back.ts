import { SurehopError } from '@surehop/core';
import {
  brokerTraits,
  type DriverChannel,
  DriverError,
  deadLetterQueue,
  errorFields,
  type RabbitInternals,
} from '@surehop/core/internal';
import type { Desk } from './desk.ts';
import { Holding, type HoldingOptions } from './holding.ts';
import { queueRefusal } from './queue-refusal.ts';

/** A queue that allows so many deliveries is looked at without a question. */
const plenty = 1_000;

/**
 * Opens a holding, once it is certain that looking at a message drops none.
 *
 * @throws {SurehopError} SUREHOP_QUEUE_NOT_FOUND, SUREHOP_ACCESS_REFUSED, SUREHOP_LOOKING_COUNTS, SUREHOP_CLOSED
 * @throws {DriverError} the channel or its link was lost
 */
export async function openHolding(desk: Desk, signal: AbortSignal, options: HoldingOptions = {}): Promise<Holding> {
  if (!desk.acceptsDeliveryCount) await assertHarmless(desk, signal);
  return Holding.open(desk.internals, desk.queue, signal, options);
}

/** @throws {SurehopError} SUREHOP_LOOKING_COUNTS where each look uses up one of few deliveries, or may do so */
async function assertHarmless(desk: Desk, signal: AbortSignal): Promise<void> {
  const session = await desk.internals.consumeLink.whenOpen(signal);
  const { givingBack } = brokerTraits(session.serverVersion);
  if (givingBack === 'nothing') return;
  const limit = await limitOf(desk, givingBack === 'counts, with a limit');
  if (limit !== undefined && limit < plenty) throw lookingCounts(desk.queue, String(limit));
  if (limit !== undefined || givingBack === 'counts' || desk.isContracts) return;
  if (!(await isOurs(desk, signal))) throw lookingCounts(desk.queue, 'not known, and 20 unless set otherwise');
}

/** Undefined where nobody can tell. */
async function limitOf({ internals, queue }: Desk, isLimitedByDefault: boolean): Promise<number | undefined> {
  try {
    return await internals.management?.deliveryLimit(queue, isLimitedByDefault);
  } catch (thrown) {
    internals.log.warn({ queue, ...errorFields(thrown) }, 'the delivery limit of a queue cannot be learned');
    return undefined;
  }
}

/** Whether it is as every contract's is: declaring it once more changes nothing, and is refused where it is another. */
function isOurs({ internals, queue }: Desk, signal: AbortSignal): Promise<boolean> {
  return ask(internals, signal, async (channel, deadline) => {
    await channel.checkQueue(queue, deadline).catch((thrown: unknown) => {
      throw queueRefusal(queue, thrown);
    });
    try {
      await channel.declareQueue(deadLetterQueue(queue), deadline);
      return true;
    } catch (thrown) {
      if (thrown instanceof DriverError && (thrown.replyCode === 406 || thrown.replyCode === 403)) return false;
      throw thrown;
    }
  });
}

/**
 * A channel for a question or two, closed afterwards.
 *
 * @throws {DriverError} the broker says no, or the link was lost
 */
export async function ask<T>(
  internals: RabbitInternals,
  signal: AbortSignal,
  question: (channel: DriverChannel, deadline: AbortSignal) => Promise<T>,
): Promise<T> {
  const session = await internals.consumeLink.whenOpen(signal);
  const deadline = internals.effects.clock.deadline(internals.options.rpcTimeoutMs);
  const nothing = (): undefined => undefined;
  const listeners = {
    onConfirm: nothing,
    onReturn: nothing,
    onDelivery: nothing,
    onCancel: nothing,
    onClosed: nothing,
  };
  const channel = await session.openChannel(listeners, deadline);
  try {
    return await question(channel, deadline);
  } finally {
    await channel.close(deadline);
  }
}

function lookingCounts(queue: string, limit: string): SurehopError {
  const what =
    `queue ${JSON.stringify(queue)} was not looked at: before RabbitMQ 4.3 each look at a message of a quorum queue counts ` +
    `as one of the deliveries that its limit allows (${limit}), after which the broker drops it. With a managementUrl ` +
    'the limit is looked up; acceptsDeliveryCount: true looks all the same';
  return new SurehopError('SUREHOP_LOOKING_COUNTS', what, { retryable: false });
}
