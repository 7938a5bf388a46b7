import { createConsumer, defineQueue } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { fill, gate, sendJson, stage } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const orders = defineQueue<number>('orders');
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('pause()', () => {
  test('lets running handlers finish, gives back the rest, and resume() goes on', async () => {
    await using on = await stage(broker);
    const held = gate();
    const seen: number[] = [];
    const handler = async ({ body }: { body: number }) => {
      seen.push(body);
      await held.opened;
    };
    await using consumer = await createConsumer(on.rabbit, orders, handler, { concurrency: 2, prefetch: 5 });
    await sendJson(on.vhost, 'orders', numbers(7));
    await eventually(() => expect(consumer.health().inHand).toBeGreaterThanOrEqual(3));
    const started = seen.length;
    await Promise.all([consumer.pause(), consumer.pause()]);
    expect(consumer.health()).toMatchObject({ phase: 'paused', inHand: started });
    expect(on.rabbit.health().status).toBe('ok');
    held.open();
    await eventually(() => expect(consumer.health().inHand).toBe(0));
    expect(seen).toHaveLength(started);
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(7 - started));
    await Promise.all([consumer.resume(), consumer.resume()]);
    expect(consumer.health().phase).toBe('consuming');
    await eventually(() => expect(seen.toSorted((one, other) => one - other)).toEqual(numbers(7)));
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
  });

  test('lasts through a lost connection', async () => {
    await using on = await stage(broker);
    const seen: number[] = [];
    await using consumer = await createConsumer(on.rabbit, orders, ({ body }) => void seen.push(body));
    await consumer.pause();
    on.proxy.cut();
    await sendJson(on.vhost, 'orders', [1]);
    await eventually(() => expect(on.rabbit.state).toMatchObject({ phase: 'open', generation: 2 }), 10_000);
    expect(consumer.health().phase).toBe('paused');
    expect(seen).toEqual([]);
    await consumer.resume();
    await eventually(() => expect(seen).toEqual([1]));
  });

  test('while there is no connection is over at once, and holds when there is one again', async () => {
    await using on = await stage(broker);
    await using consumer = await createConsumer(on.rabbit, orders, () => undefined);
    on.proxy.refuse();
    on.proxy.cut();
    await eventually(() => expect(on.rabbit.state.phase).not.toBe('open'));
    await consumer.pause();
    on.proxy.heal();
    await eventually(() => expect(on.rabbit.state.phase).toBe('open'), 10_000);
    expect(consumer.health().phase).toBe('paused');
  });

  test('undone at once leaves the consumer consuming', async () => {
    await using on = await stage(broker);
    const seen: number[] = [];
    await using consumer = await createConsumer(on.rabbit, orders, ({ body }) => void seen.push(body));
    const paused = consumer.pause();
    await Promise.all([consumer.resume(), paused]);
    await eventually(() => expect(consumer.health().phase).toBe('consuming'));
    await sendJson(on.vhost, 'orders', [1]);
    await eventually(() => expect(seen).toEqual([1]));
  });
});

describe('[prefetch]', () => {
  test('the broker hands over no more than that at once, and no more handlers run than [concurrency]', async () => {
    await using on = await stage(broker);
    const held = gate();
    let running = 0;
    let most = 0;
    const handler = async () => {
      running += 1;
      most = Math.max(most, running);
      await held.opened;
      running -= 1;
    };
    await using consumer = await createConsumer(on.rabbit, orders, handler, { concurrency: 3, prefetch: 8 });
    await sendJson(on.vhost, 'orders', numbers(30));
    // The first delivery was looked at alone and goes on beside the full subscription.
    await eventually(() => expect(consumer.health().inHand).toBe(1 + 8));
    expect(running).toBe(3);
    held.open();
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0), 10_000);
    expect(most).toBe(3);
  });

  test('copies that are not confirmed count towards it, handlers that have ended do not keep a slot', async () => {
    await using on = await stage(broker);
    const seen: number[] = [];
    const dead = defineQueue<number>('orders', { retry: { delaysMs: [] } });
    const handler = ({ body }: { body: number }) => {
      seen.push(body);
      throw new Error('always');
    };
    await using consumer = await createConsumer(on.rabbit, dead, handler, { concurrency: 1, prefetch: 4 });
    const fillers = await fill(on.vhost, 'orders.dead-letter');
    await sendJson(on.vhost, 'orders', numbers(30));
    const refusals = () => on.lines.filter(({ fields }) => fields.outcome === 'refused').length;
    await eventually(() => expect(refusals()).toBeGreaterThan(12));
    const handled = seen.length;
    // A full quorum queue lets some through at first: those made room.
    const through = (await on.vhost.messages('orders.dead-letter')) - fillers;
    expect(handled).toBeGreaterThanOrEqual(4);
    expect(handled).toBeLessThanOrEqual(1 + 4 + through);
    expect(consumer.health().inHand).toBeLessThanOrEqual(1 + 4);
  });
});
