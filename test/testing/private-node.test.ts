import { existsSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type Broker, type BrokerNode, FaultProxy, freePort, startBroker, type Vhost } from '@surehop/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

let broker: Broker;
let node: BrokerNode;
let vhost: Vhost;
let secondPort: number;

beforeAll(async () => {
  secondPort = await freePort();
  broker = await startBroker({ config: `listeners.tcp.second = 127.0.0.1:${secondPort}`, log: () => {} });
  [node] = broker.nodes as [BrokerNode];
  vhost = await broker.vhost();
}, 60_000);

afterAll(() => broker?.close());

/** Whether something there sends anything back when it is greeted. */
function answers(port: number, timeoutMs = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(timeoutMs, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', () => {
      resolve(true);
      socket.destroy();
    });
    socket.on('close', () => resolve(false));
    socket.write('AMQP\x00\x00\x09\x01', 'latin1');
  });
}

/** What a private node has, as its own definition tells. */
function traces(): { epmdPort: number; folder: string; pid: number } {
  const env = broker.definition().nodes[0]?.ctl?.env ?? {};
  const pidFile = env.RABBITMQ_PID_FILE ?? '';
  return {
    epmdPort: Number(env.ERL_EPMD_PORT),
    folder: pidFile.slice(0, pidFile.lastIndexOf('/')),
    pid: Number(readFileSync(pidFile, 'utf8')),
  };
}

test('a private node tells its version and which way it was taken, and allows all that one node can do', async () => {
  expect(broker.version).toMatch(/^\d+\.\d+\.\d+/);
  expect(broker.way).toBe('node');
  expect(broker.description).toContain(broker.version);
  expect(broker.can).toEqual({ kill: true, freeze: true, partition: false, alarm: true, cluster: true, ctl: true });
  await expect(node.isolate()).rejects.toThrow(/no others to be cut off from/);
});

test('[config] further lines apply', async () => {
  expect(await answers(secondPort)).toBe(true);
});

test('ctl() asks this node', async () => {
  expect(await node.ctl(['eval', 'node().'])).toContain(node.name);
  await expect(node.ctl(['no_such_command'])).rejects.toThrow(/rabbitmqctl no_such_command failed/);
}, 60_000);

test('a frozen node accepts connections and does not answer, until it is resumed', async () => {
  node.freeze();
  expect(await answers(node.port, 300)).toBe(false);
  node.resume();
  expect(await answers(node.port)).toBe(true);
});

test('a killed node is gone at once, and has its data when it is started again', async () => {
  await using proxy = await FaultProxy.start(node);

  await node.kill();
  expect(await answers(proxy.port)).toBe(false);
  await node.start();

  expect(await answers(proxy.port)).toBe(true);
  expect(await vhost.queues()).toEqual([]);
}, 60_000);

test('a stopped node starts again, and start() leaves a running one alone', async () => {
  await node.stop();
  expect(await answers(node.port)).toBe(false);
  await expect(async () => node.freeze()).rejects.toThrow(/does not run/);
  await node.start();

  const { pid } = traces();
  await node.start();
  expect(traces().pid).toBe(pid);
}, 90_000);

test('a virtual host of a node that was killed closes without complaint, and close() leaves nothing behind', async () => {
  const { folder, epmdPort, pid } = traces();
  expect(existsSync(folder)).toBe(true);

  await node.kill();
  await vhost.close();
  await Promise.all([broker.close(), broker.close()]);

  expect(existsSync(folder)).toBe(false);
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect(await answers(epmdPort, 300)).toBe(false);
});
