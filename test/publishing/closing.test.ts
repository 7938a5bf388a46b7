import { createPublisher, defineQueue } from '@surehop/publisher';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { fates, openPublisher } from './open-publisher.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

const orders = defineQueue<number>('orders');

describe('close()', () => {
  test('waits for what is on its way, the queue for room included, and takes no more', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmed: 10 } });
    const all = Array.from({ length: 100 }, (_, body) => opened.publisher.publish(orders, body));
    const closing = opened.publisher.close();
    expect(await fates([opened.publisher.publish(orders, 1)])).toEqual(['SUREHOP_CLOSED']);
    const raw = opened.publisher.publishTo({ exchange: '', routingKey: 'orders' }, Buffer.from('1'));
    expect(await fates([raw])).toEqual(['SUREHOP_CLOSED']);
    await closing;
    expect(new Set(await fates(all))).toEqual(new Set([0]));
    expect(await vhost.messages('orders')).toBe(100);
    expect(opened.rabbit.health().publishers).toEqual([]);
  });

  test('gives the second caller the first caller’s promise', async () => {
    await using opened = await openPublisher(vhost);
    const closing = opened.publisher.close();
    expect(opened.publisher.close({ timeoutMs: 1 })).toBe(closing);
    expect(opened.publisher[Symbol.asyncDispose]()).toBe(closing);
    await closing;
  });

  test('[timeoutMs] gives up what is not settled in time, written or not', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmed: 1 } });
    await opened.publisher.publish(orders, 0);
    opened.proxy.swallow('to-client');
    const all = Promise.allSettled([1, 2].map((body) => opened.publisher.publish(orders, body)));
    await eventually(async () => expect(await vhost.messages('orders')).toBe(2));
    const startedAt = performance.now();
    await opened.publisher.close({ timeoutMs: 200 });
    expect(performance.now() - startedAt).toBeLessThan(200 + 2_000 + 1_000);
    const [written, waiting] = await all;
    const cause = { code: 'SUREHOP_CLOSE_TIMEOUT' };
    expect(written).toMatchObject({ reason: { code: 'SUREHOP_PUBLISH_UNKNOWN', cause } });
    expect(waiting).toMatchObject({ reason: { code: 'SUREHOP_PUBLISH_NOT_SENT', cause } });
    expect(opened.lines.map(({ message }) => message)).toContain('a publisher was closed before all was settled');
  });

  test('[timeoutMs] does not wait longer than the deadlines of what is on its way', async () => {
    await using opened = await openPublisher(vhost);
    opened.proxy.refuse();
    opened.proxy.cut();
    const sent = opened.publisher.publish(orders, 1, { deadlineMs: 200 });
    const startedAt = performance.now();
    await Promise.all([opened.publisher.close(), fates([sent])]);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  test('[timeoutMs] that makes no sense, or another option, closes nothing', async () => {
    await using opened = await openPublisher(vhost);
    const closing = opened.publisher.close({ timeoutMs: -1 });
    await expect(closing).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    for (const wrong of [{ timeout: 5 }, null, 5]) {
      const refused = opened.publisher.close(wrong as never);
      await expect(refused).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    }
    expect(await fates([opened.publisher.publish(orders, 1)])).toEqual([0]);
  });

  test('of the connection closes its publishers, and it has no new ones', async () => {
    await using opened = await openPublisher(vhost);
    const all = Array.from({ length: 50 }, (_, body) => opened.publisher.publish(orders, body));
    await opened.rabbit.close();
    expect(new Set(await fates(all))).toEqual(new Set([0]));
    expect(await fates([opened.publisher.publish(orders, 1)])).toEqual(['SUREHOP_CLOSED']);
    expect(() => createPublisher(opened.rabbit)).toThrow(expect.objectContaining({ code: 'SUREHOP_CLOSED' }));
  });

  test('leaves a second publisher on the same connection alone', async () => {
    await using opened = await openPublisher(vhost);
    const other = createPublisher(opened.rabbit);
    await other.publish(orders, 1);
    await opened.publisher.close();
    expect(await fates([other.publish(orders, 2)])).toEqual([0]);
    expect(opened.rabbit.health().publishers).toHaveLength(1);
  });
});
