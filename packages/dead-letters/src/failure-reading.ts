import type { HeaderTable } from '@surehop/core';
import { countOf, deadLetterName, headerNames, readFailure, textOf, timeOf } from '@surehop/core/internal';
import { type BrokerDeath, readBrokerDeath } from './broker-death.ts';
import type { Failure } from './dead-message.ts';
import { errorOf, type LibraryFailure, readLibraryFailure } from './library-failures.ts';
import { replayHeaders } from './replay-headers.ts';

/** What the writer of a message's headers says, the parts that each has in its own way. */
type Told = Pick<Failure, 'source' | 'reason' | 'queue' | 'exchange' | 'routingKey'> & Partial<LibraryFailure>;

/**
 * Why a message is dead, from its headers: ours, where a consumer wrote them, else another library's, else the broker's.
 * Headers are foreign; whatever is in them, this never throws, and what makes no sense counts as absent.
 *
 * @param deadLetters the queue where it lies: of a contract, its name tells which queue's dead letters it has
 */
export function readDeath(headers: HeaderTable, deadLetters: string): Failure {
  const own = readFailure(headers);
  const told = tell(headers, deadLetters);
  return {
    source: told.source,
    reason: told.reason,
    error: told.error ?? ownError(headers),
    queue: told.queue,
    exchange: own.exchange ?? told.exchange,
    routingKey: own.routingKey ?? told.routingKey,
    attempts: told.attempts || own.failedAttempts,
    firstFailedAt: own.firstFailedAt,
    failedAt: told.failedAt ?? own.failedAt,
    history: own.history,
    replayed: {
      count: countOf(headers[replayHeaders.count]),
      at: timeOf(headers[replayHeaders.at]),
      by: textOf(headers[replayHeaders.by]),
    },
  };
}

function tell(headers: HeaderTable, deadLetters: string): Told {
  const contractQueue = queueOf(deadLetters);
  const death = readBrokerDeath(headers, contractQueue);
  const reason = textOf(headers[headerNames.reason]);
  if (reason !== undefined) {
    const queue = readFailure(headers).queue ?? death?.queue ?? contractQueue;
    return { source: 'surehop', reason, queue, exchange: death?.exchange, routingKey: death?.routingKey };
  }
  const library = readLibraryFailure(headers);
  if (library !== undefined) return { ...library, queue: library.queue ?? death?.queue ?? contractQueue };
  if (death !== undefined) return tellOfDeath(death, contractQueue);
  // What nobody wrote anything on came by the retry exchange's alternate: no binding took it.
  if (contractQueue === undefined) return { ...nothing, source: 'none', reason: undefined };
  return { ...nothing, source: 'broker', reason: 'unroutable', queue: contractQueue };
}

const nothing = { queue: undefined, exchange: undefined, routingKey: undefined } as const;

function tellOfDeath(
  { reason, queue, exchange, routingKey, at }: BrokerDeath,
  contractQueue: string | undefined,
): Told {
  const isOfContract = queue !== undefined && queue === contractQueue;
  const names: Readonly<Record<string, string>> = {
    delivery_limit: 'delivery-limit',
    rejected: isOfContract ? 'uncopyable' : 'rejected',
  };
  const told = reason === undefined ? undefined : Object.hasOwn(names, reason) ? names[reason] : reason;
  return { source: 'broker', reason: told, queue: queue ?? contractQueue, exchange, routingKey, failedAt: at };
}

/** `orders` of `orders.dead-letter`. */
function queueOf(deadLetters: string): string | undefined {
  const suffix = deadLetterName('');
  const queue = deadLetters.endsWith(suffix) ? deadLetters.slice(0, -suffix.length) : '';
  return queue === '' ? undefined : queue;
}

/** Also of what the broker laid aside: then it is what a handler threw at an attempt before. */
function ownError(headers: HeaderTable): Failure['error'] {
  return errorOf({
    name: textOf(headers[headerNames.errorName]),
    message: textOf(headers[headerNames.errorMessage]),
    code: textOf(headers[headerNames.errorCode]),
    stack: textOf(headers[headerNames.errorStack]),
  });
}
