import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { classic, message, openChannel, quorum, soon, worldsOf } from './world.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

describe.each(worldsOf(broker))('$name', ({ open }) => {
  test('declares the same thing as often as it is asked to, and tells what differs', async () => {
    await using world = await open();
    const link = await world.dial();
    const { channel } = await openChannel(link);
    const wanted = { ...quorum, 'x-message-ttl': 1_000 };
    for (const _ of [1, 2]) await channel.declareQueue({ name: 'q', arguments: wanted }, soon());
    const other = await openChannel(link);
    const asked = { name: 'q', arguments: { ...quorum, 'x-message-ttl': 2_000 } };
    await expect(other.channel.declareQueue(asked, soon())).rejects.toMatchObject({
      replyCode: 406,
      message: expect.stringMatching(
        /inequivalent arg 'x-message-ttl' for queue 'q' in vhost '[^']*': received '2000' but current is '1000'/,
      ),
    });
    expect(other.channel.isOpen).toBe(false);
    const without = await openChannel(link);
    await expect(without.channel.declareQueue({ name: 'q', arguments: quorum }, soon())).rejects.toThrow(
      /received none but current is the value '1000'/,
    );
    expect(channel.isOpen).toBe(true);
  });

  test('tells an exchange of another type', async () => {
    await using world = await open();
    const { channel, told } = await openChannel(await world.dial());
    await channel.declareExchange({ name: 'e', type: 'direct', arguments: {} }, soon());
    await channel.declareExchange({ name: 'e', type: 'direct', arguments: {} }, soon());
    await expect(channel.declareExchange({ name: 'e', type: 'fanout', arguments: {} }, soon())).rejects.toMatchObject({
      replyCode: 406,
      message: expect.stringContaining("received 'fanout' but current is 'direct'"),
    });
    expect(told.closed).toHaveLength(1);
  });

  test('answers 404 for what is not there', async () => {
    await using world = await open();
    const link = await world.dial();
    const asks = [
      async () => (await openChannel(link)).channel.checkQueue('q', soon()),
      async () => (await openChannel(link)).channel.checkExchange('e', soon()),
      async () => (await openChannel(link)).channel.consume('q', 'tag', soon()),
      async () => (await openChannel(link)).channel.get('q', soon()),
      async () =>
        (await openChannel(link)).channel.bind({ exchange: 'e', queue: 'q', routingKey: '', arguments: {} }, soon()),
    ];
    for (const ask of asks) await expect(ask()).rejects.toMatchObject({ replyCode: 404, scope: 'channel' });
    const { channel } = await openChannel(link);
    await channel.deleteQueue('q', soon());
    await channel.deleteExchange('e', soon());
    expect(channel.isOpen).toBe(true);
  });

  test.each([
    ['classic', 'x-delivery-limit', { ...classic, 'x-delivery-limit': 3 }],
    ['classic', 'x-dead-letter-strategy', { ...classic, 'x-dead-letter-strategy': 'at-least-once' }],
    ['quorum', 'x-max-priority', { ...quorum, 'x-max-priority': 3 }],
  ])('refuses a %s queue with %s', async (_type, argument, args) => {
    await using world = await open();
    const { channel } = await openChannel(await world.dial());
    await expect(channel.declareQueue({ name: 'q', arguments: args }, soon())).rejects.toMatchObject({
      replyCode: 406,
      message: expect.stringContaining(argument),
    });
  });

  test('deletes a classic queue that nobody uses for as long as x-expires says', async () => {
    await using world = await open();
    const { channel, told } = await openChannel(await world.dial());
    const declare = (name: string) =>
      channel.declareQueue({ name, arguments: { ...classic, 'x-expires': 400 } }, soon());
    await declare('unused');
    await declare('consumed');
    await channel.consume('consumed', 'tag', soon());
    let count = 0;
    // To look at it passively would be to use it.
    const isGone = async (name: string): Promise<void> => {
      count += 1;
      const text = String(count);
      channel.publish(message(name, text));
      await eventually(() => expect(told.confirms.at(-1)?.sequence).toBe(count));
      if (told.returns.at(-1)?.messageId !== `id-${text}`) throw new Error(`${name} is still there`);
    };
    await eventually(() => isGone('unused'), 10_000);
    await expect(isGone('consumed')).rejects.toThrow('still there');
    await channel.cancel('tag', soon());
    await eventually(() => isGone('consumed'), 10_000);
    expect(told.closed).toEqual([]);
  });

  test('keeps reserved names for itself', async () => {
    await using world = await open();
    const { channel } = await openChannel(await world.dial());
    await expect(channel.declareQueue({ name: 'amq.mine', arguments: quorum }, soon())).rejects.toMatchObject({
      replyCode: 403,
    });
  });
});
