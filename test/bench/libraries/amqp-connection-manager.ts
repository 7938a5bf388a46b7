import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqp-connection-manager';
import type { Channel, ConfirmChannel } from 'amqplib';
import type { Client, Setup } from '../client.ts';

/** As its README: a channel wrapper whose setup asserts the queues and consumes; its publishes resolve at the confirm. */
export async function open({ url, queues, queueType, prefetch }: Setup): Promise<Client> {
  const connection = connect([url]);
  const publishing = connection.createChannel({
    setup: async (channel: ConfirmChannel) => {
      for (const queue of queues) {
        await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': queueType } });
      }
    },
  });
  await publishing.waitForConnect();
  const cancels: (() => Promise<unknown>)[] = [];
  let inHand = 0;

  return {
    publish: (queue, body) => publishing.sendToQueue(queue, body, { persistent: true }),

    async consume(queue, handler) {
      const consuming = connection.createChannel({
        confirm: false,
        setup: async (channel: Channel) => {
          await channel.prefetch(prefetch);
          const { consumerTag } = await channel.consume(queue, (message) => {
            if (message === null) return;
            inHand += 1;
            handler(message.content).then(
              () => {
                consuming.ack(message);
                inHand -= 1;
              },
              () => consuming.nack(message),
            );
          });
          cancels.push(() => channel.cancel(consumerTag));
        },
      });
      await consuming.waitForConnect();
    },

    async close() {
      for (const cancel of cancels) await cancel();
      while (inHand > 0) await sleep(5); // it does not wait for handlers by itself
      await connection.close();
    },
  };
}
