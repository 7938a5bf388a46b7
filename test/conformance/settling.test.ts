import type { DriverChannel } from '@surehop/core/internal';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import {
  classic,
  message,
  openChannel,
  outcomes,
  quorum,
  soon,
  type Told,
  textOf,
  type World,
  worldsOf,
} from './world.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());
const isFrom40 = broker.version.startsWith('4.');
const isFrom43 = isFrom40 && Number.parseFloat(broker.version) >= 4.3;

interface Consuming {
  readonly channel: DriverChannel;
  readonly told: Told;
}

/** A queue with these messages in it. */
async function filled(world: World, args: Record<string, unknown>, texts: readonly string[]): Promise<void> {
  const { channel, told } = await openChannel(await world.dial());
  await channel.declareQueue({ name: 'q', arguments: args }, soon());
  for (const text of texts) channel.publish(message('q', text));
  await eventually(() => expect(outcomes(told, texts.length).every(Boolean)).toBe(true));
}

async function consuming(world: World, prefetch: number): Promise<Consuming> {
  const { channel, told } = await openChannel(await world.dial());
  await channel.prefetch(prefetch, soon());
  await channel.consume('q', 'tag', soon());
  return { channel, told };
}

const texts = ({ deliveries }: Told): string[] => deliveries.map(textOf);
const tag = (told: Told, index: number): number => told.deliveries[index]?.deliveryTag ?? -1;
const delayed = { 'x-delayed-retry-type': 'failed', 'x-delayed-retry-min': 300, 'x-delayed-retry-max': 400 };

describe.each(worldsOf(broker))('$name', ({ open }) => {
  test.runIf(isFrom43)(
    'keeps back what was rejected, longer each time, where the queue asks for it; not what was given back',
    async () => {
      await using world = await open();
      await filled(world, { ...quorum, 'x-delivery-limit': 9, ...delayed }, ['1']);
      const { channel, told } = await consuming(world, 2);
      const at: number[] = [];
      const settled = async (settle: (deliveryTag: number) => void): Promise<number> => {
        await eventually(() => expect(told.deliveries).toHaveLength(at.length + 1));
        at.push(performance.now());
        settle(tag(told, at.length - 1));
        return (at.at(-1) ?? 0) - (at.at(-2) ?? 0);
      };
      await settled((one) => channel.nack(one, true));
      expect(await settled((one) => channel.reject(one, true))).toBeLessThan(250);
      expect(await settled((one) => channel.reject(one, true))).toBeGreaterThan(250);
      expect(await settled((one) => channel.ack(one, false))).toBeGreaterThan(350);
      expect(told.deliveries.map(({ headers }) => headers['x-delivery-count'])).toEqual([undefined, undefined, 1, 2]);
    },
  );

  test.runIf(isFrom43).each(['a closed channel', 'a cut connection'])(
    'keeps back what comes back from %s, where the queue asks for it, and hands out later messages meanwhile',
    async (what) => {
      await using world = await open();
      await filled(world, { ...quorum, 'x-delivery-limit': 9, ...delayed }, ['1', '2', '3']);
      const { channel, told } = await consuming(world, 2);
      await eventually(() => expect(texts(told)).toEqual(['1', '2']));
      if (what === 'a closed channel') await channel.close(soon());
      else world.cut();
      const later = await consuming(world, 2);
      await eventually(() => expect(texts(later.told)).toEqual(['3', '1']));
    },
  );

  test('hands out no more than the prefetch, and goes on with what is settled', async () => {
    await using world = await open();
    await filled(world, quorum, ['1', '2', '3', '4', '5', '6']);
    const { channel, told } = await consuming(world, 2);
    await eventually(() => expect(texts(told)).toEqual(['1', '2']));
    channel.ack(tag(told, 0), false);
    await eventually(() => expect(texts(told)).toEqual(['1', '2', '3']));
    channel.ack(tag(told, 2), true);
    await eventually(() => expect(texts(told)).toEqual(['1', '2', '3', '4', '5']));
    await channel.cancel('tag', soon());
    channel.ack(tag(told, 4), true);
    const other = await openChannel(await world.dial());
    await eventually(async () => expect(await other.channel.checkQueue('q', soon())).toBe(1));
    expect(told.deliveries.map(({ redelivered }) => redelivered)).toEqual([false, false, false, false, false]);
  });

  test('delivers a message as it was published', async () => {
    await using world = await open();
    const { channel, told } = await openChannel(await world.dial());
    await channel.declareQueue({ name: 'q', arguments: quorum }, soon());
    const headers = { text: 'a', whole: 7, yes: true, nothing: null, list: [1, 'b'], table: { deep: 'c' } };
    const properties = {
      deliveryMode: 2,
      messageId: 'id',
      contentType: 'text/plain',
      timestamp: 1_700_000_000,
      type: 't',
    };
    channel.publish(message('q', 'body', { headers, properties }));
    channel.publish(message('q', 'bare', { properties: {} }));
    await channel.consume('q', 'tag', soon());
    await eventually(() => expect(told.deliveries).toHaveLength(2));
    expect(told.deliveries[0]).toMatchObject({ consumerTag: 'tag', exchange: '', routingKey: 'q', properties });
    expect(told.deliveries[0]?.headers).toMatchObject(headers);
    expect(told.deliveries[1]?.properties).toEqual({});
  });

  test('closes the channel for a delivery tag that it does not know, and delivers again what was on it', async () => {
    await using world = await open();
    await filled(world, quorum, ['1']);
    const { channel, told } = await consuming(world, 10);
    await eventually(() => expect(told.deliveries).toHaveLength(1));
    channel.ack(4_711, false);
    await eventually(() => expect(told.closed).toHaveLength(1));
    expect(told.closed[0]).toMatchObject({ scope: 'channel', replyCode: 406 });
    expect(told.closed[0]?.message).toContain('unknown delivery tag 4711');
    const next = await consuming(world, 10);
    await eventually(() => expect(next.told.deliveries[0]).toMatchObject({ redelivered: true }));
  });

  test('acknowledges with one command what was delivered up to a tag, over what was settled before', async () => {
    await using world = await open();
    await filled(world, quorum, ['1', '2', '3', '4', '5']);
    const { channel, told } = await consuming(world, 10);
    await eventually(() => expect(told.deliveries).toHaveLength(5));
    channel.ack(tag(told, 1), false);
    channel.ack(tag(told, 3), true);
    await channel.close(soon());
    const next = await consuming(world, 10);
    await eventually(() => expect(texts(next.told)).toEqual(['5']));
    next.channel.ack(0, true); // all that it holds
    await next.channel.cancel('tag', soon());
    await next.channel.close(soon());
    const { channel: other } = await openChannel(await world.dial());
    await eventually(async () => expect(await other.checkQueue('q', soon())).toBe(0));
  });

  test.each([
    ['a tag that is still to come', 4],
    ['a tag that is acknowledged already', 2],
  ])('closes the channel for one command up to %s, and nothing is lost', async (_what, upTo) => {
    await using world = await open();
    await filled(world, quorum, ['1', '2', '3']);
    const { channel, told } = await consuming(world, 10);
    await eventually(() => expect(told.deliveries).toHaveLength(3));
    channel.ack(tag(told, 1), false);
    channel.ack(upTo, true);
    await eventually(() => expect(told.closed[0]).toMatchObject({ scope: 'channel', replyCode: 406 }));
    expect(told.closed[0]?.message).toContain(`unknown delivery tag ${upTo}`);
    const next = await consuming(world, 10);
    await eventually(() => expect(texts(next.told)).toEqual(expect.arrayContaining(['1', '3'])));
  });

  test.each([
    ['a quorum queue with a delivery limit', { ...quorum, 'x-delivery-limit': 10 }, ['1', '2', '3', '4']],
    // From 4.0 each has a limit.
    ['a quorum queue', quorum, isFrom40 ? ['1', '2', '3', '4'] : ['4', '1', '2', '3']],
    ['a classic queue', classic, ['1', '2', '3', '4']],
  ])('puts back what %s is given back, one by one and all at once, in its order', async (_type, args, order) => {
    for (const isAtOnce of [false, true]) {
      await using world = await open();
      await filled(world, args, ['1', '2', '3', '4']);
      const first = await consuming(world, 3);
      await eventually(() => expect(texts(first.told)).toEqual(['1', '2', '3']));
      await first.channel.cancel('tag', soon());
      if (isAtOnce) first.channel.nack(tag(first.told, 2), true, true);
      else for (const index of [0, 1, 2]) first.channel.nack(tag(first.told, index), true);
      const next = await consuming(world, 10);
      await eventually(() => expect(texts(next.told)).toEqual(order));
      expect(next.told.deliveries.map(({ redelivered }) => redelivered)).toEqual(order.map((text) => text !== '4'));
    }
  });

  test.each([
    ['nack', isFrom43 ? undefined : 1, isFrom43 ? 1 : undefined],
    ['reject', 1, isFrom43 ? 1 : undefined],
    ['close', 1, isFrom43 ? 1 : undefined],
  ] as const)('counts a %s as this release does', async (way, deliveryCount, acquiredCount) => {
    await using world = await open();
    await filled(world, quorum, ['1']);
    const first = await consuming(world, 1);
    await eventually(() => expect(first.told.deliveries).toHaveLength(1));
    expect(Number(first.told.deliveries[0]?.headers['x-delivery-count'] ?? 0)).toBe(0);
    await first.channel.cancel('tag', soon());
    if (way === 'close') await first.channel.close(soon());
    else first.channel[way](tag(first.told, 0), true);
    const next = await consuming(world, 1);
    await eventually(() => expect(next.told.deliveries).toHaveLength(1));
    expect(next.told.deliveries[0]?.headers['x-delivery-count']).toBe(deliveryCount);
    expect(next.told.deliveries[0]?.headers['x-acquired-count']).toBe(acquiredCount);
  });

  test('takes back everything from a connection that is cut', async () => {
    await using world = await open();
    await filled(world, quorum, ['1', '2']);
    const { told } = await consuming(world, 10);
    await eventually(() => expect(told.deliveries).toHaveLength(2));
    world.cut();
    await eventually(() => expect(told.closed).toHaveLength(1));
    expect(told.closed[0]?.scope).toBe('socket');
    const next = await consuming(world, 10);
    await eventually(() => expect(texts(next.told)).toEqual(['1', '2']), 10_000);
  });

  test('tells everything in its order, however reading pauses', async () => {
    await using world = await open();
    await filled(world, quorum, []);
    const { channel, told } = await consuming(world, 0);
    const sender = await openChannel(await world.dial());
    const sent: string[] = [];
    for (let round = 0; round < 5; round += 1) {
      for (let index = 0; index < 50; index += 1) {
        sent.push(`${round}.${index}`);
        sender.channel.publish(message('q', `${round}.${index}`));
      }
      channel.pauseReading(20);
      await eventually(() => expect(told.deliveries.length).toBeGreaterThan(round * 50));
    }
    await eventually(() => expect(texts(told)).toEqual(sent));
  });

  test('cancels the consumer of a queue that is deleted', async () => {
    await using world = await open();
    await filled(world, quorum, []);
    const { channel, told } = await consuming(world, 10);
    await world.deleteQueue('q');
    await eventually(() => expect(told.cancels).toEqual(['tag']));
    expect(channel.isOpen).toBe(true);
  });

  test('fetches one message at a time', async () => {
    await using world = await open();
    await filled(world, quorum, ['1']);
    const { channel } = await openChannel(await world.dial());
    const fetched = await channel.get('q', soon());
    expect(fetched && textOf(fetched)).toBe('1');
    expect(await channel.get('q', soon())).toBeUndefined();
    channel.nack(fetched?.deliveryTag ?? -1, true);
    await eventually(async () => expect(await channel.get('q', soon())).toMatchObject({ redelivered: true }));
  });
});
