import { defineQueue } from '@surehop/publisher';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { fates, openPublisher } from './open-publisher.ts';
import { declareRawQueue } from './somebody-else.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

const orders = defineQueue<number>('orders');

describe('publish() when the connection fails', () => {
  test('a message whose confirm was lost is sent again under the same id', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, 0, { messageId: 'first' });
    opened.proxy.swallow('to-client');
    const sent = opened.publisher.publish(orders, 1);
    await eventually(async () => expect(await vhost.messages('orders')).toBe(2));
    opened.proxy.heal();
    opened.proxy.cut();
    const { messageId, resends } = await sent;
    expect(resends).toBe(1);
    expect(await vhost.messageIds('orders')).toEqual(['first', messageId, messageId]);
  });

  test('what was published while it was down is kept, and arrives in order behind what was on its way', async () => {
    await using opened = await openPublisher(vhost);
    const publish = (messageId: string) => opened.publisher.publish(orders, 1, { messageId });
    await publish('0');
    opened.proxy.swallow('to-broker');
    const written = [publish('1'), publish('2'), publish('3')];
    await eventually(() => expect(opened.publisher.health().unconfirmed).toBe(3));
    opened.proxy.refuse();
    opened.proxy.cut();
    await eventually(() => expect(opened.rabbit.state.phase).not.toBe('open'));
    const kept = [publish('4'), publish('5')];
    opened.proxy.heal();
    expect(await fates([...written, ...kept])).toEqual([1, 1, 1, 0, 0]);
    expect(await vhost.messageIds('orders')).toEqual(['0', '1', '2', '3', '4', '5']);
  });

  test('what waits for a message of the same id stays behind it', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, 0);
    opened.proxy.swallow('to-broker');
    const ids = ['same', 'same', 'another'];
    const all = ids.map((messageId, index) => opened.publisher.publish(orders, index + 1, { messageId }));
    opened.proxy.heal();
    opened.proxy.cut();
    expect(await fates(all)).toEqual([1, 0, 0]);
    expect((await vhost.get('orders')).map(({ content }) => String(content))).toEqual(['0', '1', '2', '3']);
  });

  test('nothing is lost and everything settles over ten cuts', async () => {
    await using opened = await openPublisher(vhost, { publisher: { maxUnconfirmed: 50 } });
    await opened.publisher.publish(orders, 0, { messageId: 'before' });
    const all: Promise<{ messageId: string; resends: number }>[] = [];
    for (let cut = 0; cut < 10; cut += 1) {
      for (let one = 0; one < 30; one += 1) {
        all.push(opened.publisher.publish(orders, one, { messageId: `${cut}-${one}` }));
      }
      await Promise.race(all.slice(-30));
      opened.proxy.cut();
    }
    const receipts = await Promise.all(all);
    const stored = await vhost.messageIds('orders');
    expect(new Set(stored)).toEqual(new Set(['before', ...receipts.map(({ messageId }) => messageId)]));
    // Duplicates only where a receipt says so.
    const resent = new Map(receipts.map(({ messageId, resends }) => [messageId, resends]));
    for (const id of new Set(stored)) {
      expect(stored.filter((one) => one === id).length).toBeLessThanOrEqual(1 + (resent.get(id) ?? 0));
    }
  });

  test('a node that shuts its connections down is no different', async () => {
    await using opened = await openPublisher(vhost);
    await opened.publisher.publish(orders, 0);
    opened.proxy.delay(100);
    await eventually(async () => expect(await vhost.closeConnections()).toBeGreaterThan(0), 15_000);
    expect(await fates([1, 2, 3].map((body) => opened.publisher.publish(orders, body)))).toEqual([
      expect.any(Number),
      expect.any(Number),
      expect.any(Number),
    ]);
  });
});

describe('a later answer does not speak for an earlier write', () => {
  test('a message that filled its queue and is refused when it is sent again may be stored: it is', async () => {
    await using opened = await openPublisher(vhost);
    await declareRawQueue(vhost, 'one', { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
    await declareRawQueue(vhost, 'other', {});
    await opened.publisher.publishTo({ exchange: '', routingKey: 'other' }, Buffer.from('a'));
    opened.proxy.swallow('to-client');
    const sent = opened.publisher.publishTo({ exchange: '', routingKey: 'one' }, Buffer.from('a'));
    await eventually(async () => expect(await vhost.messages('one')).toBe(1));
    opened.proxy.heal();
    opened.proxy.cut();
    await expect(sent).rejects.toMatchObject({ code: 'SUREHOP_PUBLISH_UNKNOWN', cause: { code: 'SUREHOP_REFUSED' } });
    expect(await vhost.messages('one')).toBe(1);
  });
});
