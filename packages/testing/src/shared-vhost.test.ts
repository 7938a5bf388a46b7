import { expect, test } from 'vitest';
import type { AmqpAccess } from './amqp-access.ts';
import type { VhostOptions } from './base-vhost.ts';
import { SharedVhost } from './shared-vhost.ts';

const options = { name: '/', isUp: () => true, onClosed: () => {} } as unknown as VhostOptions;

interface Deleted {
  readonly queues: readonly string[];
  readonly exchanges: readonly string[];
}

function openVhost(): { vhost: SharedVhost; deleted: Deleted[] } {
  const deleted: Deleted[] = [];
  const amqp = {
    deleteAll: async (queues: readonly string[], exchanges: readonly string[]) => {
      deleted.push({ queues, exchanges });
    },
  };
  return { vhost: new SharedVhost(options, 'surehop-1-', amqp as unknown as AmqpAccess), deleted };
}

test('unique() gives one prefix to all names, and the same answer each time', () => {
  const { vhost } = openVhost();

  expect(vhost.isShared).toBe(true);
  expect(vhost.unique('orders')).toBe('surehop-1-orders');
  expect(vhost.unique('orders')).toBe('surehop-1-orders');
});

test('close() deletes what was named, once, with all that a contract derives from it', async () => {
  const { vhost, deleted } = openVhost();
  vhost.unique('orders');
  vhost.unique('orders', { delaysMs: [50] });
  vhost.unique('plain', { delaysMs: [] });

  await Promise.all([vhost.close(), vhost.close()]);

  const [orders, plain] = ['surehop-1-orders', 'surehop-1-plain'];
  const rungs = [1_000, 10_000, 60_000, 600_000, 50].map((delayMs) => `${orders}.retry.${delayMs}`);
  const [{ queues, exchanges }] = deleted as [Deleted];
  expect(deleted).toHaveLength(1);
  expect(queues.toSorted()).toEqual(
    [
      ...[orders, `${orders}.dead-letter`, `${orders}.waiting`, ...rungs],
      ...[plain, `${plain}.dead-letter`, `${plain}.waiting`, `${plain}.retry.60000`],
    ].toSorted(),
  );
  expect(exchanges.toSorted()).toEqual(
    [orders, plain].flatMap((name) => [name, `${name}.dead-letter`, `${name}.retry`]).toSorted(),
  );
});

test('close() asks for nothing when nothing was named', async () => {
  const { vhost, deleted } = openVhost();
  await vhost.close();
  expect(deleted).toEqual([]);
});

test('refuses to name what nobody would delete', async () => {
  const { vhost } = openVhost();
  expect(() => vhost.unique('x'.repeat(250))).toThrow(/too long/);
  expect(() => vhost.unique('orders', { delaysMs: [0] })).toThrow(/must be an integer/);
  await vhost.close();
  expect(() => vhost.unique('orders')).toThrow(/is closed/);
});

test.each(['queues', 'closeConnections', 'setPolicy', 'addUser'] as const)(
  '%s() says what is missing',
  async (method) => {
    const { vhost } = openVhost();
    await expect(vhost[method]()).rejects.toThrow(/needs an administrator.*management plugin.*rabbitmqctl/);
  },
);
