import {
  type ChannelListeners,
  type Clock,
  type DriverChannel,
  type IncomingMessage,
  type LinkSession,
  sleep,
} from '@surehop/core/internal';
import { type Settlement, Settler } from '../settler.ts';

export interface WaitingChannelOptions {
  /** The waiting queue's. */
  readonly name: string;
  readonly tag: string;
  readonly session: LinkSession;
  readonly clock: Clock;
  readonly rpcTimeoutMs: number;
  readonly onDelivery: (message: IncomingMessage) => void;
  /** It cannot be used any more. Not told of what was closed here. */
  readonly onLost: (cause: Error) => void;
}

/** All of the queue is in hand: the largest prefetch there is. */
const prefetch = 65_535;

/** The channel on which a waiting queue is looked at and consumed: opened when it is needed, and never twice. */
export class WaitingChannel {
  readonly #options: WaitingChannelOptions;
  #opening: Promise<DriverChannel> | undefined;
  #channel: DriverChannel | undefined;
  #settler: Settler | undefined;
  #isOver = false;
  /** Whether nobody consumed it before. */
  #wasFree = false;
  /** Whether it is, or waits to be, the one that is handed messages. */
  isConsuming = false;

  constructor(options: WaitingChannelOptions) {
    this.#options = options;
  }

  /**
   * Whether all of it is in hand here: nobody else consumes it. Of a queue that is not there yet, we are not told of either;
   * and of those that wait in line, ourselves among them, none is counted (3.10).
   */
  async isOurs(): Promise<boolean> {
    return this.#wasFree && (await this.#ready()) === 0 && (await this.#consumers()) === 1;
  }

  /** @throws {DriverError} 404 where there is no such queue */
  async standing(): Promise<void> {
    await this.#ready();
  }

  /** Whether it holds messages, and nobody takes them. */
  async isLeft(): Promise<boolean> {
    return (await this.#ready()) > 0 && (await this.#consumers()) === 0;
  }

  async consume(): Promise<void> {
    this.isConsuming = true;
    const channel = await this.#open();
    this.#wasFree = (await this.#consumers()) === 0;
    await channel.prefetch(prefetch, this.#deadline());
    if (!this.#isOver) await channel.consume(this.#options.name, this.#options.tag, this.#deadline());
  }

  /** Lets the next in line have it. */
  async cancel(): Promise<void> {
    this.isConsuming = false;
    this.#settler?.flush();
    await this.#channel?.cancel(this.#options.tag, this.#deadline());
  }

  delivered(tag: number): void {
    this.#settler?.delivered(tag);
  }

  settle(tag: number, settlement: Settlement): void {
    this.#settler?.settle(tag, settlement);
  }

  /** Resolves once the broker has read all that was settled. */
  async received(): Promise<void> {
    this.#settler?.flush();
    await this.#channel?.prefetch(prefetch, this.#deadline());
  }

  /** Sends what is settled and leaves the broker the time to take it. */
  async flush(signal: AbortSignal): Promise<void> {
    this.#settler?.flush();
    const waitMs = this.#settler?.closeSafeInMs ?? 0;
    if (waitMs > 0) await sleep(this.#options.clock, waitMs, signal).catch(() => undefined);
  }

  /** Gives back what is in hand. Never rejects. */
  async close(signal: AbortSignal = this.#deadline()): Promise<void> {
    this.#isOver = true;
    this.#settler?.drop();
    await this.#channel?.close(signal).catch(() => undefined);
  }

  async #ready(): Promise<number> {
    const channel = await this.#open();
    return channel.checkQueue(this.#options.name, this.#deadline());
  }

  async #consumers(): Promise<number> {
    const channel = await this.#open();
    return channel.countConsumers(this.#options.name, this.#deadline());
  }

  #open(): Promise<DriverChannel> {
    this.#opening ??= this.#opened();
    return this.#opening;
  }

  async #opened(): Promise<DriverChannel> {
    const { session, clock } = this.#options;
    const channel = await session.openChannel(this.#listeners(), this.#deadline());
    if (this.#isOver) {
      await channel.close(this.#deadline());
      throw new Error('closed');
    }
    this.#channel = channel;
    this.#settler = new Settler(channel, clock, prefetch);
    return channel;
  }

  #listeners(): ChannelListeners {
    return {
      onConfirm: () => undefined,
      onReturn: () => undefined,
      onDelivery: (message) => {
        if (!this.#isOver) this.#options.onDelivery(message);
      },
      onCancel: () => this.#lost(new Error(`the broker cancelled the consumer of queue "${this.#options.name}"`)),
      onClosed: (cause) => this.#lost(cause ?? new Error('closed')),
    };
  }

  #lost(cause: Error): void {
    if (!this.#isOver) this.#options.onLost(cause);
  }

  #deadline(): AbortSignal {
    return this.#options.clock.deadline(this.#options.rpcTimeoutMs);
  }
}
