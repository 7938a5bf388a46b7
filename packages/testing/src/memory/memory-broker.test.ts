import type { ChannelListeners, DriverChannel, DriverError, DriverLink, IncomingMessage } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import type { FrameFate } from './line.ts';
import { MemoryBroker, type MemoryBrokerOptions } from './memory-broker.ts';
import { MemoryNetwork, type MemoryNetworkOptions } from './network.ts';
import { VirtualClock } from './virtual-clock.ts';

const never = new AbortController().signal;
const quorum = { 'x-queue-type': 'quorum' };
const content = new TextEncoder().encode('body');
const target = {
  host: 'memory',
  port: 5672,
  vhost: '/',
  login: { username: 'guest', password: 'guest' },
  tls: undefined,
  heartbeatSeconds: 10,
  frameMaxBytes: 131_072,
  clientProperties: {},
};

interface Opened {
  readonly link: DriverLink;
  readonly channel: DriverChannel;
  readonly deliveries: IncomingMessage[];
  readonly cancels: string[];
  readonly closed: (DriverError | undefined)[];
  confirms: number;
}

function stage(options: Partial<MemoryBrokerOptions> = {}, faults: MemoryNetworkOptions = {}) {
  const clock = new VirtualClock();
  const broker = new MemoryBroker({ clock, random: () => 0.5, ...options });
  const network = new MemoryNetwork(faults);
  /** Lets everything happen that is due. */
  const settle = async <T>(promise?: Promise<T>): Promise<T | undefined> => {
    await clock.advanceBy(0);
    return promise;
  };
  const open = async (): Promise<Opened> => {
    const dialling = broker.driver(network).dial(target, never);
    await clock.advanceBy(100);
    const link = await dialling;
    const opened: Omit<Opened, 'channel'> = { link, deliveries: [], cancels: [], closed: [], confirms: 0 };
    const listeners: ChannelListeners = {
      onConfirm: (sequence) => {
        opened.confirms = sequence;
      },
      onReturn: () => undefined,
      onDelivery: (message) => void opened.deliveries.push(message),
      onCancel: (tag) => void opened.cancels.push(tag),
      onClosed: (cause) => void opened.closed.push(cause),
    };
    const opening = link.openChannel(listeners, never);
    await clock.advanceBy(100);
    return Object.assign(opened, { channel: await opening });
  };
  const consuming = async (): Promise<Opened> => {
    const opened = await open();
    void opened.channel.consume('q', 'tag', never);
    await clock.advanceBy(100);
    return opened;
  };
  return { clock, broker, network, settle, open, consuming };
}

const message = { exchange: '', routingKey: 'q', mandatory: true, content, properties: {}, headers: undefined };

test('a client that pauses reading is told what came meanwhile after that, in one piece', async () => {
  const { broker, clock, consuming } = stage();
  broker.declareQueue('q', quorum);
  const { channel, deliveries } = await consuming();
  channel.pauseReading(50);
  for (let index = 0; index < 3; index += 1) channel.publish(message);
  await clock.advanceBy(49);
  expect(deliveries).toEqual([]);
  await clock.advanceBy(1);
  expect(deliveries).toHaveLength(3);
});

test('a frozen broker does nothing, and everything in its order afterwards', async () => {
  const { broker, clock, open } = stage();
  broker.declareQueue('q', quorum);
  const opened = await open();
  broker.freeze();
  for (let index = 0; index < 3; index += 1) opened.channel.publish(message);
  await clock.advanceBy(5_000);
  expect(opened.confirms).toBe(0);
  broker.resume();
  await clock.advanceBy(0);
  expect(opened.confirms).toBe(3);
  expect(broker.queue('q').ready).toBe(3);
});

test('a client leaves a broker that is frozen for longer than two heartbeats', async () => {
  const { broker, clock, open } = stage();
  const { closed } = await open();
  broker.freeze();
  await clock.advanceBy(19_000);
  expect(closed).toEqual([]);
  await clock.advanceBy(11_000);
  expect(closed).toMatchObject([{ scope: 'socket', message: 'Heartbeat timeout' }]);
  broker.resume();
  await clock.advanceBy(1_000);
  expect(broker.connections).toBe(0);
});

test('a broker leaves a client that is silent, and takes back what it held', async () => {
  const { broker, clock, network, consuming } = stage();
  broker.declareQueue('q', quorum);
  broker.publish('', 'q', { content });
  const { closed } = await consuming();
  expect(broker.queue('q')).toMatchObject({ ready: 0, unacked: 1, consumers: 1 });
  network.blackhole('to-broker');
  await clock.advanceBy(30_000);
  expect(broker.queue('q')).toMatchObject({ ready: 1, unacked: 0, consumers: 0 });
  expect(closed).toHaveLength(1);
});

test('a shutdown keeps everything; a power cut keeps what was confirmed', async () => {
  const { broker, clock, open } = stage({ writeMs: () => 10, random: () => 0.9 });
  broker.declareQueue('q', quorum);
  const opened = await open();
  opened.channel.publish(message);
  await clock.advanceBy(20);
  expect(opened.confirms).toBe(1);
  opened.channel.publish(message);
  await clock.advanceBy(5);
  broker.kill();
  broker.start();
  expect(broker.queue('q').ready).toBe(1); // the second was on its way to the disk
  const next = await open();
  next.channel.publish(message);
  await clock.advanceBy(5);
  broker.stop();
  await clock.advanceBy(0);
  expect(next.closed).toMatchObject([{ scope: 'connection', replyCode: 320 }]);
  broker.start();
  expect(broker.queue('q').ready).toBe(2);
});

test('an operator closes connections and cancels consumers', async () => {
  const { broker, settle, consuming } = stage();
  broker.declareQueue('q', quorum);
  const cancelled = await consuming();
  broker.cancelConsumers('q');
  await settle();
  expect(cancelled.cancels).toEqual(['tag']);
  expect(cancelled.channel.isOpen).toBe(true);
  broker.closeConnections();
  await settle();
  expect(cancelled.closed).toMatchObject([{ replyCode: 320 }]);
  expect(broker.connections).toBe(0);
});

test.each(['ack', 'nack', 'close'] as const)('what was taken back stays in other hands: %s', async (late) => {
  const { broker, clock, open, consuming } = stage();
  broker.declareQueue('q', quorum);
  const first = await consuming();
  const publisher = await open();
  publisher.channel.publish(message);
  await clock.advanceBy(100);
  const [{ deliveryTag }] = first.deliveries as [IncomingMessage];
  broker.cancelConsumers('q');
  const second = await consuming();
  expect(second.deliveries).toHaveLength(1);
  if (late === 'ack') first.channel.ack(deliveryTag, false);
  if (late === 'nack') first.channel.nack(deliveryTag, true);
  if (late === 'close') void first.channel.close(never);
  await clock.advanceBy(100);
  expect(second.deliveries).toHaveLength(1);
  expect(broker.queue('q')).toMatchObject({ ready: 0, unacked: 1 });
});

test.each([
  ['3.10', 0, 1],
  ['4.0', 0, 1],
  ['4.3', 1, 0],
] as const)('a consumer timeout of RabbitMQ %s', async (version, cancels, closes) => {
  const { broker, clock, consuming } = stage({ version });
  broker.declareQueue('q', quorum);
  broker.setPolicy('impatient', '^q$', { 'consumer-timeout': 60_000 });
  broker.publish('', 'q', { content });
  const opened = await consuming();
  await clock.advanceBy(59_000);
  expect([opened.cancels.length, opened.closed.length]).toEqual([0, 0]);
  await clock.advanceBy(1_000);
  expect([opened.cancels.length, opened.closed.length]).toEqual([cancels, closes]);
  expect(broker.queue('q')).toMatchObject({ ready: 1, unacked: 0, consumers: 0 });
});

test('of acks sent right before a channel close, only the first 32 reach a quorum queue', async () => {
  const { broker, clock, consuming } = stage({ writeMs: () => 10 });
  broker.declareQueue('q', quorum);
  for (let index = 0; index < 100; index += 1) broker.publish('', 'q', { content });
  await clock.advanceBy(10);
  const { channel, deliveries } = await consuming();
  expect(deliveries).toHaveLength(100);
  for (const { deliveryTag } of deliveries) channel.ack(deliveryTag, false);
  const closing = channel.close(never);
  await clock.advanceBy(1_000);
  await closing;
  expect(broker.queue('q')).toMatchObject({ ready: 68, unacked: 0 });
});

test('a frame can take the whole connection with it, be told of when it is read, or be the last that is heard', async () => {
  let fate: FrameFate = 'pass';
  const seen: string[] = [];
  const { broker, clock, open } = stage(
    {},
    {
      onFrame: ({ direction, method }) => {
        seen.push(`${direction} ${method}`);
        return method === 'basic.publish' ? fate : 'pass';
      },
      latencyMs: () => 3,
    },
  );
  broker.declareQueue('q', quorum);
  const first = await open();
  fate = 'reset';
  first.channel.publish(message);
  await clock.advanceBy(100);
  expect(first.closed).toMatchObject([{ scope: 'socket' }]);
  expect(broker.queue('q').ready).toBe(0);
  expect(seen).toContain('to-client channel.open-ok');
  const second = await open();
  const read: number[] = [];
  fate = { onRead: () => read.push(broker.queue('q').ready) };
  second.channel.publish(message);
  expect(read).toEqual([]);
  await clock.advanceBy(100);
  expect(read).toEqual([1]);
  fate = 'hold';
  second.channel.publish(message);
  await clock.advanceBy(5_000);
  expect([second.closed.length, broker.queue('q').ready]).toEqual([0, 1]);
});

test('what a dead letter goes to can be repaired: it arrives within three minutes', async () => {
  const { broker, clock } = stage({ version: '3.10' });
  const to = {
    'x-dead-letter-exchange': 'way',
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  };
  broker.declareQueue('q', { ...quorum, ...to, 'x-message-ttl': 100 });
  broker.publish('', 'q', { content });
  await clock.advanceBy(200);
  expect(broker.queue('q')).toMatchObject({ ready: 0, deadLettering: 1 });
  broker.declareQueue('dead', quorum);
  broker.declareExchange({ name: 'way', type: 'fanout', arguments: {} });
  broker.bind({ exchange: 'way', queue: 'dead', routingKey: '', arguments: {} });
  await clock.advanceBy(179_000);
  expect(broker.queue('dead').ready).toBe(0);
  await clock.advanceBy(1_000);
  expect(broker.queue('dead').ready).toBe(1);
  broker.unbind('way', 'dead');
  broker.publish('', 'q', { content });
  await clock.advanceBy(200);
  expect(broker.queue('q').deadLettering).toBe(1);
});

test('a dead letter on its way to a queue that is deleted goes to the one that takes its place', async () => {
  const { broker, clock } = stage({ writeMs: () => 50 });
  const to = {
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': 'dead',
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  };
  broker.declareQueue('q', { ...quorum, ...to, 'x-message-ttl': 100 });
  broker.declareQueue('dead', quorum);
  broker.publish('', 'q', { content });
  await clock.advanceBy(170);
  expect(broker.queue('dead')).toMatchObject({ writing: 1, ready: 0 });
  broker.deleteQueue('dead');
  broker.declareQueue('dead', quorum);
  await clock.advanceBy(180_100);
  expect(broker.queue('dead').ready).toBe(1);
});

test('a queue that drops its head keeps the newest', () => {
  const { broker } = stage();
  broker.declareQueue('q', { ...quorum, 'x-max-length': 2 });
  for (const text of ['1', '2', '3']) broker.publish('', 'q', { content: new TextEncoder().encode(text) });
  expect(broker.messages('q').map((one) => new TextDecoder().decode(one.content))).toEqual(['2', '3']);
});

test('what it does not know is refused with what it does know', () => {
  const { broker } = stage();
  expect(() => broker.setPolicy('p', '.*', { expires: 1 } as never)).toThrow(/expires.*max-length/);
  expect(() => new MemoryBroker({ clock: new VirtualClock(), random: () => 0, version: '2.8' })).toThrow(/2\.8/);
  expect(() => broker.publish('missing', 'q', { content })).toThrow(/NOT_FOUND/);
});

test('has no streams, and says so', () => {
  const { broker } = stage();
  expect(() => broker.declareQueue('log', { 'x-queue-type': 'stream' })).toThrow('the in-memory broker has none');
});
