import { createConsumer, DeadLetter, defineQueue } from '@surehop/consumer';
import { createPublisher } from '@surehop/publisher';
import { createTestBroker, eventually, type TestBroker } from '@surehop/testing';
import { describe, expect, test } from 'vitest';
import { keepingLogger } from '../connection/lines.ts';
import { rejection } from './asking.ts';

const silent = { log: keepingLogger().log };
const steps = defineQueue<string>('steps', { singleActiveConsumer: true });
/** `a1` is the first step of account a. */
const account = ({ body }: { readonly body: string }): string => body.slice(0, 1);

async function publisherOf(broker: TestBroker) {
  return createPublisher(await broker.connect(silent));
}

describe('an order per key', () => {
  test('is refused together with resequence: a message has one order', async () => {
    await using broker = createTestBroker();
    const rabbit = await broker.connect(silent);
    await expect(
      createConsumer(rabbit, steps, () => undefined, { orderBy: account, resequence: {} }),
    ).rejects.toMatchObject({
      code: 'SUREHOP_OPTION_INVALID',
      message: expect.stringMatching(/orderBy and resequence exclude each other/),
    });
    expect(broker.queues()).toEqual([]);
  });

  test.each(['continue', 'halt'] as const)('tells who waits that the message is a dead letter: %s', async (policy) => {
    await using broker = createTestBroker();
    const publisher = await publisherOf(broker);
    const handler = (): never => {
      throw new DeadLetter('no such account');
    };
    const options = { orderBy: account, afterDeadLetter: policy };
    const consumer = await createConsumer(await broker.connect(silent), steps, handler, options);
    const error = await rejection(publisher.publishAndWait(steps, 'a1'));
    expect(error).toMatchObject({ code: 'SUREHOP_DEAD_LETTERED' });
    expect(consumer.health().order?.haltedKeys).toEqual(policy === 'halt' ? ['a'] : []);
  });

  test('gives who waits what the handler returned, after a retry in place', async () => {
    await using broker = createTestBroker();
    const publisher = await publisherOf(broker);
    await createConsumer(
      await broker.connect(silent),
      steps,
      ({ body, attempt }) => {
        if (attempt === 1) throw new Error('not yet');
        return `${body}/${attempt}`;
      },
      { orderBy: account },
    );
    const answer = publisher.publishAndWait(steps, 'a1');
    await eventually(() => expect(broker.counts('steps').unacked).toBe(1));
    await broker.advanceBy(1_000);
    expect(await answer).toBe('a1/2');
  });

  test('is refused where retries are the broker’s: its queue keeps back what a lost channel gives back', async () => {
    await using broker = createTestBroker({ version: '4.3' });
    const byBroker = defineQueue<string>('steps', { singleActiveConsumer: true, retry: { by: 'broker', minMs: 500 } });
    const rabbit = await broker.connect(silent);
    await expect(createConsumer(rabbit, byBroker, () => undefined, { orderBy: account })).rejects.toMatchObject({
      code: 'SUREHOP_OPTION_INVALID',
      message: expect.stringMatching(/another retry than the broker's/),
    });
    expect(broker.queues()).toEqual([]);
  });
});
