import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { eventually } from '@surehop/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client, Open } from './client.ts';
import { NullConnection } from './null-broker/connection.ts';
import { Delivering } from './null-broker/delivering.ts';

let server: Server;
beforeAll(async () => {
  server = createServer({ noDelay: true }, (socket) => new NullConnection(socket, 256)).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

async function open(file: string, prefetch: number): Promise<Client> {
  const { port } = server.address() as AddressInfo;
  const library = (await import(`./libraries/${file}.ts`)) as { open: Open };
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  return library.open({ url, queues: ['anything'], queueType: 'quorum', prefetch, inFlight: 1_000 });
}

describe.each(['amqplib', 'surehop'])('%s', (library) => {
  test('has every publish confirmed, whole chunks at once', async () => {
    const client = await open(library, 1);
    const publishes = Array.from({ length: 1_000 }, () => client.publish('anything', Buffer.alloc(256)));
    await expect(Promise.all(publishes)).resolves.toHaveLength(1_000);
    await client.publish('anything', Buffer.alloc(200_000)); // a body of two frames
    await client.close();
  });

  test('never has more in hand than its prefetch, and never runs dry', async () => {
    const client = await open(library, 20);
    let [handled, inHand, most] = [0, 0, 0];
    await client.consume('anything', async (body) => {
      inHand += 1;
      most = Math.max(most, inHand);
      await new Promise(setImmediate);
      inHand -= 1;
      handled += body.length === 256 ? 1 : 0;
    });
    await eventually(() => expect(handled).toBeGreaterThan(1_000));
    expect(most).toBe(20);
    await client.close();
  });
});

describe('an endless backlog', () => {
  /** How many messages a batch has: each is as long as the first alone. */
  function counting(prefetch: number): { backlog: Delivering; next: () => number } {
    const one = new Delivering(1, 'tag', 'queue', 1, 256).next()?.length ?? 0;
    const backlog = new Delivering(1, 'tag', 'queue', prefetch, 256);
    return { backlog, next: () => (backlog.next()?.length ?? 0) / one };
  }

  test('gives as many as were acknowledged, one by one in any order or up to one of them', () => {
    const { backlog, next } = counting(5);
    expect([next(), next()]).toEqual([5, 0]);
    backlog.acknowledge(3, false);
    backlog.acknowledge(5, false);
    expect([next(), next()]).toEqual([2, 0]);
    backlog.acknowledge(4, true); // 1, 2 and 4: 3 was acknowledged before
    expect([next(), next()]).toEqual([3, 0]);
    backlog.acknowledge(10, true);
    expect(next()).toBe(5);
  });
});
