import { connect, createConsumer } from '@surehop/consumer';
import {
  type ChannelListeners,
  type Driver,
  type DriverChannel,
  DriverError,
  systemEffects,
} from '@surehop/core/internal';
import { createPublisher } from '@surehop/publisher';
import { eventually } from '@surehop/testing';
import { FlowingClock, MemoryBroker, MemoryNetwork } from '@surehop/testing/internal';
import { expect, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { orders, rejection } from './asking.ts';

/** What goes wrong between a client and its broker. */
interface Wrongs {
  /** Queues whose node is down. */
  readonly down: Set<string>;
  losesConfirms: boolean;
}

function withWrongs(driver: Driver, wrongs: Wrongs): Driver {
  const listening = (listeners: ChannelListeners): ChannelListeners => ({
    ...listeners,
    onConfirm: (...confirm) => {
      if (!wrongs.losesConfirms) listeners.onConfirm(...confirm);
    },
  });
  const channelOf = (channel: DriverChannel): DriverChannel => ({
    ...bound(channel),
    get isOpen() {
      return channel.isOpen;
    },
    async declareQueue(queue, signal) {
      if (wrongs.down.has(queue.name)) throw homeNodeDown(queue.name);
      await channel.declareQueue(queue, signal);
    },
  });
  return {
    async dial(target, signal) {
      const link = await driver.dial(target, signal);
      const openChannel: typeof link.openChannel = async (listeners, deadline) =>
        channelOf(await link.openChannel(listening(listeners), deadline));
      return { ...bound(link), serverVersion: link.serverVersion, frameMax: link.frameMax, openChannel };
    },
  };
}

/** As brokers answer for a classic queue. */
function homeNodeDown(name: string): DriverError {
  const text = `NOT_FOUND - home node 'rabbit@b' of durable queue '${name}' in vhost '/' is down or inaccessible`;
  return new DriverError('channel', text, { replyCode: 404 });
}

/** All methods of an object, as its own. */
function bound<T extends object>(of: T): T {
  const prototype = Object.getPrototypeOf(of);
  const descriptors = Object.entries(Object.getOwnPropertyDescriptors(prototype));
  const methods = descriptors.filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function');
  return Object.fromEntries(methods.map(([name, { value }]) => [name, value.bind(of)])) as T;
}

async function opened() {
  const clock = new FlowingClock();
  const broker = new MemoryBroker({ clock, random: Math.random });
  const network = new MemoryNetwork();
  const wrongs: Wrongs = { down: new Set(), losesConfirms: false };
  const driver = withWrongs(broker.driver(network), wrongs);
  const { log } = keepingLogger();
  const rabbit = await connect({ url: 'amqp://test', driver, effects: { ...systemEffects, clock }, log });
  const replyQueue = (): string => broker.queues().find((name) => name.startsWith('surehop.replies.')) ?? 'none';
  return { clock, broker, network, wrongs, rabbit, publisher: createPublisher(rabbit), replyQueue };
}

test('a reply queue whose node is down is replaced: who waits on it is told at once, later calls are answered', async () => {
  const { clock, broker, wrongs, rabbit, publisher, replyQueue } = await opened();
  const lost = rejection(publisher.publishAndWait(orders, 1, { timeoutMs: 100_000 }));
  await eventually(() => expect(broker.queue('orders').ready).toBe(1));
  await eventually(() => expect(publisher.health().unconfirmed).toBe(0));
  const first = replyQueue();
  wrongs.down.add(first);
  broker.deleteQueue(first);
  await clock.advanceBy(5_000);
  const error = await lost;
  expect(error).toMatchObject({ code: 'SUREHOP_NO_ANSWER' });
  expect(error.message).toContain('its reply queue was lost, with the node that had it');
  await createConsumer(rabbit, orders, ({ body }) => body);
  expect(await publisher.publishAndWait(orders, 2)).toBe(2);
  expect(replyQueue()).not.toBe(first);
  await rabbit.close();
});

test.each([
  ['its time limit', 'timeoutMs'],
  ['close()', 'close'],
] as const)(
  'an answer that comes before its confirm, and whose schema never says anything, ends with %s',
  async (_, end) => {
    const { clock, broker, wrongs, rabbit, publisher } = await opened();
    await createConsumer(rabbit, orders, ({ body }) => body);
    expect(await publisher.publishAndWait(orders, 1)).toBe(1);
    wrongs.losesConfirms = true;
    let isAsked = false;
    const validate = (): Promise<never> => {
      isAsked = true;
      return new Promise(() => undefined);
    };
    const answer = { '~standard': { version: 1, vendor: 'test', validate } } as const;
    const timeoutMs = end === 'timeoutMs' ? 1_000 : 100_000;
    const rejected = rejection(publisher.publishAndWait(orders, 2, { timeoutMs, answer }));
    await eventually(() => expect(isAsked).toBe(true));
    await eventually(() => expect(broker.queue('orders')).toMatchObject({ ready: 0, unacked: 0 }));
    if (end === 'timeoutMs') await clock.advanceBy(1_100);
    else await publisher.close({ timeoutMs: 0 });
    expect(await rejected).toMatchObject({
      code: 'SUREHOP_ANSWER_UNREADABLE',
      message: expect.stringContaining('its schema has not said whether it fits'),
    });
    expect(publisher.health().awaitedAnswers).toBe(0);
    wrongs.losesConfirms = false;
    await rabbit.close();
  },
);

test('an answer that comes before its confirm is enough, and the message is not written again', async () => {
  const { clock, broker, network, wrongs, rabbit, publisher } = await opened();
  const handled: number[] = [];
  await createConsumer(rabbit, orders, ({ body }) => handled.push(body));
  expect(await publisher.publishAndWait(orders, 1)).toBe(1);
  await eventually(() => expect(broker.queue('orders')).toMatchObject({ ready: 0, unacked: 0 }));
  wrongs.losesConfirms = true;
  expect(await publisher.publishAndWait(orders, 2, { timeoutMs: 5_000 })).toBe(2);
  await eventually(() => expect(broker.queue('orders')).toMatchObject({ ready: 0, unacked: 0 }));
  network.cut();
  wrongs.losesConfirms = false;
  await clock.advanceBy(5_000);
  expect(await publisher.publishAndWait(orders, 3)).toBe(3);
  expect(handled).toEqual([1, 2, 3]);
  await rabbit.close();
});
