import { createConsumer, defineQueue } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { connect as amqpConnect, type ChannelModel, type ConsumeMessage } from 'amqplib';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { ConsumerProcess } from './consumer-process.ts';
import { gate, sendJson, stage } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('a consumer that is killed', () => {
  test('with 50 messages in hand loses none: another one handles all of them', async () => {
    await using on = await stage(broker);
    const orders = defineQueue<number>('orders');
    await (await createConsumer(on.rabbit, orders, () => undefined)).close();
    await sendJson(on.vhost, 'orders', numbers(50));
    const assignment = { url: on.vhost.url(), queue: 'orders', concurrency: 50, workMs: 60_000 };
    {
      await using victim = new ConsumerProcess(assignment);
      await eventually(() => expect(victim.started).toHaveLength(50), 20_000);
    }
    const seen = new Set<number>();
    await using consumer = await createConsumer(on.rabbit, orders, ({ body }) => void seen.add(body));
    await eventually(() => expect(seen.size).toBe(50), 10_000);
    await eventually(() => expect(consumer.health().inHand).toBe(0));
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
    expect(await on.vhost.messages('orders.dead-letter')).toBe(0);
  }, 60_000);
});

describe('quarantine', () => {
  test('is for what the broker has delivered before, and it says so of every count of its own', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders');
    await (await createConsumer(on.rabbit, orders, () => undefined)).close();
    await sendJson(on.vhost, 'orders', [1], { headers: { 'x-delivery-count': 7 } });
    await using connection = asDisposable(await amqpConnect(on.vhost.url()));
    const seen: { redelivered: boolean; counted: boolean }[] = [];
    for (const letGo of ['close', 'nack', 'reject', 'close', 'ack'] as const) {
      const channel = await connection.createChannel();
      await channel.prefetch(1);
      const message = await new Promise<ConsumeMessage>((resolve) => {
        void channel.consume('orders', (one) => one !== null && resolve(one), { consumerTag: 'only' });
      });
      const { 'x-delivery-count': failed, 'x-acquired-count': acquired } = message.properties.headers ?? {};
      seen.push({ redelivered: message.fields.redelivered, counted: Math.max(failed ?? 0, acquired ?? 0) > 0 });
      await channel.cancel('only');
      if (letGo !== 'close') channel[letGo](message);
      await channel.close();
    }
    expect(seen.map(({ redelivered }) => redelivered)).toEqual([false, true, true, true, true]);
    expect(seen.slice(1).every(({ counted }) => counted)).toBe(true);
  });

  test('a message that kills its consumers ends alone in the dead-letter queue: its neighbours are all handled', async () => {
    await using on = await stage(broker);
    const orders = defineQueue<number>('orders', { deliveryLimit: 5 });
    await (await createConsumer(on.rabbit, orders, () => undefined)).close();
    await sendJson(on.vhost, 'orders', numbers(20));
    const poison = 6;
    const assignment = { url: on.vhost.url(), queue: 'orders', deliveryLimit: 5, concurrency: 10, workMs: 100, poison };
    const children: ConsumerProcess[] = [];
    const done = () => [...new Set(children.flatMap((child) => child.done as number[]))].toSorted((a, b) => a - b);
    const isOver = async () => done().length >= 19 && (await on.vhost.messages('orders.dead-letter')) > 0;
    for (let deaths = 0; deaths < 15 && !(await isOver()); deaths += 1) {
      await using child = new ConsumerProcess(assignment);
      children.push(child);
      const finished = eventually(async () => expect(await isOver()).toBe(true), 15_000).catch(() => undefined);
      await Promise.race([child.ended, finished]);
    }
    const dead = await on.vhost.get('orders.dead-letter');
    expect(dead.map(({ content }) => content.toString())).toEqual([String(poison)]);
    expect(done()).toEqual(numbers(20).filter((body) => body !== poison));
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
  }, 120_000);

  test('a marked message is handled alone, after what came with it, and the next unmarked one ends quarantine', async () => {
    await using on = await stage(broker);
    const orders = defineQueue<string>('orders', { deliveryLimit: 3 }); // marked from the first redelivery on
    const held = gate();
    const running = new Set<string>();
    const beside: Record<string, string[]> = {};
    const again: string[] = [];
    const handler = async ({ body, redelivered }: { body: string; redelivered: boolean }) => {
      beside[body] = [...running];
      if (redelivered) again.push(body);
      running.add(body);
      if (body.startsWith('slow') && !redelivered) await held.opened;
      running.delete(body);
    };
    await using consumer = await createConsumer(on.rabbit, orders, handler, { concurrency: 4 });
    await sendJson(on.vhost, 'orders', ['first']);
    await eventually(() => expect(consumer.health().phase).toBe('consuming'));
    // Somebody else lets go of one message, so that it comes again with a mark, among others.
    await sendJson(on.vhost, 'orders', ['slow 1', 'slow 2']);
    await eventually(() => expect(running.size).toBe(2));
    await consumer.pause();
    await sendJson(on.vhost, 'orders', ['marked']);
    await on.vhost.get('orders', 1);
    await sendJson(on.vhost, 'orders', ['plain 1', 'plain 2', 'plain 3']);
    const resumed = consumer.resume();
    await eventually(() => expect(consumer.health().quarantine).toBe(true));
    expect(beside).not.toHaveProperty('marked');
    expect(on.rabbit.health().status).toBe('degraded');
    held.open();
    await resumed;
    await eventually(() => expect(Object.keys(beside)).toHaveLength(7), 10_000);
    expect(beside.marked).toEqual([]);
    expect(Object.keys(beside).at(-1)).toBe('marked');
    // Before 4.3 what is given back comes nearer to its limit: of the window, nothing was.
    expect(again).toEqual(['marked']);
    await sendJson(on.vhost, 'orders', ['fresh']);
    await eventually(() =>
      expect(consumer.health()).toMatchObject({ quarantine: false, inHand: 0, phase: 'consuming' }),
    );
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
    expect(await on.vhost.messages('orders.dead-letter')).toBe(0);
  }, 60_000);

  test('a consumer that starts looks at its first delivery alone: with a marked one ahead, nothing is given back', async () => {
    await using on = await stage(broker);
    const orders = defineQueue<string>('orders', { deliveryLimit: 3 });
    await (await createConsumer(on.rabbit, orders, () => undefined)).close();
    await sendJson(on.vhost, 'orders', ['marked']);
    await on.vhost.get('orders', 1);
    await sendJson(on.vhost, 'orders', ['plain 1', 'plain 2', 'plain 3']);
    const seen: [string, boolean][] = [];
    await using _consumer = await createConsumer(on.rabbit, orders, ({ body, redelivered }) => {
      seen.push([body, redelivered]);
    });
    await eventually(() => expect(seen).toHaveLength(4));
    expect(seen).toEqual([
      ['marked', true],
      ['plain 1', false],
      ['plain 2', false],
      ['plain 3', false],
    ]);
  });
});

function asDisposable(connection: ChannelModel): ChannelModel & AsyncDisposable {
  return Object.assign(connection, { [Symbol.asyncDispose]: () => connection.close() });
}
