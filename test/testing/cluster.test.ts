import { type Broker, type BrokerNode, eventually, startBroker, type Vhost } from '@surehop/testing';
import { type ConfirmChannel, connect } from 'amqplib';
import { afterAll, beforeAll, expect, test } from 'vitest';

let broker: Broker;

beforeAll(async () => {
  broker = await startBroker({ nodes: 3, log: () => {} });
}, 200_000); // longer than it gives its nodes: what it then says of them is worth having

afterAll(() => broker?.close());

test('three nodes are one cluster, which serves virtual hosts while one of them is down', async () => {
  await using vhost = await broker.vhost();
  const [first, second] = broker.nodes as [BrokerNode, BrokerNode];
  expect(await second.ctl(['cluster_status', '--formatter', 'json'])).toContain(first.name);
  expect(vhost.url(second.port)).toContain(`:${second.port}/`);

  await first.kill();

  expect(await vhost.queues()).toEqual([]);
  await first.start();
}, 120_000);

test('an isolated node answers clients and stores nothing, while the others go on; then they are one cluster again', async () => {
  expect(broker.can.partition).toBe(true);
  await using vhost = await broker.vhost();
  const [first, second, third] = broker.nodes as [BrokerNode, BrokerNode, BrokerNode];
  const [alone, together] = [await channelTo(vhost, first), await channelTo(vhost, second)];
  await together.assertQueue('orders', { arguments: { 'x-queue-type': 'quorum' } });
  await store(alone);

  await first.isolate();

  let isStored = false;
  store(alone).then(
    () => {
      isStored = true;
    },
    () => undefined,
  );
  await store(together);
  await eventually(() => expectToSee(second, [second, third]), 10_000);
  await expectToSee(first, [first]);
  expect(isStored).toBe(false);

  await first.rejoin();

  for (const node of broker.nodes) await expectToSee(node, broker.nodes);
  await store(await channelTo(vhost, first));
}, 120_000);

/** Its connection ends with the virtual host. */
async function channelTo(vhost: Vhost, node: BrokerNode): Promise<ConfirmChannel> {
  const connection = await connect(vhost.url(node.port));
  connection.on('error', () => undefined);
  return connection.createConfirmChannel();
}

function store(channel: ConfirmChannel): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.once('close', () => reject(new Error('the channel closed')));
    channel.publish('', 'orders', Buffer.from('42'), {}, (error) => (error ? reject(error) : resolve()));
  });
}

async function expectToSee(node: BrokerNode, nodes: readonly BrokerNode[]): Promise<void> {
  const connected = await node.ctl(['eval', '[node() | nodes()].']);
  const seen = broker.nodes.filter(({ name }) => connected.includes(name)).map(({ name }) => name);
  expect(seen).toEqual(nodes.map(({ name }) => name));
}
