import { setTimeout as passed } from 'node:timers/promises';
import { createConsumer, createPartitionedConsumer, definePartitions, defineQueue } from '@surehop/consumer';
import { connect, createPublisher } from '@surehop/publisher';
import { attachBroker, eventually } from '@surehop/testing';
import { afterAll, describe, expect, inject, test } from 'vitest';
import { stage } from '../consuming/stage.ts';

const broker = attachBroker(inject('broker'));
afterAll(() => broker.close());

interface Step {
  readonly account: number;
  readonly step: number;
}

const accounts = 10;
const orderBy = ({ body }: { readonly body: Step }): number => body.account;

/** The steps of each account as they were finished, repetitions left out. */
function finishedSteps(finished: readonly Step[]): number[][] {
  const of = Array.from({ length: accounts }, () => [] as number[]);
  for (const { account, step } of finished) if (!of[account]?.includes(step)) of[account]?.push(step);
  return of;
}

describe.each(['quorum', 'classic'] as const)('messages of one key in a %s queue', (type) => {
  const steps = defineQueue<Step>('steps', { type, singleActiveConsumer: true, retry: { delaysMs: [300, 600] } });
  const inOrder = Array.from({ length: accounts }, () => Array.from({ length: 20 }, (_, step) => step));

  test('keep their order through failures, lost connections and another process that takes over', async () => {
    await using on = await stage(broker);
    const finished: Step[] = [];
    const failed = new Set<string>();
    const handle = ({ body }: { readonly body: Step }): void => {
      const name = `${body.account}.${body.step}`;
      if (body.step % 7 === body.account % 7 && !failed.has(name)) {
        failed.add(name);
        throw new Error('not yet');
      }
      finished.push(body);
    };
    const options = { orderBy, concurrency: 4, prefetch: 60 };
    const consumer = await createConsumer(on.rabbit, steps, handle, options);
    const publisher = createPublisher(on.rabbit);
    const published = Promise.all(
      Array.from({ length: 20 * accounts }, (_, index) =>
        publisher.publish(steps, { account: index % accounts, step: Math.floor(index / accounts) }),
      ),
    );
    await eventually(() => expect(finished.length).toBeGreaterThan(20));
    on.proxy.cut();
    await published;
    const successor = await connect({ url: on.vhost.url() });
    try {
      await createConsumer(successor, steps, handle, options);
      await eventually(() => expect(finished.length).toBeGreaterThan(60), 15_000);
      await consumer.close();
      await eventually(() => expect(finishedSteps(finished)).toEqual(inOrder), 20_000);
      await eventually(async () => expect(await on.vhost.messages('steps')).toBe(0));
    } finally {
      await successor.close();
    }
  });
});

test('partitions are shared between two processes', async () => {
  await using on = await stage(broker);
  const steps = definePartitions<Step>('steps', { partitions: 4 });
  const arrived: Step[] = [];
  const counts = { first: 0, second: 0 };
  const handle =
    (process: keyof typeof counts) =>
    async ({ body }: { readonly body: Step }): Promise<void> => {
      await passed((7 * body.step) % 4);
      arrived.push(body);
      counts[process] += 1;
    };
  const options = { orderBy, rebalanceMs: 300 };
  await createPartitionedConsumer(on.rabbit, steps, handle('first'), options);
  const other = await connect({ url: on.vhost.url() });
  try {
    await createPartitionedConsumer(other, steps, handle('second'), options);
    const publisher = createPublisher(on.rabbit);
    let step = 0;
    for (; counts.second < 40; step += 1) {
      expect(step).toBeLessThan(1_000);
      for (let account = 0; account < accounts; account += 1) {
        await publisher.publish(steps.queueFor(account), { account, step });
      }
      await eventually(() => expect(arrived.length).toBeGreaterThan((step - 5) * accounts));
    }
    await eventually(() => expect(finishedSteps(arrived).flat()).toHaveLength(step * accounts));
    expect(counts.first).toBeGreaterThan(0);
    for (const own of finishedSteps(arrived)) {
      expect(own).toEqual(own.toSorted((one, later) => one - later));
    }
  } finally {
    await other.close();
  }
});
