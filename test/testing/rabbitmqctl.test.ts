import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attachBroker, type Broker, eventually, freePort, startBroker, type Vhost } from '@surehop/testing';
import * as amqplib from 'amqplib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { vhostNames } from '../vhost-names.ts';

type Environment = Readonly<Record<string, string>>;

/** Where everything is, which the brokers under test must not know. */
let node: Broker;
let folder: string;
let env: Environment;
let broker: Broker;
let vhost: Vhost;

beforeAll(async () => {
  node = await startBroker({ kind: 'node', log: () => {} });
  folder = mkdtempSync(join(tmpdir(), 'surehop-ctl-'));
  writeCtl(join(folder, 'rabbitmqctl'));
  env = {
    AMQP_URL: node.url(),
    AMQP_MANAGEMENT_URL: `http://127.0.0.1:${await freePort()}`,
    PATH: `${folder}:${process.env.PATH}`,
  };
  broker = await startBroker({ kind: 'url', env, log: () => {} });
  vhost = await broker.vhost();
}, 60_000);

afterAll(async () => {
  await broker?.close();
  await node?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true });
}, 60_000);

/** A program that reaches the private node without being told how, as that of the machine's own node does. */
function writeCtl(path: string): void {
  const { path: program, env: own } = node.definition().nodes[0]?.ctl ?? { path: '', env: {} };
  const exports = Object.entries(own).map(([name, value]) => `export ${name}='${value}'\n`);
  writeFileSync(path, `#!/bin/sh\n${exports.join('')}exec '${program}' "$@"\n`);
  chmodSync(path, 0o755);
}

describe('virtual hosts by rabbitmqctl', () => {
  test('are of their own, and told in the description', async () => {
    const { version } = node;
    const description = `RabbitMQ ${version} at 127.0.0.1:${node.port}, from AMQP_URL, with own virtual hosts by rabbitmqctl`;
    expect(broker).toMatchObject({ way: 'url', version, description });
    expect(vhost).toMatchObject({ isShared: false });
    expect(vhost.unique('orders')).toBe('orders');
    expect(await vhostNames(node)).toContain(vhost.name);
  });

  test('hold messages that are counted, shown and left where they are', async () => {
    await declare(vhost.url(), 'orders', 'classic');

    const properties = { message_id: 'a', delivery_mode: 2, headers: { n: 1 } };
    expect(await vhost.publish('', 'orders', Uint8Array.of(0, 255), properties)).toBe(true);
    expect(await vhost.publish('', 'orders', 'text', { message_id: 'b' })).toBe(true);
    expect(await vhost.publish('', 'nowhere', 'text')).toBe(false);
    await expect(vhost.publish('nowhere', '', 'text')).rejects.toThrow(/NOT_FOUND/);

    expect(await vhost.messages('orders')).toBe(2);
    expect(await vhost.messageIds('orders')).toEqual(['a', 'b']);
    expect(await vhost.messageIds('orders')).toEqual(['a', 'b']);
    expect(await vhost.get('orders', 1)).toMatchObject([
      { content: Buffer.from([0, 255]), properties: { message_id: 'a', delivery_mode: 2 }, headers: { n: 1 } },
    ]);
    await expect(vhost.messages('nowhere')).rejects.toThrow(/There is no queue "nowhere"/);
  });

  test('count a quorum queue, what a consumer holds included', async () => {
    await declare(vhost.url(), 'held', 'quorum');
    await vhost.publish('', 'held', 'one');
    await vhost.publish('', 'held', 'two');
    const client = await amqplib.connect(vhost.url());
    await (await client.createChannel()).get('held');

    expect(await vhost.messages('held')).toBe(2);

    await client.close();
  });

  test('list queues with their arguments, and delete what there is or is not', async () => {
    await declare(vhost.url(), 'listed', 'quorum', { 'x-delivery-limit': 5 });
    const arguments_ = { 'x-queue-type': 'quorum', 'x-delivery-limit': 5 };
    expect(await vhost.queues()).toContainEqual({
      name: 'listed',
      type: 'quorum',
      durable: true,
      arguments: arguments_,
    });

    await vhost.deleteQueue('listed');
    await vhost.deleteQueue('listed');
    await vhost.deleteExchange('nowhere');
    expect((await vhost.queues()).map(({ name }) => name)).not.toContain('listed');
  });

  test('have policies and users, and their connections can be closed', async () => {
    await declare(vhost.url(), 'short', 'classic');
    await vhost.setPolicy('short', '^short$', { 'max-length': 1 });
    await eventually(async () => {
      await vhost.publish('', 'short', 'x');
      await vhost.publish('', 'short', 'x');
      expect(await vhost.messages('short')).toBe(1);
    }, 15_000);

    const reader = await vhost.addUser('reader', '-p@ss $HOME "word":', { configure: '-mine$', read: '.*' });
    await expect(declare(reader.url(), 'forbidden', 'classic')).rejects.toThrow(/ACCESS_REFUSED/);

    await declare(reader.url(), 'not-mine', 'classic');

    const client = await amqplib.connect(reader.url());
    client.on('error', () => {}); // 'close' follows
    const closed = new Promise((resolve) => client.on('close', resolve));
    expect(await vhost.closeConnections()).toBe(1);
    await closed;
    expect(await vhost.closeConnections()).toBe(0);
  }, 120_000);

  test('are gone after close(), with their users and those of other processes', async () => {
    const ending = await startBroker({ kind: 'url', env, log: () => {} });
    const own = await ending.vhost();
    await own.addUser('gone', 'secret');
    await attachBroker(ending.definition()).vhost(); // which never closes it
    const { prefix } = ending.definition();
    const mine = async (): Promise<string[]> => (await vhostNames(node)).filter((name) => name.startsWith(prefix));
    expect(await mine()).toHaveLength(2);

    await ending.close();
    await own.close();

    expect(await mine()).toEqual([]);
    expect(await node.nodes[0]?.ctl(['list_users'])).not.toContain(prefix);
  }, 120_000);

  test('are gone after the process that made them was killed', async () => {
    const { name, child } = await abandonVhost();
    expect(await vhostNames(node)).toContain(name);

    child.kill('SIGKILL');

    // Three calls of a program that takes seconds each where others want the cores, and each look is one more.
    await eventually(async () => expect(await vhostNames(node)).not.toContain(name), 60_000);
  }, 120_000);
});

async function abandonVhost(): Promise<{ name: string; child: ChildProcess }> {
  const program = fileURLToPath(new URL('./abandoned-vhost.ts', import.meta.url));
  const child = spawn(process.execPath, [program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { name: String(line).trim(), child };
}

async function declare(url: string, queue: string, type: string, more: Record<string, unknown> = {}): Promise<void> {
  const client = await amqplib.connect(url);
  try {
    const channel = await client.createChannel();
    channel.on('error', () => {});
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type, ...more } });
  } finally {
    await client.close();
  }
}
