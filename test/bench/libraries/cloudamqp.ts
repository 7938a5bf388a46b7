import { setTimeout as sleep } from 'node:timers/promises';
import { type AMQPQueue, AMQPSession } from '@cloudamqp/amqp-client';
import type { Client, Setup } from '../client.ts';

/** As its README recommends: a session, whose publishes resolve at the confirm and whose callbacks acknowledge. */
export async function open({ url, queues, queueType, prefetch }: Setup): Promise<Client> {
  const session = await AMQPSession.connect(url);
  const handles = new Map<string, AMQPQueue>();
  for (const queue of queues) {
    handles.set(queue, await session.queue(queue, { durable: true, arguments: { 'x-queue-type': queueType } }));
  }
  const handleOf = (queue: string): AMQPQueue => {
    const handle = handles.get(queue);
    if (handle === undefined) throw new Error(`${queue} was not set up`);
    return handle;
  };
  const cancels: (() => Promise<unknown>)[] = [];
  let inHand = 0;

  return {
    publish: (queue, body) => handleOf(queue).publish(body, { deliveryMode: 2 }),
    async consume(queue, handler) {
      const subscription = await handleOf(queue).subscribe({ prefetch }, async (message) => {
        inHand += 1;
        await handler(message.body as Uint8Array);
        inHand -= 1;
      });
      cancels.push(() => subscription.cancel());
    },
    async close() {
      for (const cancel of cancels) await cancel();
      while (inHand > 0) await sleep(5); // it does not wait for handlers by itself
      await session.stop();
    },
  };
}
