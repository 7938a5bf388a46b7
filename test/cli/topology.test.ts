import { fileURLToPath } from 'node:url';
import { connect, type QueueContract } from '@surehop/core';
import { internalsOf, queueTopology } from '@surehop/core/internal';
import { attachBroker, eventually, type Vhost } from '@surehop/testing';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { type CommandEnd, surehop } from './command.ts';
import { orders as before, gone, left } from './contracts/shop-before.ts';

const broker = attachBroker(inject('broker'));
const contracts = fileURLToPath(new URL('contracts/shop.ts', import.meta.url));
let vhost: Vhost;
let managed: Record<string, string>;
let amqpOnly: Record<string, string>;

beforeEach(async () => {
  vhost = await broker.vhost();
  const { username, password } = vhost.credentials;
  const url = new URL(vhost.managementUrl);
  url.username = username;
  url.password = password;
  amqpOnly = { AMQP_URL: vhost.url() };
  managed = { ...amqpOnly, AMQP_MANAGEMENT_URL: url.href };
  return () => vhost.close();
});
afterAll(() => broker.close());

const topology = (command: string, env: Record<string, string>, ...more: string[]): Promise<CommandEnd> =>
  surehop(['topology', command, '--contracts', contracts, ...more], { env });

async function declared(...queues: QueueContract[]): Promise<void> {
  await using rabbit = await connect({ url: vhost.url() });
  const { topology: keeper } = internalsOf(rabbit);
  for (const queue of queues) await keeper.ensure(queueTopology(queue), AbortSignal.timeout(10_000));
}

const names = async (): Promise<string[]> => (await vhost.queues()).map(({ name }) => name);

/** The broker tells the counts of a queue some seconds late, and nothing is removed before. */
async function shown(queue: string, fate: string): Promise<void> {
  await eventually(async () => {
    const { stdout } = await topology('prune', managed, '--dry-run', '--gone', 'gone', '--gone', 'left');
    expect(stdout.split('\n').find((line) => line.startsWith(`queue "${queue}"`))).toContain(fate);
  }, 15_000);
}

describe.each(['with', 'without'])('%s the management API', (way) => {
  const env = (): Record<string, string> => (way === 'with' ? managed : amqpOnly);

  test('plan, apply, check: what is missing is told, created, and there', async () => {
    const planned = await topology('plan', env());
    expect(planned).toMatchObject({ code: 3, stderr: '' });
    expect(planned.stdout).toContain('+ queue "orders.retry.10000": missing, would be created');
    expect(await names()).toEqual([]);
    const applied = await topology('apply', env(), '--json');
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    expect(new Set((JSON.parse(applied.stdout) as { result: string }[]).map(({ result }) => result))).toEqual(
      new Set(['created']),
    );
    expect(await names()).toContain('mails.retry.5000');
    expect(await topology('check', env())).toMatchObject({ code: 0 });
    expect((await topology('apply', env())).stdout).toMatch(/^0 created, 18 were there, 0 differ$/m);
  });

  test('apply stops at a difference before anything is created, unless it may skip it', async () => {
    await declared(before);
    const stopped = await topology('apply', env());
    expect(stopped.code).toBe(3);
    expect(stopped.stdout).toMatch(/! queue "orders": differs\s+x-delivery-limit: found 20, wanted 50/);
    expect(await names()).not.toContain('mails');
    const skipped = await topology('apply', env(), '--skip-differences');
    expect(skipped.code).toBe(3);
    expect(await names()).toContain('mails');
    expect((await vhost.queues()).find(({ name }) => name === 'orders')?.arguments).toMatchObject({
      'x-delivery-limit': 20,
    });
  });
});

describe('plan', () => {
  test('compares arguments and bindings, and says how to get there', async () => {
    await declared(before);
    const end = await topology('plan', managed, '--json');
    const { items, surplus } = JSON.parse(end.stdout);
    const differing = items.filter(({ state }: { state: string }) => state === 'differs');
    expect(differing.map(({ entity }: { entity: string }) => entity)).toEqual(['exchange "shop"', 'queue "orders"']);
    expect(differing[1].differences).toEqual([{ property: 'x-delivery-limit', wanted: '50', found: '20' }]);
    expect(differing[1].steps[0]).toContain('new name');
    expect(surplus).toEqual(['binding of exchange "shop" to queue "orders" by "old"', 'queue "orders.retry.500"']);
  });

  test('over AMQP says that nothing was compared', async () => {
    await declared(before);
    expect((await topology('check', amqpOnly)).stdout).toContain('not compared: that needs --management-url');
  });

  test('tells a management API that refuses the login what to do, without the password', async () => {
    const url = new URL(vhost.managementUrl);
    url.username = 'nobody';
    url.password = 'a-secret-word';
    const end = await topology('plan', { ...amqpOnly, AMQP_MANAGEMENT_URL: url.href });
    expect(end.code).toBe(1);
    expect(end.stderr).toMatch(/answered 401 .*check the login of user "nobody", and its tags/);
    expect(end.stderr + end.stdout).not.toContain('a-secret-word');
  });
});

describe('prune', () => {
  test('shows, and removes only when told to, only what is empty, unused and ours', async () => {
    await declared(before, gone, left);
    await vhost.publish('', 'gone.dead-letter', 'still here');
    await shown('gone.dead-letter', 'stays: holds 1 message');
    await shown('orders.retry.500', 'can go');
    await shown('left.dead-letter', 'can go');
    const only = await topology('prune', managed);
    expect(only.code).toBe(3);
    expect(only.stdout).toContain('queue "orders.retry.500": the contract "orders" has no such delay any more; can go');
    expect(only.stdout).toContain('left alone: gone, left');
    expect(only.stderr).toContain('nothing was removed: add --yes');
    const all = await names();
    const pruned = await topology('prune', managed, '--yes', '--gone', 'gone', '--gone', 'left', '--ndjson');
    expect(pruned).toMatchObject({ code: 0, stderr: '' });
    const results = pruned.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(results.map(({ kind, name, result }) => `${kind} ${name} ${result}`).toSorted()).toEqual([
      'exchange left.dead-letter removed',
      'exchange left.retry removed',
      'queue left removed',
      'queue left.dead-letter removed',
      'queue left.retry.1000 removed',
      'queue orders.retry.500 removed',
    ]);
    const removed = results.filter(({ kind }) => kind === 'queue').map(({ name }) => name);
    expect(await names()).toEqual(all.filter((name) => !removed.includes(name)));
  });

  test('needs the management API, and refuses to forget a contract that is there', async () => {
    expect((await topology('prune', amqpOnly)).stderr).toContain('needs the management API: give --management-url');
    expect((await topology('prune', managed, '--gone', 'orders')).code).toBe(2);
  });
});
