import { defineQueue, type Publisher } from '@surehop/publisher';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { closedChannels, fates, openPublisher } from './open-publisher.ts';

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeEach(async () => {
  vhost = await broker.vhost();
  return () => vhost.close();
});
afterAll(() => broker.close());

const orders = defineQueue<unknown>('orders');
const to = { exchange: '', routingKey: 'orders' };
const circular: Record<string, unknown> = {};
circular.self = circular;

/** What the broker would answer by closing the channel, or amqplib would change or refuse, and what it is refused with. */
const bad: readonly (readonly [string, (publisher: Publisher) => Promise<unknown>, string])[] = [
  ['a circular body', (p) => p.publish(orders, circular), 'BODY_UNENCODABLE'],
  ['a BigInt', (p) => p.publish(orders, { total: 1n }), 'BODY_UNENCODABLE'],
  ['a body above maxMessageBytes', (p) => p.publishTo(to, new Uint8Array(1_001)), 'MESSAGE_TOO_LARGE'],
  ['headers above a frame', (p) => p.publish(orders, 1, { headers: { big: 'x'.repeat(60_001) } }), 'HEADERS_TOO_LARGE'],
  ['a header that is a Date', (p) => p.publish(orders, 1, { headers: { at: new Date(0) } }), 'PROPERTIES_INVALID'],
  ['a CC that is no list', (p) => p.publish(orders, 1, { headers: { CC: 'a' } }), 'PROPERTIES_INVALID'],
  ['an x-death', (p) => p.publish(orders, 1, { headers: { 'x-death': 'nope' } }), 'PROPERTIES_INVALID'],
  ['another user', (p) => p.publish(orders, 1, { properties: { userId: 'somebody' } }), 'PROPERTIES_INVALID'],
  ['a negative expiration', (p) => p.publish(orders, 1, { properties: { expiration: '-1' } }), 'PROPERTIES_INVALID'],
  ['a fractional expiration', (p) => p.publish(orders, 1, { properties: { expiration: '1.5' } }), 'PROPERTIES_INVALID'],
  ['a priority above 255', (p) => p.publish(orders, 1, { properties: { priority: 256 } }), 'PROPERTIES_INVALID'],
  [
    'a direct reply-to',
    (p) => p.publish(orders, 1, { properties: { replyTo: 'amq.rabbitmq.reply-to' } }),
    'PROPERTIES_INVALID',
  ],
  [
    'a routing key above 255 bytes',
    (p) => p.publishTo({ ...to, routingKey: 'é'.repeat(128) }, new Uint8Array(1)),
    'PROPERTIES_INVALID',
  ],
  ['a message id above 255 bytes', (p) => p.publish(orders, 1, { messageId: 'x'.repeat(256) }), 'PROPERTIES_INVALID'],
  ['content that is no bytes', (p) => p.publishTo(to, 'text' as never), 'OPTION_INVALID'],
  ['a routing key for a queue', (p) => p.publish(orders, 1, { routingKey: 'orders' }), 'OPTION_INVALID'],
];

describe('what the broker would close the channel for', () => {
  test.each(bad)(
    '%s is refused before it is written, and its neighbours know nothing of it',
    async (_what, publish, code) => {
      await using opened = await openPublisher(vhost, { publisher: { maxMessageBytes: 1_000 } });
      const { publisher } = opened;
      await publisher.publish(orders, 'warm');
      const before = [1, 2, 3].map((body) => publisher.publish(orders, body));
      const refused = publish(publisher).catch((error: unknown) => error);
      const after = [4, 5, 6].map((body) => publisher.publish(orders, body));
      expect(await refused).toMatchObject({ code: `SUREHOP_${code}`, retryable: false });
      expect(await fates([...before, ...after])).toEqual([0, 0, 0, 0, 0, 0]);
      expect(closedChannels(opened.lines)).toEqual([]);
      expect(opened.rabbit.state).toMatchObject({ phase: 'open', generation: 1 });
    },
  );

  test('a body that breaks its schema is refused with the place', async () => {
    await using opened = await openPublisher(vhost);
    const schema = z.object({ items: z.array(z.object({ price: z.number() })) });
    const baskets = defineQueue('baskets', { schema });
    const body = { items: [{ price: 1 }, { price: 'two' as unknown as number }] };
    const error = await opened.publisher.publish(baskets, body).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'BodyInvalidError', issues: [{ path: 'items[1].price' }] });
    await eventually(async () => expect(await vhost.queues()).toEqual([]));
  });

  test('a foreign user id is refused while the connection is down as well', async () => {
    await using opened = await openPublisher(vhost);
    opened.proxy.refuse();
    opened.proxy.cut();
    const publish = (userId: string) => opened.publisher.publish(orders, 1, { properties: { userId } });
    expect(await fates([publish('somebody')])).toEqual(['SUREHOP_PROPERTIES_INVALID']);
    const own = publish(vhost.credentials.username);
    opened.proxy.heal();
    expect(await fates([own])).toEqual([0]);
  });
});
