import type { HeaderTable } from '@surehop/core';
import { countOf, textOf, timeOf } from '@surehop/core/internal';
import type { FailureError, FailureSource } from './dead-message.ts';

/** What one library's headers say of a failure. Everything foreign: types are checked, what makes no sense is undefined. */
export interface LibraryFailure {
  readonly source: FailureSource;
  readonly reason: string | undefined;
  readonly error: FailureError | undefined;
  readonly queue: string | undefined;
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
  readonly attempts: number;
  readonly failedAt: number | undefined;
}

type Reader = (headers: HeaderTable) => LibraryFailure | undefined;

/** What the first library that left its headers says; undefined where none did. Never throws. */
export function readLibraryFailure(headers: HeaderTable): LibraryFailure | undefined {
  for (const read of readers) {
    const failure = read(headers);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

const readers: readonly Reader[] = [massTransit, nServiceBus, spring, rebus];

const unknown = { queue: undefined, exchange: undefined, routingKey: undefined, attempts: 0, failedAt: undefined };

/** MassTransit, queues `<name>_error` and `<name>_skipped`. */
function massTransit(headers: HeaderTable): LibraryFailure | undefined {
  const why = textOf(headers['MT-Reason']);
  const name = textOf(headers['MT-Fault-ExceptionType']);
  const message = textOf(headers['MT-Fault-Message']);
  if (why === undefined && name === undefined && message === undefined) return undefined;
  const isFault = why === 'fault' || why === undefined;
  return {
    ...unknown,
    source: 'masstransit',
    // Its "dead-letter" means that no consumer knows this type of message: the queue is called "_skipped".
    reason: isFault ? 'failed' : why === 'dead-letter' ? 'skipped' : why,
    error: errorOf({ name, message, stack: textOf(headers['MT-Fault-StackTrace']) }),
    queue: lastSegment(textOf(headers['MT-Fault-InputAddress'])),
    attempts: isFault ? countOf(headers['MT-Fault-RetryCount']) + 1 : 0,
    failedAt: momentOf(headers['MT-Fault-Timestamp']),
  };
}

/** NServiceBus, queue `error`. */
function nServiceBus(headers: HeaderTable): LibraryFailure | undefined {
  const queue = textOf(headers['NServiceBus.FailedQ']);
  const name = textOf(headers['NServiceBus.ExceptionInfo.ExceptionType']);
  const message = textOf(headers['NServiceBus.ExceptionInfo.Message']);
  if (queue === undefined && name === undefined && message === undefined) return undefined;
  return {
    ...unknown,
    source: 'nservicebus',
    reason: 'failed',
    error: errorOf({ name, message, stack: textOf(headers['NServiceBus.ExceptionInfo.StackTrace']) }),
    // Of other transports `queue@machine`.
    queue: nonEmpty(queue?.split('@', 1)[0]),
    attempts: countOf(headers['NServiceBus.Retries']) + 1,
    failedAt: momentOf(headers['NServiceBus.TimeOfFailure']),
  };
}

/** Spring AMQP, by its `RepublishMessageRecoverer`. */
function spring(headers: HeaderTable): LibraryFailure | undefined {
  const message = textOf(headers['x-exception-message']);
  const stack = textOf(headers['x-exception-stacktrace']);
  if (message === undefined && stack === undefined) return undefined;
  const exchange = textOf(headers['x-original-exchange']);
  const routingKey = textOf(headers['x-original-routingKey']);
  const isKnown = exchange !== undefined && routingKey !== undefined;
  return {
    ...unknown,
    source: 'spring',
    reason: 'failed',
    error: errorOf({ name: nameInTrace(stack), message, stack }),
    queue: exchange === '' ? nonEmpty(routingKey) : undefined,
    exchange: isKnown ? exchange : undefined,
    routingKey: isKnown ? routingKey : undefined,
  };
}

/** Rebus, queue `error`. Its details are a text for people, with the exceptions as .NET writes them. */
function rebus(headers: HeaderTable): LibraryFailure | undefined {
  const details = textOf(headers['rbs2-error-details']);
  if (details === undefined) return undefined;
  const [, name, message] = /([\w.+`]{1,200}Exception): ([^\r\n]{0,4096})/.exec(details) ?? [];
  return {
    ...unknown,
    source: 'rebus',
    reason: 'failed',
    error: errorOf({ name, message: message ?? details.split('\n', 1)[0], stack: details }),
    queue: nonEmpty(textOf(headers['rbs2-source-queue'])),
    attempts: countOf(headers['rbs2-delivery-count']),
  };
}

/** Undefined where nothing is known. */
export function errorOf(known: {
  readonly name?: string | undefined;
  readonly message?: string | undefined;
  readonly code?: string | undefined;
  readonly stack?: string | undefined;
}): FailureError | undefined {
  const { name, message, code, stack } = known;
  if (name === undefined && message === undefined && code === undefined && stack === undefined) return undefined;
  return { name, message, code, stack };
}

/** `java.lang.IllegalStateException` of `java.lang.IllegalStateException: no stock`. */
function nameInTrace(trace: string | undefined): string | undefined {
  const [line = ''] = (trace ?? '').split('\n', 1);
  return nonEmpty(line.split(':', 1)[0]?.trim().slice(0, 255));
}

/** The queue of `rabbitmq://host/vhost/queue?durable=true`. */
function lastSegment(address: string | undefined): string | undefined {
  const path = address?.split(/[?#]/, 1)[0];
  const segment = path?.slice(path.lastIndexOf('/') + 1);
  try {
    return nonEmpty(segment === undefined ? undefined : decodeURIComponent(segment));
  } catch {
    return nonEmpty(segment);
  }
}

const nServiceBusTime = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d):(\d{6}) Z$/;

/** ISO 8601, the form `2026-03-01 12:30:59:123456 Z`, or a timestamp of the protocol. */
function momentOf(value: unknown): number | undefined {
  const text = textOf(value);
  const [, day, time, micros] = (text === undefined ? undefined : nServiceBusTime.exec(text)) ?? [];
  if (day === undefined) return timeOf(value) ?? timestampOf(value);
  return timeOf(`${day}T${time}.${micros}Z`);
}

/** The protocol's timestamps are whole seconds, and amqplib has them as `{ '!': 'timestamp', value }`. */
export function timestampOf(value: unknown): number | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { '!': type, value: seconds } = value as Record<string, unknown>;
  // Beyond it, `Date` knows no moment.
  if (type !== 'timestamp' || !Number.isSafeInteger(seconds) || (seconds as number) > 8.64e12) return undefined;
  return (seconds as number) >= 0 ? (seconds as number) * 1_000 : undefined;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
