// Publishes to and consumes from a null broker and counts what that takes; tells it over IPC. A process of its own, so
// that nothing else is counted, and the heap is ours.
import { createConsumer } from '@surehop/consumer';
import { type Codec, connect, createPublisher, defineQueue, type Logger } from '@surehop/publisher';
import { Counter, type Counts } from './counts.ts';

export interface Report {
  readonly publish: Counts;
  readonly publishMany: Counts;
  readonly consume: Counts;
  /** Of messages that fail, each of which becomes a copy. */
  readonly retry: Counts;
  /** In bytes, after a collection, over the messages that went through meanwhile. */
  readonly heapGrown: number;
}

export const counted = 1_000;
export const consumed = 20_000;
export const failed = 5_000;
export const endured = 100_000;
export const prefetch = 500;

const nothing = (): void => undefined;
const quiet: Logger = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error };
const bytes: Codec = { contentType: 'a/b', encode: (body) => body as Uint8Array, decode: (content) => content };

const url = process.argv[2];
if (url !== undefined) {
  process.send?.(await measure(url));
  process.disconnect();
}

async function measure(to: string): Promise<Report> {
  const rabbit = await connect({ url: to, log: quiet });
  const publisher = createPublisher(rabbit);
  const orders = defineQueue<number>('orders');
  const all = async (count: number): Promise<void> => {
    let stored = 0;
    await new Promise<void>((resolve, reject) => {
      const onStored = (): void => {
        stored += 1;
        if (stored === count) resolve();
      };
      for (let number = 0; number < count; number += 1) publisher.publish(orders, number).then(onStored, reject);
    });
  };
  await all(5_000);
  const counter = new Counter();
  const publish = await counter.during(() => all(counted));
  const numbers = Array.from({ length: counted }, (_, number) => number);
  const publishMany = await counter.during(async () => void (await publisher.publishMany(orders, numbers)));

  const before = heapAfterCollection();
  for (let rounds = 0; rounds < endured / 5_000; rounds += 1) await all(5_000);
  const heapGrown = heapAfterCollection() - before;

  let handled = 0;
  let goal = consumed;
  let onGoal: () => void = () => undefined;
  const reached = (): Promise<void> =>
    new Promise((resolve) => {
      onGoal = resolve;
    });
  const warm = reached();
  const count = (): void => {
    handled += 1;
    if (handled === goal) onGoal();
  };
  const concurrency = prefetch;
  const consumer = await createConsumer(rabbit, { queue: 'orders', raw: true }, async () => count(), { concurrency });
  await warm;
  const consume = await counter.during(() => {
    goal = handled + consumed;
    return reached();
  });
  await consumer.close();

  goal = handled + failed;
  const failing = reached();
  const error = new Error('not this time');
  const fail = async (): Promise<void> => {
    count();
    throw error;
  };
  await createConsumer(rabbit, defineQueue('failing', { codec: bytes }), fail, { concurrency });
  await failing;
  const retry = await counter.during(() => {
    goal = handled + failed;
    return reached();
  });
  await rabbit.close();
  return { publish, publishMany, consume, retry, heapGrown };
}

function heapAfterCollection(): number {
  for (let times = 0; times < 3; times += 1) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
