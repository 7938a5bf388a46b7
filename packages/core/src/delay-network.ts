import { longestNetworkDelayMs } from './delay-limits.ts';
import type { BindingDeclaration, ExchangeDeclaration, QueueDeclaration } from './driver.ts';
import type { HeaderTable } from './message.ts';
import { deadLetterName } from './names.ts';
import { deadLetterQueue, joined, safeDeath, type Topology } from './topology-parts.ts';

/**
 * Any delay, out of queues that each hold a message for a power of two: a delay of 13 units waits 8, then 4, then 1.
 * Shared by a virtual host. The name has a version: arguments can never change, so another network has another name.
 *
 *   way in ──enter: 3──▶ level 3 ──after 8──▶ exchange 2 ──▶ level 2 ──after 4──▶ exchange 1 ──(no bit 1)──▶
 *     exchange 0 ──▶ level 0 ──after 1──▶ out ──▶ the gate of an exchange, or the queue of the routing key
 *
 * A level's exchange has one binding, by the header of its bit, to the level's queue. What has not this bit goes on by the
 * exchange's alternate. The routing key is the message's own all the way, so that it can end in any exchange.
 */
const network = 'surehop.delay.v1';

/** Where a message enters. It has no alternate, so that `mandatory` sees a missing level. */
export const delayEntrance: string = network;
/** Where messages are laid that found nobody at the end, so that they never hold up others. */
export const delayParking: string = deadLetterName(network);

/** Delays are whole multiples of it, in milliseconds. */
const delayResolutionMs = 100;

/** How many levels are declared together: for 102 s, 1.8 hours, 4.8 days, and the longest delay. */
const tiers = [10, 16, 22, 29] as const;
const allLevels = 29;

const headerPrefix = 'surehop-delay-';
const enterHeader = 'surehop-delay-enter';
const exchangeHeader = 'surehop-delay-exchange';
const untilHeader = 'surehop-delay-until';

/** Whether a header is one by which the network routes: no copy may carry that of an earlier delay. */
export function isDelayHeader(name: string): boolean {
  return name.startsWith(headerPrefix);
}

/** Where a delayed message goes at the end. */
export interface DelayTarget {
  readonly kind: 'queue' | 'exchange';
  readonly name: string;
}

/** The key of a message on its way to a queue. One to an exchange keeps its own. */
export function delayKey(queue: string): string {
  return `delay:${queue}`;
}

/** The gate's name is the longest that is derived. */
export function delayGateName(exchange: string): string {
  return `${network}.to.${exchange}`;
}

/** Of a level's queue, and of the exchange in front of it. */
function delayLevelName(level: number): string {
  return `${network}.level.${level}`;
}

/** How long a level keeps a message, in milliseconds. */
export function levelDelayMs(level: number): number {
  return delayResolutionMs * 2 ** level;
}

/**
 * How many levels have to stand for a delay. More than it needs itself, so that not every delay is another topology.
 *
 * @param delayMs up to {@link longestNetworkDelayMs}; what is longer is taken for that
 */
export function levelsFor(delayMs: number): number {
  const highest = topLevel(delayMs);
  return tiers.find((levels) => highest < levels) ?? allLevels;
}

/**
 * The headers that lead a message through the network for at least `delayMs`, and less than the resolution longer.
 *
 * @param until when it will be over, in milliseconds since the Unix epoch: for people
 */
export function delayHeaders(target: DelayTarget, delayMs: number, until: number): HeaderTable {
  const units = unitsOf(delayMs);
  return headersFor(target, topLevel(delayMs), (level) => Math.floor(units / 2 ** level) % 2 === 1, until);
}

/** As {@link delayHeaders}, with as many of them as any delay up to this one has. */
export function mostDelayHeaders(target: DelayTarget, delayMs: number, until: number): HeaderTable {
  return headersFor(target, topLevel(delayMs), () => true, until);
}

/** The network with so many levels, without any way back. */
export function delayNetwork(levels: number): Topology {
  const numbers = Array.from({ length: levels }, (_, level) => level);
  return {
    exchanges: [
      { name: delayParking, type: 'fanout', arguments: {} },
      // Without these alternates, 32 messages that no binding takes would stop the last level for everybody.
      { name: queuesExchange, type: 'direct', arguments: { 'alternate-exchange': delayParking } },
      { name: outExchange, type: 'headers', arguments: { 'alternate-exchange': queuesExchange } },
      ...numbers.map(levelExchange),
      { name: delayEntrance, type: 'headers', arguments: {} },
    ],
    queues: [deadLetterQueue(delayParking), ...numbers.map(levelQueue)],
    bindings: [
      { exchange: delayParking, queue: delayParking, routingKey: '', arguments: {} },
      ...numbers.flatMap((level) => [
        byHeader(delayLevelName(level), delayLevelName(level), bitHeader(level), 1),
        byHeader(delayEntrance, delayLevelName(level), enterHeader, level),
      ]),
    ],
    existing: [],
  };
}

/**
 * What brings a delayed message to its target at the end. An exchange gets a queue of its own in front: what that one
 * cannot route is held there, and holds up none of the others.
 */
export function delayWayBack({ kind, name }: DelayTarget): Topology {
  if (kind === 'queue') {
    const binding = { exchange: queuesExchange, queue: name, routingKey: delayKey(name), arguments: {} };
    return { exchanges: [], queues: [], bindings: [binding], existing: [] };
  }
  const gate = delayGateName(name);
  const passing = { 'x-queue-type': 'quorum', 'x-message-ttl': 0, 'x-dead-letter-exchange': name, ...safeDeath };
  return {
    exchanges: [],
    queues: [{ name: gate, arguments: passing }],
    bindings: [byHeader(outExchange, gate, exchangeHeader, name)],
    existing: [],
  };
}

/** All of a delayed message's way: the network, as far as its delay needs it, and the way back. */
export function delayWay(target: DelayTarget, delayMs: number): Topology {
  return joined(delayNetwork(levelsFor(delayMs)), delayWayBack(target));
}

const outExchange = `${network}.out`;
const queuesExchange = `${network}.queues`;

function bitHeader(level: number): string {
  return `${headerPrefix}${level}`;
}

/** Whole units, one at the least: what failed never comes back at once. */
function unitsOf(delayMs: number): number {
  return Math.max(1, Math.ceil(Math.min(delayMs, longestNetworkDelayMs) / delayResolutionMs));
}

function topLevel(delayMs: number): number {
  return Math.floor(Math.log2(unitsOf(delayMs)));
}

function headersFor(
  { kind, name }: DelayTarget,
  top: number,
  isSet: (level: number) => boolean,
  until: number,
): HeaderTable {
  const headers: Record<string, unknown> = { [enterHeader]: top, [untilHeader]: new Date(until).toISOString() };
  if (kind === 'exchange') headers[exchangeHeader] = name;
  for (let level = top; level >= 0; level -= 1) if (isSet(level)) headers[bitHeader(level)] = 1;
  return headers;
}

function levelExchange(level: number): ExchangeDeclaration {
  return { name: delayLevelName(level), type: 'headers', arguments: { 'alternate-exchange': below(level) } };
}

function levelQueue(level: number): QueueDeclaration {
  return {
    name: delayLevelName(level),
    arguments: {
      'x-queue-type': 'quorum',
      'x-message-ttl': levelDelayMs(level),
      'x-dead-letter-exchange': below(level),
      ...safeDeath,
    },
  };
}

function below(level: number): string {
  return level === 0 ? outExchange : delayLevelName(level - 1);
}

function byHeader(exchange: string, queue: string, header: string, value: string | number): BindingDeclaration {
  return { exchange, queue, routingKey: '', arguments: { 'x-match': 'all', [header]: value } };
}

/** What a queue of the network is, by its name; undefined for the one of what was laid aside, and for foreign ones. */
export function placeInDelays(
  queue: string,
):
  | { readonly part: 'level'; readonly delayMs: number }
  | { readonly part: 'exchange'; readonly exchange: string }
  | undefined {
  const level = queue.startsWith(delayLevelName(0).slice(0, -1)) ? queue.slice(delayLevelName(0).length - 1) : '';
  if (/^\d{1,2}$/.test(level)) return { part: 'level', delayMs: levelDelayMs(Number(level)) };
  const gates = delayGateName('');
  return queue.startsWith(gates) ? { part: 'exchange', exchange: queue.slice(gates.length) } : undefined;
}
