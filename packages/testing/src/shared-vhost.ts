import { fallbackDelayMs, rawQueueTopology, resolveRetry, rungTopology, waitingTopology } from '@surehop/core/internal';
import type { AmqpAccess } from './amqp-access.ts';
import { BaseVhost, type VhostOptions } from './base-vhost.ts';
import { BrokerError } from './errors.ts';
import type { StoredMessage, UniqueOptions } from './vhost.ts';

/**
 * A virtual host that belongs to others too, where none can be made: what is named by `unique()` is told apart by a
 * prefix, and deleted when this is closed.
 */
export class SharedVhost extends BaseVhost {
  override readonly isShared = true;
  readonly #prefix: string;
  readonly #amqp: AmqpAccess;
  readonly #queues = new Set<string>();
  readonly #exchanges = new Set<string>();
  #isClosed = false;

  /** @param prefix that nobody else has */
  constructor(options: VhostOptions, prefix: string, amqp: AmqpAccess) {
    super(options);
    this.#prefix = prefix;
    this.#amqp = amqp;
  }

  override unique(name: string, options: UniqueOptions = {}): string {
    if (this.#isClosed) throw new BrokerError('The virtual host is closed: nobody would delete what is named now.');
    const unique = `${this.#prefix}${name}`;
    const { queues, exchanges } = rawQueueTopology(unique, resolveRetry(`"${name}"`, options));
    // The last for a `RetryLater`, where the contract has no rung.
    const rungs = rungTopology(unique, fallbackDelayMs).queues;
    // Of a consumer with `orderBy`.
    const waiting = waitingTopology(unique).queues;
    for (const queue of [{ name: unique }, ...queues, ...rungs, ...waiting]) this.#queues.add(queue.name);
    for (const exchange of [{ name: unique }, ...exchanges]) this.#exchanges.add(exchange.name);
    return unique;
  }

  messages(queue: string): Promise<number> {
    return this.#amqp.ready(queue);
  }

  get(queue: string, count: number = Number.POSITIVE_INFINITY): Promise<StoredMessage[]> {
    return this.#amqp.get(queue, count);
  }

  publish(
    exchange: string,
    routingKey: string,
    payload: string | Uint8Array,
    properties: Readonly<Record<string, unknown>> = {},
  ): Promise<boolean> {
    return this.#amqp.publish(exchange, routingKey, payload, properties);
  }

  deleteQueue(name: string): Promise<void> {
    return this.#amqp.deleteQueue(name);
  }

  deleteExchange(name: string): Promise<void> {
    return this.#amqp.deleteExchange(name);
  }

  queues(): Promise<never> {
    return this.#refuse('list queues');
  }

  closeConnections(): Promise<never> {
    return this.#refuse('close connections');
  }

  setPolicy(): Promise<never> {
    return this.#refuse('set a policy');
  }

  addUser(): Promise<never> {
    return this.#refuse('add a user');
  }

  protected async remove(): Promise<void> {
    this.#isClosed = true;
    if (this.#queues.size > 0) await this.#amqp.deleteAll([...this.#queues], [...this.#exchanges]);
  }

  async #refuse(what: string): Promise<never> {
    const advice = 'Enable the management plugin and give AMQP_URL an administrator of it';
    throw new BrokerError(
      `To ${what} needs an administrator. ${advice}, or let rabbitmqctl be on PATH on the broker's machine, with the right to use it.`,
    );
  }
}
