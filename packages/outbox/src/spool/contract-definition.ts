import {
  type Codec,
  defineExchange,
  defineQueue,
  defineStream,
  type ExchangeContract,
  type QueueContract,
  type StreamContract,
} from '@surehop/core';
import { fromText, toText } from './stored-value.ts';

export type Contract = QueueContract | ExchangeContract | StreamContract;

/** By which a message names its contract in the file. */
export function contractKey({ kind, name }: Pick<Contract, 'kind' | 'name'>): string {
  return `${kind} ${name}`;
}

/** All of a contract that is needed to declare it, as text: what a schema and a codec do is done before a message is stored. */
export function definitionOf(contract: Contract): string {
  return toText(plain(contract));
}

/**
 * The contract that a text describes, for bodies that are encoded already.
 *
 * @throws {SyntaxError | SurehopError} for what this version can make nothing of
 */
export function contractOf(definition: string, contentType: string): Contract {
  return revived(fromText(definition) as Plain, encoded(contentType));
}

type Plain = Omit<QueueContract, 'schema' | 'codec'> | PlainExchange | PlainStream;
type PlainStream = Omit<StreamContract, 'schema' | 'codec'>;
type PlainExchange = Omit<ExchangeContract, 'schema' | 'codec' | 'alternate'> & { readonly alternate?: PlainExchange };

function plain(contract: Contract): object {
  if (contract.kind === 'exchange') return plainExchange(contract);
  if (contract.kind === 'stream') {
    const { schema: _schema, codec: _codec, ...stream } = contract;
    return stream;
  }
  const { kind, name, retry, deliveryLimit, type, singleActiveConsumer, bindTo } = contract;
  const bindings = bindTo.map((binding) => ({ ...binding, exchange: plainExchange(binding.exchange) }));
  return { kind, name, retry, deliveryLimit, type, singleActiveConsumer, bindTo: bindings };
}

function plainExchange({ kind, name, type, alternate }: ExchangeContract): object {
  return { kind, name, type, alternate: alternate && plainExchange(alternate) };
}

function revived(given: Plain, codec: Codec): Contract {
  if (given.kind === 'exchange') return revivedExchange(given, codec);
  if (given.kind === 'stream') return revivedStream(given, codec);
  // A file of an earlier version says nothing of single active consumers.
  const { name, retry, deliveryLimit, type, singleActiveConsumer = false } = given;
  const bindTo = given.bindTo.map(({ exchange, ...route }) => ({
    ...route,
    exchange: revivedExchange(exchange as PlainExchange, codec),
  }));
  return defineQueue(name, {
    codec,
    retry,
    type,
    singleActiveConsumer,
    bindTo,
    ...(deliveryLimit !== undefined && { deliveryLimit }),
  });
}

function revivedExchange({ name, type, alternate }: PlainExchange, codec: Codec): ExchangeContract {
  return defineExchange(name, {
    type,
    codec,
    ...(alternate !== undefined && { alternate: revivedExchange(alternate, codec) }),
  });
}

function revivedStream({ name, retry, maxAgeMs, maxBytes, segmentBytes }: PlainStream, codec: Codec): StreamContract {
  return defineStream(name, {
    codec,
    retry,
    segmentBytes,
    ...(maxAgeMs !== undefined && { maxAgeMs }),
    ...(maxBytes !== undefined && { maxBytes }),
    ...(maxAgeMs === undefined && maxBytes === undefined && { keepForever: true }),
  });
}

/** For bodies that are bytes already. */
export function encoded(contentType: string): Codec {
  return { contentType, encode: (bytes) => bytes as Uint8Array, decode: (content) => content };
}
