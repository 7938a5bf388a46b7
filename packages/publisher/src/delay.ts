import type { HeaderTable, MessageProperties } from '@surehop/core';
import {
  type Clock,
  type DelayTarget,
  delayEntrance,
  delayHeaders,
  delayKey,
  integer,
  invalid,
  isDelayHeader,
  kindOf,
  longestNetworkDelayMs,
  mostDelayHeaders,
  type OutgoingMessage,
} from '@surehop/core/internal';
import type { Contract, Delayable } from './pending.ts';

/** When a message is to come. */
export interface DelayOptions {
  /**
   * How long the message waits in the broker before its queue or exchange gets it, from the call on, in milliseconds, 0
   * to 366 days. Never sooner; later by less than 100 ms and what the broker takes. Not with `properties.expiration`.
   * @default 0
   */
  readonly delayMs?: number;
  /** The same as a moment, at most 366 days ahead; one that is past is now. Not with `delayMs`. */
  readonly at?: Date;
}

interface Delayed extends DelayOptions {
  readonly properties?: MessageProperties;
  readonly headers?: HeaderTable;
}

/** @throws {SurehopError} SUREHOP_OPTION_INVALID. How far ahead `at` lies is known only when the call is made */
export function checkDelay({ delayMs, at, properties, headers }: Delayed): void {
  if (delayMs !== undefined && at !== undefined) invalid('delayMs and at must not be given together');
  if (delayMs !== undefined) integer('delayMs', delayMs, 0, longestNetworkDelayMs);
  if (at !== undefined && (!(at instanceof Date) || Number.isNaN(at.getTime()))) {
    invalid(`at must be a valid Date, got ${at instanceof Date ? 'an invalid one' : kindOf(at)}`);
  }
  if (properties?.expiration !== undefined) {
    invalid('expiration must not be given with a delay: the broker would cut the delay short by it');
  }
  for (const name of ['CC', 'BCC']) {
    if (headers?.[name] !== undefined) invalid(`header ${name} must not be given with a delay: copies would not wait`);
  }
}

/** @throws {SurehopError} SUREHOP_OPTION_INVALID for a stream */
export function delayable(contract: Contract): Delayable {
  if (contract.kind === 'stream') invalid(`stream "${contract.name}" takes no delay: publish when it is time`);
  return contract;
}

/** Of one call: how long it is to wait, by which clock it is over. */
export interface Delay {
  readonly delayMs: number;
  /** By the clock, in milliseconds. */
  readonly dueAt: number;
  /** In milliseconds since the Unix epoch, for people. */
  readonly until: number;
}

/**
 * Undefined for what goes at once.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID for a moment that is too far ahead
 */
export function delayOf({ delayMs, at }: DelayOptions, clock: Clock): Delay | undefined {
  if (delayMs === undefined && at === undefined) return undefined;
  const epochMs = clock.epochMs();
  const waitMs = at === undefined ? (delayMs ?? 0) : at.getTime() - epochMs;
  if (waitMs <= 0) return undefined;
  if (waitMs > longestNetworkDelayMs) {
    invalid(`at must be at most 366 days ahead, got one that is ${Math.floor(waitMs / 86_400_000)} days ahead`);
  }
  return { delayMs: waitMs, dueAt: clock.now() + waitMs, until: epochMs + waitMs };
}

/** Where a message with a delay is published to, and what it must carry at the most. */
export function delayedAddress(
  target: DelayTarget,
  routingKey: string,
  given: HeaderTable | undefined,
  { delayMs, until }: Delay,
): { readonly exchange: string; readonly routingKey: string; readonly headers: HeaderTable } {
  return {
    exchange: delayEntrance,
    routingKey: target.kind === 'queue' ? delayKey(target.name) : routingKey,
    headers: { ...withoutDelay(given), ...mostDelayHeaders(target, delayMs, until) },
  };
}

/**
 * A message that waits in the broker for what is left of its delay when it is written: waiting for a connection, or being
 * written again after one was lost, makes it no later.
 */
export class DelayedMessage implements OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly mandatory: boolean;
  readonly content: Uint8Array;
  readonly properties: OutgoingMessage['properties'];
  readonly #given: HeaderTable;
  readonly #target: DelayTarget;
  readonly #delay: Delay;
  readonly #clock: Clock;

  constructor(message: OutgoingMessage, target: DelayTarget, delay: Delay, clock: Clock) {
    this.exchange = message.exchange;
    this.routingKey = message.routingKey;
    this.mandatory = message.mandatory;
    this.content = message.content;
    this.properties = message.properties;
    this.#given = withoutDelay(message.headers);
    this.#target = target;
    this.#delay = delay;
    this.#clock = clock;
  }

  get headers(): HeaderTable {
    const { dueAt, until } = this.#delay;
    return { ...this.#given, ...delayHeaders(this.#target, dueAt - this.#clock.now(), until) };
  }
}

/** What is left of a delay, as `publish` takes it; undefined when nothing is. Rounding never makes it shorter. */
export function restOf(leftMs: number): { readonly delayMs: number } | undefined {
  return leftMs > 0 ? { delayMs: Math.min(Math.ceil(leftMs), longestNetworkDelayMs) } : undefined;
}

/** Of a message that waited before: its headers may be those of an earlier delay. */
export function withoutDelay(headers: HeaderTable = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !isDelayHeader(name)));
}
