import { type Broker, type BrokerNode, startBroker } from '@surehop/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

let broker: Broker;

beforeAll(async () => {
  broker = await startBroker({ nodes: 3, log: () => {} });
}, 120_000);

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
