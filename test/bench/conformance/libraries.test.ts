import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Client, Open, Setup } from '../client.ts';
import { libraries } from '../libraries.ts';
import { ladderDelaysMs, workloads } from '../workloads.ts';

const messages = 200;
const prefetch = 20;
const retrying = workloads.find(({ name }) => name === 'retry-throughput')?.libraries ?? [];

const broker = attachBroker(inject('broker'));
let vhost: Vhost;
beforeAll(async () => {
  vhost = await broker.vhost();
});
afterAll(() => broker.close());

async function open(file: string, setup: Pick<Setup, 'queues'> & Partial<Setup>): Promise<Client> {
  const library = (await import(`../libraries/${file}.ts`)) as { open: Open };
  return library.open({ url: vhost.url(), queueType: 'quorum', prefetch, inFlight: messages, ...setup });
}

function numbered(number: number): Buffer {
  const body = Buffer.alloc(256);
  body.writeUInt32BE(number);
  return body;
}

const numberOf = (body: Uint8Array): number => new DataView(body.buffer, body.byteOffset).getUint32(0);

describe.each(libraries)('$name', ({ file, name }) => {
  test('stores what it confirms, persistent, and acknowledges what was handled, no sooner', async () => {
    const queue = vhost.unique(`bench.${name}`);
    const client = await open(file, { queues: [queue] });
    await Promise.all(Array.from({ length: messages }, (_, number) => client.publish(queue, numbered(number))));
    await eventually(async () => expect(await vhost.messages(queue)).toBe(messages), 10_000);
    const [first] = await vhost.get(queue, 1);
    expect(first?.content).toHaveLength(256);
    expect(first?.properties.delivery_mode).toBe(2);

    const handled = new Set<number>();
    const held = Promise.withResolvers<void>();
    await client.consume(queue, async (body) => {
      await held.promise;
      handled.add(numberOf(body));
    });
    expect(await vhost.messages(queue)).toBe(messages); // in hand, and not acknowledged
    held.resolve();
    await eventually(() => expect(handled.size).toBe(messages), 15_000);
    await eventually(async () => expect(await vhost.messages(queue)).toBe(0), 10_000);
    await client.close();
  });
});

describe.each(retrying)('%s', (name) => {
  test('gives a message back after each delay, and leaves nothing', async () => {
    const queue = vhost.unique(`bench.${name}.ladder`, { delaysMs: ladderDelaysMs });
    const client = await open(name, { queues: [queue], retryDelaysMs: ladderDelaysMs });
    const times: number[] = [];
    await client.consume(queue, async () => {
      times.push(performance.now());
      if (times.length <= ladderDelaysMs.length) throw new Error('not this time');
    });
    await client.publish(queue, numbered(0));
    await eventually(() => expect(times).toHaveLength(ladderDelaysMs.length + 1), 10_000);
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.min(...waits)).toBeGreaterThan(95);
    await eventually(async () => expect(await vhost.messages(queue)).toBe(0), 10_000);
    await client.close();
  });
});
