import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { classic, message, openChannel, outcomes, quorum, soon, type Told, textOf, worldsOf } from './world.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

const single = { 'x-single-active-consumer': true };
const texts = ({ deliveries }: Told): string[] => deliveries.map(textOf);
const tag = (told: Told, index: number): number => told.deliveries[index]?.deliveryTag ?? -1;

describe.each(worldsOf(broker))('$name', ({ open }) => {
  test('counts the consumers of a queue', async () => {
    await using world = await open();
    const { channel } = await openChannel(await world.dial());
    const other = await openChannel(await world.dial());
    await channel.declareQueue({ name: 'q', arguments: classic }, soon());
    await channel.consume('q', 'one', soon());
    await other.channel.consume('q', 'two', soon());
    await eventually(async () => expect(await channel.countConsumers('q', soon())).toBe(2));
    await other.channel.close(soon());
    await eventually(async () => expect(await channel.countConsumers('q', soon())).toBe(1));
  });

  describe.each([
    ['a quorum queue', { ...quorum, ...single, 'x-delivery-limit': 10 }],
    ['a classic queue', { ...classic, ...single }],
  ])('%s with a single active consumer', (_type, args) => {
    /** Six messages; the first consumer holds three of them, and the second waits. */
    async function two() {
      const world = await open();
      const { channel, told } = await openChannel(await world.dial());
      await channel.declareQueue({ name: 'q', arguments: args }, soon());
      for (const text of ['1', '2', '3', '4', '5', '6']) channel.publish(message('q', text));
      await eventually(() => expect(outcomes(told, 6).every(Boolean)).toBe(true));
      const first = await openChannel(await world.dial());
      const second = await openChannel(await world.dial());
      await first.channel.prefetch(3, soon());
      await first.channel.consume('q', 'first', soon());
      await eventually(() => expect(texts(first.told)).toEqual(['1', '2', '3']));
      await second.channel.prefetch(10, soon());
      await second.channel.consume('q', 'second', soon());
      return { world, first, second };
    }

    test('hands the next one what the first held, in its order and before the rest, when its channel closes', async () => {
      const { world, first, second } = await two();
      await using _world = world;
      first.channel.ack(tag(first.told, 1), false);
      await eventually(() => expect(texts(first.told)).toEqual(['1', '2', '3', '4']));
      expect(texts(second.told)).toEqual([]);
      await first.channel.close(soon());
      await eventually(() =>
        expect(texts(second.told).filter((text) => text !== '2')).toEqual(['1', '3', '4', '5', '6']),
      );
    });

    // Why who keeps an order never takes fewer messages at once than were in hand before.
    test.runIf('x-delivery-limit' in args)(
      'puts what a smaller prefetch gives back behind what that was not handed',
      async () => {
        const { world, first, second } = await two();
        await using _world = world;
        const narrow = await openChannel(await world.dial());
        await narrow.channel.prefetch(1, soon());
        await second.channel.close(soon());
        await narrow.channel.consume('q', 'narrow', soon());
        await first.channel.close(soon());
        await eventually(() => expect(texts(narrow.told)).toEqual(['1']));
        const third = await openChannel(await world.dial());
        await third.channel.prefetch(10, soon());
        await third.channel.consume('q', 'third', soon());
        await narrow.channel.close(soon());
        await eventually(() => expect(texts(third.told)).toEqual(['2', '3', '1', '4', '5', '6']));
      },
    );

    // A classic queue waits for its next event before it does, which depends on the release.
    test.runIf('x-delivery-limit' in args)(
      'hands the next one what comes after when the first is cancelled, which holds what it held',
      async () => {
        const { world, first, second } = await two();
        await using _world = world;
        await first.channel.cancel('first', soon());
        await eventually(() => expect(texts(second.told)).toEqual(['4', '5', '6']));
        first.channel.ack(tag(first.told, 2), true);
        await first.channel.close(soon());
      },
    );
  });
});
