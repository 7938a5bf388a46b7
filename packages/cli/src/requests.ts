import type { Rabbit } from '@surehop/core';
import { type ChannelListeners, type DriverChannel, DriverError, internalsOf } from '@surehop/core/internal';

const nothing = (): undefined => undefined;

const listeners: ChannelListeners = {
  onConfirm: nothing,
  onReturn: nothing,
  onDelivery: nothing,
  onCancel: nothing,
  onClosed: nothing,
};

/** Single AMQP requests, one after the other. One that the broker refuses costs its channel, and nothing else. */
export class Requests implements AsyncDisposable {
  readonly #rabbit: Rabbit;
  readonly #signal: AbortSignal;
  #channel: DriverChannel | undefined;

  constructor(rabbit: Rabbit, signal: AbortSignal) {
    this.#rabbit = rabbit;
    this.#signal = signal;
  }

  /** Each within the connection's `rpcTimeoutMs`. */
  async ask<T>(call: (channel: DriverChannel, deadline: AbortSignal) => Promise<T>): Promise<T> {
    const { consumeLink } = internalsOf(this.#rabbit);
    if (this.#channel?.isOpen !== true) {
      const session = await consumeLink.whenOpen(this.#deadline());
      this.#channel = await session.openChannel(listeners, this.#deadline());
    }
    return await call(this.#channel, this.#deadline());
  }

  /** How many messages are ready in the queue; undefined when there is none of this name. */
  ready(queue: string): Promise<number | undefined> {
    return this.#unlessMissing(() => this.ask((channel, deadline) => channel.checkQueue(queue, deadline)));
  }

  async hasExchange(name: string): Promise<boolean> {
    const found = await this.#unlessMissing(async () => {
      await this.ask((channel, deadline) => channel.checkExchange(name, deadline));
      return true;
    });
    return found === true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#channel?.isOpen === true) await this.#channel.close(this.#deadline());
  }

  async #unlessMissing<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (thrown) {
      if (thrown instanceof DriverError && thrown.replyCode === 404) return undefined;
      throw thrown;
    }
  }

  #deadline(): AbortSignal {
    const { effects, options } = internalsOf(this.#rabbit);
    return AbortSignal.any([this.#signal, effects.clock.deadline(options.rpcTimeoutMs)]);
  }
}
