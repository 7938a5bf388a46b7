import type { Rabbit } from '@surehop/core';
import { deadLetterQueue } from '@surehop/core/internal';
import { type DeadLetters, type DeadLettersOptions, openDeadLetters } from '@surehop/dead-letters';
import type { Vhost } from '@surehop/testing';
import { type ConfirmChannel, connect } from 'amqplib';

/** The arguments of a contract's own dead-letter queue. */
export const ours = deadLetterQueue('').arguments;

export const quiet: DeadLettersOptions = { by: 'a test', audit: { write: async () => undefined } };

export function deadLettersIn(rabbit: Rabbit, queue: string, options: Partial<DeadLettersOptions> = {}): DeadLetters {
  return openDeadLetters(rabbit, queue, { ...quiet, ...options });
}

/** Any other client's channel, for as long as `use` takes. */
export async function onChannel<T>(vhost: Vhost, use: (channel: ConfirmChannel) => Promise<T>): Promise<T> {
  const connection = await connect(vhost.url());
  try {
    return await use(await connection.createConfirmChannel());
  } finally {
    await connection.close();
  }
}

/** A queue with these arguments and so many messages in it, of which the first is `1`. */
export function fillQueue(
  vhost: Vhost,
  queue: string,
  { arguments: args = ours, count = 50 }: { arguments?: Readonly<Record<string, unknown>>; count?: number } = {},
): Promise<void> {
  return onChannel(vhost, async (channel) => {
    await channel.assertQueue(queue, { arguments: args });
    for (const number of numbers(count)) {
      channel.sendToQueue(queue, Buffer.from(String(number)), { persistent: true, messageId: `id-${number}` });
    }
    await channel.waitForConfirms();
  });
}

/** Consumes all that is in it: the bodies, as they came. */
export function drain(vhost: Vhost, queue: string, count: number): Promise<number[]> {
  return onChannel(vhost, async (channel) => {
    const bodies: number[] = [];
    await new Promise<void>((resolve) => {
      const onMessage = (message: { content: Buffer } | null): void => {
        bodies.push(Number(message?.content.toString()));
        if (bodies.length === count) resolve();
      };
      void channel.consume(queue, onMessage, { noAck: true });
      setTimeout(resolve, 5_000).unref();
    });
    return bodies;
  });
}

export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** Of the messages of `fillQueue`. */
export function idsOf(count: number): string[] {
  return numbers(count).map((number) => `id-${number}`);
}
