import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { AmqpConnection, RabbitMQModule } from '@golevelup/nestjs-rabbitmq';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Client, Setup } from '../client.ts';

/**
 * As its README: the module of a Nest application, persistent by `defaultPublishOptions`. Subscribed to with
 * `createSubscriber`, which is what the decorator calls, less Nest's interceptors: that is to its favour.
 */
export async function open({ url, queues, queueType, prefetch }: Setup): Promise<Client> {
  class Application {}
  const options = { durable: true, arguments: { 'x-queue-type': queueType } };
  Module({
    imports: [
      RabbitMQModule.forRoot({
        uri: url,
        prefetchCount: prefetch,
        queues: queues.map((name) => ({ name, options })),
        defaultPublishOptions: { persistent: true },
        deserializer: (content) => content,
      }),
    ],
  })(Application);
  const application = await NestFactory.createApplicationContext(Application, { logger: ['error'] });
  const connection = application.get(AmqpConnection);
  const tags: string[] = [];
  let inHand = 0;

  return {
    publish: (queue, body) => connection.publish('', queue, body),

    async consume(queue, handler) {
      const onMessage = async (body: Buffer | undefined): Promise<void> => {
        inHand += 1;
        await handler(body as Buffer);
        inHand -= 1;
      };
      const subscribed = connection.createSubscriber<Buffer>(onMessage, { queue, queueOptions: options }, 'handler');
      tags.push((await subscribed).consumerTag);
    },
    async close() {
      for (const tag of tags) await connection.cancelConsumer(tag);
      while (inHand > 0) await sleep(5); // closing the application cancels nothing by itself
      await application.close();
    },
  };
}
