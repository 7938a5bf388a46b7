import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { createConsumer } from '@surehop/consumer';
import { internalsOf } from '@surehop/core/internal';
import {
  createSpoolingPublisher,
  type SpoolingPublisher,
  type SpoolOptions,
  type SpoolPublishOptions,
} from '@surehop/outbox';
import { createPublisher, defineExchange, defineQueue, defineStream, type Rabbit } from '@surehop/publisher';
import { createTestBroker, eventually, type TestBroker } from '@surehop/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { SpoolChild } from './spool-child.ts';
import { folder } from './spool-file.ts';

const orders = defineQueue<string>('orders', { retry: { delaysMs: [] } });
const day = 86_400_000;

/** A process with a spool, on a broker whose time can be moved on. */
interface Opened {
  readonly broker: TestBroker;
  readonly rabbit: Rabbit;
  readonly publisher: SpoolingPublisher;
  /** Message ids and when they came, by the broker's time. */
  readonly seen: { readonly id: string | undefined; readonly at: number }[];
  now(): number;
}

async function open(file: string, broker: TestBroker, options: Partial<SpoolOptions> = {}): Promise<Opened> {
  const { log } = keepingLogger();
  const rabbit = await broker.connect({ log });
  const publisher = await createSpoolingPublisher(rabbit, { ...options, file });
  onTestFinished(async () => {
    await publisher.close({ timeoutMs: 0 });
    await broker.close();
  });
  const { clock } = internalsOf(rabbit).effects;
  const seen: { id: string | undefined; at: number }[] = [];
  await createConsumer(rabbit, orders, ({ properties }) => {
    seen.push({ id: properties.messageId, at: clock.epochMs() });
  });
  return { broker, rabbit, publisher, seen, now: () => clock.epochMs() };
}

async function until({ broker }: Opened, check: () => void | Promise<void>, stepMs = 50): Promise<void> {
  await eventually(async () => {
    await broker.advanceBy(stepMs);
    await check();
  }, 8_000);
}

function away({ broker }: Opened): void {
  broker.refuse();
  broker.cut();
}

const newFile = (): string => join(folder(), 'spool');

describe('a spooled message with a delay', () => {
  test('leaves the spool at once, waits in the broker, and comes when its time is up', async () => {
    const opened = await open(newFile(), createTestBroker());
    const { publisher, seen } = opened;
    const from = opened.now();
    await publisher.publish(orders, 'x', { messageId: 'delayed', delayMs: 8_000 });
    await publisher.publish(orders, 'x', { messageId: 'dated', at: new Date(from + 4_000) });
    await publisher.publish(orders, 'x', { messageId: 'past', at: new Date(from - day) });
    await publisher.publish(orders, 'x', { messageId: 'no delay', delayMs: 0 });
    await until(opened, () => expect(publisher.health().depth).toBe(0));
    expect(opened.now()).toBeLessThan(from + 4_000);
    await until(opened, () => expect(seen).toHaveLength(4));
    expect(seen.map(({ id }) => id)).toEqual(['past', 'no delay', 'dated', 'delayed']);
    expect((seen[2]?.at ?? 0) - from).toBeGreaterThanOrEqual(4_000);
    expect((seen[3]?.at ?? 0) - from).toBeGreaterThanOrEqual(8_000);
    expect((seen[3]?.at ?? 0) - from).toBeLessThan(9_500);
  });

  test('waits for what is left when the broker was away, or comes at once', async () => {
    const opened = await open(newFile(), createTestBroker());
    const { publisher, seen, broker } = opened;
    away(opened);
    const from = opened.now();
    await publisher.publish(orders, 'x', { messageId: 'left', delayMs: 20_000 });
    await publisher.publish(orders, 'x', { messageId: 'over', delayMs: 5_000 });
    await broker.advanceBy(12_000);
    broker.heal();
    await until(opened, () => expect(seen).toHaveLength(1), 100);
    expect(seen[0]?.id).toBe('over');
    expect(opened.now() - from).toBeLessThan(20_000);
    await until(opened, () => expect(seen).toHaveLength(2), 100);
    expect((seen[1]?.at ?? 0) - from).toBeGreaterThanOrEqual(20_000);
    expect((seen[1]?.at ?? 0) - from).toBeLessThan(22_000);
  });

  test('goes on waiting from one process to the next, to a queue and to an exchange', async () => {
    const file = newFile();
    const broker = createTestBroker();
    const events = defineExchange<string>('events', { type: 'topic' });
    const bound = defineQueue<string>('bound', { bindTo: [{ exchange: events, routingKey: 'order.*' }] });
    const before = await open(file, broker);
    await createPublisher(before.rabbit).publish(bound, 'declares it');
    away(before);
    const from = before.now();
    const headers = { bytes: Buffer.from([1]), 'surehop-delay-3': 1 };
    await before.publisher.publish(orders, 'x', { messageId: 'm', delayMs: 20_000, headers });
    await before.publisher.publish(events, 'y', { messageId: 'n', delayMs: 20_000, routingKey: 'order.paid' });
    await before.publisher.close();
    await broker.advanceBy(10_000);
    broker.heal();
    const after = await open(file, broker);
    await until(after, () => expect([...before.seen, ...after.seen]).toHaveLength(1), 100);
    const [{ at = 0 } = {}] = [...before.seen, ...after.seen];
    expect(at - from).toBeGreaterThanOrEqual(20_000);
    expect(at - from).toBeLessThan(22_000);
    await until(after, () => expect(broker.messages('bound').map(({ body }) => body)).toContain('y'));
  });

  test('stored by a process that was killed before it could publish it comes when its time is up', async () => {
    const file = newFile();
    const assignment = { file, together: 1, pauseMs: 600_000, bodyBytes: 10, delayMs: 20_000 };
    const before = Date.now();
    await using child = new SpoolChild(assignment);
    await eventually(() => expect(child.stored, child.stderr).toEqual(['m-1']), 20_000);
    await child.kill();
    const storedAt = Date.now();
    const opened = await open(file, createTestBroker());
    await until(opened, () => expect(opened.publisher.health().depth).toBe(0));
    expect(opened.seen).toEqual([]);
    await until(opened, () => expect(opened.seen.map(({ id }) => id)).toEqual(['m-1']), 100);
    expect(opened.seen[0]?.at).toBeGreaterThanOrEqual(before + 20_000);
    expect(opened.seen[0]?.at).toBeLessThan(storedAt + 22_000);
  });

  test('waits no longer than it was to, when the clock was set back between two processes', async () => {
    const file = newFile();
    const fast = createTestBroker();
    await fast.advanceBy(day);
    const before = await open(file, fast);
    away(before);
    await before.publisher.publish(orders, 'x', { messageId: 'm', delayMs: 5_000 });
    await before.publisher.close();
    const after = await open(file, createTestBroker()); // a day earlier
    const from = after.now();
    await until(after, () => expect(after.seen).toHaveLength(1), 100);
    expect(after.now() - from).toBeLessThan(7_000);
  });

  test('that was set aside says when it was to come, and comes then when it is sent again before', async () => {
    const opened = await open(newFile(), createTestBroker(), { maxAgeMs: 1_000 });
    const { publisher, broker, seen } = opened;
    away(opened);
    const from = opened.now();
    await publisher.publish(orders, 'x', { messageId: 'm', delayMs: 20_000, properties: { type: 't' } });
    await until(opened, () => expect(publisher.health()).toMatchObject({ depth: 0, setAside: 1 }), 100);
    const [aside] = await publisher.listSetAside();
    expect(aside?.properties).toMatchObject({ type: 't' });
    expect(aside?.properties).not.toHaveProperty('deliverAt');
    expect(Math.abs((aside?.deliverAt?.getTime() ?? 0) - from - 20_000)).toBeLessThan(1_000);
    broker.heal();
    await until(opened, () => expect(publisher.health().phase).toBe('forwarding'));
    await publisher.retry([aside?.position ?? '']);
    await until(opened, () => expect(seen).toHaveLength(1), 100);
    expect((seen[0]?.at ?? 0) - from).toBeGreaterThanOrEqual(20_000);
  });

  const log = defineStream<string>('log', { keepForever: true });
  test.each<[string, object, typeof orders | typeof log]>([
    ['negative', { delayMs: -1 }, orders],
    ['fractional', { delayMs: 0.5 }, orders],
    ['too long', { delayMs: 366 * day + 1 }, orders],
    ['too far ahead', { at: new Date(Date.now() + 367 * day) }, orders],
    ['no date', { at: 'tomorrow' }, orders],
    ['both', { delayMs: 1, at: new Date() }, orders],
    ['an expiration', { delayMs: 1, properties: { expiration: '5' } }, orders],
    ['copies', { delayMs: 1, headers: { CC: ['other'] } }, orders],
    ['a sequence', { delayMs: 1, sequence: true }, orders],
    ['a stream', { delayMs: 1 }, log],
  ])('is refused, and not stored: %s', async (_, when, to) => {
    const opened = await open(newFile(), createTestBroker());
    const refused = opened.publisher.publish(to as typeof orders, 'x', when as SpoolPublishOptions);
    await expect(refused).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
    expect(opened.publisher.health()).toMatchObject({ depth: 0, waiting: 0, setAside: 0 });
  });
});

/** As the first release wrote it. */
const firstTables = `
PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = ${0x53_48_53_50};
BEGIN;
CREATE TABLE contracts (key TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE messages (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, contract TEXT, exchange TEXT NOT NULL,
  routing_key TEXT NOT NULL, properties TEXT NOT NULL, headers TEXT, accepted_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
  due_at INTEGER, bytes INTEGER NOT NULL, checksum INTEGER NOT NULL, content BLOB NOT NULL);
CREATE UNIQUE INDEX messages_id ON messages (id);
CREATE INDEX messages_due ON messages (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE set_aside (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, contract TEXT, exchange TEXT NOT NULL,
  routing_key TEXT NOT NULL, properties TEXT NOT NULL, headers TEXT, accepted_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
  due_at INTEGER, bytes INTEGER NOT NULL, checksum INTEGER NOT NULL, set_aside_at INTEGER NOT NULL, reason TEXT NOT NULL,
  code TEXT NOT NULL, error TEXT NOT NULL, content BLOB NOT NULL);
CREATE INDEX set_aside_id ON set_aside (id);
PRAGMA user_version = 1; COMMIT;`;
const columns =
  'seq, id, contract, exchange, routing_key, properties, headers, accepted_at, attempts, due_at, bytes, checksum, content';

describe('the file of a release that knew no delays', () => {
  test('is read and sent as it is, and takes delayed messages', async () => {
    const file = newFile();
    const db = new DatabaseSync(file);
    db.exec(firstTables);
    const properties = '{"contentType":"application/json","deliveryMode":2,"timestamp":1}';
    const content = Buffer.from('"old"');
    const contract =
      '{"kind":"queue","name":"orders","retry":{"delaysMs":[]},"deliveryLimit":50,"type":"quorum","bindTo":[]}';
    db.prepare('INSERT INTO contracts VALUES (?, ?)').run('queue orders', contract);
    const add = (table: string, seq: number, id: string, more: readonly (string | number)[]): void => {
      const words = JSON.stringify([id, 'queue orders', '', 'orders', properties, null]);
      const row = [seq, id, 'queue orders', '', 'orders', properties, null, 1, 0, null, content.length];
      const names = table === 'messages' ? columns : `${columns}, set_aside_at, reason, code, error`;
      const marks = names.replaceAll(/\w+/g, '?');
      const values = [...row, crc32(content, crc32(words)), content, ...more];
      db.prepare(`INSERT INTO ${table} (${names}) VALUES (${marks})`).run(...values);
    };
    add('messages', 1, 'old-1', []);
    add('messages', 2, 'old-2', []);
    add('set_aside', 3, 'old-3', [2, 'refused', 'SUREHOP_UNROUTABLE', 'no queue']);
    db.close();

    const opened = await open(file, createTestBroker(), { maxAgeMs: 100 * 365 * day });
    const { publisher, seen } = opened;
    const from = opened.now();
    await publisher.publish(orders, 'new', { messageId: 'new', delayMs: 3_000 });
    await until(opened, () => expect(seen.map(({ id }) => id)).toEqual(['old-1', 'old-2', 'new']));
    expect((seen[2]?.at ?? 0) - from).toBeGreaterThanOrEqual(3_000);
    expect(publisher.health().damage).toEqual([]);
    const [aside] = await publisher.listSetAside();
    expect(aside).toMatchObject({ messageId: 'old-3', deliverAt: undefined, properties: { timestamp: 1 } });
    await publisher.retry([aside?.position ?? '']);
    await until(opened, () => expect(seen.map(({ id }) => id)).toContain('old-3'));
  });

  test('and that release sets a delayed message aside, for it has a property that no publish takes', async () => {
    const opened = await open(newFile(), createTestBroker());
    const refused = createPublisher(opened.rabbit).publish(orders, 'x', { properties: { deliverAt: 1 } as object });
    await expect(refused).rejects.toMatchObject({ code: 'SUREHOP_OPTION_INVALID' });
  });
});
