import type { StandardSchemaV1 } from '@standard-schema/spec';
import { type Codec, jsonCodec } from './codec.ts';
import { checkCodec, checkSchema } from './contract-checks.ts';
import type { ExchangeType } from './driver.ts';
import { asError } from './errors.ts';
import { encodableHeaders } from './header-values.ts';
import type { HeaderTable } from './message.ts';
import { checkEntityName, deadLetterName, rungName } from './names.ts';
import { boolean, integer, invalid, kindOf, knownKeys, oneOf } from './option-checks.ts';
import { type BrokerRetryOptions, fallbackDelayMs, type RetryPolicy, resolveRetry } from './retry-policy.ts';

export {
  type BrokerRetry,
  type BrokerRetryOptions,
  type ExponentialOptions,
  type ExponentialRetry,
  exponential,
  type RetryPolicy,
} from './retry-policy.ts';

/** A queue that publishers and consumers agree on: plain, frozen data. Made by {@link defineQueue}. */
export interface QueueContract<In = unknown, Out = In> {
  readonly kind: 'queue';
  readonly name: string;
  /** Checks what is published and turns what is consumed into `Out`. */
  readonly schema: StandardSchemaV1<In, Out> | undefined;
  readonly codec: Codec;
  readonly retry: RetryPolicy;
  /** Redeliveries after which the broker lays a message aside; undefined on a classic queue, which has no such limit. */
  readonly deliveryLimit: number | undefined;
  readonly type: QueueType;
  /** Whether the broker hands out to one consumer at a time. */
  readonly singleActiveConsumer: boolean;
  readonly bindTo: readonly QueueBinding[];
}

/** An exchange that publishers and queues agree on: plain, frozen data. Made by {@link defineExchange}. */
export interface ExchangeContract<In = unknown, Out = In> {
  readonly kind: 'exchange';
  readonly name: string;
  readonly type: ExchangeType;
  readonly schema: StandardSchemaV1<In, Out> | undefined;
  readonly codec: Codec;
  /** Gets what no binding of this one takes. */
  readonly alternate: ExchangeContract | undefined;
}

export type QueueType = 'quorum' | 'classic';

/** One way from an exchange into the contract's queue. Both are declared. */
export interface QueueBinding {
  readonly exchange: ExchangeContract;
  /** Of direct and topic exchanges, where it is required; a topic's may have `*` and `#`. */
  readonly routingKey?: string;
  /** Of headers exchanges, where it is required; `x-match` is one of `all` (default), `any`, `all-with-x`, `any-with-x`. */
  readonly headers?: HeaderTable;
}

export interface QueueOptions<In = unknown, Out = In> {
  /** Any Standard Schema (zod, valibot, arktype …). @default none: bodies are not checked */
  readonly schema?: StandardSchemaV1<In, Out>;
  /** @default JSON in UTF-8 */
  readonly codec?: Codec;
  /**
   * A ladder of `delaysMs`, `exponential()`, or, on RabbitMQ 4.3, the broker's own.
   * @default 1 s, 10 s, 1 min, 10 min, then the dead-letter queue
   */
  readonly retry?: Partial<RetryPolicy> | BrokerRetryOptions;
  /**
   * Redeliveries after which the broker itself lays a message aside, 1 to 2^31 - 1: the guard against a message that
   * kills its consumers. Messages given back at shutdown count as well before RabbitMQ 4.3. Below 5, where several
   * processes consume the queue, such a message can take neighbours along. Not for classic queues.
   * @default 50
   */
  readonly deliveryLimit?: number;
  /**
   * `classic` is stored on one node only and has no delivery limit: a message that kills its consumers does not end.
   * @default 'quorum'
   */
  readonly type?: QueueType;
  /**
   * Whether the broker hands out to one consumer at a time, and to the next when that is gone: what `orderBy` needs, so
   * that several processes keep one order. An argument of the queue: one that exists cannot be changed.
   * @default false
   */
  readonly singleActiveConsumer?: boolean;
  /** Exchanges that feed the queue. @default none: publish to the queue itself */
  readonly bindTo?: readonly QueueBinding[];
}

export interface ExchangeOptions<In = unknown, Out = In> {
  readonly type: ExchangeType;
  /** Any Standard Schema. @default none: bodies are not checked */
  readonly schema?: StandardSchemaV1<In, Out>;
  /** @default JSON in UTF-8 */
  readonly codec?: Codec;
  /** Gets what no binding of this one takes; it is declared too. @default none: such messages are refused as unroutable */
  readonly alternate?: ExchangeContract;
}

const code = 'SUREHOP_CONTRACT_INVALID';

const queueOptions = ['schema', 'codec', 'retry', 'deliveryLimit', 'type', 'singleActiveConsumer', 'bindTo'] as const;

/**
 * Describes a queue, once, for the services that publish to it and consume from it. Declares nothing by itself.
 *
 * With a schema the types are its own; without one, `defineQueue<Order>('orders')` says them and nothing checks them.
 *
 * @throws {SurehopError} SUREHOP_CONTRACT_INVALID, naming the option
 */
export function defineQueue<In = unknown, Out = In>(
  name: string,
  options: QueueOptions<In, Out> = {},
): QueueContract<In, Out> {
  checkEntityName('queue', name, deadLetterName(''));
  const what = `queue "${name}"`;
  knownKeys(what, options, queueOptions, code);
  const { type = 'quorum', bindTo = [], schema, codec = jsonCodec, singleActiveConsumer = false } = options;
  oneOf(`type of ${what}`, type, ['quorum', 'classic'], code);
  boolean(`singleActiveConsumer of ${what}`, singleActiveConsumer, code);
  checkSchema(what, schema);
  checkCodec(what, codec);
  if (!Array.isArray(bindTo)) invalid(`bindTo of ${what} must be an array, got ${kindOf(bindTo)}`, code);
  const retry = resolveRetry(what, options.retry, code);
  checkEntityName('queue', name, longestSuffix(retry));
  const limit = resolveDeliveryLimit(what, type, options.deliveryLimit);
  checkBrokerRetry(what, retry, limit);
  return Object.freeze({
    kind: 'queue',
    name,
    schema,
    codec,
    retry,
    deliveryLimit: limit,
    type,
    singleActiveConsumer,
    bindTo: Object.freeze(bindTo.map((binding, index) => resolveBinding(`bindTo[${index}] of ${what}`, binding))),
  });
}

/**
 * Describes an exchange, once, for the services that publish to it and the queues that bind to it. Declares nothing by itself.
 *
 * @throws {SurehopError} SUREHOP_CONTRACT_INVALID, naming the option
 */
export function defineExchange<In = unknown, Out = In>(
  name: string,
  options: ExchangeOptions<In, Out>,
): ExchangeContract<In, Out> {
  checkEntityName('exchange', name, '');
  const what = `exchange "${name}"`;
  knownKeys(what, options, ['type', 'schema', 'codec', 'alternate'], code);
  const { type, schema, codec = jsonCodec, alternate } = options;
  oneOf(`type of ${what}`, type, ['direct', 'fanout', 'topic', 'headers'], code);
  checkSchema(what, schema);
  checkCodec(what, codec);
  if (alternate !== undefined) checkExchange(`alternate of ${what}`, alternate);
  return Object.freeze({ kind: 'exchange', name, type, schema, codec, alternate });
}

/** The longest ending that a name derived from a queue's can have, the rung declared for `RetryLater` included. */
export function longestSuffix(retry: RetryPolicy): string {
  const longestRung = rungName('', Math.max(fallbackDelayMs, ...retry.delaysMs));
  return [longestRung, deadLetterName('')].reduce((one, other) => (other.length > one.length ? other : one));
}

const defaultDeliveryLimit = 50;

function resolveDeliveryLimit(what: string, type: QueueType, given: number | undefined): number | undefined {
  const option = `deliveryLimit of ${what}`;
  if (type === 'classic' && given !== undefined) {
    invalid(`${option} cannot be set: classic queues have no delivery limit`, code);
  }
  if (given === undefined) return type === 'classic' ? undefined : defaultDeliveryLimit;
  integer(option, given, 1, 2 ** 31 - 1, code);
  return given;
}

/** The broker counts its retries as deliveries. */
function checkBrokerRetry(what: string, { broker }: RetryPolicy, deliveryLimit: number | undefined): void {
  if (broker === undefined) return;
  if (deliveryLimit === undefined) invalid(`retry of ${what} cannot be by the broker: a classic queue has none`, code);
  if (broker.attempts <= deliveryLimit + 1) return;
  invalid(`retry.attempts of ${what} must be at most ${deliveryLimit + 1}, one more than its deliveryLimit`, code);
}

function resolveBinding(what: string, given: QueueBinding): QueueBinding {
  knownKeys(what, given, ['exchange', 'routingKey', 'headers'], code);
  const { exchange, routingKey, headers } = given;
  checkExchange(`exchange of ${what}`, exchange);
  const wanted = { direct: 'routingKey', topic: 'routingKey', headers: 'headers', fanout: undefined }[exchange.type];
  for (const option of ['routingKey', 'headers'] as const) {
    if (option === wanted || given[option] === undefined) continue;
    invalid(`${what} must not have ${option}: a ${exchange.type} exchange does not look at it`, code);
  }
  if (wanted === undefined) return Object.freeze({ exchange });
  if (wanted === 'headers') return Object.freeze({ exchange, headers: resolveHeaders(`headers of ${what}`, headers) });
  checkRoutingKey(`routingKey of ${what}`, routingKey);
  return Object.freeze({ exchange, routingKey });
}

const matches = ['all', 'any', 'all-with-x', 'any-with-x'] as const;

function resolveHeaders(option: string, given: HeaderTable | undefined): HeaderTable {
  if (given === undefined) invalid(`${option} is missing: a headers exchange routes by nothing else`, code);
  const match = given['x-match'];
  if (match !== undefined) oneOf(`x-match in ${option}`, match, matches, code);
  try {
    return Object.freeze(encodableHeaders(given, 'the binding'));
  } catch (cause) {
    return invalid(`${option}: ${asError(cause).message}`, code);
  }
}

function checkRoutingKey(option: string, value: unknown): asserts value is string {
  if (typeof value !== 'string') invalid(`${option} must be a string, got ${kindOf(value)}`, code);
  const bytes = Buffer.byteLength(value);
  if (bytes > 255) invalid(`${option} takes ${bytes} bytes of UTF-8, the protocol allows 255`, code);
}

function checkExchange(option: string, value: unknown): asserts value is ExchangeContract {
  if (typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'exchange') return;
  invalid(`${option} must be what defineExchange returned, got ${kindOf(value)}`, code);
}
