import { attachBroker, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { QueueKeeper } from '../queue-keeper.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
let keeper: QueueKeeper;
let queue: string;
beforeAll(async () => {
  vhost = await broker.vhost();
  keeper = await QueueKeeper.open(vhost.url());
  queue = vhost.unique('bench.kept');
  const { open } = await import('../libraries/amqplib.ts');
  const client = await open({ url: vhost.url(), queues: [queue], queueType: 'quorum', prefetch: 1, inFlight: 1 });
  await client.publish(queue, Buffer.alloc(256));
  await client.close();
});
afterAll(async () => {
  await keeper[Symbol.asyncDispose]();
  await broker.close();
});

test('tops a queue up with numbered messages, and knows what it must hold', async () => {
  await keeper.fill(queue, 50, 256);
  const stored = await vhost.get(queue);
  expect(stored.map(({ content }) => content.readUInt32BE())).toEqual(
    Array.from({ length: 50 }, (_, number) => number),
  );
  await keeper.verify({ queue, atLeast: 50, atMost: 50 });
});

test('a queue that holds too few or too many tells on the client', async () => {
  await keeper.fill(queue, 50, 256);
  await expect(keeper.verify({ queue, atLeast: 51, atMost: 60 })).rejects.toThrow('holds 50 messages');
  await expect(keeper.verify({ queue, atLeast: 0, atMost: 49 })).rejects.toThrow('by what the client was told 0 to 49');
});

test('empties a queue, and minds no queue that is not there', async () => {
  await keeper.fill(queue, 50, 256);
  await keeper.empty(queue);
  await keeper.verify({ queue, atLeast: 0, atMost: 0 });
  await keeper.empty(vhost.unique('bench.nowhere'));
});
