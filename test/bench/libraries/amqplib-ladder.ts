import type { ConfirmChannel, ConsumeMessage } from 'amqplib';
import type { QueueKind } from '../cell.ts';
import type { Handler } from '../client.ts';

/** How many attempts of a message have failed. */
export const attemptHeader = 'x-attempt';

/** What a copy says of a message that has failed so often, this time included. */
export type HeadersOf = (message: ConsumeMessage, failures: number, thrown: unknown) => Record<string, unknown>;

/** The least: what the next attempt must know. */
export const countOnly: HeadersOf = (_message, failures) => ({ [attemptHeader]: failures });

/** What somebody writes by hand who wants retries that lose nothing: one quorum queue per delay, at-least-once. */
export async function declareLadder(
  channel: ConfirmChannel,
  queue: string,
  queueType: QueueKind,
  delaysMs: readonly number[],
): Promise<void> {
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': queueType } });
  await channel.assertQueue(`${queue}.dead-letter`, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  for (const delayMs of delaysMs) {
    await channel.assertQueue(rung(queue, delayMs), {
      durable: true,
      arguments: {
        'x-queue-type': 'quorum',
        'x-message-ttl': delayMs,
        'x-dead-letter-exchange': '',
        'x-dead-letter-routing-key': queue,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      },
    });
  }
}

/** Resolves when the message is to be acknowledged: it was handled, or its copy on the next rung is confirmed. */
export function handleWithLadder(
  channel: ConfirmChannel,
  queue: string,
  delaysMs: readonly number[],
  handler: Handler,
  headersOf: HeadersOf,
): (body: Buffer, message: ConsumeMessage) => Promise<void> {
  return async (body, message) => {
    try {
      await handler(body);
    } catch (thrown) {
      const failed = Number(message.properties.headers?.[attemptHeader] ?? 0);
      const delayMs = delaysMs[failed];
      const target = delayMs === undefined ? `${queue}.dead-letter` : rung(queue, delayMs);
      await new Promise<void>((resolve, reject) => {
        const options = { persistent: true, mandatory: true, headers: headersOf(message, failed + 1, thrown) };
        channel.sendToQueue(target, body, options, (error) => {
          if (error) reject(error);
          else resolve();
        });
      });
    }
  };
}

function rung(queue: string, delayMs: number): string {
  return `${queue}.retry.${delayMs}`;
}
