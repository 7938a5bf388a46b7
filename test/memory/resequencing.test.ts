import {
  type Consumer,
  createConsumer,
  defineQueue,
  memoryPositionStore,
  type ResequenceOptions,
} from '@surehop/consumer';
import { createPublisher, isSurehopError, type Publisher, type Rabbit, type SequenceStore } from '@surehop/publisher';
import { createTestBroker, eventually, type TestBroker } from '@surehop/testing';
import { describe, expect, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';

const orders = defineQueue<number>('orders', { retry: { delaysMs: [1_000, 60_000] } });
const silent = { log: keepingLogger().log };

type Handle = (body: number, attempt: number) => unknown;

async function consuming(
  broker: TestBroker,
  resequence: ResequenceOptions = {},
  handle: Handle = () => undefined,
): Promise<{ seen: string[]; consumer: Consumer }> {
  const seen: string[] = [];
  const rabbit = await broker.connect(silent);
  const consumer = await createConsumer(
    rabbit,
    orders,
    ({ body, attempt }) => {
      seen.push(`${body}/${attempt}`);
      return handle(body, attempt);
    },
    { resequence },
  );
  return { seen, consumer };
}

/** As a publisher with `sequence` does. */
function send(broker: TestBroker, ...numbers: number[]): void {
  for (const number of numbers) {
    const headers = { 'surehop-sequence': number, 'surehop-sequence-key': 'k', 'surehop-sequence-run': 'r' };
    broker.publish('', 'orders', number, { properties: { messageId: `m-${number}` }, headers });
  }
}

/** Nothing is sent until the function is called that it resolves with. */
async function blockedBroker(broker: TestBroker, rabbit: Rabbit, publisher: Publisher): Promise<() => Promise<void>> {
  broker.setAlarm('memory', true);
  const first = publisher.publish(orders, 2);
  await eventually(() => expect(rabbit.health().links.publish.blocked).toBe(true));
  return async () => {
    broker.setAlarm('memory', false);
    await first;
  };
}

describe('a consumer that resequences', () => {
  test('is refused where retries are the broker’s: its queue keeps back what a lost channel gives back', async () => {
    await using broker = createTestBroker({ version: '4.3' });
    const byBroker = defineQueue<number>('orders', { retry: { by: 'broker', minMs: 500 } });
    const rabbit = await broker.connect(silent);
    await expect(createConsumer(rabbit, byBroker, () => undefined, { resequence: {} })).rejects.toMatchObject({
      code: 'SUREHOP_OPTION_INVALID',
      message: expect.stringMatching(/resequence needs another retry than the broker's/),
    });
    expect(broker.queues()).toEqual([]);
  });

  test('handles messages in their order, and drops duplicates', async () => {
    await using broker = createTestBroker();
    const { seen } = await consuming(broker);
    send(broker, 4, 2, 4, 3, 1, 1, 5);
    await eventually(() => expect(seen).toEqual(['1/1', '2/1', '3/1', '4/1', '5/1']));
    await eventually(() => expect(broker.counts('orders')).toMatchObject({ ready: 0, unacked: 0 }));
    expect(broker.messages('orders.dead-letter')).toEqual([]);
  });

  test('lets later ones wait until one that fails is done, or a dead letter', async () => {
    await using broker = createTestBroker();
    const { seen } = await consuming(broker, {}, (body, attempt) => {
      if (body === 1 && attempt < 3) throw new Error('not yet');
      if (body === 2) throw new Error('never');
    });
    send(broker, 1, 2, 3);
    await eventually(() => expect(seen).toEqual(['1/1']));
    await broker.advanceBy(1_000);
    await eventually(() => expect(seen).toEqual(['1/1', '1/2']));
    expect(broker.counts('orders.retry.1000').ready).toBe(0);
    await broker.advanceBy(59_000);
    expect(seen).toHaveLength(2);
    await broker.advanceBy(1_000);
    await eventually(() => expect(seen.slice(2)).toEqual(['1/3', '2/1']));
    await broker.advanceBy(1_000);
    await eventually(() => expect(seen.slice(4)).toEqual(['2/2']));
    await broker.advanceBy(60_000);
    await eventually(() => expect(seen.slice(5)).toEqual(['2/3', '3/1']));
    await eventually(() => expect(broker.counts('orders')).toMatchObject({ ready: 0, unacked: 0 }));
    const [dead] = broker.messages('orders.dead-letter');
    expect(dead).toMatchObject({ body: 2, headers: { 'surehop-reason': 'failed', 'surehop-attempt': 3 } });
    expect(dead?.headers['surehop-history']).toHaveLength(3);
  });

  test('keeps what fails, with its attempts, when the connection is lost', async () => {
    await using broker = createTestBroker();
    const { seen } = await consuming(broker, {}, (body, attempt) => {
      if (body === 1 && attempt < 2) throw new Error('not yet');
    });
    send(broker, 1, 2, 3);
    await eventually(() => expect(seen).toEqual(['1/1']));
    broker.cut();
    await broker.advanceBy(5_000);
    await eventually(() => expect(seen).toEqual(['1/1', '1/2', '2/1', '3/1']));
  });

  test('waits for a handler that a lost connection left behind, before its message is handled again', async () => {
    await using broker = createTestBroker();
    const done: (() => void)[] = [];
    const { seen } = await consuming(broker, {}, () => new Promise<void>((resolve) => done.push(resolve)));
    send(broker, 1, 2);
    await eventually(() => expect(seen).toEqual(['1/1']));
    broker.cut();
    await broker.advanceBy(5_000);
    expect(broker.counts('orders')).toMatchObject({ ready: 0, unacked: 2 });
    expect(seen).toEqual(['1/1']);
    done.shift()?.();
    await eventually(() => expect(seen).toEqual(['1/1', '1/1']));
    done.shift()?.();
    await eventually(() => expect(seen).toEqual(['1/1', '1/1', '2/1']));
    done.shift()?.();
  });

  test('halts at a gap and gives back what it has; resumed, it waits for what is missing once more', async () => {
    await using broker = createTestBroker();
    const rabbit = await broker.connect(silent);
    const seen: number[] = [];
    const resequence = { onGap: 'halt', maxGapMs: 10_000, store: memoryPositionStore() } as const;
    const consumer = await createConsumer(rabbit, orders, ({ body }) => seen.push(body), { resequence });
    send(broker, 1, 3, 4);
    await eventually(() => expect(seen).toEqual([1]));
    await broker.advanceBy(11_000);
    await eventually(() => expect(consumer.health()).toMatchObject({ phase: 'paused', halted: true, inHand: 0 }));
    expect(rabbit.health().status).toBe('degraded');
    expect(broker.counts('orders')).toMatchObject({ ready: 2, unacked: 0 });
    send(broker, 2);
    await consumer.resume();
    await eventually(() => expect(seen).toEqual([1, 2, 3, 4]));
    expect(consumer.health()).not.toHaveProperty('halted');
  });

  test('goes on without what does not come, and lays aside what comes too late', async () => {
    await using broker = createTestBroker();
    const { seen } = await consuming(broker, { maxGapMs: 10_000, store: memoryPositionStore() });
    send(broker, 1, 3);
    await eventually(() => expect(seen).toEqual(['1/1']));
    await broker.advanceBy(11_000);
    await eventually(() => expect(seen).toEqual(['1/1', '3/1']));
    send(broker, 2);
    await eventually(() => expect(broker.messages('orders.dead-letter')).toHaveLength(1));
    expect(broker.messages('orders.dead-letter')[0]?.headers['surehop-error-message']).toMatch(/SEQUENCE_PASSED/);
    expect(seen).toHaveLength(2);
  });

  test('lays aside what has no place, and a sequence that runs backwards', async () => {
    await using broker = createTestBroker();
    const { seen } = await consuming(broker);
    send(broker, 1);
    await eventually(() => expect(seen).toEqual(['1/1']));
    broker.publish('', 'orders', 7);
    const headers = { 'surehop-sequence': 1, 'surehop-sequence-key': 'k', 'surehop-sequence-run': 'r' };
    broker.publish('', 'orders', 8, { properties: { messageId: 'another' }, headers });
    await eventually(() => expect(broker.messages('orders.dead-letter').map(({ body }) => body)).toEqual([7, 8]));
    expect(seen).toEqual(['1/1']);
  });

  test('hands over to a second one without a gap, through the store that both have', async () => {
    await using broker = createTestBroker();
    const store = memoryPositionStore();
    const first = await consuming(broker, { store });
    send(broker, 2, 1, 3);
    await eventually(() => expect(first.seen).toHaveLength(3));
    await first.consumer.close();
    const second = await consuming(broker, { store, onGap: 'halt' });
    send(broker, 5, 4);
    await eventually(() => expect(second.seen).toEqual(['4/1', '5/1']));
  });

  test('closes at once with messages in hand that wait', async () => {
    await using broker = createTestBroker();
    const { consumer, seen } = await consuming(broker);
    send(broker, 1, 3, 4);
    await eventually(() => expect(seen).toEqual(['1/1']));
    const before = performance.now();
    await consumer.close();
    expect(performance.now() - before).toBeLessThan(2_000);
    await eventually(() => expect(broker.counts('orders')).toMatchObject({ ready: 2, unacked: 0 }));
  });

  test('needs a prefetch of at least what it may hold', async () => {
    await using broker = createTestBroker();
    const rabbit = await broker.connect(silent);
    const options = { prefetch: 99, resequence: { maxBuffered: 100 } };
    const opening = createConsumer(rabbit, orders, () => undefined, options);
    await expect(opening).rejects.toThrow(/prefetch must be at least resequence.maxBuffered, got 99 and 100/);
  });

  test.each([
    ['maxGapMs', 0],
    ['maxGapMs', 1.5],
    ['maxBuffered', 1],
    ['onGap', 'wait'],
    ['by', 'key'],
    ['store', {}],
    ['name', ''],
    ['maxGap', 1],
  ])('refuses [%s] %s', async (option, value) => {
    await using broker = createTestBroker();
    const rabbit = await broker.connect(silent);
    const opening = createConsumer(rabbit, orders, () => undefined, { resequence: { [option]: value } });
    await expect(opening).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
  });
});

describe('a publisher', () => {
  const stamps = (broker: TestBroker) =>
    broker.messages('orders').map(({ headers }) => [headers['surehop-sequence-key'], headers['surehop-sequence']]);

  test('numbers the messages of each key, and of one without a key', async () => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    for (const sequence of ['a', 'b', true, 'a'] as const) await publisher.publish(orders, 1, { sequence });
    await publisher.publish(orders, 1);
    expect(stamps(broker)).toEqual([
      ['a', 1],
      ['b', 1],
      ['', 1],
      ['a', 2],
      [undefined, undefined],
    ]);
  });

  test('gives the same number to the same id, and another process begins another numbering', async () => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    for (const messageId of ['m-1', 'm-2', 'm-1']) await publisher.publish(orders, 1, { sequence: 'a', messageId });
    await createPublisher(await broker.connect(silent)).publish(orders, 1, { sequence: 'a' });
    const runs = new Set(broker.messages('orders').map(({ headers }) => headers['surehop-sequence-run']));
    expect([stamps(broker).map(([, number]) => number), runs.size]).toEqual([[1, 2, 1, 1], 2]);
  });

  test('gives back the numbers of what is certainly not stored', async () => {
    await using broker = createTestBroker();
    const rabbit = await broker.connect(silent);
    const publisher = createPublisher(rabbit);
    await publisher.publish(orders, 1, { sequence: 'a' });
    const unblock = await blockedBroker(broker, rabbit, publisher);
    const lost = [3, 4].map((body) =>
      publisher.publish(orders, body, { sequence: 'a', deadlineMs: 1_000 }).catch((error: unknown) => error),
    );
    await broker.advanceBy(2_000);
    const codes = (await Promise.all(lost)).map((error) => isSurehopError(error, 'SUREHOP_PUBLISH_NOT_SENT'));
    expect(codes).toEqual([true, true]);
    await unblock();
    await publisher.publish(orders, 5, { sequence: 'a' });
    expect(stamps(broker).filter(([key]) => key === 'a')).toEqual([
      ['a', 1],
      ['a', 2],
    ]);
  });

  test('keeps the number of an id that may be stored with it: by an earlier call, or by one beside', async () => {
    await using broker = createTestBroker();
    const rabbit = await broker.connect(silent);
    const publisher = createPublisher(rabbit);
    const publish = (messageId: string, deadlineMs = 60_000) =>
      publisher.publish(orders, 1, { sequence: 'a', messageId, deadlineMs });
    await publish('m-1');
    const unblock = await blockedBroker(broker, rabbit, publisher);
    const again = publish('m-1', 1_000).catch((error: unknown) => error);
    await broker.advanceBy(2_000);
    expect(isSurehopError(await again, 'SUREHOP_PUBLISH_NOT_SENT')).toBe(true);
    const lost = publish('m-2', 1_000).catch((error: unknown) => error);
    const beside = publish('m-2');
    await broker.advanceBy(2_000);
    expect(isSurehopError(await lost, 'SUREHOP_PUBLISH_NOT_SENT')).toBe(true);
    await unblock();
    await beside;
    await publish('m-3');
    expect(stamps(broker).filter(([key]) => key === 'a')).toEqual([
      ['a', 1],
      ['a', 2],
      ['a', 3],
    ]);
  });

  test('uses no number for what is refused before it is sent, at once or later', async () => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    const validate = async (value: unknown) => (value === 2 ? { issues: [{ message: 'no' }] } : { value });
    const schema = { '~standard': { version: 1, vendor: 'test', validate } } as never;
    const checked = defineQueue<unknown>('orders', { schema, retry: orders.retry });
    const publish = (body: unknown) => publisher.publish(checked, body, { sequence: 'a' }).catch(() => undefined);
    await Promise.all([publish(1), publish(2), publish(3n), publish(4)]);
    expect(stamps(broker)).toEqual([
      ['a', 1],
      ['a', 2],
    ]);
  });

  test('rejects when the store gives no number, and says that nothing was sent', async () => {
    await using broker = createTestBroker();
    const down: SequenceStore = { take: () => Promise.reject(new Error('disk full')), notStored: () => undefined };
    const publisher = createPublisher(await broker.connect(silent), { sequences: down });
    await publisher.publish(orders, 1);
    const rejected = await publisher.publish(orders, 2, { sequence: true }).catch((error: unknown) => error);
    expect(isSurehopError(rejected, 'SUREHOP_STORE_UNAVAILABLE')).toBe(true);
    expect(broker.messages('orders')).toHaveLength(1);
  });

  test.each([false, '', 'x'.repeat(256), 7])('refuses [sequence] %s', async (sequence) => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    const rejected = publisher.publish(orders, 1, { sequence: sequence as never });
    await expect(rejected).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
  });

  test('and a consumer with several handlers keep the order from end to end', async () => {
    await using broker = createTestBroker();
    const { seen } = await consuming(broker, {}, () => new Promise((resolve) => setImmediate(resolve)));
    const publisher = createPublisher(await broker.connect(silent));
    await publisher.publishMany(orders, [1, 2, 3, 4, 5, 6, 7, 8], { sequence: true });
    await eventually(() => expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((body) => `${body}/1`)));
  });
});
