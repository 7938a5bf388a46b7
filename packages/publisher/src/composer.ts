import { type HeaderTable, type MessageProperties, SurehopError } from '@surehop/core';
import { checkOutgoing, kindOf, type OutgoingMessage, type RabbitInternals } from '@surehop/core/internal';
import { checkBody, encodeBody } from './body.ts';
import { DelayedMessage, delayable, delayedAddress, delayOf } from './delay.ts';
import { DelayRoutes } from './delay-routes.ts';
import { Limits } from './limits.ts';
import type { Answer, Contract, Declarable, Pending } from './pending.ts';
import { completed } from './properties.ts';
import {
  destinationOf,
  type PublishOptions,
  type RawDestination,
  type RawProperties,
  type RawPublishOptions,
} from './publish-options.ts';
import type { ResolvedPublisherOptions } from './publisher-options.ts';
import { MemorySequenceStore } from './sequences/memory-sequence-store.ts';
import { Stamping, unnumbered } from './sequences/stamping.ts';
import { weightOf } from './weight.ts';

/** Takes a message on its way. @param ready what has to come first; it may reject, and nobody need handle that */
export type Take = (pending: Pending, ready: Promise<unknown> | undefined) => void;

/** Makes a message of what a caller gives. Everything that can be refused without the broker is refused here. */
export class Composer {
  readonly #internals: RabbitInternals;
  readonly #options: ResolvedPublisherOptions;
  readonly #take: Take;
  readonly #limits: Limits;
  readonly #routes = new DelayRoutes();
  readonly #stamping: Stamping;

  constructor(internals: RabbitInternals, options: ResolvedPublisherOptions, take: Take) {
    const { effects, log } = internals;
    this.#internals = internals;
    this.#options = options;
    this.#take = take;
    this.#limits = new Limits(internals, options.maxMessageBytes);
    this.#stamping = new Stamping(options.sequences ?? new MemorySequenceStore(() => effects.newId()), log);
  }

  /**
   * @param options have been checked
   * @param when the message may go, where that is not now
   * @throws {SurehopError} what can be refused at once
   */
  publish(
    contract: Contract,
    body: unknown,
    options: PublishOptions,
    answer: Answer,
    when?: Promise<unknown>,
  ): Pending {
    const { effects } = this.#internals;
    const destination = destinationOf(contract, options.routingKey);
    const checked = checkBody(contract, body);
    const content = encodeBody(contract, body);
    const properties = completed(options.properties, options.messageId, contract.codec.contentType, effects);
    const ready = when === undefined ? checked : both(when, checked);
    const delay = delayOf(options, effects.clock);
    const { headers, sequence } = options;
    if (delay !== undefined) {
      const target = delayable(contract);
      const address = delayedAddress(target, destination.routingKey, headers, delay);
      const first = this.#outgoing(address, content, properties, address.headers);
      const message = new DelayedMessage(first, target, delay, effects.clock);
      const route = this.#routes.routeOf(target, delay.delayMs);
      return this.#taken(this.#pending(message, route, options, answer), ready);
    }
    if (sequence === undefined) {
      const message = this.#outgoing(destination, content, properties, headers);
      return this.#taken(this.#pending(message, contract, options, answer), ready);
    }
    const message = this.#outgoing(destination, content, properties, { ...headers, ...unnumbered(sequence) });
    const numbered = this.#stamping.number(message, contract, sequence, ready, answer);
    return this.#taken(this.#pending(message, contract, options, numbered.answer), numbered.stamped);
  }

  /** @throws {SurehopError} what can be refused at once; the options have been checked */
  publishTo(
    to: RawDestination,
    content: Uint8Array,
    properties: RawProperties,
    options: RawPublishOptions,
    answer: Answer,
  ): void {
    if (!(content instanceof Uint8Array)) {
      const text = `the content for publishTo must be a Uint8Array, got ${kindOf(content)}`;
      throw new SurehopError('SUREHOP_OPTION_INVALID', text, { retryable: false });
    }
    const { headers, messageId, ...given } = properties;
    const complete = completed(given, messageId, given.contentType, this.#internals.effects);
    const message = this.#outgoing(to, Buffer.from(content), complete, headers);
    this.#take(this.#pending(message, undefined, options, answer), undefined);
  }

  #taken(pending: Pending, ready: Promise<unknown> | undefined): Pending {
    this.#take(pending, ready);
    return pending;
  }

  #outgoing(
    { exchange, routingKey }: RawDestination,
    content: Uint8Array,
    properties: MessageProperties,
    headers: HeaderTable | undefined,
  ): OutgoingMessage & { headers: HeaderTable | undefined } {
    const message = { exchange, routingKey, mandatory: true, content, properties, headers };
    message.headers = checkOutgoing(message, this.#limits.now());
    return message;
  }

  #pending(
    message: OutgoingMessage,
    contract: Declarable | undefined,
    { deadlineMs = this.#options.deadlineMs, signal }: RawPublishOptions,
    { resolve, reject }: Answer,
  ): Pending {
    return {
      message,
      messageId: message.properties.messageId ?? '',
      contract,
      bytes: weightOf(message.content, message.headers),
      deadlineMs,
      deadlineAt: this.#internals.effects.clock.now() + deadlineMs,
      signal,
      resolve,
      reject,
      stage: 'new',
      sending: undefined,
      standing: undefined,
      pendingAt: undefined,
    };
  }
}

/** Nobody need handle its rejection. */
function both(one: Promise<unknown>, other: Promise<unknown> | undefined): Promise<unknown> {
  const both = Promise.all([one, other]);
  both.catch(() => undefined);
  return both;
}
