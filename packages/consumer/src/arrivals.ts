import { SurehopError } from '@surehop/core';
import { type BodyRule, type Cancel, type Clock, type DecodedBody, decodeBody } from '@surehop/core/internal';
import type { Delivery } from './delivery.ts';

export interface ArrivalsOptions {
  /** Undefined for a raw queue: the body is the bytes. */
  readonly body: BodyRule | undefined;
  readonly clock: Clock;
  /** How long a schema may take, in milliseconds. */
  readonly limitMs: number;
  /** Called for one after the other, as they came. */
  readonly onDecoded: (delivery: Delivery, decoded: DecodedBody<unknown>) => void;
}

interface Arrival {
  readonly delivery: Delivery;
  /** Undefined while its schema has not answered. */
  decoded: DecodedBody<unknown> | undefined;
  cancelLimit: Cancel | undefined;
}

/** Decodes bodies as they come and hands them on in that order, however long a schema takes for one of them. */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  #waiting: Arrival[] = [];

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /** Handed on already when this returns, unless a schema answers later, for this one or one before it. */
  add(delivery: Delivery): void {
    const { body, onDecoded } = this.#options;
    const { content, properties } = delivery.message;
    const decoded =
      body === undefined ? ({ ok: true, body: content } as const) : decodeBody(body, properties.contentType, content);
    if (decoded instanceof Promise) this.#await(delivery, decoded);
    else if (this.#waiting.length > 0) this.#waiting.push({ delivery, decoded, cancelLimit: undefined });
    else onDecoded(delivery, decoded);
  }

  /** They are the broker's again. */
  clear(): void {
    for (const { cancelLimit } of this.#waiting) cancelLimit?.();
    this.#waiting = [];
  }

  #await(delivery: Delivery, decoding: Promise<DecodedBody<unknown>>): void {
    const { clock, limitMs } = this.#options;
    const arrival: Arrival = { delivery, decoded: undefined, cancelLimit: undefined };
    const decide = (decoded: DecodedBody<unknown>): void => {
      arrival.cancelLimit?.();
      arrival.decoded ??= decoded;
      this.#handOn();
    };
    arrival.cancelLimit = clock.setTimeout(() => decide(tooLate(limitMs)), limitMs);
    this.#waiting.push(arrival);
    void decoding.then(decide);
  }

  #handOn(): void {
    for (let [first] = this.#waiting; first?.decoded !== undefined; [first] = this.#waiting) {
      this.#waiting.shift();
      this.#options.onDecoded(first.delivery, first.decoded);
    }
  }
}

function tooLate(limitMs: number): DecodedBody<never> {
  const what = `the schema did not answer within ${limitMs} ms, and without its answer the message has no key`;
  const error = new SurehopError('SUREHOP_HANDLER_TIMEOUT', what, { retryable: true });
  return { ok: false, reason: 'invalid', error };
}
