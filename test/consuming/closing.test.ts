import { createConsumer, defineQueue, isSurehopError } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { gate, sendJson, stage } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const orders = defineQueue<number>('orders', { retry: { delaysMs: [60_000] } });
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('close()', () => {
  test('[timeoutMs] refuses a time limit that is none, and other options, and closes nothing', async () => {
    await using on = await stage(broker);
    const consumer = await createConsumer(on.rabbit, orders, () => undefined);
    for (const wrong of [{ timeoutMs: -1 }, { timeout: 5 }, null, 5]) {
      await expect(consumer.close(wrong as never)).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    }
    expect(consumer.health().phase).toBe('consuming');
  });

  test('with 100 handlers at work waits for them, and no message is handled again', async () => {
    await using on = await stage(broker);
    const held = gate();
    let started = 0;
    let ended = 0;
    const handler = async ({ body }: { body: number }) => {
      started += 1;
      await held.opened;
      // The oldest one last: the others need an acknowledgement each, all of them just before the channel closes.
      for (let turn = 0; body === 2 && turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      ended += 1;
    };
    const consumer = await createConsumer(on.rabbit, orders, handler, { concurrency: 100 });
    await sendJson(on.vhost, 'orders', numbers(130));
    await eventually(() => expect(started).toBe(100));
    const closed = consumer.close();
    expect(consumer.close()).toBe(closed);
    expect(consumer.health().phase).toBe('closing');
    held.open();
    await closed;
    expect([started, ended]).toEqual([100, 100]);
    expect(consumer.health()).toMatchObject({ phase: 'closed', inHand: 0 });
    expect(on.rabbit.health().consumers).toEqual([]);
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(30));
    const again: number[] = [];
    await using _next = await createConsumer(on.rabbit, orders, ({ body }) => void again.push(body));
    await eventually(() => expect(again).toHaveLength(30));
    expect(again.toSorted((one, other) => one - other)).toEqual(numbers(130).slice(100));
  });

  test('[drainTimeoutMs] aborts what still runs then and gives it back: no attempt is counted', async () => {
    await using on = await stage(broker);
    const reasons: unknown[] = [];
    let started = 0;
    const handler = ({ signal, body }: { signal: AbortSignal; body: number }) =>
      new Promise<void>((_resolve, reject) => {
        started += 1;
        signal.addEventListener('abort', () => {
          reasons.push(signal.reason);
          if (body === 1) reject(signal.reason); // because of the shutdown: not a failure of the message
        });
      });
    const consumer = await createConsumer(on.rabbit, orders, handler, { drainTimeoutMs: 300 });
    await sendJson(on.vhost, 'orders', [1, 2]);
    await eventually(() => expect(started).toBe(2));
    const from = performance.now();
    await consumer.close();
    expect(performance.now() - from).toBeGreaterThanOrEqual(290);
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(reasons.map((reason) => isSurehopError(reason, 'SUREHOP_CLOSE_TIMEOUT'))).toEqual([true, true]);
    const attempts: number[] = [];
    await using _next = await createConsumer(on.rabbit, orders, ({ attempt }) => void attempts.push(attempt));
    await eventually(() => expect(attempts).toEqual([1, 1]));
    expect(await on.vhost.messages('orders.retry.60000')).toBe(0);
  });

  test('waits for the copies of what has just failed', async () => {
    await using on = await stage(broker);
    const held = gate();
    let started = 0;
    const handler = async () => {
      started += 1;
      await held.opened;
      throw new Error('at the last moment');
    };
    const consumer = await createConsumer(on.rabbit, orders, handler);
    await sendJson(on.vhost, 'orders', numbers(10));
    await eventually(() => expect(started).toBe(10));
    const closed = consumer.close();
    held.open();
    await closed;
    await eventually(async () => expect(await on.vhost.messages('orders.retry.60000')).toBe(10));
    expect(await on.vhost.messages('orders')).toBe(0);
  });

  test('called by a handler, or with a connection that is gone, ends all the same', async () => {
    await using on = await stage(broker);
    const orderly = gate();
    const consumer = await createConsumer(on.rabbit, orders, async () => {
      await consumer.close({ timeoutMs: 200 });
      orderly.open();
    });
    await sendJson(on.vhost, 'orders', [1]);
    await orderly.opened;
    const other = await createConsumer(on.rabbit, orders, () => new Promise(() => undefined));
    on.proxy.refuse();
    on.proxy.cut();
    await eventually(() => expect(on.rabbit.state.phase).not.toBe('open'));
    await other.close({ timeoutMs: 200 });
    expect(other.health().phase).toBe('closed');
  });

  test('with a broker that does not answer takes no longer than its limits', async () => {
    await using on = await stage(broker);
    let started = 0;
    const consumer = await createConsumer(on.rabbit, orders, () => {
      started += 1;
      return new Promise(() => undefined);
    });
    await sendJson(on.vhost, 'orders', [1, 2, 3]);
    await eventually(() => expect(started).toBe(3));
    on.proxy.blackhole();
    const from = performance.now();
    await consumer.close({ timeoutMs: 500 });
    expect(performance.now() - from).toBeLessThan(10_000);
    on.proxy.heal();
    on.proxy.cut();
  });

  test('of the connection closes its consumers first: what they have in hand is finished', async () => {
    await using on = await stage(broker);
    const ended: number[] = [];
    let goOn = (): void => undefined;
    const all = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    await createConsumer(on.rabbit, orders, async ({ body }) => {
      await all;
      await new Promise((resolve) => setTimeout(resolve, 150));
      ended.push(body);
    });
    await sendJson(on.vhost, 'orders', numbers(10));
    await eventually(() => expect(on.rabbit.health().consumers[0]?.inHand).toBe(10));
    const closed = on.rabbit.close();
    goOn();
    await closed;
    expect(ended).toHaveLength(10);
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
  });
});
