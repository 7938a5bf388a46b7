import { type HeaderTable, jsonCodec, type MessageProperties, SurehopError } from '@surehop/core';
import { checkOutgoing, type Effects, kindOf } from '@surehop/core/internal';
import type { PublishOptions, RawDestination, RawProperties } from '@surehop/publisher';
import { checkPublishOptions, checkRawOptions, destinationOf, encodeBody } from '@surehop/publisher/internal';
import { type Contract, contractKey } from './contract-definition.ts';
import type { Draft } from './entry.ts';
import { toText } from './stored-value.ts';

/** As of a publisher's `publish`. There is no `signal`: a message is stored or refused within milliseconds. */
export type SpoolPublishOptions = Omit<PublishOptions, 'signal'>;

export interface DraftSetting {
  readonly effects: Effects;
  readonly maxMessageBytes: number;
  /** The login, as far as it is known. */
  readonly username: string | undefined;
}

interface Given {
  readonly content: Uint8Array;
  readonly headers: HeaderTable | undefined;
  readonly messageId: string | undefined;
  readonly properties: MessageProperties;
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
  refuseSignal(options);
  checkPublishOptions(options);
  const address = destinationOf(contract, options.routingKey);
  const encoded = encodeBody(contract, body);
  // A codec of the caller's may give bytes that the caller goes on to use.
  const content = contract.codec === jsonCodec ? encoded : Buffer.from(encoded);
  const { headers, messageId } = options;
  const properties = { ...options.properties, contentType: contract.codec.contentType };
  return draftOf(contractKey(contract), address, { content, headers, messageId, properties }, to);
}

/** Bytes without a contract. @throws {SurehopError} as {@link contractDraft} */
export function rawDraft(
  address: RawDestination,
  content: Uint8Array,
  properties: RawProperties,
  options: { readonly deadlineMs?: number },
  to: DraftSetting,
): Draft {
  refuseSignal(options);
  checkRawOptions(address, properties, options);
  if (!(content instanceof Uint8Array)) {
    invalid(`the content for publishTo must be a Uint8Array, got ${kindOf(content)}`);
  }
  const { headers, messageId, ...given } = properties;
  return draftOf(undefined, address, { content: Buffer.from(content), headers, messageId, properties: given }, to);
}

function draftOf(contract: string | undefined, address: RawDestination, given: Given, to: DraftSetting): Draft {
  const { exchange, routingKey } = address;
  const { content } = given;
  const { effects, maxMessageBytes, username } = to;
  const id = given.messageId ?? effects.newId();
  const properties = {
    ...given.properties,
    deliveryMode: given.properties.deliveryMode ?? 2,
    timestamp: given.properties.timestamp ?? Math.floor(effects.clock.epochMs() / 1_000),
  };
  const message = {
    exchange,
    routingKey,
    content,
    properties: { ...properties, messageId: id },
    headers: given.headers,
  };
  const headers = checkOutgoing(message, { maxMessageBytes, maxHeaderBytes, username });
  const row = {
    id,
    contract,
    exchange,
    routingKey,
    properties: JSON.stringify(properties),
    headers: headers === undefined ? undefined : toText(headers),
    attempts: 0,
  };
  return { row, properties, headers, content, hasGivenId: given.messageId !== undefined };
}

function refuseSignal(options: object): void {
  if (!('signal' in options)) return;
  invalid('a spooling publisher has no option "signal": a message is stored or refused at once; see deadlineMs');
}

function invalid(message: string): never {
  throw new SurehopError('SUREHOP_OPTION_INVALID', message, { retryable: false });
}
