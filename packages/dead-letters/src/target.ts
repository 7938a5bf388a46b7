import { SurehopError } from '@surehop/core';
import { DriverError, invalid, nonEmptyString, type RabbitInternals } from '@surehop/core/internal';
import { throughLosses } from './run.ts';
import { ask } from './way-back.ts';

/** @throws {SurehopError} SUREHOP_OPTION_INVALID for what is no name of a queue, or the queue the messages come from */
export function checkTarget(option: string, to: unknown, from?: string): asserts to is string {
  nonEmptyString(option, to);
  if (Buffer.byteLength(to) > 255) invalid(`${option} must not be longer than 255 bytes of UTF-8`);
  if (to === from) invalid(`${option} is the queue that the messages are in`);
}

/**
 * How many messages are ready in a queue; 'absent' where there is none, 'unknown' where the broker does not let this user
 * ask. Waits while the broker is away.
 *
 * @throws the signal's reason
 */
export function readyIn(
  internals: RabbitInternals,
  queue: string,
  signal: AbortSignal,
): Promise<number | 'absent' | 'unknown'> {
  return throughLosses(internals, signal, async () => {
    try {
      return await ask(internals, signal, (channel, deadline) => channel.checkQueue(queue, deadline));
    } catch (thrown) {
      const replyCode = thrown instanceof DriverError ? thrown.replyCode : undefined;
      if (replyCode === 404) return 'absent';
      if (replyCode === 403 || replyCode === 405) return 'unknown';
      throw thrown;
    }
  });
}

/** @throws {SurehopError} SUREHOP_QUEUE_NOT_FOUND */
export async function assertQueueExists(internals: RabbitInternals, queue: string, signal: AbortSignal): Promise<void> {
  if ((await readyIn(internals, queue, signal)) !== 'absent') return;
  const what = `there is no queue ${JSON.stringify(queue)} in this virtual host to send the messages to`;
  throw new SurehopError('SUREHOP_QUEUE_NOT_FOUND', `${what}; nothing was changed`, { retryable: false });
}
