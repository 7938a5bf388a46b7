import { setTimeout as sleep } from 'node:timers/promises';
import { type ConfirmChannel, connect } from 'amqplib';
import type { Client, Setup } from '../client.ts';
import { countOnly, declareLadder, type HeadersOf, handleWithLadder } from './amqplib-ladder.ts';

/** The textbook: one connection, a confirm channel with a callback per message, a channel with an ack per message. */
export function open(setup: Setup): Promise<Client> {
  return openWith(setup, countOnly);
}

/** @param headersOf what a retry says of the failures before it */
export async function openWith(
  { url, queues, queueType, prefetch, retryDelaysMs }: Setup,
  headersOf: HeadersOf,
): Promise<Client> {
  const connection = await connect(url);
  connection.on('error', fail);
  const publishing = await connection.createConfirmChannel();
  publishing.on('error', fail);
  for (const queue of queues) {
    if (retryDelaysMs === undefined) {
      await publishing.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': queueType } });
    } else {
      await declareLadder(publishing, queue, queueType, retryDelaysMs);
    }
  }
  const consuming = await connection.createChannel();
  consuming.on('error', fail);
  await consuming.prefetch(prefetch);
  const tags: string[] = [];
  let inHand = 0;

  return {
    publish: (queue, body) => confirmed(publishing, queue, body),

    async consume(queue, handler) {
      const handle =
        retryDelaysMs === undefined ? handler : handleWithLadder(publishing, queue, retryDelaysMs, handler, headersOf);
      const { consumerTag } = await consuming.consume(queue, (message) => {
        if (message === null) throw new Error('the broker has cancelled the consumer');
        inHand += 1;
        handle(message.content, message).then(() => {
          consuming.ack(message);
          inHand -= 1;
        }, fail);
      });
      tags.push(consumerTag);
    },

    async close() {
      for (const tag of tags) await consuming.cancel(tag);
      while (inHand > 0) await sleep(5);
      await consuming.close();
      await publishing.close();
      await connection.close();
    },
  };
}

function confirmed(channel: ConfirmChannel, queue: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.sendToQueue(queue, body, { persistent: true }, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** A textbook goes no further: what breaks ends the program. */
function fail(error: unknown): void {
  console.error(error);
}
