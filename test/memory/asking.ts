import { createConsumer, defineQueue, type Handler } from '@surehop/consumer';
import { createPublisher, type PublishAndWaitOptions, type Publisher, type PublisherOptions } from '@surehop/publisher';
import type { TestBroker } from '@surehop/testing';
import { keepingLogger } from '../connection/lines.ts';

export const orders = defineQueue<number>('orders', { retry: { delaysMs: [1_000] } });

export interface Opened {
  readonly publisher: Publisher;
  readonly ask: (body: number, options?: PublishAndWaitOptions) => Promise<unknown>;
}

export async function opened(broker: TestBroker, options: PublisherOptions = {}): Promise<Opened> {
  const publisher = createPublisher(await broker.connect({ log: keepingLogger().log }), options);
  return { publisher, ask: (body, more) => publisher.publishAndWait(orders, body, more) };
}

export async function handling(broker: TestBroker, handler: Handler<number>) {
  const { log, lines } = keepingLogger();
  return { consumer: await createConsumer(await broker.connect({ log }), orders, handler), lines };
}

/** What a rejection was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    (value) => Promise.reject(new Error(`resolved with ${String(value)}`)),
    (error: Error) => error,
  );
}

/** Its name; `none` where there is none. */
export const replyQueue = (broker: TestBroker): string =>
  broker.queues().find((name) => name.startsWith('surehop.replies.')) ?? 'none';
