import { connect, createConsumer, defineQueue } from '@surehop/consumer';
import { attachBroker, eventually, FaultProxy } from '@surehop/testing';
import { connect as connectAmqp } from 'amqplib';
import { afterAll, expect, inject, test } from 'vitest';
import { sendJson } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const orders = defineQueue<number>('orders', { retry: { delaysMs: [] } });

test('a consumer leaves a host that is connected and gives no sign of life, without heartbeats', async () => {
  await using vhost = await broker.vhost();
  await using one = await FaultProxy.start(vhost);
  await using other = await FaultProxy.start(vhost);
  const url = [vhost.url(one.port), vhost.url(other.port)];
  await using rabbit = await connect({ url, heartbeatSeconds: 0 });
  const seen: number[] = [];
  await using consumer = await createConsumer(rabbit, orders, async ({ body }) => void seen.push(body));
  // The second one comes through the subscription that stays.
  for (const body of [0, 1]) {
    await sendJson(vhost, 'orders', [body]);
    await eventually(() => expect(seen).toContain(body));
  }

  one.blackhole();

  await eventually(() => expect(rabbit.health().links.consume.host).toContain(`:${other.port}`), 15_000);
  await eventually(() => expect(consumer.health().phase).toBe('consuming'), 10_000);
  await sendJson(vhost, 'orders', [2]);
  one.heal(); // until then the broker may hand it to the connection that it takes for alive
  await eventually(() => expect(seen).toContain(2), 10_000);
});

test('what is handed out with the sign of life is a message like any other', async () => {
  await using vhost = await broker.vhost();
  await using proxy = await FaultProxy.start(vhost);
  await using rabbit = await connect({ url: [vhost.url(proxy.port), vhost.url()] });
  const seen: number[] = [];
  await using consumer = await createConsumer(rabbit, orders, async ({ body }) => void seen.push(body));
  proxy.delay(500); // so that the sign of life takes its time
  const observer = await connectAmqp(vhost.url());
  const channel = await observer.createChannel();
  const consumers = async (): Promise<number> => (await channel.checkQueue('orders')).consumerCount;

  await eventually(async () => expect(await consumers()).toBe(2), 15_000);
  const bodies = Array.from({ length: 20 }, (_, index) => index);
  await sendJson(vhost, 'orders', bodies);

  await eventually(() => expect([...seen].sort((one, other) => one - other)).toEqual(bodies), 15_000);
  await eventually(async () => expect(await consumers()).toBe(1), 15_000);
  await eventually(() => expect(consumer.health().inHand).toBe(0));
  await eventually(async () => expect(await vhost.messages('orders')).toBe(0));
  expect(rabbit.health().links.consume.host).toContain(`:${proxy.port}`);
  await observer.close();
}, 60_000);
