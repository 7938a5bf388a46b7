import { createConsumer, DeadLetter, defineQueue } from '@surehop/consumer';
import { type DeadMessage, openDeadLetters } from '@surehop/dead-letters';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { send, sendJson, stage } from '../consuming/stage.ts';
import { onChannel, quiet } from './queues.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const orders = defineQueue<{ id: number }>('orders', { retry: { delaysMs: [100] }, deliveryLimit: 1 });

describe('dead letters of a contract', () => {
  test('that a consumer laid aside say what it threw, and fall into groups', async () => {
    await using on = await stage(broker);
    await using _consumer = await createConsumer(on.rabbit, orders, ({ body }) => {
      if (body.id === 3) throw new DeadLetter('no such customer');
      throw Object.assign(new RangeError(`order ${body.id} not found`), { code: 'E_ORDER' });
    });
    await sendJson(on.vhost, 'orders', [{ id: 1 }, { id: 2 }, { id: 3 }], { type: 'OrderCreated' });
    await send(on.vhost, 'orders', ['no JSON'], { contentType: 'application/json' });
    const deadLetters = openDeadLetters(on.rabbit, orders, quiet);
    expect(deadLetters.queue).toBe('orders.dead-letter');
    await eventually(async () => expect(await deadLetters.count()).toBe(4), 10_000);

    const { messages } = await deadLetters.browse({ selection: { filter: 'error.code = E_ORDER and attempts = 2' } });
    expect(messages.map(({ content }) => JSON.parse(Buffer.from(content).toString())).map(({ id }) => id)).toEqual([
      1, 2,
    ]);
    const [{ failure, properties, id } = {} as DeadMessage] = messages;
    expect(properties).toMatchObject({ messageId: id, type: 'OrderCreated' });
    expect(failure).toMatchObject({
      source: 'surehop',
      reason: 'failed',
      queue: 'orders',
      exchange: '',
      routingKey: 'orders',
      error: { name: 'RangeError', message: 'order 1 not found', code: 'E_ORDER' },
      history: [{ message: 'order 1 not found' }, { message: 'order 1 not found' }],
      replayed: { count: 0 },
    });
    expect(failure.error?.stack).toContain('RangeError: order 1 not found');

    const { groups, looked } = await deadLetters.groups();
    expect(looked).toBe(4);
    expect(groups[0]).toMatchObject({ queue: 'orders', name: 'RangeError', message: 'order # not found', count: 2 });
    expect(new Set(groups.map(({ reason }) => reason))).toEqual(new Set(['dead-letter', 'failed', 'undecodable']));
    const ofGroup = await deadLetters.browse({ selection: { group: groups[0]?.key ?? '' } });
    expect(ofGroup.messages.map((message) => message.id)).toEqual(messages.map((message) => message.id));
  });

  test('that the broker laid aside say why: a delivery limit, a nack without a copy, a key that nothing takes', async () => {
    await using on = await stage(broker);
    await (await createConsumer(on.rabbit, orders, () => undefined)).close();
    await on.vhost.publish('orders.retry', 'nowhere', 'unroutable');
    await onChannel(on.vhost, async (channel) => {
      for (const body of ['uncopyable', 'delivery-limit']) {
        channel.sendToQueue('orders', Buffer.from(body));
        await channel.waitForConfirms();
        for (let end = false; !end; ) {
          const message = await channel.get('orders');
          if (message === false) break;
          // Each of these counts, on every release.
          if (body === 'uncopyable') channel.nack(message, false, false);
          else channel.reject(message, true);
          end = body === 'uncopyable';
        }
      }
    });
    const deadLetters = openDeadLetters(on.rabbit, orders, quiet);
    await eventually(async () => expect(await deadLetters.count()).toBe(3), 10_000);
    const { messages } = await deadLetters.browse();
    const told = messages.map(({ content, failure }) => [Buffer.from(content).toString(), failure.reason]);
    const reasons = ['delivery-limit', 'uncopyable', 'unroutable'];
    expect(new Set(told)).toEqual(new Set(reasons.map((reason) => [reason, reason])));
    for (const { id, failure } of messages) {
      expect(failure).toMatchObject({ source: 'broker', queue: 'orders', attempts: 0, error: undefined });
      // Nobody gave them one.
      expect(id).toMatch(/^sha256:/);
    }
    // Also when it was looked at once more, and the broker's count of it has changed.
    expect((await deadLetters.browse()).messages.map(({ id }) => id)).toEqual(messages.map(({ id }) => id));
  });
});
