import type { DriverChannel, IncomingMessage } from '@surehop/core/internal';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { classic, message, openChannel, quorum, soon, textOf, type World, worldsOf } from './world.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());
const ownsDeaths = broker.version.startsWith('4.');

const safe = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };

async function channelOf(world: World): Promise<DriverChannel> {
  return (await openChannel(await world.dial())).channel;
}

/** What comes to this queue next. */
function next(channel: DriverChannel, queue: string, timeoutMs = 5_000): Promise<IncomingMessage> {
  return eventually(async () => {
    const found = await channel.get(queue, soon());
    if (found === undefined) throw new Error(`nothing has come to ${queue}`);
    return found;
  }, timeoutMs);
}

describe.each(worldsOf(broker))('$name', ({ open }) => {
  test.each([
    ['quorum', quorum],
    ['quorum, at least once', { ...quorum, ...safe }],
    ['classic', classic],
  ])('moves what has expired to where it is to go (%s)', async (_type, args) => {
    await using world = await open();
    const channel = await channelOf(world);
    const to = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
    await channel.declareQueue({ name: 'dead', arguments: quorum }, soon());
    await channel.declareQueue({ name: 'q', arguments: { ...args, ...to, 'x-message-ttl': 100 } }, soon());
    channel.publish(message('q', 'late', { headers: { mine: 'kept' } }));
    const dead = await next(channel, 'dead');
    expect(dead).toMatchObject({ exchange: '', routingKey: 'dead', redelivered: false });
    expect(dead.headers).toMatchObject({
      mine: 'kept',
      'x-first-death-queue': 'q',
      'x-first-death-reason': 'expired',
      'x-first-death-exchange': '',
      'x-death': [{ count: 1, queue: 'q', reason: 'expired', exchange: '', 'routing-keys': ['q'] }],
    });
    expect(dead.headers['x-last-death-reason']).toBe(ownsDeaths ? 'expired' : undefined);
  });

  test('lets only the head of a queue expire', async () => {
    await using world = await open();
    const channel = await channelOf(world);
    const to = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
    await channel.declareQueue({ name: 'dead', arguments: quorum }, soon());
    await channel.declareQueue({ name: 'q', arguments: { ...quorum, ...to } }, soon());
    const startedAt = performance.now();
    for (const expiration of ['1000', '100']) {
      channel.publish(message('q', expiration, { properties: { expiration, messageId: expiration } }));
    }
    const first = await next(channel, 'dead');
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    expect(textOf(first)).toBe('1000');
    expect(first.properties.expiration).toBeUndefined();
    expect(first.headers['x-death']).toMatchObject([{ 'original-expiration': '1000' }]);
    expect(textOf(await next(channel, 'dead'))).toBe('100');
  });

  test('ends what comes back more often than the limit allows', async () => {
    await using world = await open();
    const channel = await channelOf(world);
    const args = {
      ...quorum,
      'x-delivery-limit': 2,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': 'dead',
    };
    await channel.declareQueue({ name: 'dead', arguments: quorum }, soon());
    await channel.declareQueue({ name: 'q', arguments: args }, soon());
    channel.publish(message('q', 'poison'));
    for (const _ of [1, 2, 3]) channel.reject((await next(channel, 'q')).deliveryTag, true);
    const dead = await next(channel, 'dead');
    expect(dead.headers['x-death']).toMatchObject([{ reason: 'delivery_limit', queue: 'q', count: 1 }]);
  });

  test('moves what is refused without requeue, with its reason', async () => {
    await using world = await open();
    const channel = await channelOf(world);
    const to = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
    await channel.declareQueue({ name: 'dead', arguments: quorum }, soon());
    await channel.declareQueue({ name: 'q', arguments: { ...quorum, ...safe, ...to } }, soon());
    channel.publish(message('q', 'refused'));
    channel.nack((await next(channel, 'q')).deliveryTag, false);
    const dead = await next(channel, 'dead');
    expect(dead.headers['x-death']).toMatchObject([{ reason: 'rejected', queue: 'q' }]);
  });

  test('goes round by rejects, and keeps count', async () => {
    await using world = await open();
    const channel = await channelOf(world);
    const to = (key: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': key });
    await channel.declareQueue({ name: 'q', arguments: { ...quorum, ...safe, ...to('wait') } }, soon());
    const wait = { ...quorum, ...safe, ...to('q'), 'x-message-ttl': 50 };
    await channel.declareQueue({ name: 'wait', arguments: wait }, soon());
    channel.publish(message('q', 'again'));
    for (const _ of [1, 2, 3]) channel.nack((await next(channel, 'q')).deliveryTag, false);
    const { headers } = await next(channel, 'q');
    expect(headers['x-death']).toMatchObject([
      { queue: 'wait', reason: 'expired', count: 3 },
      { queue: 'q', reason: 'rejected', count: 3 },
    ]);
  });

  test('ends a round that nobody has rejected: at most once it is dropped', async () => {
    await using world = await open();
    const channel = await channelOf(world);
    const to = (key: string) => ({ 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': key });
    await channel.declareQueue({ name: 'a', arguments: { ...quorum, ...to('b'), 'x-message-ttl': 50 } }, soon());
    await channel.declareQueue({ name: 'b', arguments: { ...quorum, ...to('a'), 'x-message-ttl': 50 } }, soon());
    await channel.declareQueue(
      { name: 'marker', arguments: { ...quorum, ...to('end'), 'x-message-ttl': 600 } },
      soon(),
    );
    await channel.declareQueue({ name: 'end', arguments: quorum }, soon());
    channel.publish(message('a', 'round'));
    channel.publish(message('marker', 'marker'));
    await next(channel, 'end');
    expect([await channel.checkQueue('a', soon()), await channel.checkQueue('b', soon())]).toEqual([0, 0]);
  });

  test('stops for 32 dead letters that nobody takes, unless an alternate does', async () => {
    await using world = await open();
    const channel = await channelOf(world);
    await channel.declareQueue({ name: 'good', arguments: quorum }, soon());
    await channel.declareQueue({ name: 'parked', arguments: quorum }, soon());
    await channel.declareExchange({ name: 'spare', type: 'fanout', arguments: {} }, soon());
    await channel.bind({ exchange: 'spare', queue: 'parked', routingKey: '', arguments: {} }, soon());
    for (const [name, args] of [
      ['plain', {}],
      ['with', { 'alternate-exchange': 'spare' }],
    ] as const) {
      await channel.declareExchange({ name, type: 'direct', arguments: args }, soon());
      await channel.bind({ exchange: name, queue: 'good', routingKey: `${name}.good`, arguments: {} }, soon());
      const rung = { ...quorum, ...safe, 'x-message-ttl': 100, 'x-dead-letter-exchange': name };
      await channel.declareQueue({ name, arguments: rung }, soon());
      // Every key leads into the rung, and only one out of it.
      const through = `${name}.in`;
      await channel.declareExchange({ name: through, type: 'fanout', arguments: {} }, soon());
      await channel.bind({ exchange: through, queue: name, routingKey: '', arguments: {} }, soon());
      for (let bad = 0; bad < 40; bad += 1) channel.publish(message(`${name}.bad`, 'bad', { exchange: through }));
      channel.publish(message(`${name}.good`, name, { exchange: through }));
    }
    expect(textOf(await next(channel, 'good'))).toBe('with');
    await eventually(async () => expect(await channel.checkQueue('parked', soon())).toBe(40));
    expect(await channel.get('good', soon())).toBeUndefined();
    expect(await channel.checkQueue('plain', soon())).toBe(0);
  });

  test('reads a death that its publisher has copied only before 4.0', async () => {
    await using world = await open();
    const channel = await channelOf(world);
    await channel.declareQueue({ name: 'dead', arguments: quorum }, soon());
    const args = { ...quorum, 'x-message-ttl': 50, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' };
    await channel.declareQueue({ name: 'q', arguments: args }, soon());
    const copied = { count: 4, queue: 'elsewhere', reason: 'rejected', exchange: '', 'routing-keys': ['elsewhere'] };
    channel.publish(message('q', 'copied', { headers: { 'x-death': [copied] } }));
    const { headers } = await next(channel, 'dead');
    const deaths = headers['x-death'] as { queue: string }[];
    expect(deaths.map(({ queue }) => queue)).toEqual(ownsDeaths ? ['q'] : ['q', 'elsewhere']);
  });
});
