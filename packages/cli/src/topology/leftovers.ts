import { deadLetterName, delayEntrance, fallbackDelayMs, retryExchangeName } from '@surehop/core/internal';
import { type Family, familiesOf, isOurFamily, isOurs } from '../family.ts';
import type { BindingView, ExchangeView, QueueView } from '../management-views.ts';
import type { Contracts } from './contract-files.ts';
import type { Views } from './found.ts';

/** Something that no contract names any more and that may go, unless `keptBecause` says why not. */
export interface Leftover {
  readonly kind: 'queue' | 'exchange';
  readonly name: string;
  /** Why it is one, for people. */
  readonly why: string;
  readonly keptBecause: string | undefined;
  /** The family that goes as a whole or not at all; undefined for what goes by itself. */
  readonly together: string | undefined;
}

export interface Leftovers {
  /** In the order in which they can be removed. */
  readonly found: readonly Leftover[];
  /** Families that look like ours and that no contract names: another service's, as far as anybody knows. */
  readonly strangers: readonly string[];
}

/**
 * @param gone names of contracts that exist no more: only what is named here and in no contract goes as a whole
 */
export function leftoversOf(contracts: Contracts, gone: readonly string[], views: Views): Leftovers {
  const families = familiesOf(views.queues);
  const delays = new Map(contracts.queues.map(({ name, retry }) => [name, retry.delaysMs]));
  const streams = new Set(contracts.streams?.map(({ name }) => name));
  const found = families.flatMap((family) => {
    const delaysMs = delays.get(family.name);
    if (delaysMs !== undefined) return oldRungs(family, delaysMs);
    return gone.includes(family.name) ? wholeFamily(family, views) : [];
  });
  const strangers = families
    .filter(({ name }) => name !== delayEntrance) // everybody's
    .filter(
      (family) =>
        !delays.has(family.name) && !streams.has(family.name) && !gone.includes(family.name) && isOurFamily(family),
    )
    .map(({ name }) => name);
  return { found, strangers };
}

/** Rungs of delays that the contract has no more. That of a minute stays: `RetryLater` may want it at any time. */
function oldRungs({ name, rungs }: Family<QueueView>, delaysMs: readonly number[]): Leftover[] {
  return rungs
    .filter(({ delayMs }) => !delaysMs.includes(delayMs) && delayMs !== fallbackDelayMs)
    .map(({ queue }) => queueLeftover(queue, `the contract "${name}" has no such delay any more`, undefined));
}

/** All of it or nothing: what is left of a family that is in use would be made again, or missed. */
function wholeFamily(family: Family<QueueView>, views: Views): Leftover[] {
  const why = `the contract "${family.name}" is gone`;
  const back = retryExchangeName(family.name);
  const dead = deadLetterName(family.name);
  const queues = [...family.rungs.map(({ queue }) => queue), family.waiting, family.work, family.deadLetters];
  const parts = [
    ...queues.filter((queue) => queue !== undefined).map((queue) => queueLeftover(queue, why, family.name)),
    ...[back, dead]
      .filter((name) => views.exchanges.some((one) => one.name === name))
      .map((name) => exchangeLeftover(name, why, family.name)),
  ];
  const users = usersOf(family, views);
  const obstacle =
    users[0] ?? parts.map((part) => part.keptBecause && `"${part.name}" ${part.keptBecause}`).find(Boolean);
  return parts.map((part) => ({ ...part, keptBecause: part.keptBecause ?? obstacle }));
}

function queueLeftover(queue: QueueView, why: string, together: string | undefined): Leftover {
  return { kind: 'queue', name: queue.name, why, keptBecause: whyKept(queue), together };
}

function exchangeLeftover(name: string, why: string, together: string): Leftover {
  return { kind: 'exchange', name, why, keptBecause: undefined, together };
}

/** Undefined when nothing speaks against its going. What is not known speaks against it. */
function whyKept(queue: QueueView): string | undefined {
  const { messages, consumers, arguments: args = {} } = queue;
  if (!isOurs(queue.name, args)) return 'was not declared by a contract: its arguments are others';
  if (messages === undefined || consumers === undefined)
    return 'has no counts yet: the broker tells them after some seconds';
  if (messages > 0) return `holds ${messages} ${messages === 1 ? 'message' : 'messages'}`;
  if (consumers > 0) return `has ${consumers} ${consumers === 1 ? 'consumer' : 'consumers'}`;
  return undefined;
}

/** Who else leads messages into the family, or out of it. */
function usersOf({ name, waiting }: Family<QueueView>, { queues, exchanges, bindings }: Views): string[] {
  const own = new Set([retryExchangeName(name), deadLetterName(name)]);
  const isPart = (other: string): boolean =>
    other === name || other === waiting?.name || own.has(other) || other.startsWith(`${name}.retry.`);
  return [
    ...bindings.flatMap((binding) => foreignBinding(binding, own, isPart)),
    ...queues.flatMap(({ name: queue, arguments: args = {} }) => {
      const target = args['x-dead-letter-exchange'];
      return typeof target === 'string' && own.has(target) && !isPart(queue)
        ? [`queue "${queue}" sends its dead letters to "${target}"`]
        : [];
    }),
    ...exchanges.flatMap((exchange: ExchangeView) => {
      const target = exchange.arguments?.['alternate-exchange'];
      return typeof target === 'string' && own.has(target) && !own.has(exchange.name)
        ? [`exchange "${exchange.name}" sends to "${target}" what it cannot route`]
        : [];
    }),
  ];
}

function foreignBinding(
  { source, destination, destination_type: type }: BindingView,
  own: ReadonlySet<string>,
  isPart: (name: string) => boolean,
): string[] {
  const isInside = type === 'queue' && isPart(destination);
  if (isInside && !own.has(source))
    return [`exchange "${source}" still feeds "${destination}": remove that binding first`];
  if (own.has(source) && !isInside) return [`exchange "${source}" also feeds ${type} "${destination}"`];
  return type === 'exchange' && own.has(destination) ? [`exchange "${source}" feeds exchange "${destination}"`] : [];
}
