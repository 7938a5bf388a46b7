import { createConsumer, DeadLetter, defineQueue, RetryLater } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { onChannel } from '../dead-letters/queues.ts';
import { type Stage, send, sendJson, stage } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

describe('a handler that returns', () => {
  test('acknowledges: messages of any client, with or without headers, are handled once', async () => {
    await using on = await stage(broker);
    const orders = defineQueue<{ id: number }>('orders');
    const seen: unknown[] = [];
    await using consumer = await createConsumer(on.rabbit, orders, ({ body, attempt, redelivered, deliveryCount }) => {
      seen.push([body.id, attempt, redelivered, deliveryCount]);
      return false; // any value acknowledges
    });
    await sendJson(on.vhost, 'orders', [{ id: 1 }]);
    await send(on.vhost, 'orders', ['{"id":2}'], { headers: { any: 'header' } });
    await on.vhost.publish('', 'orders', '{"id":3}');
    await eventually(() => expect(seen).toHaveLength(3));
    expect(seen).toEqual([
      [1, 1, false, 0],
      [2, 1, false, 0],
      [3, 1, false, 0],
    ]);
    await consumer.close();
    expect(await on.vhost.messages('orders')).toBe(0);
  });

  test('sees foreign headers that make no sense as if they were not there', async () => {
    await using on = await stage(broker);
    const attempts: number[] = [];
    await using _consumer = await createConsumer(on.rabbit, defineQueue('orders'), ({ attempt }) => {
      attempts.push(attempt);
    });
    const garbage = [
      { 'surehop-attempt': -1, 'surehop-not-before': 'tomorrow', 'surehop-history': 7 },
      { 'surehop-attempt': 'many', 'x-delivery-count': 'nope', 'x-acquired-count': [1] },
      { 'surehop-attempt': { a: 1 }, 'surehop-not-before': { '!': 'timestamp', value: 1 } },
      { 'surehop-attempt': '2', 'x-delivery-count': -7 },
      { 'surehop-attempt': Buffer.from('3') },
    ];
    for (const headers of garbage) await sendJson(on.vhost, 'orders', [1], { headers });
    await eventually(() => expect(attempts).toEqual([1, 1, 1, 3, 4]));
  });
});

describe('a handler that throws', () => {
  test('has the message again after each delay, then in the dead-letter queue', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders', { retry: { delaysMs: [200, 1_200] } });
    const attempts: { attempt: number; at: number }[] = [];
    await using _consumer = await createConsumer(on.rabbit, orders, ({ attempt }) => {
      attempts.push({ attempt, at: performance.now() });
      throw Object.assign(new TypeError('no such thing'), { code: 'E_THING' });
    });
    const properties = { messageId: 'm-1', type: 'order', timestamp: 1_700_000_000, headers: { traceparent: '00-1' } };
    await sendJson(on.vhost, 'orders', [{ id: 1 }], properties);
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(1), 10_000);
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    const [first, second, third] = attempts.map(({ at }) => at) as [number, number, number];
    expect(second - first).toBeGreaterThanOrEqual(195);
    expect(second - first).toBeLessThan(1_190);
    expect(third - second).toBeGreaterThanOrEqual(1_195);
    const [dead] = await on.vhost.get('orders.dead-letter');
    expect(dead?.content.toString()).toBe('{"id":1}');
    expect(dead?.properties).toMatchObject({
      message_id: 'm-1',
      type: 'order',
      timestamp: 1_700_000_000,
      content_type: 'application/json',
      delivery_mode: 2,
    });
    expect(dead?.headers).toMatchObject({
      traceparent: '00-1',
      'surehop-attempt': 3,
      'surehop-reason': 'failed',
      'surehop-error-name': 'TypeError',
      'surehop-error-message': 'no such thing',
      'surehop-error-code': 'E_THING',
      'surehop-queue': 'orders',
      'surehop-exchange': '',
      'surehop-routing-key': 'orders',
    });
    expect(dead?.headers['surehop-history']).toHaveLength(3);
    expect(Object.keys(dead?.headers ?? {}).filter((name) => name.startsWith('x-death'))).toEqual([]);
    const said = on.lines.filter(({ fields }) => fields.messageId === 'm-1');
    expect(said.map(({ level, fields }) => [level, fields.attempt, fields.delayMs ?? fields.reason])).toEqual([
      ['warn', 1, 200],
      ['warn', 2, 1_200],
      ['error', 3, 'failed'],
    ]);
  });

  test('may throw anything at all', async () => {
    await using on = await stage(broker);
    const orders = defineQueue<number>('orders', { retry: { delaysMs: [] } });
    const mean = Object.defineProperty(new Error('hidden'), 'message', {
      get: () => {
        throw new Error('no');
      },
    });
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const things = [
      undefined,
      null,
      'text',
      7n,
      Object.freeze(new Error('frozen')),
      Object.create(null),
      mean,
      revoked.proxy,
    ];
    await using _consumer = await createConsumer(on.rabbit, orders, ({ body }) => {
      if (body === 1) return Promise.reject(things[body]);
      throw things[body];
    });
    await sendJson(
      on.vhost,
      'orders',
      things.map((_, index) => index),
    );
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(things.length), 10_000);
    expect(await on.vhost.messages('orders')).toBe(0);
  });
});

describe('DeadLetter', () => {
  test('lays the message aside at once, with its reason', async () => {
    await using on = await stage(broker);
    let calls = 0;
    await using _consumer = await createConsumer(on.rabbit, defineQueue('orders'), () => {
      calls += 1;
      throw new DeadLetter('the customer is gone', { cause: new Error('404') });
    });
    await sendJson(on.vhost, 'orders', [1]);
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(1));
    const [dead] = await on.vhost.get('orders.dead-letter');
    expect(dead?.headers).toMatchObject({
      'surehop-reason': 'dead-letter',
      'surehop-error-message': 'the customer is gone',
      'surehop-attempt': 1,
    });
    expect(calls).toBe(1);
  });
});

describe('RetryLater', () => {
  test('waits in the smallest rung that is long enough, where there is no delay network', async () => {
    await using on = await stage(broker);
    await standInItsWay(on);
    const orders = defineQueue('orders', { retry: { delaysMs: [100, 700, 60_000] } });
    const at: number[] = [];
    await using _consumer = await createConsumer(on.rabbit, orders, ({ attempt }) => {
      at.push(performance.now());
      if (attempt === 1) throw new RetryLater(300);
    });
    await sendJson(on.vhost, 'orders', [1]);
    await eventually(() => expect(at).toHaveLength(2));
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThanOrEqual(695);
  });

  test('beyond the longest rung goes round until its time has come, and counts once', async () => {
    await using on = await stage(broker);
    await standInItsWay(on);
    const orders = defineQueue('orders', { retry: { delaysMs: [100, 300] } });
    const seen: { attempt: number; at: number }[] = [];
    await using _consumer = await createConsumer(on.rabbit, orders, ({ attempt }) => {
      seen.push({ attempt, at: performance.now() });
      if (attempt === 1) throw new RetryLater(1_000);
    });
    await sendJson(on.vhost, 'orders', [1]);
    await eventually(() => expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2]));
    const waited = (seen[1]?.at ?? 0) - (seen[0]?.at ?? 0);
    expect(waited).toBeGreaterThanOrEqual(945);
    expect(waited).toBeLessThan(2_000);
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
  });

  test('far beyond the longest rung waits in one of a minute, which is declared for it, and is not copied all the time', async () => {
    await using on = await stage(broker);
    await standInItsWay(on);
    const orders = defineQueue('orders', { retry: { delaysMs: [10] } });
    await using _consumer = await createConsumer(on.rabbit, orders, () => {
      throw new RetryLater(600_000);
    });
    await sendJson(on.vhost, 'orders', [1], { messageId: 'm-1' });
    await eventually(async () => expect(await on.vhost.messageIds('orders.retry.60000')).toEqual(['m-1']));
    expect(await on.vhost.messages('orders')).toBe(0);
  });

  test('[countAttempt: false] uses up no attempt', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders', { retry: { delaysMs: [] } });
    const attempts: number[] = [];
    await using _consumer = await createConsumer(on.rabbit, orders, ({ attempt }) => {
      attempts.push(attempt);
      throw new RetryLater(50, { countAttempt: false });
    });
    await sendJson(on.vhost, 'orders', [1]);
    await eventually(() => expect(attempts.length).toBeGreaterThan(2));
    expect(new Set(attempts)).toEqual(new Set([1]));
  });

  test('with attempts used up goes to the dead-letter queue', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders', { retry: { delaysMs: [] } });
    await using _consumer = await createConsumer(on.rabbit, orders, () => {
      throw new RetryLater(50);
    });
    await sendJson(on.vhost, 'orders', [1]);
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(1));
  });
});

/** Somebody has another exchange under a name of the delay network's. */
async function standInItsWay({ vhost }: Stage): Promise<void> {
  await onChannel(vhost, async (channel) => {
    await channel.assertExchange('surehop.delay.v1.out', 'fanout');
  });
}
