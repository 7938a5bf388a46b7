import { type HeaderTable, jsonCodec, type MessageProperties, SurehopError } from '@surehop/core';
import { checkOutgoing, type Effects, kindOf } from '@surehop/core/internal';
import type { PublishOptions, RawDestination, RawProperties } from '@surehop/publisher';
import {
  checkDelay,
  checkPublishOptions,
  checkRawOptions,
  type Delay,
  delayable,
  delayedAddress,
  delayOf,
  destinationOf,
  encodeBody,
  withoutDelay,
} from '@surehop/publisher/internal';
import { type Contract, contractKey } from './contract-definition.ts';
import type { Draft } from './entry.ts';
import type { SteadyTime } from './steady-time.ts';
import { propertiesText } from './stored-properties.ts';
import { toText } from './stored-value.ts';

/**
 * As of a publisher's `publish`. There is no `signal`: a message is stored or refused within milliseconds. Nor is there a
 * `sequence`. A delay counts from the call, and goes on while the message is in the file; the broker keeps it for the rest.
 */
export type SpoolPublishOptions = Omit<PublishOptions, 'signal' | 'sequence'>;

export interface DraftSetting {
  readonly effects: Effects;
  readonly time: SteadyTime;
  readonly maxMessageBytes: number;
  /** The login, as far as it is known. */
  readonly username: string | undefined;
}

interface Given {
  readonly content: Uint8Array;
  readonly headers: HeaderTable | undefined;
  readonly messageId: string | undefined;
  readonly properties: MessageProperties;
  /** Undefined for one that is to come at once. */
  readonly delayed: { readonly delay: Delay; readonly target: ReturnType<typeof delayable> } | undefined;
}

/** Of all headers together, in bytes; as for any publisher. */
const maxHeaderBytes = 60_000;

/**
 * A message to a contract, its body encoded.
 *
 * @throws {SurehopError} everything that can be refused without the broker and the schema
 */
export function contractDraft(
  contract: Contract,
  body: unknown,
  options: SpoolPublishOptions,
  to: DraftSetting,
): Draft {
  refuseOthers(options);
  const { delayMs, at, ...others } = options;
  if (delayMs !== undefined || at !== undefined) checkDelay(options);
  checkPublishOptions(others);
  const delay = delayOf(options, to.effects.clock);
  const delayed = delay && { delay, target: delayable(contract) };
  const address = destinationOf(contract, options.routingKey);
  const encoded = encodeBody(contract, body);
  // A codec of the caller's may give bytes that the caller goes on to use.
  const content = contract.codec === jsonCodec ? encoded : Buffer.from(encoded);
  const { headers, messageId } = options;
  const properties = { ...options.properties, contentType: contract.codec.contentType };
  return draftOf(contractKey(contract), address, { content, headers, messageId, properties, delayed }, to);
}

/** Bytes without a contract. @throws {SurehopError} as {@link contractDraft} */
export function rawDraft(
  address: RawDestination,
  content: Uint8Array,
  properties: RawProperties,
  options: { readonly deadlineMs?: number },
  to: DraftSetting,
): Draft {
  refuseOthers(options);
  checkRawOptions(address, properties, options);
  if (!(content instanceof Uint8Array)) {
    invalid(`the content for publishTo must be a Uint8Array, got ${kindOf(content)}`);
  }
  const { headers, messageId, ...given } = properties;
  const copy = Buffer.from(content);
  return draftOf(undefined, address, { content: copy, headers, messageId, properties: given, delayed: undefined }, to);
}

function draftOf(contract: string | undefined, address: RawDestination, given: Given, to: DraftSetting): Draft {
  const { exchange, routingKey } = address;
  const { content, delayed } = given;
  const { effects, time, maxMessageBytes, username } = to;
  const id = given.messageId ?? effects.newId();
  const properties = {
    ...given.properties,
    deliveryMode: given.properties.deliveryMode ?? 2,
    timestamp: given.properties.timestamp ?? Math.floor(effects.clock.epochMs() / 1_000),
  };
  const way =
    delayed === undefined
      ? { exchange, routingKey, headers: given.headers }
      : delayedAddress(delayed.target, routingKey, given.headers, delayed.delay);
  const message = { ...way, content, properties: { ...properties, messageId: id } };
  const sent = checkOutgoing(message, { maxMessageBytes, maxHeaderBytes, username });
  const headers = delayed === undefined ? sent : withoutDelay(sent);
  const deliverAt = delayed && time.in(delayed.delay.dueAt - effects.clock.now());
  const row = {
    id,
    contract,
    exchange,
    routingKey,
    properties: propertiesText(properties, deliverAt),
    headers: headers === undefined ? undefined : toText(headers),
    attempts: 0,
  };
  return { row, properties, deliverAt, headers, content, hasGivenId: given.messageId !== undefined };
}

function refuseOthers(options: object): void {
  if ('sequence' in options) invalid('a spooling publisher has no option "sequence": it does not number messages');
  if (!('signal' in options)) return;
  invalid('a spooling publisher has no option "signal": a message is stored or refused at once; see deadlineMs');
}

function invalid(message: string): never {
  throw new SurehopError('SUREHOP_OPTION_INVALID', message, { retryable: false });
}
