import { deadLetterName } from '@surehop/core/internal';
import type { Context } from '../context.ts';
import type { Management } from '../management.ts';
import { nearestQueues } from '../nearest-queues.ts';
import { UnknownQueueError } from '../unknown-queue-error.ts';
import { isDeadLetterName } from './dead-letter-names.ts';

export interface QueueSource {
  /** How many messages are ready in it; undefined when there is no such queue. */
  ready(queue: string): Promise<number | undefined>;
}

/**
 * The queue of dead letters that a name on the command line means: that of the work queue of this name, where it has one,
 * else the queue itself.
 *
 * @throws {UnknownQueueError} there is neither; it tells the nearest names
 */
export async function chosenQueue(
  context: Context,
  given: string,
  source: QueueSource,
  management: Management | undefined,
): Promise<string> {
  const own = deadLetterName(given);
  // A name that is too long for an ending can have none.
  if (Buffer.byteLength(own) <= 255 && (await source.ready(own)) !== undefined) return own;
  if ((await source.ready(given)) !== undefined) {
    if (!isDeadLetterName(given)) context.note(`note: there is no queue ${own}; ${given} itself is looked at`);
    return given;
  }
  const near = await nearestQueues(
    context,
    given,
    management,
    'No other name is like it; `surehop dlq list` tells those of dead letters',
  );
  throw new UnknownQueueError(
    `there is no queue ${JSON.stringify(given)}, and no ${JSON.stringify(own)}, in this virtual host. ${near}`,
  );
}
