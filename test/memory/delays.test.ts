import { createConsumer, exponential, type QueueContract, type Rabbit, RetryLater } from '@surehop/consumer';
import { internalsOf } from '@surehop/core/internal';
import { createPublisher, defineExchange, defineQueue, type PublishOptions } from '@surehop/publisher';
import { createTestBroker, eventually, type TestBroker } from '@surehop/testing';
import { describe, expect, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';

const orders = defineQueue<number>('orders');
const silent = { log: keepingLogger().log };
const year = 366 * 86_400_000;

/** Whatever comes out of the queue, with its routing key. */
async function arrivals(broker: TestBroker): Promise<number[]> {
  const seen: number[] = [];
  await createConsumer(await broker.connect(silent), orders, ({ body }) => seen.push(body));
  return seen;
}

describe('publish() with a delay', () => {
  test('[delayMs] a message comes when its time is up, and a longer delay holds up no shorter one', async () => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    const seen = await arrivals(broker);
    for (const delayMs of [50_000, 13_000, 1_000, 32_000]) await publisher.publish(orders, delayMs, { delayMs });
    expect(seen).toEqual([]);
    await broker.advanceBy(5_000);
    await eventually(() => expect(seen).toEqual([1_000]));
    await broker.advanceBy(50_000);
    await eventually(() => expect(seen).toEqual([1_000, 13_000, 32_000, 50_000]));
    expect(broker.queues().filter((name) => name.startsWith('surehop.delay.v1.level.'))).toHaveLength(10);
  });

  test('[at] a moment ahead is waited for, and what is past comes at once', async () => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    const seen = await arrivals(broker);
    await publisher.publish(orders, 1, { at: new Date(Date.now() + 1_200_000) });
    await publisher.publish(orders, 2, { at: new Date(0) });
    await publisher.publish(orders, 3, { delayMs: 0 });
    await eventually(() => expect(seen).toEqual([2, 3]));
    await broker.advanceBy(1_195_000);
    expect(seen).toEqual([2, 3]);
    await broker.advanceBy(10_000);
    await eventually(() => expect(seen).toEqual([2, 3, 1]));
  });

  test('publishMany() delays all of them', async () => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    const seen = await arrivals(broker);
    await publisher.publishMany(orders, [1, 2, 3], { delayMs: 7_000 });
    expect(seen).toEqual([]);
    await broker.advanceBy(10_000);
    await eventually(() => expect(new Set(seen)).toEqual(new Set([1, 2, 3])));
  });

  test('an exchange gets it under its own routing key, and what nobody takes there holds up no other exchange', async () => {
    await using broker = createTestBroker();
    const events = defineExchange<number>('events', { type: 'topic' });
    const other = defineExchange<number>('other', { type: 'direct' });
    const paid = defineQueue<number>('paid', {
      bindTo: [
        { exchange: events, routingKey: 'order.paid' },
        { exchange: other, routingKey: 'paid' },
      ],
    });
    const seen: string[] = [];
    await createConsumer(await broker.connect(silent), paid, ({ body, routingKey }) =>
      seen.push(`${body} ${routingKey}`),
    );
    const publisher = createPublisher(await broker.connect(silent));
    await publisher.publish(events, 1, { routingKey: 'order.paid', delayMs: 300 });
    for (let index = 0; index < 40; index += 1) {
      await publisher.publish(events, 2, { routingKey: 'nobody', delayMs: 400 });
    }
    await publisher.publish(other, 3, { routingKey: 'paid', delayMs: 500 });
    await publisher.publish(orders, 4, { delayMs: 500 });
    await broker.advanceBy(1_000);
    await eventually(() => expect(seen).toEqual(['1 order.paid', '3 paid']));
    await eventually(() => expect(broker.counts('orders').ready).toBe(1));
    await eventually(() => expect(broker.counts('surehop.delay.v1.to.events').deadLettering).toBe(40));
  });

  test('waiting for a connection makes it no later', async () => {
    await using broker = createTestBroker();
    const rabbit = await broker.connect(silent);
    const publisher = createPublisher(rabbit);
    await publisher.publish(orders, 0, { delayMs: 100 });
    const seen = await arrivals(broker);
    broker.refuse();
    broker.cut();
    const published = publisher.publish(orders, 1, { delayMs: 10_000 });
    await broker.advanceBy(8_000);
    broker.heal();
    await eventually(async () => {
      await broker.advanceBy(100);
      expect(rabbit.state.phase).toBe('open');
    });
    await broker.advanceBy(5_000);
    await published;
    await eventually(() => expect(seen).toEqual([0, 1]));
  });

  test('40 messages whose queue is gone are laid aside, and hold up nobody', async () => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect({ ...silent, topologyCheckMs: 3_600_000 }));
    const gone = defineQueue<number>('gone');
    for (let index = 0; index < 40; index += 1) await publisher.publish(gone, index, { delayMs: 500 });
    await publisher.publish(orders, 1, { delayMs: 600 });
    broker.deleteQueue('gone');
    await broker.advanceBy(1_500);
    await eventually(() => expect(broker.messages('orders').map(({ body }) => body)).toEqual([1]));
    await eventually(() => expect(broker.counts('surehop.delay.v1.dead-letter').ready).toBe(40));
  });

  test('what was laid aside is told, once for each time that there is more of it', async () => {
    await using broker = createTestBroker();
    const { log, lines } = keepingLogger();
    const publisher = createPublisher(await broker.connect({ log, topologyCheckMs: 10_000 }));
    await publisher.publish(orders, 1, { delayMs: 100 });
    const told = (): unknown[] =>
      lines.filter(({ message }) => message.startsWith('delayed messages found')).map(({ fields }) => fields.messages);
    for (const count of [1, 2]) {
      broker.publish('surehop.delay.v1.dead-letter', '', count);
      await eventually(async () => {
        await broker.advanceBy(10_000);
        expect(told()).toHaveLength(count);
      });
      await broker.advanceBy(60_000);
    }
    expect(told()).toEqual([1, 2]);
  });

  test('a delay that was forwarded with the headers is not waited for again', async () => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    await publisher.publish(orders, 1, { delayMs: 60_000 });
    await broker.advanceBy(61_000);
    await eventually(() => expect(broker.counts('orders').ready).toBe(1));
    const headers = broker.messages('orders')[0]?.headers ?? {};
    expect(Object.keys(headers)).toContain('surehop-delay-9');
    const own = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('x-')));
    await publisher.publish(orders, 2, { delayMs: 100, headers: own });
    await broker.advanceBy(1_000);
    await eventually(() => expect(broker.counts('orders').ready).toBe(2));
  });

  const refused: [string, PublishOptions, RegExp][] = [
    ['a negative delay', { delayMs: -1 }, /delayMs must be an integer in \[0, 31622400000\], got -1/],
    ['a fraction', { delayMs: 0.5 }, /delayMs must be an integer/],
    ['a delay of more than a year', { delayMs: year + 1 }, /delayMs must be an integer/],
    ['no number', { delayMs: '5' as never }, /delayMs must be an integer/],
    [
      'a moment more than a year ahead',
      { at: new Date(Date.now() + year + 86_400_000) },
      /at must be at most 366 days/,
    ],
    ['no date', { at: 5 as never }, /at must be a valid Date, got number/],
    ['a date that is none', { at: new Date('soon') }, /at must be a valid Date, got an invalid one/],
    ['both', { at: new Date(), delayMs: 5 }, /must not be given together/],
    ['an expiration', { delayMs: 5, properties: { expiration: '9' } }, /expiration must not be given with a delay/],
    ['CC', { delayMs: 5, headers: { CC: ['x'] } }, /header CC must not be given with a delay/],
  ];
  test.each(refused)('%s is refused', async (_what, options, message) => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    const error = { code: 'SUREHOP_OPTION_INVALID', message: expect.stringMatching(message) };
    await expect(publisher.publish(orders, 1, options)).rejects.toMatchObject(error);
    expect(broker.queues()).toEqual([]);
  });
});

describe('a retry with a delay of its own', () => {
  test('RetryLater waits for just so long, whatever the ladder is', async () => {
    await using broker = createTestBroker();
    const seen = await attempts(broker, orders, (attempt) => {
      if (attempt === 1) throw new RetryLater(3_000);
    });
    broker.publish('', 'orders', 1);
    await eventually(() => expect(seen).toEqual([1]));
    await eventually(() => expect(broker.counts('surehop.delay.v1.level.4').ready).toBe(1));
    await broker.advanceBy(2_900);
    expect(seen).toEqual([1]);
    await broker.advanceBy(200);
    await eventually(() => expect(seen).toEqual([1, 2]));
    expect(broker.queues()).not.toContain('orders.retry.3000');
  });

  test('a copy carries nothing of an earlier delay, and says where the message was first published', async () => {
    await using broker = createTestBroker();
    const publisher = createPublisher(await broker.connect(silent));
    await attempts(broker, defineQueue('orders', { retry: { delaysMs: [1_000] } }), () => {
      throw new Error('no');
    });
    await publisher.publish(orders, 1, { delayMs: 500 });
    await broker.advanceBy(1_000);
    await eventually(() => expect(broker.messages('orders.retry.1000')).toHaveLength(1));
    const headers = broker.messages('orders.retry.1000')[0]?.headers ?? {};
    expect(Object.keys(headers).filter((name) => name.startsWith('surehop-delay-'))).toEqual([]);
    expect(headers).toMatchObject({ 'surehop-exchange': '', 'surehop-routing-key': 'orders' });
  });

  test('exponential() waits longer each time, then lays the message aside', async () => {
    await using broker = createTestBroker();
    const policy = exponential({ minMs: 1_000, maxMs: 3_000, factor: 2, jitter: 0, attempts: 4 });
    const seen = await attempts(broker, defineQueue('orders', { retry: policy }), () => {
      throw new Error('no');
    });
    broker.publish('', 'orders', 1);
    for (const [waitMs, count] of [
      [1_000, 1],
      [2_000, 2],
      [3_000, 3],
    ] as const) {
      await eventually(() => expect(seen).toHaveLength(count));
      await eventually(() => expect(broker.counts('orders').unacked).toBe(0));
      await broker.advanceBy(waitMs - 300);
      expect(seen).toHaveLength(count);
      await eventually(async () => {
        await broker.advanceBy(20);
        expect(seen).toHaveLength(count + 1);
      });
    }
    await eventually(() => expect(broker.messages('orders.dead-letter')).toHaveLength(1));
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(broker.messages('orders.dead-letter')[0]?.headers).toMatchObject({ 'surehop-attempt': 4 });
  });

  test('by the broker waits in its own queue, counted by the broker, and ends in the dead-letter queue', async () => {
    await using broker = createTestBroker({ version: '4.3' });
    const policy = { by: 'broker', minMs: 1_000, attempts: 3 } as const;
    const seen = await attempts(broker, defineQueue('orders', { retry: policy }), () => {
      throw new Error('no');
    });
    expect(broker.queues()).toEqual(['orders', 'orders.dead-letter']);
    broker.publish('', 'orders', 1);
    await eventually(() => expect(seen).toEqual([1]));
    await eventually(() => expect(broker.counts('orders').unacked).toBe(0));
    await broker.advanceBy(700);
    expect(seen).toEqual([1]);
    await broker.advanceBy(400);
    await eventually(() => expect(seen).toEqual([1, 2]));
    await broker.advanceBy(1_700);
    expect(seen).toEqual([1, 2]);
    await broker.advanceBy(400);
    await eventually(() => expect(broker.messages('orders.dead-letter')).toHaveLength(1));
    expect(broker.messages('orders.dead-letter')[0]?.headers).toMatchObject({
      'surehop-attempt': 3,
      'surehop-reason': 'failed',
    });
  });

  test('by the broker is refused where the broker is older than 4.3, by consumers and by publishers', async () => {
    await using broker = createTestBroker({ version: '4.2' });
    const old = defineQueue('orders', { retry: { by: 'broker', minMs: 1_000 } });
    const error = {
      code: 'SUREHOP_BROKER_TOO_OLD',
      message: expect.stringContaining('queue "orders" leaves its retries to the broker, which needs RabbitMQ 4.3'),
    };
    const rabbit = await broker.connect(silent);
    await expect(createConsumer(rabbit, old, () => undefined)).rejects.toMatchObject(error);
    await expect(createPublisher(rabbit).publish(old, 1)).rejects.toMatchObject(error);
  });

  test('where the network may not stand, the message waits in a retry queue that is long enough', async () => {
    await using broker = createTestBroker();
    const { log, lines } = keepingLogger();
    const seen: number[] = [];
    const rabbit = await broker.connect({ log });
    await createConsumer(rabbit, defineQueue('orders', { retry: { delaysMs: [1_000, 10_000] } }), ({ attempt }) => {
      seen.push(attempt);
      if (attempt === 1) throw new RetryLater(3_000);
    });
    // Somebody has declared it otherwise.
    const operator = await broker.connect(silent);
    const wrong = { name: 'surehop.delay.v1.out', type: 'topic' } as const;
    await declareExchange(operator, wrong);
    broker.publish('', 'orders', 1);
    await eventually(() => expect(broker.counts('orders.retry.10000').ready).toBe(1));
    await broker.advanceBy(10_500);
    await eventually(() => expect(seen).toEqual([1, 2]));
    expect(lines.filter(({ message }) => message.startsWith('the delay network cannot be used'))).toHaveLength(1);
  });
});

/** The attempts of whatever comes. */
async function attempts(
  broker: TestBroker,
  queue: QueueContract,
  handle: (attempt: number) => void,
): Promise<number[]> {
  const seen: number[] = [];
  await createConsumer(await broker.connect(silent), queue, ({ attempt }) => {
    seen.push(attempt);
    handle(attempt);
  });
  return seen;
}

/** As another service does, under the network's name. */
async function declareExchange(rabbit: Rabbit, { name, type }: { name: string; type: 'topic' }): Promise<void> {
  const { topology, effects } = internalsOf(rabbit);
  const exchange = { name, type, arguments: {} };
  await topology.ensure(
    { exchanges: [exchange], queues: [], bindings: [], existing: [] },
    effects.clock.deadline(5_000),
  );
}
