import { defineExchange, defineQueue } from '@surehop/publisher';
import { attachBroker, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { fates, openPublisher } from './open-publisher.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

const orders = defineQueue('orders', { schema: z.object({ id: z.number().int() }) });

function* numbered(count: number, onTaken?: () => void): Generator<{ id: number }> {
  for (let id = 0; id < count; id += 1) {
    onTaken?.();
    yield { id };
  }
}

describe('publishMany', () => {
  test('stores all of them, in order, under the ids that the caller gave', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmed: 50, maxWaiting: 1 } });
    const messageId = (index: number): string => `order-${index}`;
    const receipt = await opened.publisher.publishMany(orders, numbered(2_000), { messageId });
    expect(receipt).toEqual({ stored: 2_000, resends: 0 });
    const ids = await vhost.messageIds('orders');
    expect(ids).toEqual(Array.from({ length: 2_000 }, (_, index) => messageId(index)));
  });

  test('takes bodies no faster than there is room, and lets other calls go first', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmed: 10, maxWaiting: 5 } });
    await opened.publisher.publish(orders, { id: -1 });
    opened.proxy.blackhole();
    let taken = 0;
    const many = opened.publisher.publishMany(
      orders,
      numbered(100, () => {
        taken += 1;
      }),
    );
    const other = Array.from({ length: 5 }, () => opened.publisher.publish(orders, { id: 0 }));
    await expect.poll(() => opened.publisher.health()).toMatchObject({ unconfirmed: 10, waiting: 5 });
    expect(taken).toBeLessThanOrEqual(11); // one is in hand
    opened.proxy.heal();
    opened.proxy.cut();
    expect(await many).toMatchObject({ stored: 100 });
    expect((await fates(other)).every((fate) => typeof fate === 'number')).toBe(true);
  });

  test('says of each that failed which it is and why; the others are stored', async () => {
    await using opened = await openPublisher(vhost);
    const bodies = [{ id: 0 }, { id: 0.5 }, { id: 2 }, { id: 3.5 }];
    await expect(opened.publisher.publishMany(orders, bodies)).rejects.toMatchObject({
      name: 'PublishManyError',
      code: 'SUREHOP_PUBLISH_INCOMPLETE',
      retryable: false,
      stored: 2,
      started: 4,
      failures: [
        { index: 1, error: { code: 'SUREHOP_BODY_INVALID' } },
        { index: 3, error: { code: 'SUREHOP_BODY_INVALID' } },
      ],
    });
    expect(await vhost.messages('orders')).toBe(2);
  });

  test('stops after so many failures', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmed: 5 } });
    const nobody = defineExchange('nobody', { type: 'topic' });
    const publishing = opened.publisher.publishMany(nobody, numbered(1_000), { routingKey: 'a', maxFailures: 20 });
    const error = await publishing.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ stored: 0, failures: { length: expect.any(Number) } });
    const { started } = error as { started: number };
    expect(started).toBeGreaterThanOrEqual(20);
    expect(started).toBeLessThan(30); // and those on their way then
  });

  test('goes on when the connection is lost', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmed: 20 } });
    let taken = 0;
    const bodies = numbered(500, () => {
      taken += 1;
      if (taken % 150 === 0) opened.proxy.cut();
    });
    const { stored } = await opened.publisher.publishMany(orders, bodies);
    expect(stored).toBe(500);
    expect(new Set(await vhost.messageIds('orders')).size).toBe(500);
  });

  test.each([
    ['bodies that are none', { bodies: 5 as never }, 'must be an array or another iterable'],
    ['maxFailures', { options: { maxFailures: 0 } }, 'maxFailures must be an integer in [1, 1000000], got 0'],
    ['messageId', { options: { messageId: 'same' as never } }, 'messageId must be a function'],
    ['an unknown option', { options: { batch: 5 } as never }, 'publish has no option "batch"'],
    ['a routing key', { options: { routingKey: 'a' } }, 'routingKey must not be given for queue "orders"'],
  ])('refuses, before anything is begun: %s', async (_what, { bodies = [], options = {} }: Given, text) => {
    await using opened = await openPublisher(vhost);
    await expect(opened.publisher.publishMany(orders, bodies, options)).rejects.toMatchObject({
      code: 'SUREHOP_OPTION_INVALID',
      message: expect.stringContaining(text),
    });
  });

  test('an id that is none is its message’s failure', async () => {
    await using opened = await openPublisher(vhost);
    const messageId = (index: number): string => (index === 1 ? '' : `m-${index}`);
    await expect(opened.publisher.publishMany(orders, numbered(3), { messageId })).rejects.toMatchObject({
      stored: 2,
      failures: [{ index: 1, error: { code: 'SUREHOP_OPTION_INVALID' } }],
    });
  });
});

interface Given {
  readonly bodies?: Iterable<{ id: number }>;
  readonly options?: object;
}
