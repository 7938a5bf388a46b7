import { createPartitionedConsumer, definePartitions } from '@surehop/consumer';
import { createTestBroker, eventually, type TestBroker } from '@surehop/testing';
import { expect, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';

interface Step {
  readonly account: string;
  readonly step: number;
}

const steps = definePartitions<Step>('steps', { partitions: 4, retry: { delaysMs: [1_000] } });
const accounts = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

async function processOf(broker: TestBroker) {
  const seen: string[] = [];
  const rabbit = await broker.connect({ log: keepingLogger().log });
  const handle = ({ body }: { readonly body: Step }) => void seen.push(`${body.account}${body.step}`);
  const orderBy = ({ body }: { readonly body: Step }) => body.account;
  const consumer = await createPartitionedConsumer(rabbit, steps, handle, { orderBy, rebalanceMs: 1_000 });
  return { seen, rabbit, consumer };
}

function sendAll(broker: TestBroker, step: number): void {
  for (const account of accounts) {
    broker.publish(
      '',
      steps.queueFor(account).name,
      { account, step },
      { properties: { messageId: `${account}${step}` } },
    );
  }
}

test('partitions are shared among the processes that are there, and nothing is lost or out of order', async () => {
  await using broker = createTestBroker();
  const first = await processOf(broker);
  sendAll(broker, 1);
  await eventually(() => expect(first.seen).toHaveLength(8));
  const second = await processOf(broker);
  await broker.advanceBy(5_000);
  sendAll(broker, 2);
  await eventually(() => expect(first.seen.length + second.seen.length).toBe(16));
  expect(first.seen).toHaveLength(12);
  expect(second.seen).toHaveLength(4);
  await broker.advanceBy(20_000);
  sendAll(broker, 3);
  await eventually(() => expect(first.seen.length + second.seen.length).toBe(24));
  expect(second.seen).toHaveLength(8); // as before: shares are kept
  await first.rabbit.close();
  expect(broker.counts(steps.members).consumers).toBe(1);
  sendAll(broker, 4);
  await eventually(() => expect(second.seen).toHaveLength(16));
  await second.rabbit.close();
  for (const account of accounts) {
    const own = [...first.seen, ...second.seen].filter((step) => step.startsWith(account));
    expect(own).toEqual([1, 2, 3, 4].map((step) => `${account}${step}`));
  }
});

test.each([0, 1])(
  'processes whose queue of members was deleted, and made again by %i others, are counted at their next look',
  async (others) => {
    await using broker = createTestBroker();
    const processes = [await processOf(broker), await processOf(broker)];
    await eventually(() => expect(broker.counts(steps.members).consumers).toBe(2));
    broker.deleteQueue(steps.members);
    if (others > 0) {
      processes.push(await processOf(broker));
      await eventually(() => expect(broker.counts(steps.members).consumers).toBe(1));
    }
    await broker.advanceBy(2_000);
    await eventually(() => expect(broker.counts(steps.members).consumers).toBe(2 + others));
    for (const { rabbit } of processes) await rabbit.close();
  },
);

test('a consumer that cannot start leaves nothing behind', async () => {
  await using broker = createTestBroker();
  await processOf(broker).then(({ rabbit }) => rabbit.close());
  broker.deleteQueue('steps.2-of-4');
  const rabbit = await broker.connect({ log: keepingLogger().log, topology: 'off' });
  const starting = createPartitionedConsumer(rabbit, steps, () => undefined, { orderBy: () => 'a' });
  await expect(starting).rejects.toMatchObject({ code: 'SUREHOP_TOPOLOGY_MISMATCH' });
  expect(rabbit.health().consumers).toEqual([]);
});
