import { type Consumer, createConsumer } from '@surehop/consumer';
import { type Codec, connect, createPublisher, defineQueue, type Logger, type QueueContract } from '@surehop/publisher';
import type { Client, Setup } from '../client.ts';

/** The others send bytes as well. */
const bytes: Codec = {
  contentType: 'application/octet-stream',
  encode: (body) => body as Uint8Array,
  decode: (content) => content,
};

const nothing = (): void => undefined;
/** Ours logs each retry; the ladder that it is compared to is written by somebody who does not. */
const quiet: Logger = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: console.error };

/** As the README: contracts, a publisher and consumers with their defaults, which are the reliable ones. */
export async function open(setup: Setup): Promise<Client> {
  const { url, queues, queueType, prefetch, retryDelaysMs, memoryBound } = setup;
  const rabbit = await connect(retryDelaysMs === undefined ? { url } : { url, log: quiet });
  const half = memoryBound === undefined ? undefined : Math.floor(memoryBound / 2);
  const publisher = createPublisher(
    rabbit,
    half === undefined ? {} : { maxUnconfirmedBytes: half, maxWaitingBytes: half },
  );
  const contracts = new Map<string, QueueContract<Uint8Array>>();
  for (const queue of queues) {
    const retry = retryDelaysMs === undefined ? {} : { retry: { delaysMs: retryDelaysMs } };
    contracts.set(queue, defineQueue<Uint8Array>(queue, { codec: bytes, type: queueType, ...retry }));
  }
  const contractOf = (queue: string): QueueContract<Uint8Array> => {
    const contract = contracts.get(queue);
    if (contract === undefined) throw new Error(`${queue} was not set up`);
    return contract;
  };
  const consumers: Consumer[] = [];
  return {
    publish: (queue, body) => publisher.publish(contractOf(queue), body),

    async consume(queue, handler) {
      const options = { concurrency: prefetch };
      consumers.push(await createConsumer(rabbit, contractOf(queue), ({ content }) => handler(content), options));
    },
    close: () => rabbit.close(),
  };
}
