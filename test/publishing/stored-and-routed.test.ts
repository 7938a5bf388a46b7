import { defineExchange, defineQueue } from '@surehop/publisher';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { fates, openPublisher } from './open-publisher.ts';
import { declareRawQueue } from './somebody-else.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

const orders = defineQueue('orders', { schema: z.object({ id: z.string(), total: z.coerce.number<string>() }) });

describe('a publish resolves', () => {
  test('once the message is in the queue, persistent, dated, typed, with an id of its own', async () => {
    await using opened = await openPublisher(vhost);
    const before = Math.floor(Date.now() / 1_000);
    const { messageId, resends } = await opened.publisher.publish(orders, { id: 'a', total: '9.5' });
    expect(resends).toBe(0);
    expect(messageId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    const [stored] = await vhost.get('orders');
    expect(stored).toMatchObject({
      exchange: '',
      routingKey: 'orders',
      properties: { message_id: messageId, delivery_mode: 2, content_type: 'application/json' },
    });
    expect(stored?.properties.timestamp).toBeGreaterThanOrEqual(before);
    // As given: what the schema makes of it is for the consumer.
    expect(JSON.parse(String(stored?.content))).toEqual({ id: 'a', total: '9.5' });
  });

  test('with everything that the caller set', async () => {
    await using opened = await openPublisher(vhost);
    const properties = {
      type: 'order.created',
      appId: 'shop',
      correlationId: 'c-1',
      replyTo: 'answers',
      priority: 3,
      expiration: '600000',
      timestamp: 1_700_000_000,
      contentEncoding: 'identity',
      userId: vhost.credentials.username,
    };
    const headers = { tenant: 'a', parts: [1, 'two', { three: true }], note: null };
    const order = { id: 'a', total: '1' };
    const { messageId } = await opened.publisher.publish(orders, order, { messageId: 'mine', headers, properties });
    expect(messageId).toBe('mine');
    const [stored] = await vhost.get('orders');
    expect(stored?.headers).toMatchObject({ tenant: 'a', parts: [1, 'two', { three: true }] });
    expect(stored?.properties).toMatchObject({
      message_id: 'mine',
      type: 'order.created',
      app_id: 'shop',
      correlation_id: 'c-1',
      reply_to: 'answers',
      priority: 3,
      expiration: '600000',
      timestamp: 1_700_000_000,
      content_encoding: 'identity',
      user_id: vhost.credentials.username,
    });
  });

  test('through an exchange of a contract, which it declares', async () => {
    await using opened = await openPublisher(vhost);
    const shop = defineExchange('shop', { type: 'topic' });
    await opened.publisher.publish(defineQueue('bills', { bindTo: [{ exchange: shop, routingKey: 'order.*' }] }), 0);
    await opened.publisher.publish(shop, { id: 'a' }, { routingKey: 'order.created' });
    expect((await vhost.get('bills')).map(({ exchange, routingKey }) => [exchange, routingKey])).toEqual([
      ['', 'bills'],
      ['shop', 'order.created'],
    ]);
  });

  test('for raw bytes, without declaring or encoding anything, though the caller uses the bytes again at once', async () => {
    await using opened = await openPublisher(vhost);
    await declareRawQueue(vhost, 'raw', {});
    const content = Buffer.from('one');
    const sent = [
      opened.publisher.publishTo({ exchange: '', routingKey: 'raw' }, content, { deliveryMode: 1, headers: { a: 1 } }),
    ];
    content.write('two');
    sent.push(opened.publisher.publishTo({ exchange: '', routingKey: 'raw' }, content));
    await Promise.all(sent);
    const stored = await vhost.get('raw');
    expect(stored.map((one) => String(one.content))).toEqual(['one', 'two']);
    expect(stored.map(({ properties }) => properties.delivery_mode)).toEqual([1, 2]);
    expect(stored[0]?.headers).toEqual({ a: 1 });
    await eventually(async () => expect((await vhost.queues()).map(({ name }) => name)).toEqual(['raw']));
  });

  test('for a thousand messages of one turn in the order of the calls', async () => {
    await using opened = await openPublisher(vhost);
    const all = Array.from({ length: 1_000 }, (_, index) =>
      opened.publisher.publish(orders, { id: 'a', total: '1' }, { messageId: `m-${index}` }),
    );
    const receipts = await Promise.all(all);
    expect(await vhost.messageIds('orders')).toEqual(receipts.map(({ messageId }) => messageId));
  });
});

describe('a publish rejects at once', () => {
  test('when no queue took it, however often', async () => {
    await using opened = await openPublisher(vhost);
    const shop = defineExchange('shop', { type: 'topic' });
    const nowhere = opened.publisher.publish(shop, 1, { routingKey: 'nobody' });
    await expect(nowhere).rejects.toMatchObject({ name: 'UnroutableError', replyCode: 312, retryable: false });
    const raw = opened.publisher.publishTo({ exchange: '', routingKey: 'missing' }, Buffer.from('a'));
    expect(await fates([raw])).toEqual(['SUREHOP_UNROUTABLE']);
  });

  test('when the queue of a contract was deleted, which is then declared again', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, { id: 'a', total: '1' });
    await vhost.deleteQueue('orders');
    expect(await fates([opened.publisher.publish(orders, { id: 'b', total: '1' })])).toEqual(['SUREHOP_UNROUTABLE']);
    await eventually(() => opened.publisher.publish(orders, { id: 'c', total: '1' }, { messageId: 'c' }));
    expect(await vhost.messageIds('orders')).toEqual(['c']);
  });

  test('when a full queue refuses it, and its neighbours are stored', async () => {
    await using opened = await openPublisher(vhost);
    await declareRawQueue(vhost, 'small', { 'x-max-length': 2, 'x-overflow': 'reject-publish' });
    await declareRawQueue(vhost, 'large', {});
    const to = (queue: string) => opened.publisher.publishTo({ exchange: '', routingKey: queue }, Buffer.from('a'));
    expect(await fates([to('small'), to('small')])).toEqual([0, 0]);
    const error = await to('small').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'RefusedError', code: 'SUREHOP_REFUSED', retryable: true });
    expect(await fates([to('small'), to('large'), to('small')])).toEqual(['SUREHOP_REFUSED', 0, 'SUREHOP_REFUSED']);
    expect(await vhost.messages('small')).toBe(2);
  });

  test('when its topology cannot be declared, with the reason', async () => {
    await using opened = await openPublisher(vhost);
    await declareRawQueue(vhost, 'orders', { 'x-queue-type': 'classic' });
    const mismatch = opened.publisher.publish(orders, { id: 'a', total: '1' });
    await expect(mismatch).rejects.toMatchObject({ code: 'SUREHOP_TOPOLOGY_MISMATCH', entity: 'queue "orders"' });
    const { url } = await vhost.addUser('writer', 'secret', { write: '.*' });
    await using poor = await openPublisher(vhost, { url });
    expect(await fates([poor.publisher.publish(orders, { id: 'a', total: '1' })])).toEqual(['SUREHOP_ACCESS_REFUSED']);
  });

  test('of a topology that failed, not for ever', async () => {
    await using opened = await openPublisher(vhost);
    await declareRawQueue(vhost, 'orders', { 'x-queue-type': 'classic' });
    const order = { id: 'a', total: '1' };
    expect(await fates([opened.publisher.publish(orders, order)])).toEqual(['SUREHOP_TOPOLOGY_MISMATCH']);
    await vhost.deleteQueue('orders');
    expect(await fates([opened.publisher.publish(orders, order)])).toEqual([0]);
  });
});
