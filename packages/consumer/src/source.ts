import { type QueueContract, type RetryPolicy, SurehopError } from '@surehop/core';
import {
  type BodyRule,
  invalid,
  kindOf,
  knownKeys,
  nonEmptyString,
  queueTopology,
  rawQueueTopology,
  resolveRetry,
  type Topology,
} from '@surehop/core/internal';
import type { RawConsumerOptions, RawQueue } from './consumer-options.ts';

/** What a consumer needs to know of its queue. */
export interface Source {
  readonly queue: string;
  readonly isRaw: boolean;
  readonly topology: Topology;
  readonly retry: RetryPolicy;
  /** Undefined for a raw queue: the body is the bytes. */
  readonly body: BodyRule | undefined;
  /** Undefined where the broker counts no deliveries. */
  readonly deliveryLimit: number | undefined;
  /** The same, where a message that comes near it may be killing its consumers; undefined where it need not be. */
  readonly suspectLimit: number | undefined;
  readonly isQuorum: boolean;
  /** Whether the first delivery is looked at alone: on a quorum queue it may be one that kills its consumers. */
  readonly isCautious: boolean;
  /** Whether the queue is somebody else's to declare. */
  readonly isForeign: boolean;
  /** Whether it may be consumed in order: nobody else gets messages of it at the same time, as far as is known. */
  readonly keepsOrder: boolean;
}

/** Of a raw queue the limit is not known; this is the lowest that a broker has by itself (20, since RabbitMQ 4.0). */
const presumedDeliveryLimit = 20;

/** @throws {SurehopError} SUREHOP_OPTION_INVALID when it is neither a contract nor a raw queue */
export function sourceOf(given: QueueContract | RawQueue, options: RawConsumerOptions): Source {
  if (typeof given !== 'object' || given === null) refuse(given);
  if ('kind' in given && given.kind === 'queue') return contractSource(given);
  if (!('raw' in given) || given.raw !== true) refuse(given);
  return rawSource(given, options);
}

function contractSource(contract: QueueContract): Source {
  const { name, codec, schema, retry, deliveryLimit, type, singleActiveConsumer } = contract;
  return {
    queue: name,
    isRaw: false,
    topology: queueTopology(contract),
    retry,
    body: { codec, schema },
    deliveryLimit,
    // Where the broker retries, a count says no more than that a message failed.
    suspectLimit: retry.broker === undefined ? deliveryLimit : undefined,
    isQuorum: type === 'quorum',
    isCautious: type === 'quorum' && retry.broker === undefined,
    isForeign: false,
    keepsOrder: singleActiveConsumer,
  };
}

function rawSource(given: RawQueue, options: RawConsumerOptions): Source {
  knownKeys('a raw queue', given, ['queue', 'raw']);
  const { queue } = given;
  nonEmptyString('the name of a raw queue', queue);
  const retry = resolveRetry(`queue "${queue}"`, options.retry);
  if (retry.broker !== undefined) {
    invalid(
      `retry of queue "${queue}" cannot be by the broker: that is an argument of the queue, which is somebody else's`,
    );
  }
  return {
    queue,
    isRaw: true,
    topology: rawQueueTopology(queue, retry),
    retry,
    body: undefined,
    deliveryLimit: presumedDeliveryLimit,
    suspectLimit: presumedDeliveryLimit,
    isQuorum: false,
    isCautious: false,
    isForeign: true,
    keepsOrder: true, // how it was declared is its owner's affair
  };
}

function refuse(given: unknown): never {
  throw new SurehopError(
    'SUREHOP_OPTION_INVALID',
    `the queue must be what defineQueue returned, or { queue, raw: true }, got ${kindOf(given)}`,
    { retryable: false },
  );
}
