import type { HeaderTable, MessageProperties } from '@surehop/core';
import {
  asError,
  copyProperties,
  encodedTableSize,
  headerNames,
  isBrokerHeader,
  propertyExcess,
} from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';
import type { CopyAttempt } from './fate.ts';
import { replayHeaders } from './replay-headers.ts';

/** What a copy must fit into, and where a new message id comes from. */
export interface CopyLimits {
  /** Of the publishing link, in bytes; 0 means none. */
  readonly frameMax: number;
  readonly newId: () => string;
}

/** What a replay writes on its copies. */
export interface ReplayStamp {
  readonly to: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly by: string;
  /** Of an edited message: the id that the original had. */
  readonly replacedId?: string | undefined;
}

/** Of the headers that tell of a failure, those that a replayed message keeps: where it came from, and its history. */
const kept: ReadonlySet<string> = new Set([
  headerNames.history,
  headerNames.queue,
  headerNames.exchange,
  headerNames.routingKey,
]);
const ofTheFailure: ReadonlySet<string> = new Set(
  [...Object.values(headerNames), 'surehop-dropped-headers', replayHeaders.pass].filter((name) => !kept.has(name)),
);

/** What other libraries write on the messages that they give up: it would be read as a new failure's. */
const foreignFailure =
  /^(?:MT-Fault-.*|MT-Reason|NServiceBus\.(?:ExceptionInfo\..*|FailedQ|TimeOfFailure|Retries.*)|x-exception-.*|rbs2-(?:error-details|source-queue|delivery-count))$/s;

/** The message as it is to be handled once more: with attempt 1, persistent, without what tells of its failure. */
export function replayCopy(message: DeadMessage, stamp: ReplayStamp, limits: CopyLimits): CopyAttempt {
  const headers = keptHeaders(message.headers, (name) => !ofTheFailure.has(name) && !foreignFailure.test(name));
  addOrigin(headers, message);
  headers[replayHeaders.at] = new Date(stamp.at).toISOString();
  headers[replayHeaders.by] = stamp.by;
  headers[replayHeaders.count] = message.failure.replayed.count + 1;
  if (stamp.replacedId !== undefined) headers[replayHeaders.replacedId] = stamp.replacedId;
  return fitted(message, stamp.to, identified(message.properties, limits), headers, limits);
}

/** The message as it is, for another queue. What the broker's headers said of its death is kept in ours. */
export function moveCopy(message: DeadMessage, to: string, limits: CopyLimits): CopyAttempt {
  const { headers: before, failure } = message;
  const headers = keptHeaders(before, (name) => name !== replayHeaders.pass);
  if (before['x-death'] !== undefined) {
    addOrigin(headers, message);
    if (failure.source === 'broker') {
      headers[headerNames.reason] ??= failure.reason;
      if (failure.failedAt !== undefined) headers[headerNames.failedAt] ??= new Date(failure.failedAt).toISOString();
    }
  }
  return fitted(message, to, identified(message.properties, limits), headers, limits);
}

/**
 * The message for the tail of its own queue, as it is, with the mark of a pass. Without an id it stays without: it is the
 * same message still.
 */
export function passCopy(message: DeadMessage, run: string, limits: CopyLimits): CopyAttempt {
  const headers = withoutCopyLists(message.headers);
  headers[replayHeaders.pass] = run;
  return fitted(message, message.queue, copyProperties(message.properties), headers, limits);
}

/**
 * A message that was exported, for a queue: as it was, without what another queue or login made of it.
 *
 * @param username whose connection it is sent on
 */
export function importCopy(
  { content, properties, headers: before }: Pick<DeadMessage, 'content' | 'properties' | 'headers'>,
  to: string,
  username: string | undefined,
  limits: CopyLimits,
): CopyAttempt {
  if (!isDeathList(before['x-death'])) return { why: 'its x-death is none that a broker has written' };
  const headers = withoutCopyLists(before);
  const { userId, ...others } = properties;
  const kept = userId !== undefined && userId === username ? properties : others;
  return fitted({ content }, to, kept, headers, limits);
}

/** One that a broker cannot read has stopped the dead lettering of a whole node (3.10). */
function isDeathList(value: unknown): boolean {
  if (value === undefined) return true;
  if (!Array.isArray(value)) return false;
  return value.every((one: unknown) => {
    if (typeof one !== 'object' || one === null) return false;
    const { queue, reason, count } = one as Record<string, unknown>;
    return typeof queue === 'string' && typeof reason === 'string' && typeof count === 'number';
  });
}

/** CC and BCC would make copies in other queues. */
function withoutCopyLists(from: HeaderTable): Record<string, unknown> {
  const headers: Record<string, unknown> = {};
  for (const name of Object.keys(from)) if (name !== 'CC' && name !== 'BCC') put(headers, name, from[name]);
  return headers;
}

/** Where it failed, and where it was first published, as far as that is known and not written down already. */
function addOrigin(headers: Record<string, unknown>, { failure }: DeadMessage): void {
  if (failure.queue !== undefined) headers[headerNames.queue] ??= failure.queue;
  if (failure.exchange === undefined || failure.routingKey === undefined) return;
  if (headers[headerNames.exchange] !== undefined) return;
  headers[headerNames.exchange] = failure.exchange;
  headers[headerNames.routingKey] = failure.routingKey;
}

/** Without the broker's. */
function keptHeaders(from: HeaderTable, isKept: (name: string) => boolean): Record<string, unknown> {
  const headers: Record<string, unknown> = {};
  for (const name of Object.keys(from)) if (!isBrokerHeader(name) && isKept(name)) put(headers, name, from[name]);
  return headers;
}

/** Not assigned: a header may be called `__proto__`. */
function put(to: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(to, name, { value, configurable: true, enumerable: true, writable: true });
  else to[name] = value;
}

/** Consumers tell duplicates by the message id alone. */
function identified(properties: MessageProperties, { newId }: CopyLimits): MessageProperties {
  const copied = copyProperties(properties);
  return copied.messageId ? copied : { ...copied, messageId: newId() };
}

/** Through the default exchange, into one queue: with an exchange, everybody bound to it would handle the message again. */
function fitted(
  { content }: { readonly content: Uint8Array },
  routingKey: string,
  properties: MessageProperties,
  headers: HeaderTable,
  limits: CopyLimits,
): CopyAttempt {
  const limit = headerLimit(limits) - propertyExcess(properties);
  let bytes: number;
  try {
    bytes = encodedTableSize(headers);
  } catch (thrown) {
    return { why: `its headers cannot be written again: ${asError(thrown).message}` };
  }
  if (bytes > limit) return { why: `its headers have ${bytes} bytes, and ${limit} is the most that can be written` };
  return { copy: { exchange: '', routingKey, mandatory: true, content, properties, headers } };
}

/** Below what amqplib encodes at the most, and below one frame with the properties beside them. */
function headerLimit({ frameMax }: CopyLimits): number {
  return frameMax === 0 ? 60_000 : Math.min(60_000, frameMax - 1_024);
}
