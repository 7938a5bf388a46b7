import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { classic, message, openChannel, outcomes, quorum, soon, textOf, worldsOf } from './world.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

describe.each(worldsOf(broker))('$name', ({ open }) => {
  test.each([
    ['quorum', quorum],
    ['classic', classic],
  ])('confirms everything that a %s queue has stored', async (_type, args) => {
    await using world = await open();
    const { channel, told } = await openChannel(await world.dial());
    await channel.declareQueue({ name: 'q', arguments: args }, soon());
    const sequences = Array.from({ length: 50 }, (_, index) => channel.publish(message('q', String(index))));
    expect(sequences).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    await eventually(() => expect(outcomes(told, 50)).toEqual(sequences.map(() => true)));
    expect(await channel.checkQueue('q', soon())).toBe(50);
    const first = await channel.get('q', soon());
    expect(first && textOf(first)).toBe('0');
  });

  test('returns what no queue takes, before it confirms it', async () => {
    await using world = await open();
    const { channel, told } = await openChannel(await world.dial());
    channel.publish(message('nowhere', 'lost'));
    channel.publish(message('nowhere', 'unasked', { mandatory: false }));
    await eventually(() => expect(outcomes(told, 2)).toEqual([true, true]));
    expect(told.returns).toEqual([{ messageId: 'id-lost', replyCode: 312, replyText: 'NO_ROUTE' }]);
    expect(told.order[0]).toBe('return');
  });

  test('closes the channel for a missing exchange, and nothing else', async () => {
    await using world = await open();
    const link = await world.dial();
    const guilty = await openChannel(link);
    const neighbour = await openChannel(link);
    await neighbour.channel.declareQueue({ name: 'q', arguments: quorum }, soon());
    guilty.channel.publish(message('key', 'lost', { exchange: 'missing' }));
    await eventually(() => expect(guilty.told.closed).toHaveLength(1));
    expect(guilty.told.closed[0]).toMatchObject({ scope: 'channel', replyCode: 404 });
    expect(guilty.told.closed[0]?.message).toMatch(/NOT_FOUND - no exchange 'missing' in vhost/);
    expect(guilty.channel.isOpen).toBe(false);
    expect(() => guilty.channel.publish(message('q', 'late'))).toThrow();
    neighbour.channel.publish(message('q', 'stored'));
    await eventually(() => expect(outcomes(neighbour.told, 1)).toEqual([true]));
    expect(neighbour.told.closed).toEqual([]);
  });

  test('refuses what a full queue does not take; a quorum queue takes one more than its limit', async () => {
    await using world = await open();
    const { channel, told } = await openChannel(await world.dial());
    const full = { 'x-max-length': 3, 'x-overflow': 'reject-publish' };
    await channel.declareQueue({ name: 'q', arguments: { ...quorum, ...full } }, soon());
    for (const index of [1, 2, 3, 4, 5, 6]) {
      channel.publish(message('q', String(index)));
      await eventually(() => expect(outcomes(told, index)[index - 1]).toBeDefined());
    }
    expect(outcomes(told, 6)).toEqual([true, true, true, true, false, false]);
    expect(told.closed).toEqual([]);
  });

  test('routes by direct, topic, fanout and headers exchanges, and to an alternate', async () => {
    await using world = await open();
    const { channel, told } = await openChannel(await world.dial());
    await channel.declareExchange({ name: 'spare', type: 'fanout', arguments: {} }, soon());
    for (const name of ['direct', 'topic', 'fanout', 'headers', 'spare']) {
      await channel.declareQueue({ name: `${name}.q`, arguments: classic }, soon());
    }
    await channel.bind({ exchange: 'spare', queue: 'spare.q', routingKey: '', arguments: {} }, soon());
    for (const type of ['direct', 'topic', 'fanout', 'headers'] as const) {
      await channel.declareExchange({ name: type, type, arguments: { 'alternate-exchange': 'spare' } }, soon());
    }
    const bind = (exchange: string, routingKey: string, args = {}): Promise<void> =>
      channel.bind({ exchange, queue: `${exchange}.q`, routingKey, arguments: args }, soon());
    await bind('direct', 'a');
    await bind('topic', 'a.*.c');
    await bind('topic', 'x.#');
    await bind('fanout', 'whatever');
    await bind('headers', '', { 'x-match': 'any', kind: 'a', size: 3 });
    const sent: [string, string, Record<string, unknown>?][] = [
      ['direct', 'a'],
      ['direct', 'b'],
      ['topic', 'a.b.c'],
      ['topic', 'a.c'],
      ['topic', 'x'],
      ['topic', 'x.y.z'],
      ['fanout', 'b'],
      ['headers', '', { kind: 'b', size: 3 }],
      ['headers', '', { kind: 'b', size: 4 }],
    ];
    for (const [exchange, routingKey, headers] of sent) {
      channel.publish(message(routingKey, `${exchange}/${routingKey}`, { exchange, headers }));
    }
    await eventually(() => expect(outcomes(told, sent.length)).toEqual(sent.map(() => true)));
    expect(told.returns).toEqual([]);
    const counts = await Promise.all(
      ['direct', 'topic', 'fanout', 'headers', 'spare'].map((name) => channel.checkQueue(`${name}.q`, soon())),
    );
    expect(counts).toEqual([1, 3, 1, 1, 3]);
  });
});
