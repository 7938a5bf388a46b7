import type { Codec, ExchangeContract, OutboxMessage, OutboxResult, QueueContract } from '@surehop/core';
import type { Clock } from '@surehop/core/internal';
import type { Publisher } from '@surehop/publisher';
import { type VerdictOptions, verdictOn } from './verdict.ts';

type Contract = QueueContract | ExchangeContract;

export interface DeliveryOptions extends VerdictOptions {
  readonly publisher: Publisher;
  readonly contracts: readonly Contract[];
  readonly clock: Clock;
  readonly deadlineMs: number;
}

/** In one pass, no message of a key is begun later than this: others wait for the pass to end. */
const longestPassMs = 1_000;

/** Sends the messages of a pass: all at once, but those of one key one after the other. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #contracts: ReadonlyMap<string, Contract>;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#contracts = new Map(options.contracts.map((given) => [placeOf(given), given]));
  }

  /** Never rejects. One result per message, in their order. */
  async send(messages: readonly OutboxMessage[], signal: AbortSignal): Promise<readonly OutboxResult[]> {
    const results: OutboxResult[] = messages.map(() => ({ status: 'waiting' }));
    const lastOfKey = new Map<string, Promise<boolean>>();
    const stopAt = this.#options.clock.now() + longestPassMs;
    const all = messages.map((message, index) => {
      const one = async (goOn: boolean): Promise<boolean> => {
        if (!goOn) return false;
        const result = await this.#sendOne(message, signal);
        results[index] = result;
        return result.status === 'sent' && this.#options.clock.now() < stopAt && !signal.aborted;
      };
      if (message.key === undefined) return one(true);
      const before = lastOfKey.get(message.key);
      const sending = before === undefined ? one(true) : before.then(one);
      lastOfKey.set(message.key, sending);
      return sending;
    });
    await Promise.all(all);
    return results;
  }

  async #sendOne(message: OutboxMessage, signal: AbortSignal): Promise<OutboxResult> {
    try {
      await this.#publish(message, signal);
      return { status: 'sent' };
    } catch (thrown) {
      return verdictOn(thrown, message.attempts, this.#options);
    }
  }

  #publish(message: OutboxMessage, signal: AbortSignal): Promise<unknown> {
    const { publisher, deadlineMs } = this.#options;
    const { exchange, routingKey, content, headers, messageId, properties } = message;
    const waiting = { deadlineMs, signal };
    const contract = this.#contracts.get(exchange === '' ? `queue ${routingKey}` : `exchange ${exchange}`);
    if (contract === undefined) {
      const raw = { ...properties, messageId, ...(headers !== undefined && { headers }) };
      return publisher.publishTo({ exchange, routingKey }, content, raw, waiting);
    }
    const { contentType = contract.codec.contentType, deliveryMode: _, ...others } = properties;
    const options = { ...waiting, messageId, properties: others, ...(headers !== undefined && { headers }) };
    const as = encoded(contract, contentType);
    if (as.kind === 'queue') return publisher.publish(as, content, options);
    return publisher.publish(as, content, { ...options, routingKey });
  }
}

/** The contract for a body that was checked and encoded when it was stored. */
function encoded(contract: Contract, contentType: string): Contract {
  const codec: Codec = { contentType, encode: (bytes) => bytes as Uint8Array, decode: (bytes) => bytes };
  return { ...contract, schema: undefined, codec };
}

function placeOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind} ${name}`;
}
