import { type QueueContract, SurehopError } from '@surehop/core';
import {
  type BodyRule,
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
  readonly delaysMs: readonly number[];
  /** Undefined for a raw queue: the body is the bytes. */
  readonly body: BodyRule | undefined;
  /** Undefined where the broker counts no deliveries. */
  readonly deliveryLimit: number | undefined;
  /** Whether the first delivery is looked at alone: on a quorum queue it may be one that kills its consumers. */
  readonly isCautious: boolean;
  /** Whether the queue is somebody else's to declare. */
  readonly isForeign: boolean;
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
  const { name, codec, schema, retry, deliveryLimit, type } = contract;
  return {
    queue: name,
    isRaw: false,
    topology: queueTopology(contract),
    delaysMs: retry.delaysMs,
    body: { codec, schema },
    deliveryLimit,
    isCautious: type === 'quorum',
    isForeign: false,
  };
}

function rawSource(given: RawQueue, options: RawConsumerOptions): Source {
  knownKeys('a raw queue', given, ['queue', 'raw']);
  const { queue } = given;
  nonEmptyString('the name of a raw queue', queue);
  const retry = resolveRetry(`queue "${queue}"`, options.retry);
  return {
    queue,
    isRaw: true,
    topology: rawQueueTopology(queue, retry),
    delaysMs: retry.delaysMs,
    body: undefined,
    deliveryLimit: presumedDeliveryLimit,
    isCautious: false,
    isForeign: true,
  };
}

function refuse(given: unknown): never {
  throw new SurehopError(
    'SUREHOP_OPTION_INVALID',
    `the queue must be what defineQueue returned, or { queue, raw: true }, got ${kindOf(given)}`,
    { retryable: false },
  );
}
