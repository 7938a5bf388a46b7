import { connect, defineQueue } from '@surehop/core';
import { internalsOf, queueTopology } from '@surehop/core/internal';
import { eventually } from '@surehop/testing';
import { describe, expect, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { privateBroker } from '../private-broker.ts';

const broker = privateBroker(() => ({ nodes: 3 }));

describe('[managementUrl] in a cluster of three', () => {
  test('a queue that was declared while a node was down is told as under-replicated', async () => {
    await using vhost = await broker().vhost();
    await broker().nodes[2]?.stop();
    const { username, password } = broker().credentials;
    const managementUrl = broker().managementUrl.replace('//', `//${username}:${password}@`);
    const options = { url: vhost.url(), managementUrl, topologyCheckMs: 500, log: keepingLogger().log };
    await using rabbit = await connect(options);
    const orders = defineQueue('orders', { retry: { delaysMs: [] } });
    await internalsOf(rabbit).topology.ensure(queueTopology(orders), AbortSignal.timeout(20_000));
    const expected = { entity: 'queue "orders"', state: 'under-replicated' };
    await eventually(() => expect(rabbit.health().topology).toContainEqual(expected), 20_000);
    expect(rabbit.health().status).toBe('degraded');
  }, 60_000);
});
