import { jsonCodec } from '@surehop/core';
import { createPublisher, defineQueue } from '@surehop/publisher';
import { existingTarget } from '@surehop/publisher/internal';
import { createTestBroker, eventually } from '@surehop/testing';
import { expect, onTestFinished, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';

async function open() {
  const broker = createTestBroker();
  onTestFinished(() => broker.close());
  const rabbit = await broker.connect({ log: keepingLogger().log });
  return { broker, publisher: createPublisher(rabbit) };
}

test('a delayed message goes to a queue without a contract, and nothing is declared beside the way there', async () => {
  const { broker, publisher } = await open();
  const contract = defineQueue('legacy', { type: 'classic', retry: { delaysMs: [] } });
  await publisher.publish(contract, 0);
  const before = broker.queues();
  const legacy = existingTarget({ exchange: '', routingKey: 'legacy' }, jsonCodec);
  await publisher.publish(legacy, 1, { delayMs: 1_000 });
  expect(broker.messages('legacy').map(({ body }) => body)).toEqual([0]);
  await eventually(async () => {
    await broker.advanceBy(100);
    expect(broker.messages('legacy').map(({ body }) => body)).toEqual([0, 1]);
  });
  expect(broker.queues().filter((name) => !name.startsWith('surehop.delay.'))).toEqual(before);
});

test('where there is no such queue, it is refused', async () => {
  const { publisher } = await open();
  const missing = existingTarget({ exchange: '', routingKey: 'missing' }, jsonCodec);
  await expect(publisher.publish(missing, 1, { delayMs: 1_000 })).rejects.toMatchObject({
    code: 'SUREHOP_TOPOLOGY_MISMATCH',
  });
});
