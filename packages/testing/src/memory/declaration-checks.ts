import type { HeaderTable } from '@surehop/core';
import type { ExchangeDeclaration } from '@surehop/core/internal';
import { ProtocolError } from './protocol-error.ts';
import { typeOf } from './queue-settings.ts';
import type { Release } from './release.ts';

/** Arguments that only one type of queue takes. */
const refusedBy = {
  classic: ['x-delivery-limit', 'x-dead-letter-strategy', 'x-quorum-initial-group-size'],
  quorum: ['x-max-priority', 'x-queue-mode'],
} as const;

const delayedRetry = ['x-delayed-retry-type', 'x-delayed-retry-min', 'x-delayed-retry-max'] as const;

/** @throws {ProtocolError} 406 for arguments that this type of queue does not take, 403 for a reserved name */
export function checkNewQueue(name: string, args: HeaderTable, { delaysRetries }: Release): void {
  checkName('queue', name);
  if (args['x-queue-type'] === 'stream') {
    const what = `queue '${name}' in vhost '/' cannot be a stream: the in-memory broker has none, a real one has`;
    throw new ProtocolError(406, what);
  }
  const type = typeOf(args);
  const unknown = type === 'classic' || !delaysRetries ? delayedRetry : [];
  const refused = [...refusedBy[type], ...unknown].find((argument) => Object.hasOwn(args, argument));
  if (refused === undefined) return;
  throw new ProtocolError(
    406,
    `invalid arg '${refused}' for queue '${name}' in vhost '/' of queue type rabbit_${type}_queue`,
  );
}

/** @throws {ProtocolError} 406 when it is there with other arguments */
export function checkSameQueue(name: string, there: HeaderTable, wanted: HeaderTable): void {
  for (const argument of comparedArguments) {
    const current = argument === 'x-queue-type' ? typeOf(there) : there[argument];
    const received = argument === 'x-queue-type' ? typeOf(wanted) : wanted[argument];
    if (current !== received) throw inequivalent(argument, `queue '${name}'`, received, current);
  }
}

/** @throws {ProtocolError} 403 for a reserved name */
export function checkNewExchange({ name }: ExchangeDeclaration): void {
  if (name === '') throw new ProtocolError(403, 'operation not permitted on the default exchange');
  checkName('exchange', name);
}

/** @throws {ProtocolError} 406 when it is there with another type or alternate */
export function checkSameExchange(there: ExchangeDeclaration, wanted: ExchangeDeclaration): void {
  const what = `exchange '${there.name}'`;
  if (there.type !== wanted.type) {
    throw new ProtocolError(
      406,
      `inequivalent arg 'type' for ${what} in vhost '/': received '${wanted.type}' but current is '${there.type}'`,
    );
  }
  const argument = 'alternate-exchange';
  if (there.arguments[argument] !== wanted.arguments[argument]) {
    throw inequivalent(argument, what, wanted.arguments[argument], there.arguments[argument]);
  }
}

const comparedArguments = [
  ...delayedRetry,
  'x-expires',
  'x-message-ttl',
  'x-dead-letter-exchange',
  'x-dead-letter-routing-key',
  'x-dead-letter-strategy',
  'x-max-length',
  'x-max-length-bytes',
  'x-single-active-consumer',
  'x-delivery-limit',
  'x-overflow',
  'x-queue-type',
] as const;

function checkName(kind: string, name: string): void {
  if (name.startsWith('amq.')) {
    throw new ProtocolError(403, `${kind} name '${name}' contains reserved prefix 'amq.*'`);
  }
}

function inequivalent(argument: string, what: string, received: unknown, current: unknown): ProtocolError {
  const describe = typeof received === typeof current ? (value: unknown) => `'${String(value)}'` : described;
  return new ProtocolError(
    406,
    `inequivalent arg '${argument}' for ${what} in vhost '/': received ${describe(received)} but current is ${describe(current)}`,
  );
}

function described(value: unknown): string {
  if (value === undefined) return 'none';
  return `the value '${String(value)}' of type '${typeof value === 'number' ? 'signedint' : 'longstr'}'`;
}
