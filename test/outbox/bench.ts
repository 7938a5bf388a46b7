// How fast relay and inbox are here, beside the publisher alone and the handler alone in the same run. Prints a table.
//
//   npm run bench:outbox                      three rounds; broker and database are private ones, with fsync
//   npm run bench:outbox -- --quick           one round, a fifth of the messages
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { createConsumer } from '@surehop/consumer';
import { createInbox, createOutbox, createRelay, defineQueue, postgresOutbox } from '@surehop/outbox';
import { connect, createPublisher, type Rabbit } from '@surehop/publisher';
import { type Broker, eventually, type Postgres, startBroker, startPostgres } from '@surehop/testing';
import type pg from 'pg';
import { keepingLogger } from '../connection/lines.ts';
import { openStore, type Store, transaction } from './stage.ts';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const rounds = values.quick ? 1 : 3;
const messages = values.quick ? 4_000 : 20_000;
const body = { text: 'x'.repeat(256 - '{"text":""}'.length) }; // 256 bytes of JSON
const orders = defineQueue<unknown>('orders');
const inFlight = 1_000;
const concurrency = 20;

interface Round extends AsyncDisposable {
  readonly store: Store;
  readonly rabbit: Rabbit;
}

async function openRound(broker: Broker, postgres: Postgres): Promise<Round> {
  const store = await openStore(postgres, { max: 50 });
  const vhost = await broker.vhost();
  const rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  await createPublisher(rabbit).publish(orders, body); // declares
  return {
    store,
    rabbit,
    async [Symbol.asyncDispose]() {
      await rabbit.close();
      await vhost.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** Per second. */
async function rateOf(count: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (count / (performance.now() - startedAt)) * 1_000;
}

/** Runs it so often, so many at once. */
async function atOnce(count: number, workers: number, one: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (next < count) await one(next++);
    }),
  );
}

async function publisher({ rabbit }: Round): Promise<number> {
  const one = createPublisher(rabbit);
  return rateOf(messages, () => atOnce(messages, inFlight, () => one.publish(orders, body)));
}

async function fill({ store }: Round, count: number, keys: number): Promise<void> {
  const outbox = createOutbox({ notify: false });
  await store.within(async (tx) => {
    await tx.query('CREATE TABLE IF NOT EXISTS purchase (id int)');
    for (let number = 0; number < count; number += 1) {
      await outbox.publish(tx, orders, body, keys === 0 ? {} : { key: `key ${number % keys}` });
    }
  });
  await store.rows('VACUUM ANALYZE');
}

/** How fast so many relays, on one connection each, empty a full outbox. */
async function relays(round: Round, count: number, keys: number, howMany = 1): Promise<number> {
  await fill(round, count, keys);
  return rateOf(count, async () => {
    const all = await Promise.all(
      Array.from({ length: howMany }, () => createRelay(round.rabbit, postgresOutbox(round.store.pool))),
    );
    await eventually(async () => {
      const [row] = await round.store.rows<{ left: boolean }>(
        'SELECT EXISTS (SELECT FROM surehop.outbox WHERE sent_at IS NULL) AS left',
      );
      if (row?.left) throw new Error('some are left');
    }, 120_000);
    for (const one of all) await one.close();
  });
}

/** Transactions that insert one row, with and without a message. */
async function adding({ store }: Round, withMessage: boolean): Promise<number> {
  const outbox = createOutbox();
  await store.rows('CREATE TABLE IF NOT EXISTS purchase (id int)');
  const count = messages / 4;
  const one = async (number: number): Promise<void> => {
    await store.within(async (tx) => {
      await tx.query('INSERT INTO purchase VALUES ($1)', [number]);
      if (withMessage) await outbox.publish(tx, orders, body, { key: `key ${number % 500}` });
    });
  };
  return rateOf(count, () => atOnce(count, concurrency, one));
}

/** How fast a backlog is handled, by a handler that inserts one row in a transaction. */
async function handling(round: Round, withInbox: boolean): Promise<number> {
  const { store, rabbit } = round;
  await store.rows('CREATE TABLE IF NOT EXISTS effect (id text)');
  const one = createPublisher(rabbit);
  const count = messages / 2;
  await atOnce(count, inFlight, () => one.publish(orders, body));
  let handled = 0;
  let done: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const insert = async (tx: pg.PoolClient, id: string | undefined): Promise<void> => {
    await tx.query('INSERT INTO effect VALUES ($1)', [id]);
  };
  const note = (): void => {
    handled += 1;
    if (handled === count) done();
  };
  const inbox = createInbox().handle<unknown, pg.PoolClient>(store.pool, ({ properties }, tx) =>
    insert(tx, properties.messageId),
  );
  const plain = async (id: string | undefined): Promise<void> => {
    const client = await store.pool.connect();
    try {
      await transaction(client, (tx) => insert(tx, id));
    } finally {
      client.release();
    }
  };
  return rateOf(count, async () => {
    const consumer = await createConsumer(
      rabbit,
      orders,
      async (message) => {
        await (withInbox ? inbox(message) : plain(message.properties.messageId));
        note();
      },
      { concurrency },
    );
    await all;
    await consumer.close();
  });
}

const measurements: readonly (readonly [name: string, of: (round: Round) => Promise<number>])[] = [
  ['publisher alone, 1,000 in flight', publisher],
  ['one relay, no key', (round) => relays(round, messages, 0)],
  ['one relay, 5,000 keys', (round) => relays(round, messages, 5_000)],
  ['one relay, 10 keys', (round) => relays(round, messages / 4, 10)],
  ['one relay, a single key', (round) => relays(round, messages / 10, 1)],
  ['two relays, no key', (round) => relays(round, messages, 0, 2)],
  ['transactions of one insert', (round) => adding(round, false)],
  ['the same with a message, 500 keys', (round) => adding(round, true)],
  ['handler with one insert', (round) => handling(round, false)],
  ['the same with the inbox', (round) => handling(round, true)],
];

await using broker = await startBroker({ kind: 'node' });
await using postgres = await startPostgres({ kind: 'server', settings: { fsync: 'on', shared_buffers: '256MB' } });
const figures = new Map<string, number[]>();
for (let round = 0; round < rounds; round += 1) {
  for (const [name, measure] of measurements) {
    await using stage = await openRound(broker, postgres);
    figures.set(name, [...(figures.get(name) ?? []), await measure(stage)]);
  }
}
console.log(
  `${availableParallelism()} cores, RabbitMQ ${broker.version}, PostgreSQL ${postgres.version}, fsync on, 256 B, ${rounds} rounds\n`,
);
console.log('| what | per second, median [lowest..highest] |\n| --- | ---: |');
for (const [name, given] of figures) {
  const sorted = given.toSorted((one, other) => one - other).map((rate) => Math.round(rate / 10) * 10);
  const shown = [sorted[Math.floor(sorted.length / 2)], sorted[0], sorted.at(-1)].map((rate) =>
    rate?.toLocaleString('en'),
  );
  console.log(`| ${name} | ${shown[0]} [${shown[1]}..${shown[2]}] |`);
}
