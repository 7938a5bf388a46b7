import { EventEmitter } from 'node:events';
import { systemEffects } from '@surehop/core/internal';
import { expect, test } from 'vitest';
import { lend } from './lending.ts';
import type { ClientPool, PoolClient } from './queryable.ts';

const { clock } = systemEffects;

class Client extends EventEmitter implements PoolClient {
  released: unknown[] = [];
  async query(): Promise<{ rows: readonly unknown[] }> {
    return { rows: [] };
  }
  release(destroy?: boolean | Error): void {
    this.released.push(destroy);
  }
}

test('a client whose connection ends in the moment in which it comes is no reason to die', async () => {
  const client = new Client();
  const pool = {
    connect: (callback: (error: unknown, client: Client) => void) => {
      callback(undefined, client);
      client.emit('error', new Error('terminating connection due to administrator command'));
    },
  } as unknown as ClientPool<Client>;
  expect(await lend(pool, clock, 1_000, 'what')).toBe(client);
  await lend(pool, clock, 1_000, 'what');
  expect(client.listenerCount('error')).toBe(1); // for good, and not one more each time
});

test('a pool that knows promises only will do', async () => {
  const client = new Client();
  expect(await lend({ connect: async () => client }, clock, 1_000, 'what')).toBe(client);
  const failing = lend({ connect: async () => Promise.reject(new Error('refused')) }, clock, 1_000, 'what');
  await expect(failing).rejects.toMatchObject({
    code: 'SUREHOP_STORE_UNAVAILABLE',
    message: expect.stringContaining('refused'),
  });
  const throwing = {
    connect: () => {
      throw new Error('ended');
    },
  };
  await expect(lend(throwing, clock, 1_000, 'what')).rejects.toMatchObject({ code: 'SUREHOP_STORE_UNAVAILABLE' });
});

test('a client that comes too late goes back', async () => {
  const client = new Client();
  let come: (client: Client) => void = () => undefined;
  const coming = new Promise<Client>((resolve) => {
    come = resolve;
  });
  await expect(lend({ connect: () => coming }, clock, 1, 'what')).rejects.toMatchObject({
    code: 'SUREHOP_POOL_EXHAUSTED',
  });
  come(client);
  await expect.poll(() => client.released).toEqual([undefined]);
});
