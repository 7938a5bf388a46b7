import type { HeaderTable } from '@surehop/core';
import type { BindingDeclaration, ExchangeDeclaration } from '@surehop/core/internal';
import type { BrokerTime } from './broker-time.ts';
import { isCycle } from './death.ts';
import { checkNewExchange, checkNewQueue, checkSameExchange, checkSameQueue } from './declaration-checks.ts';
import { Exchange } from './exchange.ts';
import type { Message } from './message.ts';
import { ProtocolError } from './protocol-error.ts';
import { Queue } from './queue.ts';
import { QueueExpiry } from './queue-expiry.ts';
import { type PolicyDefinition, policyKeys, queueSettings } from './queue-settings.ts';
import type { QueueSurroundings } from './queue-surroundings.ts';
import type { Release } from './release.ts';

interface Policy {
  readonly pattern: RegExp;
  readonly definition: PolicyDefinition;
}

export interface MemoryVhostOptions {
  readonly time: BrokerTime;
  readonly release: Release;
  readonly random: () => number;
  readonly writeMs: () => number;
}

/** The exchanges, queues, bindings and policies of a broker, and the ways of a message among them. */
export class MemoryVhost {
  readonly #release: Release;
  readonly #around: QueueSurroundings;
  readonly #exchanges = new Map<string, Exchange>();
  readonly #queues = new Map<string, Queue>();
  readonly #policies = new Map<string, Policy>();

  constructor({ time, release, random, writeMs }: MemoryVhostOptions) {
    this.#release = release;
    const expiry = new QueueExpiry(time, (name) => this.deleteQueue(name));
    const targetsOf = (message: Message): Queue[] => this.#targetsOf(message);
    this.#around = { time, release, random, writeMs, used: (queue) => expiry.used(queue), targetsOf };
    for (const type of ['direct', 'fanout', 'topic', 'headers'] as const) {
      this.#exchanges.set(`amq.${type}`, new Exchange({ name: `amq.${type}`, type, arguments: {} }, release));
    }
  }

  get queues(): Iterable<Queue> {
    return this.#queues.values();
  }

  find(name: string): Queue | undefined {
    return this.#queues.get(name);
  }

  /** @throws {ProtocolError} 404 */
  queue(name: string): Queue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new ProtocolError(404, `no queue '${name}' in vhost '/'`);
    return queue;
  }

  /** @throws {ProtocolError} 404 */
  exchange(name: string): Exchange {
    const exchange = this.#exchanges.get(name);
    if (exchange === undefined) throw new ProtocolError(404, `no exchange '${name}' in vhost '/'`);
    return exchange;
  }

  /** @throws {ProtocolError} 403 and 406 */
  declareQueue(name: string, args: HeaderTable): void {
    const there = this.#queues.get(name);
    if (there !== undefined) {
      checkSameQueue(name, there.arguments, args);
      this.#around.used(there);
      return;
    }
    checkNewQueue(name, args, this.#release);
    const settings = queueSettings(args, this.#policyOf(name), this.#release);
    const queue = new Queue(name, args, settings, this.#around);
    this.#queues.set(name, queue);
    this.#around.used(queue);
  }

  /** @throws {ProtocolError} 403 and 406 */
  declareExchange(declaration: ExchangeDeclaration): void {
    const there = this.#exchanges.get(declaration.name);
    if (there !== undefined) {
      checkSameExchange(there.declaration, declaration);
      return;
    }
    checkNewExchange(declaration);
    this.#exchanges.set(declaration.name, new Exchange(declaration, this.#release));
  }

  /** @throws {ProtocolError} 404 when one of the two is missing */
  bind(binding: BindingDeclaration): void {
    this.queue(binding.queue);
    this.exchange(binding.exchange).bind(binding);
  }

  unbind(exchange: string, queue: string, routingKey?: string): void {
    this.#exchanges.get(exchange)?.unbind(queue, routingKey);
  }

  deleteQueue(name: string): void {
    const queue = this.#queues.get(name);
    this.#queues.delete(name);
    for (const exchange of this.#exchanges.values()) exchange.unbind(name);
    queue?.delete();
  }

  deleteExchange(name: string): void {
    this.#exchanges.delete(name);
  }

  /** An empty definition takes the policy away. */
  setPolicy(name: string, pattern: string, definition: PolicyDefinition): void {
    const known: readonly string[] = policyKeys;
    const unknown = Object.keys(definition).filter((key) => !known.includes(key));
    if (unknown.length > 0) {
      throw new RangeError(`a policy with ${unknown.join(', ')} is not known here: ${known.join(', ')} are`);
    }
    if (Object.keys(definition).length === 0) this.#policies.delete(name);
    else this.#policies.set(name, { pattern: new RegExp(pattern), definition });
    for (const queue of this.#queues.values()) {
      queue.configure(queueSettings(queue.arguments, this.#policyOf(queue.name), this.#release));
    }
  }

  /**
   * The queues that a message goes to.
   *
   * @throws {ProtocolError} 404 when there is no such exchange
   */
  route(message: Message): Queue[] {
    if (message.exchange === '') {
      const queue = this.#queues.get(message.routingKey);
      return queue === undefined ? [] : [queue];
    }
    let exchange: Exchange | undefined = this.exchange(message.exchange);
    const passed = new Set<Exchange>();
    while (exchange !== undefined && !passed.has(exchange)) {
      passed.add(exchange);
      const queues = exchange.queuesFor(message).flatMap((name) => this.#queues.get(name) ?? []);
      if (queues.length > 0) return queues;
      exchange = exchange.alternate === undefined ? undefined : this.#exchanges.get(exchange.alternate);
    }
    return [];
  }

  #targetsOf(message: Message): Queue[] {
    if (message.exchange !== '' && !this.#exchanges.has(message.exchange)) return [];
    return this.route(message).filter((queue) => !isCycle(message, queue.name));
  }

  /** At most one policy applies: the first that matches. */
  #policyOf(queue: string): PolicyDefinition {
    for (const { pattern, definition } of this.#policies.values()) if (pattern.test(queue)) return definition;
    return {};
  }
}
