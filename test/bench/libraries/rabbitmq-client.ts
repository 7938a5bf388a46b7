import { Connection, type Consumer } from 'rabbitmq-client';
import type { Client, Setup } from '../client.ts';

/** As its README: a publisher with confirms and two attempts, a consumer that acknowledges when its handler resolves. */
export async function open({ url, queues, queueType, prefetch }: Setup): Promise<Client> {
  const connection = new Connection(url);
  connection.on('error', (error) => console.error(error));
  await connection.onConnect(10_000);
  const optionsOf = (queue: string) => ({ queue, durable: true, arguments: { 'x-queue-type': queueType } });
  const publisher = connection.createPublisher({ confirm: true, maxAttempts: 2, queues: queues.map(optionsOf) });
  for (const queue of queues) await connection.queueDeclare(optionsOf(queue));
  const consumers: Consumer[] = [];

  return {
    publish: (queue, body) => publisher.send({ routingKey: queue, durable: true }, body),

    async consume(queue, handler) {
      const consumer = connection.createConsumer(
        { queue, queueOptions: optionsOf(queue), qos: { prefetchCount: prefetch } },
        async ({ body }) => handler(body as Buffer),
      );
      consumer.on('error', (error) => console.error(error));
      consumers.push(consumer);
      await new Promise<void>((resolve) => consumer.on('ready', resolve));
    },

    async close() {
      await publisher.close();
      for (const consumer of consumers) await consumer.close();
      await connection.close();
    },
  };
}
