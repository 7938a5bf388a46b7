import type { Handler } from '@surehop/core';
import { type Clock, functionOption, integer, knownKeys, nonEmptyString, systemEffects } from '@surehop/core/internal';
import { LRUCache } from 'lru-cache';
import { type IdOf, identityOf, reused } from './identity.ts';

export interface MemoryInboxOptions {
  /**
   * How many messages to know, the latest ones, 1 to 10_000_000. Each takes some 250 bytes.
   * @default 100_000
   */
  readonly max?: number;
  /**
   * How long to know a message, in milliseconds, 1 to ten years.
   * @default 3_600_000 (an hour)
   */
  readonly ttlMs?: number;
  /**
   * What handles the messages. Not empty.
   * @default the name of the queue that the message came from
   */
  readonly handler?: string;
  /**
   * What tells a message from others, where that is not its id.
   * @default the message id
   */
  readonly idOf?: IdOf;
  /** For tests. @default the machine's */
  readonly clock?: Clock;
}

/** Tells duplicates from memory, for services without a database. Made by {@link createMemoryInbox}. */
export interface MemoryInbox {
  /**
   * A handler for `createConsumer`: of the messages that this process has handled lately, none is handled again. One
   * that comes while another delivery of the same message is being handled waits for that one's end, and is handled if
   * that one failed.
   *
   * It does not cover what another process has handled, what this one had handled before it was restarted, what has
   * been pushed out by `max` or `ttlMs`, and an effect that was had by a handler which failed afterwards.
   */
  handle<T>(handler: Handler<T>): Handler<T>;
  /** How many messages it knows. */
  readonly size: number;
}

const hourMs = 3_600_000;

/** @throws {SurehopError} SUREHOP_OPTION_INVALID, naming the option */
export function createMemoryInbox(options: MemoryInboxOptions = {}): MemoryInbox {
  knownKeys('createMemoryInbox', options, ['max', 'ttlMs', 'handler', 'idOf', 'clock']);
  const { max = 100_000, ttlMs = hourMs, handler, idOf, clock = systemEffects.clock } = options;
  integer('max', max, 1, 10_000_000);
  integer('ttlMs', ttlMs, 1, 10 * 365 * 24 * hourMs);
  if (handler !== undefined) nonEmptyString('handler', handler);
  if (idOf !== undefined) functionOption('idOf', idOf);
  return new LatestMessages({ max, ttlMs, handler, idOf, clock });
}

interface Resolved {
  readonly max: number;
  readonly ttlMs: number;
  readonly handler: string | undefined;
  readonly idOf: IdOf | undefined;
  readonly clock: Clock;
}

class LatestMessages implements MemoryInbox {
  readonly #options: Resolved;
  /** The digest of what was handled. */
  readonly #handled: LRUCache<string, string>;
  /** Ends, without a rejection, when a message is handled or has failed. */
  readonly #inHand = new Map<string, Promise<void>>();

  constructor(options: Resolved) {
    const { max, ttlMs, clock } = options;
    this.#options = options;
    this.#handled = new LRUCache({ max, ttl: ttlMs, ttlResolution: 0, perf: { now: () => clock.now() } });
  }

  get size(): number {
    this.#handled.purgeStale();
    return this.#handled.size;
  }

  handle<T>(handler: Handler<T>): Handler<T> {
    functionOption('handler', handler);
    return async (message) => {
      const identity = identityOf(message, this.#options.idOf);
      const key = JSON.stringify([this.#options.handler ?? message.queue, identity.id]);
      const digest = identity.digest.toString('latin1');
      for (let other = this.#inHand.get(key); other !== undefined; other = this.#inHand.get(key)) await other;
      const known = this.#handled.get(key);
      if (known !== undefined && known !== digest) throw reused(identity);
      if (known !== undefined) {
        message.log.info({}, 'the message was handled before and is not handled again');
        return;
      }
      await this.#run(key, digest, () => handler(message));
    };
  }

  async #run(key: string, digest: string, work: () => unknown): Promise<void> {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#inHand.set(key, ended);
    try {
      await work();
      this.#handled.set(key, digest);
    } finally {
      this.#inHand.delete(key);
      end();
    }
  }
}
