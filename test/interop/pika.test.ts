import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect, createConsumer, defineQueue, type Rabbit } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { pythonWithPika } from '@surehop/testing/internal';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { surehop } from '../cli/command.ts';
import { keepingLogger } from '../connection/lines.ts';

const worker = fileURLToPath(new URL('./worker.py', import.meta.url));
const orders = defineQueue<{ n: number; fail?: number | string }>('orders', { retry: { delaysMs: [200, 400] } });

const log = (line: string): void => void process.stderr.write(`${line}\n`);
const python = await pythonWithPika(log).catch((error: Error) => {
  if (process.env.REQUIRE_BROKER === '1') throw error;
  log(`${error.message}\nWhat needs a client in Python is skipped.`);
  return undefined;
});

const broker = attachBroker(inject('broker'));
let folder: string;
let vhost: Vhost;
let rabbit: Rabbit;
let env: Record<string, string>;

beforeAll(async () => {
  vhost = await broker.vhost();
  folder = await mkdtemp(join(tmpdir(), 'surehop-pika-'));
  env = { AMQP_URL: vhost.url(), PATH: process.env.PATH ?? '', XDG_STATE_HOME: folder };
  rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  // The first publish declares what the contract describes.
  await createPublisher(rabbit).publish(orders, { n: 0 }, { messageId: 'first' });
  await surehop(['consume', 'orders', '--limit', '1'], { env });
});
afterAll(async () => {
  try {
    await rabbit.close();
  } finally {
    await rm(folder, { recursive: true });
    await broker.close();
  }
});

/** Handles so many deliveries in Python; what it says of each. */
async function handledInPython(count: number): Promise<unknown[]> {
  const { stdout } = await promisify(execFile)(python ?? '', [worker, 'consume', 'orders', String(count)], {
    env,
    timeout: 20_000,
  });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function publishedInPython(messages: readonly { readonly id: string; readonly body: unknown }[]): Promise<void> {
  const child = spawn(python ?? '', [worker, 'publish', 'orders'], { env, stdio: ['pipe', 'ignore', 'pipe'] });
  const [errors] = [text(child.stderr), child.stdin.end(messages.map((one) => `${JSON.stringify(one)}\n`).join(''))];
  const [code] = (await once(child, 'exit')) as [number | null];
  expect([code, await errors]).toEqual([0, '']);
}

describe.skipIf(python === undefined)('pika', () => {
  test('publishes to a queue of ours; a consumer of ours handles it, headers and all', async () => {
    await publishedInPython([{ id: 'py-1', body: { n: 1 } }]);
    const seen: unknown[] = [];
    const consumer = await createConsumer(rabbit, orders, ({ body, headers, properties }) => {
      const { tenant, count, tags } = headers;
      seen.push({ body, id: properties.messageId, tenant, count, tags });
    });
    await eventually(() => expect(seen).toHaveLength(1));
    await consumer.close();
    expect(seen).toEqual([{ body: { n: 1 }, id: 'py-1', tenant: 'acme', count: 3, tags: ['a', 'b'] }]);
  });

  test('consumes what is published by us', async () => {
    await createPublisher(rabbit).publish(orders, { n: 2 }, { messageId: 'js-1', headers: { tenant: 'acme' } });
    expect(await handledInPython(1)).toEqual([{ id: 'js-1', attempt: 1, outcome: 'done' }]);
  });

  test('takes part in the retries: its failures count, and either side goes on where the other stopped', async () => {
    await createPublisher(rabbit).publish(orders, { n: 3, fail: 1 }, { messageId: 'both' });
    expect(await handledInPython(1)).toEqual([{ id: 'both', attempt: 1, outcome: 'retried' }]);
    const attempts: number[] = [];
    const consumer = await createConsumer(rabbit, orders, ({ attempt }) => {
      attempts.push(attempt);
      throw new TypeError('it fails here too');
    });
    await eventually(() => expect(attempts).toEqual([2]), 10_000);
    await consumer.close();
    expect(await handledInPython(1)).toEqual([{ id: 'both', attempt: 3, outcome: 'done' }]);
  });

  test('what it gives up is a dead letter that `surehop dlq` shows and replays', async () => {
    await publishedInPython([
      { id: 'py-2', body: { n: 4, fail: 9 } },
      { id: 'py-3', body: { n: 5, fail: 'for good' } },
    ]);
    const outcomes = await handledInPython(4);
    expect(outcomes).toEqual(
      expect.arrayContaining([
        { id: 'py-3', attempt: 1, outcome: 'dead' },
        { id: 'py-2', attempt: 3, outcome: 'dead' },
      ]),
    );
    const list = await surehop(['dlq', 'list', 'orders', '--json'], { env });
    const byId = Object.fromEntries((JSON.parse(list.stdout) as { id: string }[]).map((one) => [one.id, one]));
    expect(byId['py-2']).toMatchObject({
      failure: { source: 'surehop', reason: 'failed', queue: 'orders', attempts: 3, error: { name: 'TimeoutError' } },
      headers: { tenant: 'acme' },
      body: { n: 4, fail: 9 },
    });
    expect(byId['py-3']).toMatchObject({ failure: { reason: 'dead-letter', attempts: 1 } });
    const shown = await surehop(['dlq', 'show', 'orders', 'py-2'], { env });
    expect(shown.stdout.match(/no answer after \d+ ms \[worker\.py\]/g)).toEqual([
      'no answer after 300 ms [worker.py]',
      'no answer after 200 ms [worker.py]',
      'no answer after 100 ms [worker.py]',
    ]);
    const replayed = await surehop(['dlq', 'replay', 'orders', '--id', 'py-2', '--yes'], { env });
    expect(replayed.code).toBe(0);
    expect(await handledInPython(1)).toEqual([{ id: 'py-2', attempt: 1, outcome: 'retried' }]);
  });
});
