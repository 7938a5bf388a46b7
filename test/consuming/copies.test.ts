import { connect, createConsumer, defineExchange, defineQueue } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { connect as amqpConnect } from 'amqplib';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { fill, gate, sendJson, stage, widen } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

const failing = (): never => {
  throw new Error('not today');
};

describe('the copy of a failed message', () => {
  test('is sent again after its rung was deleted: the rung is declared anew, and nothing is lost', async () => {
    await using on = await stage(broker);
    const orders = defineQueue<number>('orders', { retry: { delaysMs: [300] } });
    const second: number[] = [];
    await using _consumer = await createConsumer(on.rabbit, orders, ({ body, attempt }) => {
      if (attempt === 1) failing();
      second.push(body);
    });
    await on.vhost.deleteQueue('orders.retry.300');
    await sendJson(on.vhost, 'orders', [1, 2, 3, 4, 5]);
    await eventually(() => expect(second.toSorted((one, other) => one - other)).toEqual([1, 2, 3, 4, 5]), 10_000);
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
    expect(await on.vhost.messages('orders.dead-letter')).toBe(0);
  });

  test('is sent again, more and more rarely, while its queue is full; the original is kept', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders', { retry: { delaysMs: [] } });
    await using consumer = await createConsumer(on.rabbit, orders, failing);
    const fillers = await fill(on.vhost, 'orders.dead-letter');
    await sendJson(on.vhost, 'orders', numbers(10));
    const refusals = () => on.lines.filter(({ fields }) => fields.outcome === 'refused').length;
    await eventually(() => expect(refusals()).toBeGreaterThan(2), 10_000);
    await eventually(() => expect(consumer.health()).toMatchObject({ inHand: 10, unstoredCopies: 10 }));
    expect(on.rabbit.health().status).toBe('degraded');
    const held = (await on.vhost.messages('orders')) + (await on.vhost.messages('orders.dead-letter'));
    expect(held).toBeGreaterThanOrEqual(fillers + 10);
    await widen(on.vhost, 'orders.dead-letter');
    const all = fillers + 10;
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(all), 20_000);
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
    expect(refusals()).toBeLessThan(120);
    await eventually(() => expect(consumer.health()).toMatchObject({ inHand: 0, unstoredCopies: 0 }));
    expect(on.rabbit.health().status).toBe('ok');
  });

  test('does not settle the original before the broker has confirmed it', async () => {
    await using on = await stage(broker);
    const orders = defineQueue<string>('orders', { retry: { delaysMs: [60_000] } });
    const running = gate();
    const mayFail = gate();
    const calls: string[] = [];
    await using _consumer = await createConsumer(on.rabbit, orders, async ({ body }) => {
      calls.push(body);
      if (calls.length > 2) return;
      if (body === 'second') running.open();
      if (body === 'second') await mayFail.opened;
      failing();
    });
    await sendJson(on.vhost, 'orders', ['first']);
    await eventually(async () => expect(await on.vhost.messages('orders.retry.60000')).toBe(1));
    await sendJson(on.vhost, 'orders', ['second']);
    await running.opened;
    on.proxy.swallow('to-client'); // the copy arrives, its confirm does not
    mayFail.open();
    await eventually(async () => expect(await on.vhost.messages('orders.retry.60000')).toBe(2));
    expect(await on.vhost.messages('orders')).toBe(1);
    on.proxy.heal();
    on.proxy.cut();
    await eventually(() => expect(calls).toEqual(['first', 'second', 'second']), 15_000);
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
  });

  test('drops what would cut its delay short, multiply it or close the channel', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders', { retry: { delaysMs: [60_000] } });
    await using _consumer = await createConsumer(on.rabbit, orders, failing);
    await sendJson(on.vhost, 'orders', [1], {
      expiration: '30000',
      userId: on.vhost.credentials.username,
      CC: ['nowhere'],
      BCC: ['nowhere'],
      correlationId: 'c-1',
      replyTo: 'answers',
      appId: 'shop',
      priority: 3,
      persistent: false,
      headers: { mine: 'kept', 'x-death': 'nope', 'x-delivery-count': 2, 'x-first-death-queue': 'q', 'x-other': 1 },
    });
    await eventually(async () => expect(await on.vhost.messages('orders.retry.60000')).toBe(1));
    const [copy] = await on.vhost.get('orders.retry.60000');
    expect(copy?.properties).toMatchObject({
      correlation_id: 'c-1',
      reply_to: 'answers',
      app_id: 'shop',
      priority: 3,
      delivery_mode: 2,
    });
    // The original had none, and only by one can the broker tell that it could not route the copy.
    expect(copy?.properties.message_id).toMatch(/^[0-9a-f-]{36}$/);
    expect(copy?.properties).not.toHaveProperty('expiration');
    expect(copy?.properties).not.toHaveProperty('user_id');
    expect(copy?.headers).toMatchObject({ mine: 'kept', 'x-other': 1 });
    const dropped = ['CC', 'BCC', 'x-death', 'x-first-death-queue'];
    expect(Object.keys(copy?.headers ?? {}).filter((name) => dropped.includes(name))).toEqual([]);
  });

  test('returns to the queue that failed only, not to others at the same exchange', async () => {
    await using on = await stage(broker);
    const shop = defineExchange('shop', { type: 'headers' });
    const contract = (name: string) =>
      defineQueue(name, { retry: { delaysMs: [150] }, bindTo: [{ exchange: shop, headers: { kind: 'order' } }] });
    const seen: string[] = [];
    await using _bills = await createConsumer(on.rabbit, contract('bills'), ({ attempt, headers }) => {
      seen.push(`bills ${attempt} ${headers.kind}`);
      if (attempt === 1) failing();
    });
    await using _mails = await createConsumer(on.rabbit, contract('mails'), ({ attempt }) => {
      seen.push(`mails ${attempt}`);
    });
    expect(await on.vhost.publish('shop', '', '{}', { headers: { kind: 'order' } })).toBe(true);
    await eventually(() => expect(seen).toContain('bills 2 order'));
    await eventually(async () => expect(await on.vhost.messages('bills')).toBe(0));
    expect(seen.toSorted()).toEqual(['bills 1 order', 'bills 2 order', 'mails 1']);
  });
});

describe('a failed message that cannot be copied', () => {
  const headers = { huge: 'x'.repeat(50_000), more: 'y'.repeat(20_000) };

  test('is moved to the dead-letter queue by the broker, byte for byte', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders');
    await using _consumer = await createConsumer(on.rabbit, orders, failing);
    // Through the management API: amqplib cannot write so many.
    await on.vhost.publish('', 'orders', '{"id":1}', { headers, message_id: 'm-1' });
    await sendJson(on.vhost, 'orders', [2]);
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(1), 10_000);
    const [dead] = await on.vhost.get('orders.dead-letter');
    expect(dead?.content.toString()).toBe('{"id":1}');
    expect(dead?.headers).toMatchObject(headers);
    expect(dead?.headers).not.toHaveProperty('surehop-reason');
    // Its neighbour is not held up.
    await eventually(async () => expect(await on.vhost.messages('orders.retry.1000')).toBeLessThanOrEqual(1));
    expect(on.lines.some(({ level, message }) => level === 'error' && message.includes('cannot be copied'))).toBe(true);
  });

  test('and carries an x-death that no broker wrote is not left to the broker, which could trip over it', async () => {
    await using on = await stage(broker);
    await using _consumer = await createConsumer(on.rabbit, defineQueue('orders'), failing);
    await on.vhost.publish('', 'orders', '1', { headers: { ...headers, 'x-death': [1, 2] }, message_id: 'm-1' });
    await eventually(async () => expect(await on.vhost.messageIds('orders.dead-letter')).toEqual(['m-1']), 10_000);
    const [dead] = await on.vhost.get('orders.dead-letter');
    expect(dead?.headers['surehop-dropped-headers']).toContain('x-death');
    // Dead lettering goes on.
    await on.vhost.publish('', 'orders', '2', { headers, message_id: 'm-2' });
    await eventually(
      async () => expect(await on.vhost.messageIds('orders.dead-letter')).toEqual(['m-1', 'm-2']),
      10_000,
    );
  });

  test('is not left to the broker where nobody knows whether the queue has a dead-letter exchange', async () => {
    await using on = await stage(broker);
    const amqp = await amqpConnect(on.vhost.url());
    const channel = await amqp.createChannel();
    for (const name of ['bare', 'bare.dead-letter']) {
      await channel.assertQueue(name, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    }
    await amqp.close();
    await using rabbit = await connect({ url: on.vhost.url(), topology: 'off' });
    await using _consumer = await createConsumer(rabbit, defineQueue('bare'), failing);
    await on.vhost.publish('', 'bare', '1', { headers, message_id: 'm-1' });
    await eventually(async () => expect(await on.vhost.messages('bare')).toBe(0), 10_000);
    const [dead] = await on.vhost.get('bare.dead-letter');
    expect(dead?.headers).toMatchObject({ 'surehop-dropped-headers': 'huge, more', 'surehop-reason': 'failed' });
  });

  test('nor without its headers is kept, and health() says so', async () => {
    await using on = await stage(broker);
    await (await createConsumer(on.rabbit, defineQueue('foreign', { type: 'classic' }), () => undefined)).close();
    await using consumer = await createConsumer(on.rabbit, { queue: 'foreign', raw: true }, failing);
    await fill(on.vhost, 'foreign.dead-letter');
    await on.vhost.publish('', 'foreign', 'bytes', { headers, message_id: 'm-1' });
    await eventually(() => expect(consumer.health()).toMatchObject({ inHand: 1, unstoredCopies: 1 }));
    expect(on.rabbit.health().status).toBe('degraded');
  });

  test('is moved by the broker where the queue was compared with its contract', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders');
    await (await createConsumer(on.rabbit, orders, () => undefined)).close();
    await using rabbit = await connect({ url: on.vhost.url(), topology: 'verify' });
    await using _consumer = await createConsumer(rabbit, orders, failing);
    await on.vhost.publish('', 'orders', '1', { headers, message_id: 'm-1' });
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(1), 10_000);
    const [dead] = await on.vhost.get('orders.dead-letter');
    expect(dead?.headers).toMatchObject(headers);
  });

  test('of a raw queue goes to the dead-letter queue without its headers, whose names are kept', async () => {
    await using on = await stage(broker);
    await using _first = await createConsumer(on.rabbit, defineQueue('foreign', { type: 'classic' }), () => undefined);
    await _first.close();
    await using _consumer = await createConsumer(on.rabbit, { queue: 'foreign', raw: true }, failing, {
      retry: { delaysMs: [] },
    });
    await on.vhost.publish('', 'foreign', 'bytes', { headers, message_id: 'm-1' });
    await eventually(async () => expect(await on.vhost.messages('foreign.dead-letter')).toBe(1), 10_000);
    const [dead] = await on.vhost.get('foreign.dead-letter');
    expect(dead?.content.toString()).toBe('bytes');
    expect(dead?.properties).toMatchObject({ message_id: 'm-1' });
    expect(dead?.headers).toMatchObject({ 'surehop-dropped-headers': 'huge, more', 'surehop-reason': 'failed' });
    await eventually(async () => expect(await on.vhost.messages('foreign')).toBe(0));
  });
});
