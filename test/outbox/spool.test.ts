import { statSync } from 'node:fs';
import { join } from 'node:path';
import { createSpoolingPublisher, type SpoolingPublisher, type SpoolOptions } from '@surehop/outbox';
import { connect, defineExchange, defineQueue, type Rabbit } from '@surehop/publisher';
import { createTestBroker, eventually, type TestBroker } from '@surehop/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { keepingLogger, type Line } from '../connection/lines.ts';
import { folder, numbered } from './spool-file.ts';

const orders = defineQueue<string>('orders');

interface Opened {
  readonly publisher: SpoolingPublisher;
  readonly broker: TestBroker;
  readonly rabbit: Rabbit;
  readonly file: string;
  readonly lines: readonly Line[];
}

/** On a broker in memory, whose time is moved on until something is as expected. */
async function open(options: Partial<SpoolOptions> = {}): Promise<Opened> {
  const file = options.file ?? join(folder(), 'spool');
  const broker = createTestBroker();
  const { log, lines } = keepingLogger();
  const rabbit = await broker.connect({ log });
  const publisher = await createSpoolingPublisher(rabbit, { ...options, file });
  onTestFinished(async () => {
    await publisher.close({ timeoutMs: 0 });
    await broker.close();
  });
  return { publisher, broker, rabbit, file, lines };
}

function away({ broker }: Opened): void {
  broker.refuse();
  broker.cut();
}

async function until(opened: Opened, check: () => void | Promise<void>, stepMs = 50): Promise<void> {
  await eventually(async () => {
    await opened.broker.advanceBy(stepMs);
    await check();
  }, 8_000);
}

const idsIn = ({ broker }: Opened, queue = 'orders'): (string | undefined)[] =>
  broker.messages(queue).map(({ properties }) => properties.messageId);
const publishAll = (publisher: SpoolingPublisher, ids: readonly string[]): Promise<unknown> =>
  Promise.all(ids.map((messageId) => publisher.publish(orders, `body of ${messageId}`, { messageId })));

describe('a spooling publisher', () => {
  test('while the broker is away, takes messages to disk, many with one commit, and sends them in order once it is back', async () => {
    const opened = await open();
    const { publisher } = opened;
    away(opened);
    const before = publisher.health().commits;
    const receipts = await Promise.all(
      numbered(1_000).map((messageId) => publisher.publish(orders, 'x', { messageId })),
    );
    expect(new Set(receipts.map(({ storedBy }) => storedBy))).toEqual(new Set(['disk']));
    expect(publisher.health().commits - before).toBeLessThanOrEqual(5);
    expect(publisher.health()).toMatchObject({ phase: 'waiting', depth: 1_000, waiting: 0 });
    opened.broker.heal();
    await until(opened, () => expect(publisher.health()).toMatchObject({ phase: 'forwarding', depth: 0 }));
    expect(idsIn(opened)).toEqual(numbered(1_000));
    await until(opened, () => expect(publisher.health().sentPerSecond).toBeGreaterThan(50), 500);
  });

  test('gives the disk back what an outage took', async () => {
    const opened = await open();
    const { publisher, file } = opened;
    away(opened);
    const body = 'x'.repeat(20_000);
    await Promise.all(numbered(500).map(() => publisher.publish(orders, body)));
    opened.broker.heal();
    await until(opened, () => expect(publisher.health().depth).toBe(0));
    await publisher.close();
    expect(statSync(file).size).toBeLessThan(1_500_000);
  });

  test('goes on in order where new messages come while old ones are sent', async () => {
    const opened = await open({ maxUnconfirmed: 7 });
    away(opened);
    await publishAll(opened.publisher, numbered(300));
    opened.broker.heal();
    for (let at = 300; at < 600; at += 20) {
      await publishAll(opened.publisher, numbered(at + 20).slice(at));
      await opened.broker.advanceBy(at === 400 ? 3_000 : 5);
    }
    await until(opened, () => expect(opened.publisher.health().depth).toBe(0));
    expect(idsIn(opened)).toEqual(numbered(600));
  });

  test('declares the topology and sends properties and headers as they were, after a restart without the contracts', async () => {
    const file = join(folder(), 'spool');
    const events = defineExchange<string>('events', { type: 'topic' });
    const audit = defineQueue<string>('audit', {
      retry: { delaysMs: [77] },
      bindTo: [{ exchange: events, routingKey: 'order.*' }],
    });
    const before = await createSpoolingPublisher(new Promise<never>(() => undefined), { file });
    const headers = {
      text: 'a',
      $bytes: Buffer.from([0, 255]),
      list: [1, { deep: Number.POSITIVE_INFINITY }],
      none: null,
    };
    const properties = { type: 'created', correlationId: 'c-1', priority: 3, expiration: '600000' };
    const stored = await before.publish(audit, 'to the queue', { headers, properties });
    await before.publish(events, 'to the exchange', { routingKey: 'order.created' });
    await before.publishTo({ exchange: '', routingKey: 'audit' }, Buffer.from([1, 2, 3]), {
      contentType: 'application/x-raw',
    });
    expect(stored.storedBy).toBe('disk');
    await before.close();

    const opened = await open({ file });
    await until(opened, () => expect(opened.publisher.health().depth).toBe(0));
    expect(opened.broker.queues()).toContain('audit.retry.77');
    const [first, second, third] = opened.broker.messages('audit');
    expect(first).toMatchObject({
      body: 'to the queue',
      headers,
      properties: { ...properties, messageId: stored.messageId },
    });
    expect(first?.properties).toMatchObject({ contentType: 'application/json', deliveryMode: 2 });
    expect(second).toMatchObject({ body: 'to the exchange' });
    expect(third?.content).toEqual(Buffer.from([1, 2, 3]));
    expect(third?.properties).toMatchObject({ contentType: 'application/x-raw' });
  });

  test('[contracts] declares what an earlier process left as the contract is now', async () => {
    const file = join(folder(), 'spool');
    const before = await createSpoolingPublisher(new Promise<never>(() => undefined), { file });
    await before.publish(orders, 'old');
    await before.close();
    const opened = await open({ file, contracts: [defineQueue<string>('orders', { retry: { delaysMs: [5] } })] });
    await until(opened, () => expect(opened.publisher.health().depth).toBe(0));
    expect(opened.broker.queues().filter((name) => name.includes('retry'))).toEqual(['orders.retry.5']);
  });

  test('tries again what cannot be routed, then sets it aside, and holds up nobody', async () => {
    const opened = await open({ retryDelaysMs: [50, 50] });
    const { publisher } = opened;
    const nowhere = { exchange: '', routingKey: 'nowhere' };
    await publisher.publishTo(nowhere, Buffer.from('lost'), { messageId: 'lost' });
    await publishAll(publisher, numbered(20));
    await until(opened, () => expect(publisher.health()).toMatchObject({ depth: 0, setAside: 1, retrying: 0 }));
    expect(idsIn(opened)).toEqual(numbered(20));
    const [aside] = await publisher.listSetAside();
    expect(aside).toMatchObject({
      ...{ messageId: 'lost', reason: 'refused', attempts: 3, error: { code: 'SUREHOP_UNROUTABLE' } },
      ...{ ...nowhere, content: new Uint8Array(Buffer.from('lost')) },
    });
    expect(opened.lines.filter(({ message }) => message.includes('is set aside'))).toHaveLength(1);

    // Its queue comes to be: sent again, it arrives, once, and under its id.
    await publisher.publish(defineQueue<string>('nowhere'), 'first');
    expect(await publisher.retry([aside?.position ?? ''])).toBe(1);
    await until(opened, () => expect(publisher.health()).toMatchObject({ depth: 0, setAside: 0 }));
    expect(idsIn(opened, 'nowhere')).toContain('lost');
    expect(await publisher.retry([aside?.position ?? ''])).toBe(0);
  });

  test('listSetAside() goes by pages, and discard() deletes for good', async () => {
    const opened = await open({ retryDelaysMs: [] });
    const { publisher } = opened;
    for (const messageId of numbered(5)) {
      await publisher.publishTo({ exchange: '', routingKey: 'nowhere' }, Buffer.from('x'), { messageId });
    }
    await until(opened, () => expect(publisher.health().setAside).toBe(5));
    const first = await publisher.listSetAside({ limit: 3 });
    const rest = await publisher.listSetAside({ after: first.at(-1)?.position ?? '' });
    expect([...first, ...rest].map(({ messageId }) => messageId)).toEqual(numbered(5));
    expect(await publisher.discard(first.map(({ position }) => position))).toBe(3);
    expect(await publisher.listSetAside()).toHaveLength(2);
    await expect(publisher.discard(['nonsense'])).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
  });

  test('[maxAgeMs] sets aside what waited too long, on its way or not, and drops nothing', async () => {
    const opened = await open({ maxAgeMs: 1_000, maxUnconfirmed: 3 });
    const { publisher, broker } = opened;
    await publisher.publish(orders, 'declares the queue');
    await until(opened, () => expect(publisher.health().depth).toBe(0));
    broker.blackhole(); // the first three are handed over, and cannot be confirmed
    await publishAll(publisher, numbered(10));
    away(opened);
    await until(opened, () => expect(publisher.health()).toMatchObject({ depth: 0, setAside: 10 }), 100);
    const aside = await publisher.listSetAside();
    expect(aside.map(({ messageId, reason }) => `${messageId} ${reason}`)).toEqual(
      numbered(10).map((id) => `${id} expired`),
    );
    broker.heal();
    await until(opened, () => expect(publisher.health().phase).toBe('forwarding'));
    await publisher.retry(aside.map(({ position }) => position));
    await until(opened, () => expect(publisher.health()).toMatchObject({ depth: 0, setAside: 0 }));
    expect(new Set(idsIn(opened).slice(1))).toEqual(new Set(numbered(10)));
  });
});

describe('the bounds of a spool', () => {
  test.each([
    ['maxMessages', { maxMessages: 3 }],
    ['maxBytes', { maxBytes: 50 }],
  ])('[%s] above it a call is refused and nothing of it is stored; what is stored stays', async (_what, bound) => {
    const opened = await open(bound);
    const { publisher } = opened;
    away(opened);
    await publishAll(publisher, numbered(3));
    const refused = publisher.publish(orders, 'body of m-4', { messageId: 'm-4' });
    await expect(refused).rejects.toMatchObject({ code: 'SUREHOP_SPOOL_FULL', retryable: true });
    await expect(refused).rejects.toThrow('3 messages wait in it and 0 are set aside');
    opened.broker.heal();
    await until(opened, () => expect(publisher.health().depth).toBe(0));
    expect(idsIn(opened)).toEqual(numbered(3));
  });

  test('[whenFull] wait: a call waits for room, in order, within its deadline', async () => {
    const opened = await open({ maxMessages: 2, whenFull: 'wait' });
    const { publisher } = opened;
    away(opened);
    await publishAll(publisher, numbered(2));
    const late = publisher.publish(orders, 'late', { deadlineMs: 20 });
    const waiting = publishAll(publisher, numbered(6).slice(2));
    await Promise.all([
      expect(late).rejects.toMatchObject({ code: 'SUREHOP_SPOOL_FULL' }),
      until(opened, () => expect(publisher.health()).toMatchObject({ depth: 2, waiting: 4 })),
    ]);
    opened.broker.heal();
    await Promise.all([
      waiting,
      until(opened, () => expect(publisher.health()).toMatchObject({ depth: 0, waiting: 0 })),
    ]);
    expect(idsIn(opened)).toEqual(numbered(6));
  });

  test('full of what is set aside, a message still goes to a broker that is there', async () => {
    const opened = await open({ maxMessages: 1, retryDelaysMs: [] });
    const { publisher } = opened;
    await publisher.publishTo({ exchange: '', routingKey: 'nowhere' }, Buffer.from('x'));
    await until(opened, () => expect(publisher.health()).toMatchObject({ depth: 0, setAside: 1 }));
    const sent = publisher.publish(orders, 'x');
    await until(opened, () => expect(opened.broker.queues()).toContain('orders'));
    expect(await sent).toMatchObject({ storedBy: 'broker' });
    away(opened);
    await until(opened, () => expect(publisher.health().phase).toBe('waiting'));
    await expect(publisher.publish(orders, 'x')).rejects.toMatchObject({ code: 'SUREHOP_SPOOL_FULL' });
  });

  test('[maxWaiting] calls that wait for the disk are bounded', async () => {
    const { publisher } = await open({ maxWaiting: 3 });
    const results = await Promise.allSettled(
      numbered(5).map((messageId) => publisher.publish(orders, 'x', { messageId })),
    );
    expect(results.map((result) => (result.status === 'fulfilled' ? 'stored' : result.reason.code))).toEqual([
      ...['stored', 'stored', 'stored', 'SUREHOP_PUBLISHER_FULL', 'SUREHOP_PUBLISHER_FULL'],
    ]);
  });
});

describe('bad input of a spool', () => {
  test('a message id used for another body or address is refused, in memory, in the file and after it was sent', async () => {
    const opened = await open();
    const { publisher } = opened;
    const reused = { code: 'SUREHOP_MESSAGE_ID_REUSED', retryable: false };
    const publish = (body: string, to = orders) => publisher.publish(to, body, { messageId: 'one' });
    away(opened);
    const [first, again, other] = await Promise.allSettled([publish('a'), publish('a'), publish('b')]);
    expect([first, again]).toMatchObject([{ value: { storedBy: 'disk' } }, { value: { storedBy: 'disk' } }]);
    expect(other).toMatchObject({ reason: reused });
    await publish('a'); // the file has it
    await expect(publish('b')).rejects.toMatchObject(reused);
    await expect(publish('a', defineQueue('elsewhere'))).rejects.toMatchObject(reused);
    expect(publisher.health().depth).toBe(1);
    opened.broker.heal();
    await until(opened, () => expect(publisher.health().depth).toBe(0));
    await expect(publish('b')).rejects.toMatchObject(reused);
    expect(idsIn(opened)).toEqual(['one']);
  });

  test('a body that does not fit its schema, at once or later, is refused before anything is stored', async () => {
    const { publisher } = await open();
    const at = defineQueue('checked', { schema: z.object({ total: z.number() }) });
    const later = defineQueue('later', { schema: z.string().refine(async (text) => text === 'good') });
    // @ts-expect-error a total is a number
    await expect(publisher.publish(at, { total: 'x' })).rejects.toMatchObject({ code: 'SUREHOP_BODY_INVALID' });
    await expect(publisher.publish(later, 'bad')).rejects.toMatchObject({ code: 'SUREHOP_BODY_INVALID' });
    await expect(publisher.publish(orders, 1n as never)).rejects.toMatchObject({ code: 'SUREHOP_BODY_UNENCODABLE' });
    const signal = { signal: AbortSignal.abort() };
    await expect(publisher.publish(orders, 'x', signal as object)).rejects.toMatchObject({
      code: 'SUREHOP_OPTION_INVALID',
    });
    expect(publisher.health()).toMatchObject({ depth: 0, commits: 0, waiting: 0 });
    expect(await publisher.publish(later, 'good')).toMatchObject({ messageId: expect.any(String) });
  });

  test('a wrong option, a closed connection', async () => {
    const opened = await open();
    const create = (options: object) => createSpoolingPublisher(opened.rabbit, options as SpoolOptions);
    for (const options of [
      {},
      { file: '' },
      { file: ':memory:' },
      { file: 'x', maxAge: 1 },
      { file: 'x', whenFull: 'drop' },
    ]) {
      await expect(create(options)).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    }
    await opened.rabbit.close({ timeoutMs: 0 });
    await expect(create({ file: join(folder(), 'spool') })).rejects.toMatchObject({ code: 'SUREHOP_CLOSED' });
  });
});

describe('the end of a spool', () => {
  test('comes with its connection’s, and leaves in the file what was not sent', async () => {
    const opened = await open();
    away(opened);
    await publishAll(opened.publisher, numbered(3));
    expect(opened.rabbit.health().publishers).toMatchObject([{ file: opened.file, depth: 3 }]);
    await Promise.all([opened.rabbit.close({ timeoutMs: 100 }), opened.broker.advanceBy(3_000)]);
    expect(opened.publisher.health().phase).toBe('closed');
    await expect(opened.publisher.publish(orders, 'x')).rejects.toMatchObject({ code: 'SUREHOP_CLOSED' });
    const next = await open({ file: opened.file });
    await until(next, () => expect(next.publisher.health().depth).toBe(0));
    expect(idsIn(next)).toEqual(numbered(3));
  });

  test('a connection that fails for good leaves a spool that stores, and says so', async () => {
    const { log, lines } = keepingLogger();
    const rabbit = connect({ url: 'amqp://127.0.0.1:1', log });
    await using publisher = await createSpoolingPublisher(rabbit, { file: join(folder(), 'spool'), log });
    expect(await publisher.publish(orders, 'x')).toMatchObject({ storedBy: 'disk' });
    await eventually(() => expect(lines.map(({ message }) => message)).toContain('a spool has no connection'));
  });

  test('[reportEveryMs] what waits is logged again and again', async () => {
    const opened = await open({ reportEveryMs: 20 });
    away(opened);
    await publishAll(opened.publisher, numbered(2));
    await until(opened, () => {
      const reports = opened.lines.filter(({ message }) => message === 'messages are in the spool');
      expect(reports.length).toBeGreaterThan(1);
      expect(reports.at(-1)?.fields).toMatchObject({ depth: 2, setAside: 0, sentPerSecond: 0, phase: 'waiting' });
    });
  });
});
