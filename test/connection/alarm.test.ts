import { connect, createConsumer, defineQueue } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { eventually } from '@surehop/testing';
import { expect, test } from 'vitest';
import { privateBroker } from '../private-broker.ts';
import { keepingLogger } from './lines.ts';

const broker = privateBroker();

const orders = defineQueue<number>('orders', { retry: { delaysMs: [100] } });
const parcels = defineQueue<number>('parcels', { retry: { delaysMs: [100] } });
const fails = 5;

test('while the broker blocks publishing, messages are handled and acknowledged, and new queues declared; retries wait', async () => {
  await using vhost = await broker().vhost();
  const [node] = broker().nodes;
  await using rabbit = await connect({ url: vhost.url(), log: keepingLogger().log });
  const publisher = createPublisher(rabbit);
  for (let number = 1; number <= 20; number += 1) await publisher.publish(orders, number);
  await node?.ctl(['set_vm_memory_high_watermark', '0.0001']);
  try {
    const blocked = publisher.publish(parcels, 1, { deadlineMs: 60_000 });
    await eventually(() => expect(rabbit.health().links.publish.blocked).toBe(true), 10_000);
    expect(rabbit.health().status).toBe('degraded');

    const attempts: number[] = [];
    await createConsumer(rabbit, orders, ({ body, attempt }) => {
      if (body === fails) attempts.push(attempt);
      if (body === fails && attempt === 1) throw new Error('not yet');
    });
    await createConsumer(rabbit, parcels, () => undefined);
    // The one that failed is kept, unacknowledged, until its copy is stored.
    await eventually(async () => expect(await vhost.messages('orders')).toBe(1), 10_000);
    expect(attempts).toEqual([1]);

    await node?.ctl(['set_vm_memory_high_watermark', '0.6']);
    await blocked;
    await eventually(() => expect(attempts).toEqual([1, 2]), 10_000);
    await eventually(async () => expect(await vhost.messages('orders')).toBe(0), 10_000);
  } finally {
    await node?.ctl(['set_vm_memory_high_watermark', '0.6']);
  }
}, 90_000);
