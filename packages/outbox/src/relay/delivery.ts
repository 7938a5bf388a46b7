import type {
  Codec,
  ExchangeContract,
  OutboxMessage,
  OutboxResult,
  QueueContract,
  StreamContract,
} from '@surehop/core';
import type { Clock } from '@surehop/core/internal';
import type { Publisher } from '@surehop/publisher';
import { existingTarget, restOf } from '@surehop/publisher/internal';
import { LRUCache } from 'lru-cache';
import { type VerdictOptions, verdictOn } from './verdict.ts';

type Contract = QueueContract | ExchangeContract | StreamContract;

export interface DeliveryOptions extends VerdictOptions {
  readonly publisher: Publisher;
  readonly contracts: readonly Contract[];
  readonly clock: Clock;
  readonly deadlineMs: number;
}

/** In one pass, no message of a key is begun later than this: others wait for the pass to end. */
const longestPassMs = 1_000;
/** Places without a contract to which delayed messages went: the way back to each is declared once, while it is kept. */
const keptTargets = 1_000;
const anyBytes = 'application/octet-stream';

/** Sends the messages of a pass: all at once, but those of one key one after the other. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #contracts: ReadonlyMap<string, Contract>;
  readonly #encoded = new LRUCache<string, Contract>({ max: keptTargets });

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#contracts = new Map(options.contracts.map((given) => [placeOf(given), given]));
  }

  /** Never rejects. One result per message, in their order. */
  async send(messages: readonly OutboxMessage[], signal: AbortSignal): Promise<readonly OutboxResult[]> {
    const results: OutboxResult[] = messages.map(() => ({ status: 'waiting' }));
    const lastOfKey = new Map<string, Promise<boolean>>();
    const takenAt = this.#options.clock.now();
    const stopAt = takenAt + longestPassMs;
    const all = messages.map((message, index) => {
      const one = async (goOn: boolean): Promise<boolean> => {
        if (!goOn) return false;
        const result = await this.#sendOne(message, takenAt, signal);
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

  async #sendOne(message: OutboxMessage, takenAt: number, signal: AbortSignal): Promise<OutboxResult> {
    try {
      await this.#publish(message, takenAt, signal);
      return { status: 'sent' };
    } catch (thrown) {
      return verdictOn(thrown, message.attempts, this.#options);
    }
  }

  #publish(message: OutboxMessage, takenAt: number, signal: AbortSignal): Promise<unknown> {
    const { publisher, deadlineMs } = this.#options;
    const { exchange, routingKey, content, headers, messageId, properties } = message;
    const waiting = { deadlineMs, signal };
    const place = exchange === '' ? `queue ${routingKey}` : `exchange ${exchange}`;
    const contract = this.#contracts.get(place);
    const delay = restOf((message.delayMs ?? 0) - (this.#options.clock.now() - takenAt));
    if (contract === undefined && delay === undefined) {
      const raw = { ...properties, messageId, ...(headers !== undefined && { headers }) };
      return publisher.publishTo({ exchange, routingKey }, content, raw, waiting);
    }
    const { contentType = contract?.codec.contentType ?? anyBytes, deliveryMode: _, ...others } = properties;
    const options = { ...waiting, ...delay, messageId, properties: others, ...(headers !== undefined && { headers }) };
    const as = this.#as(place, contentType, message, contract);
    return publisher.publish(as, content, as.kind === 'exchange' ? { ...options, routingKey } : options);
  }

  /** The contract for a body that was checked and encoded; without one, as much of it as a delay needs. */
  #as(place: string, contentType: string, message: OutboxMessage, contract: Contract | undefined): Contract {
    const key = `${place}\n${contentType}`;
    const known = this.#encoded.get(key);
    if (known !== undefined) return known;
    const codec = encodedAs(contentType);
    const as = contract === undefined ? existingTarget(message, codec) : { ...contract, schema: undefined, codec };
    this.#encoded.set(key, as);
    return as;
  }
}

/** For a body that was encoded when it was stored. */
function encodedAs(contentType: string): Codec {
  return { contentType, encode: (bytes) => bytes as Uint8Array, decode: (bytes) => bytes };
}

/** A message to a stream is addressed as one to a queue is. */
function placeOf({ kind, name }: Contract): string {
  return `${kind === 'exchange' ? 'exchange' : 'queue'} ${name}`;
}
