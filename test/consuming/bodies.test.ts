import { createConsumer, defineQueue } from '@surehop/consumer';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { z } from 'zod';
import { send, stage } from './stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const order = z.object({ id: z.string(), total: z.number().default(0) });

describe('a body', () => {
  test('reaches the handler as its schema made it', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders', { schema: order });
    const seen: unknown[] = [];
    await using _consumer = await createConsumer(on.rabbit, orders, ({ body }) => {
      seen.push([body.id.toUpperCase(), body.total]);
    });
    await send(on.vhost, 'orders', ['{"id":"a"}', '{"id":"b","total":2}']);
    await eventually(() =>
      expect(seen).toEqual([
        ['A', 0],
        ['B', 2],
      ]),
    );
  });

  test('that cannot be decoded is dead at once, its bytes kept as they came', async () => {
    await using on = await stage(broker);
    const orders = defineQueue('orders', { schema: order });
    let calls = 0;
    await using _consumer = await createConsumer(on.rabbit, orders, () => {
      calls += 1;
    });
    const bytes = Buffer.from([0xff, 0x00, 0x7b, 0xfe]);
    await send(on.vhost, 'orders', [bytes]);
    await send(on.vhost, 'orders', ['{"id":"a"}'], { contentType: 'application/xml' });
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(2));
    const dead = await on.vhost.get('orders.dead-letter');
    expect(dead.map(({ headers }) => headers['surehop-reason'])).toEqual(['undecodable', 'undecodable']);
    expect(dead[0]?.content).toEqual(bytes);
    expect(dead[1]?.properties).toMatchObject({ content_type: 'application/xml' });
    expect(calls).toBe(0);
  });

  test.each([
    ['a schema that answers at once', order],
    ['a schema that answers later', order.refine(async () => true)],
  ])('that does not fit %s is dead at once', async (_name, schema) => {
    await using on = await stage(broker);
    const seen: string[] = [];
    await using _consumer = await createConsumer(on.rabbit, defineQueue('orders', { schema }), ({ body }) => {
      seen.push(body.id);
    });
    await send(on.vhost, 'orders', ['{"id":7}', '{"id":"good"}']);
    await eventually(async () => expect(await on.vhost.messages('orders.dead-letter')).toBe(1));
    const [dead] = await on.vhost.get('orders.dead-letter');
    expect(dead?.headers).toMatchObject({ 'surehop-reason': 'invalid', 'surehop-error-code': 'SUREHOP_BODY_INVALID' });
    expect(dead?.content.toString()).toBe('{"id":7}');
    await eventually(() => expect(seen).toEqual(['good']));
  });

  test('of another content type is bytes where there is no schema', async () => {
    await using on = await stage(broker);
    const bodies: unknown[] = [];
    await using _consumer = await createConsumer(on.rabbit, defineQueue('blobs'), ({ body }) => {
      bodies.push(body);
    });
    await send(on.vhost, 'blobs', ['<a/>'], { contentType: 'application/xml' });
    await eventually(() => expect(bodies).toEqual([Buffer.from('<a/>')]));
  });
});
