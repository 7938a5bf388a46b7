import { type Codec, defineExchange, defineQueue, type ExchangeContract, type QueueContract } from '@surehop/core';
import { fromText, toText } from './stored-value.ts';

export type Contract = QueueContract | ExchangeContract;

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

type Plain = Omit<QueueContract, 'schema' | 'codec'> | PlainExchange;
type PlainExchange = Omit<ExchangeContract, 'schema' | 'codec' | 'alternate'> & { readonly alternate?: PlainExchange };

function plain(contract: Contract): object {
  if (contract.kind === 'exchange') return plainExchange(contract);
  const { kind, name, retry, deliveryLimit, type, bindTo } = contract;
  const bindings = bindTo.map((binding) => ({ ...binding, exchange: plainExchange(binding.exchange) }));
  return { kind, name, retry, deliveryLimit, type, bindTo: bindings };
}

function plainExchange({ kind, name, type, alternate }: ExchangeContract): object {
  return { kind, name, type, alternate: alternate && plainExchange(alternate) };
}

function revived(given: Plain, codec: Codec): Contract {
  if (given.kind === 'exchange') return revivedExchange(given, codec);
  const { name, retry, deliveryLimit, type } = given;
  const bindTo = given.bindTo.map(({ exchange, ...route }) => ({
    ...route,
    exchange: revivedExchange(exchange as PlainExchange, codec),
  }));
  return defineQueue(name, { codec, retry, type, bindTo, ...(deliveryLimit !== undefined && { deliveryLimit }) });
}

function revivedExchange({ name, type, alternate }: PlainExchange, codec: Codec): ExchangeContract {
  return defineExchange(name, {
    type,
    codec,
    ...(alternate !== undefined && { alternate: revivedExchange(alternate, codec) }),
  });
}

function encoded(contentType: string): Codec {
  return { contentType, encode: (bytes) => bytes as Uint8Array, decode: (content) => content };
}
