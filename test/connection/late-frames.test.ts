import { connect, createConsumer, defineQueue } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { closeFrame, FrameRelay, methodFrame } from './frame-relay.ts';
import { keepingLogger } from './lines.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const orders = defineQueue<number>('orders', { retry: { delaysMs: [100] } });
/** basic.ack for a channel that nobody has opened: amqplib begins to close the connection for it. */
const stray = methodFrame(77, '60.80', Buffer.from([0, 0, 0, 0, 0, 0, 0, 1, 0]));

describe('a late frame, for which amqplib closes the connection', () => {
  test('fails no publish, lays no message aside, and harms no acknowledgement', async () => {
    await using vhost = await broker.vhost();
    await using relay = await FrameRelay.start(vhost);
    // The closing handshake would take as long as the network does: here, for ever.
    relay.answer = ({ bytes, method }) => (method === '10.51' ? Buffer.alloc(0) : bytes);
    await using rabbit = await connect({ url: vhost.url(relay.port), log: keepingLogger().log });
    const publisher = createPublisher(rabbit);
    const handled = new Set<number>();
    await createConsumer(
      rabbit,
      orders,
      ({ body, attempt }) => {
        if (attempt === 1 && body % 3 === 0) throw new Error('not yet');
        handled.add(body);
      },
      { concurrency: 50 },
    );
    const published: Promise<unknown>[] = [];
    for (let round = 0; round < 20; round += 1) {
      for (let number = 0; number < 25; number += 1) published.push(publisher.publish(orders, published.length));
      // In the middle of what is being written and acknowledged.
      if (round % 5 === 4) relay.slipIn(stray, 'all');
      await Promise.race([Promise.all(published), new Promise((resolve) => setImmediate(resolve))]);
    }
    await Promise.all(published);
    await eventually(() => expect(handled.size).toBe(500), 20_000);
    expect(rabbit.state.generation).toBeGreaterThan(1);
    expect(await vhost.messages('orders.dead-letter')).toBe(0);
  }, 10_000);
});

describe('the end of a connection or channel, in one piece with the opening of a channel', () => {
  test.each([
    ['connection.close', () => closeFrame(0, 320, 'CONNECTION_FORCED')],
    ['channel.close', (channel: number) => closeFrame(channel, 541, 'INTERNAL_ERROR')],
  ])('%s: what waits for the channel is written to the next one', async (_name, close) => {
    await using vhost = await broker.vhost();
    await using relay = await FrameRelay.start(vhost);
    await using rabbit = await connect({ url: vhost.url(relay.port), log: keepingLogger().log });
    await createConsumer(rabbit, orders, () => undefined); // everything is declared
    let isArmed = true;
    relay.answer = ({ bytes, channel, method }) => {
      if (method !== '85.11' || !isArmed) return bytes;
      isArmed = false;
      return Buffer.concat([bytes, close(channel)]);
    };
    const publisher = createPublisher(rabbit);
    for (let number = 1; number <= 3; number += 1) await publisher.publish(orders, number, { deadlineMs: 10_000 });
    expect(isArmed).toBe(false);
  });
});
