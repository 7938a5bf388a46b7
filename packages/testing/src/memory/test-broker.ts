import { type ConnectOptions, connect, type HeaderTable, type MessageProperties, type Rabbit } from '@surehop/core';
import { systemEffects } from '@surehop/core/internal';
import { FlowingClock } from './flowing-clock.ts';
import { type Alarm, MemoryBroker, type QueueCounts, type QueuedMessage } from './memory-broker.ts';
import { MemoryNetwork } from './network.ts';

export interface TestBrokerOptions {
  /**
   * The release whose ways it follows: 3.10 to 3.13 and 4.0 to 4.3, with or without a patch number.
   * @default '4.3.6'
   */
  readonly version?: string;
}

export interface TestMessage extends QueuedMessage {
  /** The content parsed as JSON where it is JSON, else as it is. */
  readonly body: unknown;
}

export interface TestPublish {
  readonly properties?: MessageProperties;
  readonly headers?: HeaderTable;
}

/**
 * A broker in memory, for unit tests of handlers and retry policies: it is there within a millisecond, needs nothing and
 * leaves nothing. It routes, confirms, delivers, expires and dead-letters as RabbitMQ does; what a release is known to do
 * is held by no more than that: test what matters against a real one as well (`startBroker()`).
 */
export class TestBroker implements AsyncDisposable {
  readonly version: string;
  readonly #clock = new FlowingClock();
  readonly #network = new MemoryNetwork();
  readonly #broker: MemoryBroker;
  readonly #connected = new Set<Rabbit>();

  /** @throws {RangeError} for a version that is none of 3.10 to 4.3 */
  constructor({ version }: TestBrokerOptions = {}) {
    const { random } = systemEffects;
    this.#broker = new MemoryBroker({ clock: this.#clock, random, ...(version !== undefined && { version }) });
    this.version = this.#broker.version;
  }

  /**
   * As core's `connect()`, to this broker and on its time. Closed with the broker.
   *
   * @throws {SurehopError} as `connect()` does: SUREHOP_OPTION_INVALID, and what a fault of the test brings about
   */
  async connect(options: Omit<ConnectOptions, 'url' | 'driver' | 'effects'> = {}): Promise<Rabbit> {
    const rabbit = await connect({
      ...options,
      url: 'amqp://test',
      driver: this.#broker.driver(this.#network),
      effects: { ...systemEffects, clock: this.#clock },
    });
    this.#connected.add(rabbit);
    return rabbit;
  }

  /**
   * Moves time on: everything that would be due within so many milliseconds happens, in its order, at once. Time also
   * passes by itself, as slowly as ever. Resolves when handlers that wait for nothing else are through.
   */
  advanceBy(ms: number): Promise<void> {
    return this.#clock.advanceBy(ms);
  }

  /** The names of all queues, in alphabetical order. */
  queues(): string[] {
    return this.#broker.queues();
  }

  /** @throws {ProtocolError} 404 when there is no such queue */
  counts(queue: string): QueueCounts {
    return this.#broker.queue(queue);
  }

  /**
   * Everything in a queue, in its order, delivered or not.
   *
   * @throws {ProtocolError} 404 when there is no such queue
   */
  messages(queue: string): TestMessage[] {
    return this.#broker.messages(queue).map((message) => ({ ...message, body: bodyOf(message.content) }));
  }

  /**
   * Publishes as another client does: bytes and strings as they are, anything else as JSON. True when a queue took it.
   *
   * @throws {ProtocolError} 404 when there is no such exchange
   */
  publish(exchange: string, routingKey: string, body: unknown, options: TestPublish = {}): boolean {
    const isText = typeof body === 'string';
    const content = body instanceof Uint8Array ? body : new TextEncoder().encode(isText ? body : JSON.stringify(body));
    return this.#broker.publish(exchange, routingKey, { content, ...options });
  }

  /** Deletes a queue with what is in it, as an operator does. */
  deleteQueue(name: string): void {
    this.#broker.deleteQueue(name);
  }

  /** Resets every connection. */
  cut(): void {
    this.#network.cut();
  }

  /** Lets nothing through, either way, until `heal()`. */
  blackhole(): void {
    this.#network.blackhole();
  }

  /** Refuses new connections until `heal()`. */
  refuse(): void {
    this.#network.refuse();
  }

  /** Ends what `blackhole()` and `refuse()` began. */
  heal(): void {
    this.#network.heal();
  }

  /** Raises an alarm, or ends it: while there is one, publishers wait. */
  setAlarm(alarm: Alarm, isOn: boolean): void {
    this.#broker.setAlarm(alarm, isOn);
  }

  /** Ends the broker as a power cut does. What is in its queues stays. */
  kill(): void {
    this.#broker.kill();
  }

  /** Starts it again. */
  start(): void {
    this.#broker.start();
  }

  /** Closes its connections, moving time on for what they wait for. Safe to call twice. */
  async close(): Promise<void> {
    const closing = Promise.all([...this.#connected].map((rabbit) => rabbit.close()));
    let isClosed = false;
    void closing.then(() => {
      isClosed = true;
    });
    while (!isClosed) await this.#clock.advanceBy(100);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * A new broker in memory, with nothing in it.
 *
 * @throws {RangeError} for a version that is none of 3.10 to 4.3
 */
export function createTestBroker(options: TestBrokerOptions = {}): TestBroker {
  return new TestBroker(options);
}

function bodyOf(content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch {
    return content;
  }
}
