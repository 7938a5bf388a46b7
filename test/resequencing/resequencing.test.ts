import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createConsumer, defineQueue, memoryPositionStore, type ReceivedMessage } from '@surehop/consumer';
import { migrate, openSequenceFile, postgresPositions } from '@surehop/outbox';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, attachPostgres, eventually, type Vhost } from '@surehop/testing';
import { afterAll, expect, inject, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { stage } from '../consuming/stage.ts';
import { onChannel } from '../dead-letters/queues.ts';
import { lent, poolOf } from '../outbox/stage.ts';

const broker = attachBroker(inject('broker'));
const postgres = attachPostgres(inject('postgres'));
afterAll(async () => {
  await broker.close();
  await postgres.close();
});

const orders = defineQueue<number>('orders', { retry: { delaysMs: [100, 200] } });
/** As a handler that heeds its signal. */
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

/** As a publisher with `sequence` does, in this order. */
function sendNumbered(vhost: Vhost, queue: string, numbers: readonly number[]): Promise<void> {
  return onChannel(vhost, async (channel) => {
    for (const number of numbers) {
      const headers = { 'surehop-sequence': number, 'surehop-sequence-key': 'k' };
      const options = { persistent: true, contentType: 'application/json', messageId: `m-${number}`, headers };
      channel.sendToQueue(queue, Buffer.from(JSON.stringify(number)), options);
    }
    await channel.waitForConfirms();
  });
}

const counted = (to: number): number[] => Array.from({ length: to }, (_, index) => index + 1);

test('40 messages in a random order, some twice, some failing, through lost connections: handled in their order', async () => {
  await using on = await stage(broker);
  const numbers = counted(40).toSorted(() => Math.random() - 0.5);
  const handled: number[] = [];
  await using _consumer = await createConsumer(
    on.rabbit,
    orders,
    ({ body, attempt }) => {
      if (body % 10 === 0 && attempt === 1) throw new Error('not yet');
      handled.push(body);
    },
    { resequence: { maxGapMs: 20_000, maxBuffered: 100 } },
  );
  for (const from of [0, 15, 30]) {
    const some = numbers.slice(from, from + 15);
    await sendNumbered(on.vhost, 'orders', [...some, ...some.slice(0, 3)]);
    if (from < 30) on.proxy.cut();
  }
  await eventually(() => expect(handled.at(-1)).toBe(40), 20_000);
  expect([...new Set(handled)]).toEqual(counted(40));
  expect(handled).toEqual(handled.toSorted((one, other) => one - other));
  await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
  expect(await on.vhost.messages('orders.dead-letter')).toBe(0);
});

test('a second consumer goes on where the first one was closed, by the positions in PostgreSQL', async () => {
  await using on = await stage(broker);
  const database = await postgres.database();
  const pool = poolOf(database);
  try {
    await using setUp = await lent(pool);
    await migrate(setUp.client);
    const options = { resequence: { maxGapMs: 20_000, maxBuffered: 50, store: postgresPositions(pool) } };
    const publisher = createPublisher(on.rabbit);
    const ids = new Map<number, number>();
    await publisher.publishMany(orders, counted(60), { sequence: 'k' });
    const handled: number[] = [];
    const handle = async ({ body, signal }: { body: number; signal: AbortSignal }): Promise<void> => {
      if (body === 30 && !ids.has(30)) {
        ids.set(30, 0);
        return aborted(signal);
      }
      ids.set(body, (ids.get(body) ?? 0) + 1);
      handled.push(body);
    };
    const first = await connect({ url: on.vhost.url(on.proxy.port), log: keepingLogger().log });
    await createConsumer(first, orders, handle, options);
    await eventually(() => expect(ids.has(30)).toBe(true));
    await first.close({ timeoutMs: 0 });
    expect(handled).toEqual(counted(29));
    await using _consumer = await createConsumer(on.rabbit, orders, handle, options);
    await eventually(() => expect(ids.size).toBe(60), 20_000);
    expect([...new Set(handled)]).toEqual(counted(60));
    await eventually(async () => {
      const { rows } = await pool.query('SELECT position::int FROM surehop.position');
      expect(rows).toEqual([{ position: 60 }]);
    });
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
    expect(await on.vhost.messages('orders.dead-letter')).toBe(0);
  } finally {
    await pool.end();
    await database.close();
  }
});

test('of a single active consumer that is cut off, the next one takes over in the order of the numbers', async () => {
  await using on = await stage(broker);
  const args = { 'x-queue-type': 'quorum', 'x-single-active-consumer': true };
  await onChannel(on.vhost, (channel) => channel.assertQueue('ledger', { arguments: args }));
  const options = { resequence: { maxGapMs: 20_000, store: memoryPositionStore() } };
  const handled: { readonly by: string; readonly number: number }[] = [];
  let isCut = false;
  const handledBy =
    (by: string) =>
    async (message: ReceivedMessage<Uint8Array>): Promise<void> => {
      const number = Number(Buffer.from(message.body).toString());
      if (number === 20 && !isCut) {
        isCut = true;
        on.proxy.cut();
        return aborted(message.signal);
      }
      handled.push({ by, number });
    };
  const ledger = { queue: 'ledger', raw: true } as const;
  const standby = await connect({ url: on.vhost.url(), log: keepingLogger().log });
  try {
    await createConsumer(on.rabbit, ledger, handledBy('first'), options);
    await createConsumer(standby, ledger, handledBy('standby'), options);
    const numbers = counted(40).toSorted(() => Math.random() - 0.5);
    await sendNumbered(on.vhost, 'ledger', numbers);
    await eventually(() => expect(handled.at(-1)?.number).toBe(40), 20_000);
    expect([...new Set(handled.map(({ number }) => number))]).toEqual(counted(40));
    expect(handled.find(({ number }) => number === 20)?.by).toBe('standby');
  } finally {
    await standby.close();
  }
});

test('numbers of an SQLite file go on after a restart, and the same id has the same number', async () => {
  await using on = await stage(broker);
  const folder = await mkdtemp(join(tmpdir(), 'surehop-sequences-'));
  try {
    const handled: string[] = [];
    await using _consumer = await createConsumer(
      on.rabbit,
      orders,
      ({ body, headers }) => {
        handled.push(`${body} as ${String(headers['surehop-sequence'])}`);
      },
      { resequence: { maxGapMs: 20_000 } },
    );
    for (const bodies of [
      [1, 2],
      [2, 3],
    ]) {
      using file = openSequenceFile(join(folder, 'sequences'));
      const publisher = createPublisher(on.rabbit, { sequences: file.sequences });
      for (const body of bodies) await publisher.publish(orders, body, { sequence: true, messageId: `m-${body}` });
      await publisher.close();
    }
    await eventually(() => expect(handled).toEqual(['1 as 1', '2 as 2', '3 as 3']));
    await eventually(async () => expect(await on.vhost.messages('orders')).toBe(0));
  } finally {
    await rm(folder, { recursive: true });
  }
});
