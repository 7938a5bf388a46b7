import { isSurehopError, PublishManyError } from '@surehop/core';
import type { Answer } from './pending.ts';
import type { BulkReceipt, Receipt } from './receipt.ts';

export interface BulkOptions<In> {
  readonly bodies: Iterable<In> | AsyncIterable<In>;
  /** Takes one message on its way; throws what can be refused at once. */
  readonly publish: (body: In, index: number, answer: Answer) => void;
  /** Undefined while there is room for one more and nobody waits for it; otherwise resolves when that is so. */
  readonly room: () => Promise<void> | undefined;
  readonly signal: AbortSignal | undefined;
  readonly maxFailures: number;
}

/** Many messages to one contract: takes the next body when there is room for it, and adds up what became of each. */
export class Bulk<In> {
  readonly #options: BulkOptions<In>;
  readonly #failures: { readonly index: number; readonly error: unknown }[] = [];
  #started = 0;
  #stored = 0;
  #resends = 0;
  /** Why it took no more bodies, though there may be some. */
  #stopped: { readonly why: string; readonly cause?: unknown } | undefined;
  #onSettled: (() => void) | undefined;

  constructor(options: BulkOptions<In>) {
    this.#options = options;
  }

  /** @throws {PublishManyError} not everything is stored */
  async run(): Promise<BulkReceipt> {
    await this.#takeAll();
    if (this.#unsettled > 0) {
      await new Promise<void>((resolve) => {
        this.#onSettled = resolve;
      });
    }
    const [stored, started, failures] = [this.#stored, this.#started, this.#failures];
    if (failures.length === 0 && this.#stopped === undefined) return { stored, resends: this.#resends };
    throw new PublishManyError({ stored, started, failures }, this.#stopped?.why, { cause: this.#stopped?.cause });
  }

  get #unsettled(): number {
    return this.#started - this.#stored - this.#failures.length;
  }

  async #takeAll(): Promise<void> {
    const { bodies, room } = this.#options;
    try {
      // Going through what is at hand with `for await` would be a turn for each.
      if (Symbol.asyncIterator in bodies) {
        for await (const body of bodies) {
          await room();
          if (!this.#take(body)) return;
        }
      } else {
        for (const body of bodies) {
          const wait = room();
          if (wait !== undefined) await wait;
          if (!this.#take(body)) return;
        }
      }
    } catch (cause) {
      this.#stopped = { why: `what gives the bodies failed after ${this.#started}`, cause };
    }
  }

  /** False when no more are to be taken. */
  #take(body: In): boolean {
    const { signal, maxFailures, publish } = this.#options;
    if (signal?.aborted) this.#stopped = { why: 'the caller aborted it', cause: signal.reason };
    else if (this.#failures.length >= maxFailures) this.#stopped = { why: `it stopped after ${maxFailures} failures` };
    if (this.#stopped !== undefined) return false;
    const index = this.#started;
    this.#started += 1;
    try {
      publish(body, index, { resolve: this.#onStored, reject: (error) => this.#onFailed(index, error) });
    } catch (error) {
      if (isSurehopError(error, 'SUREHOP_CLOSED')) this.#stopped = { why: 'the publisher was closed', cause: error };
      this.#onFailed(index, error);
    }
    return this.#stopped === undefined;
  }

  readonly #onStored = ({ resends }: Receipt): void => {
    this.#stored += 1;
    this.#resends += resends;
    if (this.#unsettled === 0) this.#onSettled?.();
  };

  #onFailed(index: number, error: unknown): void {
    this.#failures.push({ index, error });
    if (this.#unsettled === 0) this.#onSettled?.();
  }
}
