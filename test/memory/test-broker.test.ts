import { readFileSync } from 'node:fs';
import { createConsumer, DeadLetter, defineQueue, RetryLater } from '@surehop/consumer';
import { createPublisher, isSurehopError } from '@surehop/publisher';
import { createTestBroker, eventually, type TestBroker } from '@surehop/testing';
import { expect, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';

const orders = defineQueue<number>('orders', { retry: { delaysMs: [1_000, 60_000] } });
const silent = { log: keepingLogger().log };

/** Everything that has come so far, with its attempt. */
async function consuming(broker: TestBroker, handle: (body: number, attempt: number) => void): Promise<string[]> {
  const seen: string[] = [];
  await createConsumer(await broker.connect(silent), orders, ({ body, attempt }) => {
    seen.push(`${body}/${attempt}`);
    handle(body, attempt);
  });
  return seen;
}

test('a handler that fails twice is called a third time, a minute later, and no clock is waited for', async () => {
  await using broker = createTestBroker();
  const publisher = createPublisher(await broker.connect(silent));
  const seen = await consuming(broker, (_body, attempt) => {
    if (attempt < 3) throw new Error('not yet');
  });
  await publisher.publish(orders, 42);
  await eventually(() => expect(broker.counts('orders.retry.1000').ready).toBe(1));
  expect(seen).toEqual(['42/1']);
  await broker.advanceBy(1_000);
  await eventually(() => expect(broker.counts('orders.retry.60000').ready).toBe(1));
  await broker.advanceBy(59_000);
  expect(seen).toEqual(['42/1', '42/2']);
  await broker.advanceBy(1_000);
  await eventually(() => expect(seen).toEqual(['42/1', '42/2', '42/3']));
  await eventually(() => expect(broker.counts('orders')).toMatchObject({ ready: 0, unacked: 0 }));
});

test('what fails for good can be read in the dead-letter queue', async () => {
  await using broker = createTestBroker();
  const seen = await consuming(broker, (body) => {
    throw body === 1 ? new DeadLetter('unknown currency') : new RetryLater(90_000);
  });
  broker.publish('', 'orders', 1);
  broker.publish('', 'orders', 2);
  broker.publish('', 'orders', 'no JSON');
  await eventually(() => expect(broker.messages('orders.dead-letter')).toHaveLength(2));
  expect(broker.messages('orders.dead-letter')[0]).toMatchObject({
    body: 1,
    headers: {
      'surehop-reason': 'dead-letter',
      'surehop-error-message': 'unknown currency',
      'surehop-queue': 'orders',
    },
  });
  expect(broker.messages('orders.dead-letter')[1]?.headers['surehop-reason']).toBe('undecodable');
  await broker.advanceBy(89_000);
  expect(seen).toEqual(['1/1', '2/1']);
  await broker.advanceBy(31_000);
  await eventually(() => expect(seen).toEqual(['1/1', '2/1', '2/2']));
});

test.each(['3.10', '4.0.5', '4.3.6'])(
  'a power cut of RabbitMQ %s loses nothing that was confirmed',
  async (version) => {
    await using broker = createTestBroker({ version });
    const publisher = createPublisher(await broker.connect(silent));
    await Promise.all([1, 2, 3].map((body) => publisher.publish(orders, body)));
    broker.kill();
    const late = publisher.publish(orders, 4);
    await broker.advanceBy(5_000);
    broker.start();
    await broker.advanceBy(5_000);
    await late;
    const seen = await consuming(broker, () => undefined);
    await eventually(() => expect(seen).toEqual(['1/1', '2/1', '3/1', '4/1']));
  },
);

test('a connection that is cut comes back, and so does what was in hand', async () => {
  await using broker = createTestBroker();
  const rabbit = await broker.connect(silent);
  const seen: boolean[] = [];
  await createConsumer(rabbit, orders, async ({ redelivered, signal }) => {
    seen.push(redelivered);
    if (!redelivered) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  broker.publish('', 'orders', 1);
  await eventually(() => expect(seen).toEqual([false]));
  broker.cut();
  await eventually(() => expect(rabbit.state.phase).not.toBe('open'));
  await broker.advanceBy(5_000);
  await eventually(() => expect(seen).toEqual([false, true]));
  expect(rabbit.health().status).toBe('ok');
});

test('a dead peer is noticed within three heartbeats, and publishing goes on after the heal', async () => {
  await using broker = createTestBroker();
  const rabbit = await broker.connect({ ...silent, heartbeatSeconds: 5 });
  const publisher = createPublisher(rabbit);
  await publisher.publish(orders, 1);
  broker.blackhole();
  const late = publisher.publish(orders, 2);
  await broker.advanceBy(9_000);
  expect(rabbit.state.phase).toBe('open');
  await broker.advanceBy(7_000);
  expect(rabbit.state.phase).not.toBe('open');
  broker.heal();
  await broker.advanceBy(5_000);
  await late;
  expect(broker.messages('orders').map(({ body }) => body)).toEqual([1, 2]);
});

test('publishers wait while there is an alarm, and reject at their deadline', async () => {
  await using broker = createTestBroker();
  const rabbit = await broker.connect(silent);
  const publisher = createPublisher(rabbit);
  await publisher.publish(orders, 1);
  broker.setAlarm('memory', true);
  const first = publisher.publish(orders, 2);
  await eventually(() => expect(rabbit.health().links.publish.blocked).toBe(true));
  const outcome = publisher.publish(orders, 3, { deadlineMs: 2_000 }).catch((error: unknown) => error);
  await broker.advanceBy(2_000);
  expect(isSurehopError(await outcome, 'SUREHOP_PUBLISH_NOT_SENT')).toBe(true);
  broker.setAlarm('memory', false);
  await first;
  expect(broker.messages('orders').map(({ body }) => body)).toEqual([1, 2]);
});

test('a broker that refuses connections is told as such', async () => {
  await using broker = createTestBroker();
  broker.refuse();
  const error = await broker.connect(silent).catch((thrown: unknown) => thrown);
  expect(isSurehopError(error, 'SUREHOP_CONNECT_UNREACHABLE')).toBe(true);
});

test('the example of the README is the one that runs', () => {
  const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  expect(text('../../packages/testing/README.md')).toContain(text('example.test.ts'));
});

test('an unknown release is refused with those that are known', () => {
  expect(() => createTestBroker({ version: '5.0' })).toThrow(/3\.10 to 3\.13 and 4\.0 to 4\.3/);
});

test('a test with a broker, two connections and a retry takes milliseconds', async () => {
  const startedAt = performance.now();
  for (let round = 0; round < 20; round += 1) {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    const seen = await consuming(broker, (_body, attempt) => {
      if (attempt === 1) throw new Error('not yet');
    });
    await publisher.publish(orders, round);
    await eventually(() => expect(seen).toHaveLength(1));
    await broker.advanceBy(1_100);
    expect(seen).toHaveLength(2);
  }
  expect((performance.now() - startedAt) / 20).toBeLessThan(250);
});
