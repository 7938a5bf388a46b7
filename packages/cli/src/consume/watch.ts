import type { Handler } from '@surehop/consumer';
import { isDeadLetter } from '@surehop/core/internal';
import type { Allowance } from './allowance.ts';
import type { HandleMessage } from './handlers.ts';
import { HandlerExitError } from './verdict.ts';

/** What ended the consuming: as many as were asked for, none came for a while, Ctrl-C, or a fault that is no message's. */
export type EndedBy = 'limit' | 'idle' | 'signal' | 'fault';

/** It is not settled: when the consumer closes, the broker has it again as it was. */
const unsettled = new Promise<never>(() => undefined);

/** Stands before the handler: counts, and keeps faults that are no message's fault from failing messages. */
export class Watch {
  readonly #allowance: Allowance;
  readonly #handle: HandleMessage;
  #fault: { readonly error: unknown } | undefined;
  #onFault!: () => void;
  readonly #faulty: Promise<void>;
  #onStarted!: () => void;
  readonly #started: Promise<void>;

  constructor(allowance: Allowance, handle: HandleMessage) {
    this.#allowance = allowance;
    this.#handle = handle;
    this.#faulty = new Promise((resolve) => {
      this.#onFault = resolve;
    });
    this.#started = new Promise((resolve) => {
      this.#onStarted = resolve;
    });
  }

  /**
   * Fails a message for what its program said of it, and for nothing else. A reader that has gone, or a program that
   * cannot be started, would befall every message: that ends the consuming instead.
   */
  readonly handler: Handler<unknown> = async (message) => {
    await this.#started;
    if (this.#fault !== undefined || !this.#allowance.begin()) return await unsettled;
    try {
      await this.#handle(message);
    } catch (thrown) {
      if (thrown instanceof HandlerExitError || isDeadLetter(thrown)) throw thrown;
      this.#fault ??= { error: thrown };
      this.#onFault();
      return await unsettled;
    } finally {
      if (this.#fault === undefined) this.#allowance.finish();
    }
  };

  /** Lets messages be handled, until what ends that. */
  async ended(signal: AbortSignal): Promise<EndedBy> {
    this.#allowance.start();
    this.#onStarted();
    const stopped = new Promise<EndedBy>((resolve) => {
      if (signal.aborted) resolve('signal');
      signal.addEventListener('abort', () => resolve('signal'), { once: true });
    });
    const by = await Promise.race([this.#faulty.then((): EndedBy => 'fault'), stopped, this.#allowance.over]);
    this.#allowance.stop();
    return by;
  }

  throwFault(): void {
    if (this.#fault !== undefined) throw this.#fault.error;
  }
}
