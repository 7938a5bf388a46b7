import { eventually } from '@surehop/testing';
import { describe, expect, test } from 'vitest';
import { privateBroker } from '../private-broker.ts';
import { message, openChannel, outcomes, quorum, soon, worldsOf } from './world.ts';

const broker = privateBroker();

describe.each([0, 1, 2])('world %d', (index) => {
  test('while there is an alarm, a connection that publishes is told and not read from; others go on', async () => {
    const open = worldsOf(broker())[index]?.open;
    if (open === undefined) throw new Error('bug: no such world');
    await using world = await open();
    const link = await world.dial();
    const told: string[] = [];
    link.onBlocked((reason) => told.push(`blocked: ${reason}`));
    link.onUnblocked(() => told.push('unblocked'));
    const publishing = await openChannel(link);
    const consuming = await openChannel(await world.dial());
    await publishing.channel.declareQueue({ name: 'q', arguments: quorum }, soon());
    publishing.channel.publish(message('q', '1'));
    await eventually(() => expect(outcomes(publishing.told, 1)).toEqual([true]));
    await world.setAlarm(true);
    try {
      publishing.channel.publish(message('q', '2'));
      await eventually(() => expect(told).toEqual([expect.stringMatching(/^blocked: .*memory/)]), 10_000);
      await consuming.channel.consume('q', 'tag', soon());
      await eventually(() => expect(consuming.told.deliveries).toHaveLength(1));
      consuming.channel.ack(consuming.told.deliveries[0]?.deliveryTag ?? 0, false);
      expect(await consuming.channel.checkQueue('q', soon())).toBe(0);
      expect(outcomes(publishing.told, 2)).toEqual([true, undefined]);
    } finally {
      await world.setAlarm(false);
    }
    await eventually(() => expect(outcomes(publishing.told, 2)).toEqual([true, true]), 10_000);
    expect(told.at(-1)).toBe('unblocked');
    await eventually(() => expect(consuming.told.deliveries).toHaveLength(2));
  }, 40_000);
});
