import { randomUUID } from 'node:crypto';
import type { Vhost } from '@surehop/testing';
import { type ConfirmChannel, connect } from 'amqplib';

/** One way for answers to come, as a client without the SDK would have it. */
export interface Way {
  readonly name: string;
  /** Resolves when the message is confirmed and answered. */
  ask(body: string): Promise<void>;
  close(): Promise<void>;
}

const kinds: Readonly<Record<string, { readonly durable: boolean; readonly arguments: Record<string, unknown> }>> = {
  'classic queue, durable': { durable: true, arguments: { 'x-queue-type': 'classic', 'x-expires': 60_000 } },
  'quorum queue': { durable: true, arguments: { 'x-queue-type': 'quorum', 'x-expires': 60_000 } },
};

/** To the queue `orders`, which must be consumed by whoever answers. */
export async function openWays(vhost: Vhost): Promise<Way[]> {
  return [
    await openWay(vhost, 'amqplib, direct reply-to, ms', async () => 'amq.rabbitmq.reply-to'),
    ...(await Promise.all(
      Object.entries(kinds).map(([kind, options]) =>
        openWay(vhost, `amqplib, ${kind}, ms`, async (channel) => {
          const { queue } = await channel.assertQueue(`answers.${randomUUID()}`, options);
          return queue;
        }),
      ),
    )),
  ];
}

async function openWay(
  vhost: Vhost,
  name: string,
  address: (channel: ConfirmChannel) => Promise<string>,
): Promise<Way> {
  const connection = await connect(vhost.url());
  const channel = await connection.createConfirmChannel();
  const replyTo = await address(channel);
  const waiting = new Map<string, () => void>();
  const onAnswer = (answer: { readonly properties: { readonly correlationId?: string } } | null): void =>
    waiting.get(answer?.properties.correlationId ?? '')?.();
  await channel.consume(replyTo, onAnswer, { noAck: true });
  const headers = { 'surehop-answer': 'wanted' };
  return {
    name,
    async ask(body) {
      const messageId = randomUUID();
      const options = { replyTo, headers, messageId, persistent: true, contentType: 'application/json' };
      const answered = new Promise<void>((resolve) => waiting.set(messageId, resolve));
      const confirmed = new Promise<void>((resolve, reject) => {
        channel.sendToQueue('orders', Buffer.from(body), options, (error) => (error ? reject(error) : resolve()));
      });
      await Promise.all([answered, confirmed]);
      waiting.delete(messageId);
    },
    close: () => connection.close(),
  };
}
