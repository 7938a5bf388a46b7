import type { DriverError, DriverLink } from '@surehop/core/internal';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { message, openChannel, outcomes, quorum, soon, worldsOf } from './world.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

/** Whatever a link says of its end. */
function endsOf(link: DriverLink): (DriverError | undefined)[] {
  const ends: (DriverError | undefined)[] = [];
  link.onClosed((cause) => ends.push(cause));
  return ends;
}

describe.each(worldsOf(broker))('$name', ({ open }) => {
  test('tells the version of the broker', async () => {
    await using world = await open();
    const link = await world.dial();
    expect(link.serverVersion).toBe(broker.version);
    expect(link.frameMax).toBeGreaterThanOrEqual(8_192);
  });

  test('tells a channel and a link once that they have ended, without a cause when we asked for it', async () => {
    await using world = await open();
    const link = await world.dial();
    const ends = endsOf(link);
    const closed = await openChannel(link);
    const other = await openChannel(link);
    await closed.channel.close(soon());
    await closed.channel.close(soon());
    expect(closed.told.closed).toEqual([undefined]);
    expect(other.channel.isOpen).toBe(true);
    await link.close(soon());
    await eventually(() => expect(ends).toEqual([undefined]));
    expect(other.told.closed).toHaveLength(1);
    await eventually(() => expect(world.connections()).toBe(0));
    expect(closed.told.closed).toHaveLength(1);
  });

  test('tells both of a connection that is cut, with the cause', async () => {
    await using world = await open();
    const link = await world.dial();
    const ends = endsOf(link);
    const { channel, told } = await openChannel(link);
    world.cut();
    await eventually(() => expect(ends).toHaveLength(1));
    expect(ends[0]).toMatchObject({ scope: 'socket' });
    expect(told.closed).toHaveLength(1);
    expect(channel.isOpen).toBe(false);
    await expect(channel.checkQueue('q', soon())).rejects.toMatchObject({ scope: 'socket' });
    await expect(link.openChannel({ ...silentListeners }, soon())).rejects.toThrow();
    expect(ends).toHaveLength(1);
  });

  test('notices within three heartbeats and a second that nobody answers, and lets go of the socket', async () => {
    await using world = await open();
    const link = await world.dial({ heartbeatSeconds: 1 });
    const ends = endsOf(link);
    const { told } = await openChannel(link);
    const startedAt = performance.now();
    world.blackhole();
    await eventually(() => expect(ends).toHaveLength(1), 6_000);
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(ends[0]).toMatchObject({ scope: 'socket' });
    expect(told.closed).toHaveLength(1);
    world.heal();
    await eventually(() => expect(world.connections()).toBe(0));
  });

  test('gives up a channel whose question nobody answers', async () => {
    await using world = await open();
    const link = await world.dial();
    const { channel, told } = await openChannel(link);
    world.blackhole();
    await expect(channel.checkQueue('q', AbortSignal.timeout(100))).rejects.toMatchObject({ isUnanswered: true });
    await eventually(() => expect(told.closed).toHaveLength(1));
    expect(channel.isOpen).toBe(false);
    await expect(link.openChannel({ ...silentListeners }, AbortSignal.timeout(100))).rejects.toThrow(
      /timed out without an answer/,
    );
  });

  test('ends a dial whose signal aborts, and leaves no socket', async () => {
    await using world = await open();
    world.blackhole();
    await expect(world.dial({}, AbortSignal.timeout(100))).rejects.toMatchObject({ scope: 'socket' });
    world.heal();
    await eventually(() => expect(world.connections()).toBe(0));
  });

  test('tells a connection that an operator closes, with the reply code', async () => {
    await using world = await open();
    const link = await world.dial();
    const ends = endsOf(link);
    const { told } = await openChannel(link);
    await world.closeConnections();
    await eventually(() => expect(ends).toHaveLength(1), 10_000);
    expect(ends[0]).toMatchObject({ scope: 'connection', replyCode: 320 });
    expect(told.closed).toHaveLength(1);
  });

  test('takes a renewed secret', async () => {
    await using world = await open();
    const link = await world.dial();
    await link.updateSecret('guest', soon());
    expect((await openChannel(link)).channel.isOpen).toBe(true);
  });

  test('closes the channel of a body that is larger than the broker takes', async () => {
    if (broker.version.startsWith('3.')) return; // 128 MiB there
    await using world = await open();
    const link = await world.dial();
    const { channel, told } = await openChannel(link);
    const other = await openChannel(link);
    channel.publish(message('q', 'large', { content: new Uint8Array(16 * 1024 * 1024 + 1) }));
    await eventually(() => expect(told.closed).toHaveLength(1));
    expect(told.closed[0]).toMatchObject({ scope: 'channel', replyCode: 406 });
    expect(other.channel.isOpen).toBe(true);
  });

  test('tells a login that is refused', async () => {
    await using world = await open();
    await expect(world.dial({ password: 'wrong' })).rejects.toThrow(/ACCESS[-_]REFUSED/);
  });

  test('keeps what was confirmed when a link is destroyed', async () => {
    await using world = await open();
    const link = await world.dial();
    const ends = endsOf(link);
    const { channel, told } = await openChannel(link);
    await channel.declareQueue({ name: 'q', arguments: quorum }, soon());
    channel.publish(message('q', '1'));
    await eventually(() => expect(outcomes(told, 1)).toEqual([true]));
    link.destroy();
    await eventually(() => expect(ends).toHaveLength(1));
    expect(channel.isOpen).toBe(false);
    const next = await openChannel(await world.dial());
    expect(await next.channel.checkQueue('q', soon())).toBe(1);
  });
});

const silentListeners = {
  onConfirm: () => undefined,
  onReturn: () => undefined,
  onDelivery: () => undefined,
  onCancel: () => undefined,
  onClosed: () => undefined,
};
