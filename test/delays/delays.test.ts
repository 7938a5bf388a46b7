import { createConsumer, exponential, RetryLater } from '@surehop/consumer';
import { defineExchange, defineQueue } from '@surehop/publisher';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { openPublisher } from '../publishing/open-publisher.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());
const orders = defineQueue<number>('orders', { retry: { delaysMs: [] } });

interface Arrival {
  readonly body: number;
  readonly at: number;
  readonly routingKey: string;
}

describe('publish() with a delay, on a real broker', () => {
  test('messages come when their time is up, and a long delay holds up no short one', async () => {
    await using vhost = await broker.vhost();
    await using opened = await openPublisher(vhost);
    const seen: Arrival[] = [];
    await createConsumer(opened.rabbit, orders, ({ body, routingKey }) => {
      seen.push({ body, routingKey, at: performance.now() });
    });
    await opened.publisher.publish(orders, 0, { delayMs: 100 }); // declares the network
    const due = new Map<number, number>([[0, 0]]);
    for (const delayMs of [3_000, 700, 100, 1_100, 250]) {
      due.set(delayMs, performance.now() + delayMs);
      await opened.publisher.publish(orders, delayMs, { delayMs });
    }
    await eventually(() => expect(seen).toHaveLength(6), 10_000);
    expect(seen.at(-1)?.body).toBe(3_000);
    for (const { body, at } of seen) expect(at - (due.get(body) ?? Number.NaN)).toBeGreaterThan(-10);
  });

  test('an exchange gets it under its own key; one that nobody binds holds up nobody', async () => {
    await using vhost = await broker.vhost();
    await using opened = await openPublisher(vhost);
    const events = defineExchange<number>('events', { type: 'topic' });
    const silent = defineExchange<number>('silent', { type: 'fanout' });
    const paid = defineQueue<number>('paid', { bindTo: [{ exchange: events, routingKey: 'order.*' }] });
    const seen: string[] = [];
    await createConsumer(opened.rabbit, paid, ({ body, routingKey }) => seen.push(`${body} ${routingKey}`));
    const { publisher } = opened;
    await publisher.publishMany(
      silent,
      Array.from({ length: 40 }, (_, index) => index),
      { delayMs: 300 },
    );
    await publisher.publish(events, 1, { routingKey: 'order.paid', delayMs: 600 });
    await eventually(() => expect(seen).toEqual(['1 order.paid']), 8_000);
  });

  test('40 messages whose queue is gone are laid aside, and hold up nobody', async () => {
    await using vhost = await broker.vhost();
    await using opened = await openPublisher(vhost, { connect: { topologyCheckMs: 600_000 } });
    const { publisher } = opened;
    const gone = defineQueue<number>('gone', { retry: { delaysMs: [] } });
    await publisher.publishMany(
      gone,
      Array.from({ length: 40 }, (_, index) => index),
      { delayMs: 3_000 },
    );
    await publisher.publish(orders, 1, { delayMs: 3_100 });
    await vhost.deleteQueue('gone');
    await eventually(async () => expect(await vhost.messages('orders')).toBe(1), 8_000);
    await eventually(async () => expect(await vhost.messages('surehop.delay.v1.dead-letter')).toBe(40), 8_000);
  });
});

test('RetryLater and exponential() wait for just so long, on a real broker', async () => {
  await using vhost = await broker.vhost();
  await using opened = await openPublisher(vhost);
  const growing = defineQueue<string>('growing', {
    retry: exponential({ minMs: 400, factor: 2, jitter: 0, attempts: 3 }),
  });
  const seen: number[] = [];
  await createConsumer(opened.rabbit, growing, ({ attempt }) => {
    seen.push(performance.now());
    throw attempt === 1 ? new RetryLater(700) : new Error('not yet');
  });
  await opened.publisher.publish(growing, 'one');
  await eventually(async () => expect(await vhost.messages('growing.dead-letter')).toBe(1), 8_000);
  const [first = 0, second = 0, third = 0] = seen;
  expect(seen).toHaveLength(3);
  expect(second - first).toBeGreaterThan(690);
  expect(second - first).toBeLessThan(690 + 500);
  expect(third - second).toBeGreaterThan(790);
  expect(third - second).toBeLessThan(790 + 500);
});

const retriesByBroker = Number.parseFloat(broker.version) >= 4.3;
const byBroker = defineQueue<string>('by-broker', { retry: { by: 'broker', minMs: 300, attempts: 3 } });

test.runIf(retriesByBroker)('the broker keeps back what failed, and counts it', async () => {
  await using vhost = await broker.vhost();
  await using opened = await openPublisher(vhost);
  const seen: { readonly attempt: number; readonly at: number }[] = [];
  await createConsumer(opened.rabbit, byBroker, ({ attempt }) => {
    seen.push({ attempt, at: performance.now() });
    throw new Error('not yet');
  });
  await opened.publisher.publish(byBroker, 'one');
  await eventually(async () => expect(await vhost.messages('by-broker.dead-letter')).toBe(1), 8_000);
  expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  const [first = 0, second = 0, third = 0] = seen.map(({ at }) => at);
  expect(second - first).toBeGreaterThan(290);
  expect(third - second).toBeGreaterThan(590);
});

test.skipIf(retriesByBroker)('an older broker is not asked to keep back what failed', async () => {
  await using vhost = await broker.vhost();
  await using opened = await openPublisher(vhost);
  const error = { code: 'SUREHOP_BROKER_TOO_OLD' };
  await expect(opened.publisher.publish(byBroker, 'one')).rejects.toMatchObject(error);
});
