import { type HeaderTable, type MessageProperties, SurehopError } from '@surehop/core';
import { functionOption, integer, kindOf, knownKeys, nonEmptyString } from '@surehop/core/internal';
import { checkDelay, type DelayOptions } from './delay.ts';
import type { Contract } from './pending.ts';
import { longestDeadlineMs } from './publisher-options.ts';
import type { SequenceOption } from './sequences/stamping.ts';

/** What a caller may set of a message to a contract; content type and delivery mode are not his to choose. */
export type ContractProperties = Pick<
  MessageProperties,
  | 'type'
  | 'appId'
  | 'correlationId'
  | 'replyTo'
  | 'priority'
  | 'expiration'
  | 'timestamp'
  | 'contentEncoding'
  | 'userId'
>;

/** How long to wait, for any publish. */
export interface RawPublishOptions {
  /**
   * From the call to the confirm, whatever happens between, in milliseconds, 1 to 2^31 - 1.
   * @default the publisher's `deadlineMs`
   */
  readonly deadlineMs?: number;
  /** Gives up waiting. A message already written may still arrive: the error says which it was. */
  readonly signal?: AbortSignal;
}

export interface PublishOptions extends RawPublishOptions, DelayOptions {
  /** Required for direct and topic exchanges, `''` by default for others; not for queues and streams, which are their own address. */
  readonly routingKey?: string;
  /** @default none */
  readonly headers?: HeaderTable;
  /**
   * The same for every attempt at one thing, so that consumers can tell duplicates. Not empty, at most 255 bytes.
   * @default a new UUIDv7
   */
  readonly messageId?: string;
  /** @default `timestamp` is now; the others are not set */
  readonly properties?: ContractProperties;
  /**
   * Numbers the message, so that a consumer with `resequence` handles it in its place: `true` in the one sequence of the
   * queue or exchange, a string in the sequence of that key, at most 255 bytes. The same message id has the same number,
   * however often it is published.
   * @default none
   */
  readonly sequence?: SequenceOption;
}

/** For all messages of one `publishMany`. */
export interface PublishManyOptions extends Omit<PublishOptions, 'messageId'> {
  /**
   * The id of each message, by the index of its body, for example of what it was made from: the same for every attempt.
   * @default a new UUIDv7 each
   */
  readonly messageId?: (index: number) => string;
  /**
   * Takes no more bodies after so many failures, 1 to 1_000_000: each is kept, and told.
   * @default 1_000
   */
  readonly maxFailures?: number;
}

export interface RawDestination {
  /** `''` is the default exchange. */
  readonly exchange: string;
  readonly routingKey: string;
}

/** Defaults: `deliveryMode` 2 (persistent), `messageId` a new UUIDv7, `timestamp` now. */
export interface RawProperties extends MessageProperties {
  readonly headers?: HeaderTable;
}

const contractProperties: readonly string[] = [
  'type',
  'appId',
  'correlationId',
  'replyTo',
  'priority',
  'expiration',
  'timestamp',
  'contentEncoding',
  'userId',
];
const rawProperties: readonly string[] = [...contractProperties, 'contentType', 'deliveryMode', 'messageId', 'headers'];
const rawOptions: readonly string[] = ['deadlineMs', 'signal'];
const contractOptions: readonly string[] = [
  ...rawOptions,
  'routingKey',
  'headers',
  'messageId',
  'properties',
  'sequence',
];

/** What `publish` takes. @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkAllOptions(given: PublishOptions): void {
  const { delayMs, at, ...rest } = given;
  if (delayMs !== undefined || at !== undefined) {
    checkDelay(given);
    if (given.sequence !== undefined) invalid('sequence must not be given with a delay: those behind it would wait');
  }
  checkPublishOptions(rest);
}

/** All but the delay. @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkPublishOptions(given: Omit<PublishOptions, keyof DelayOptions>): void {
  knownKeys('publish', given, contractOptions);
  if (given.properties !== undefined) knownKeys('properties of publish', given.properties, contractProperties);
  if (given.messageId !== undefined) nonEmptyString('messageId', given.messageId);
  if (given.sequence !== undefined) checkSequence(given.sequence);
  checkWaiting(given);
}

/** @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkSequence(sequence: unknown): asserts sequence is SequenceOption {
  if (sequence === true) return;
  nonEmptyString('sequence', sequence);
  if (Buffer.byteLength(sequence) > 255) invalid('sequence must not be longer than 255 bytes');
}

/**
 * What `publish` is to be given for each message.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID
 */
export function eachOf(given: PublishManyOptions): PublishOptions {
  const { messageId, maxFailures = defaultMaxFailures, ...each } = given;
  if (messageId !== undefined) functionOption('messageId', messageId);
  integer('maxFailures', maxFailures, 1, 1_000_000);
  checkAllOptions(each);
  return each;
}

/**
 * The bodies that `publishMany` was given.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID
 */
export function iterable<T>(bodies: Iterable<T> | AsyncIterable<T>): Iterable<T> | AsyncIterable<T> {
  const isOne = typeof bodies === 'object' && bodies !== null;
  if (isOne && (Symbol.iterator in bodies || Symbol.asyncIterator in bodies)) return bodies;
  return invalid(`the bodies of publishMany must be an array or another iterable, got ${kindOf(bodies)}`);
}

/**
 * What the caller's function names the message at this index.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID
 */
export function givenId(messageId: (index: number) => string, index: number): string {
  const id: unknown = messageId(index);
  nonEmptyString(`messageId(${index})`, id);
  return id;
}

/** Of one `publishMany`. */
export const defaultMaxFailures = 1_000;

/** @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkRawOptions(to: RawDestination, properties: RawProperties, given: RawPublishOptions): void {
  knownKeys('the destination of publishTo', to, ['exchange', 'routingKey']);
  knownKeys('properties of publishTo', properties, rawProperties);
  if (properties.messageId !== undefined) nonEmptyString('messageId', properties.messageId);
  knownKeys('publishTo', given, rawOptions);
  checkWaiting(given);
}

/**
 * Where a message to a contract goes.
 *
 * @throws {SurehopError} SUREHOP_OPTION_INVALID
 */
export function destinationOf(to: Contract, routingKey: string | undefined): RawDestination {
  switch (to?.kind) {
    case 'queue':
    case 'stream':
      if (routingKey !== undefined) {
        invalid(`routingKey must not be given for ${to.kind} "${to.name}": it is published to directly, by its name`);
      }
      return { exchange: '', routingKey: to.name };
    case 'exchange':
      if (routingKey === undefined && (to.type === 'direct' || to.type === 'topic')) {
        invalid(`routingKey is missing: the ${to.type} exchange "${to.name}" routes by nothing else`);
      }
      return { exchange: to.name, routingKey: routingKey ?? '' };
    default:
      return invalid(`publish needs what defineQueue, defineExchange or defineStream returned, got ${kindOf(to)}`);
  }
}

function checkWaiting({ deadlineMs, signal }: RawPublishOptions): void {
  if (deadlineMs !== undefined) integer('deadlineMs', deadlineMs, 1, longestDeadlineMs);
  if (signal === undefined) return;
  const given: Partial<AbortSignal> | null = signal;
  if (typeof given?.aborted !== 'boolean' || typeof given.addEventListener !== 'function') {
    invalid(`signal must be an AbortSignal, got ${kindOf(signal)}`);
  }
}

function invalid(message: string): never {
  throw new SurehopError('SUREHOP_OPTION_INVALID', message, { retryable: false });
}
