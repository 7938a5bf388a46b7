import { setTimeout as sleep } from 'node:timers/promises';
import { isSurehopError, type Publisher } from '@surehop/publisher';
import { orders } from './contracts.ts';
import type { OrderEvent } from './input.ts';
import type { Ledger } from './ledger.ts';

export interface PublishingOptions {
  readonly events: readonly OrderEvent[];
  readonly publisher: Publisher;
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
  readonly onChange: () => void;
  /** An event that cannot be published as it is, and why. It is left out. */
  readonly onRefused: (event: OrderEvent, why: string) => void;
}

/** Calls of publish() that wait for their confirm at the same time: as many duplicates can a cut make. */
const atOnce = 100;

/** Publishes all events. Resolves when each is confirmed or refused; rejects when the signal aborts. */
export async function publishAll(options: PublishingOptions): Promise<void> {
  const remaining = inStep(options);
  const one = async (): Promise<void> => {
    for await (const event of remaining) await publishOne(event, options);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

/** Never far ahead of the consumer, so that what strikes midway strikes both of them. */
async function* inStep({ events, ledger, signal }: PublishingOptions): AsyncGenerator<OrderEvent> {
  const ahead = Math.min(2_000, Math.ceil(events.length / 4));
  for (const event of events) {
    while (ledger.size - ledger.tried >= ahead) await sleep(5, undefined, { signal });
    yield event;
  }
}

async function publishOne(event: OrderEvent, options: PublishingOptions): Promise<void> {
  const { publisher, ledger, signal, onChange, onRefused } = options;
  ledger.publish(event.id, event.line);
  onChange();
  for (;;) {
    try {
      await publisher.publish(orders, event.body, { messageId: event.id, signal });
      ledger.confirm(event.id);
      return onChange();
    } catch (error) {
      signal.throwIfAborted();
      if (!isSurehopError(error)) throw error;
      if (error.retryable) continue; // under the same id: at worst a duplicate
      ledger.withdraw(event.id);
      onRefused(event, error.message);
      return onChange();
    }
  }
}
