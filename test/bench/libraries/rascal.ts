import { setTimeout as sleep } from 'node:timers/promises';
import rascal from 'rascal';
import type { Client, Setup } from '../client.ts';

/** Its connections have 100 channels by default; consumers need some. */
const mostPooled = 90;

/**
 * As its README: configured publications and subscriptions, default config, a publication's `success` awaited. A pooled
 * channel has one message on its way at a time, so the pool is made as large as the load, as "Channel pooling" shows.
 */
export async function open(setup: Setup): Promise<Client> {
  const { queues, prefetch, retryDelaysMs } = setup;
  const broker = await rascal.BrokerAsPromised.create(rascal.withDefaultConfig(configOf(setup)));
  broker.on('error', (error) => console.error(error));
  const cancels: (() => Promise<void>)[] = [];
  let inHand = 0;
  const attempts = retryDelaysMs?.length;
  const recovery = [{ strategy: 'republish', defer: retryDelaysMs?.[0], attempts }, { strategy: 'nack' }];

  return {
    async publish(queue, body) {
      const publication = await broker.publish(queue, body);
      await new Promise<void>((resolve, reject) => {
        publication.on('success', () => resolve()).on('error', reject);
        publication.on('return', () => reject(new Error('returned as unroutable')));
      });
    },

    async consume(queue, handler) {
      if (!queues.includes(queue) || prefetch < 1) throw new Error(`${queue} is not set up for consuming`);
      const subscription = await broker.subscribe(queue);
      subscription
        .on('message', (message, _content, ackOrNack) => {
          inHand += 1;
          const settle = (error?: Error): void => {
            if (error === undefined || attempts === undefined) ackOrNack(error);
            else ackOrNack(error, recovery);
            inHand -= 1;
          };
          handler(message.content).then(() => settle(), settle);
        })
        .on('error', (error) => console.error(error));
      cancels.push(() => subscription.cancel());
    },

    async close() {
      for (const cancel of cancels) await cancel();
      while (inHand > 0) await sleep(5); // handlers may publish, which a broker that shuts down leaves undone
      await broker.shutdown();
    },
  };
}

function configOf({ url, queues, queueType, prefetch, inFlight }: Setup): object {
  const vhost = decodeURIComponent(new URL(url).pathname.slice(1)) || '/';
  const pool = Math.max(5, Math.min(inFlight, mostPooled));
  return {
    vhosts: {
      [vhost]: {
        connection: { url },
        publicationChannelPools: { confirmPool: { max: pool, min: Math.min(pool, inFlight), autostart: true } },
        queues: Object.fromEntries(
          queues.map((queue) => [queue, { options: { durable: true, arguments: { 'x-queue-type': queueType } } }]),
        ),
      },
    },
    publications: Object.fromEntries(queues.map((queue) => [queue, { vhost, queue, confirm: true }])),
    subscriptions: Object.fromEntries(queues.map((queue) => [queue, { vhost, queue, prefetch }])),
  };
}
