import { headerOf, type IncomingMessage } from '@surehop/core/internal';
import type { Delivery } from './delivery.ts';

/**
 * How many messages a subscription takes at once, and why.
 *
 *   first ──an unmarked delivery──▶ full ──a marked delivery──▶ quarantine
 *     └────a marked delivery────────────────────────────────────▲    │
 *                                   full ◀──an unmarked one was settled
 *                                  first ◀──nothing came for 10 s
 *
 * In `first` and `quarantine` one at a time: a crash counts against every message that a consumer holds.
 */
export type Mode = 'first' | 'full' | 'quarantine';

/** What a delivery means for the subscription that it came through. */
export interface Step {
  readonly mode: Mode;
  /** It is the last one that is asked for; what came with it is still finished. */
  readonly isLast: boolean;
}

/** Pure. */
export function onArrival(mode: Mode, marked: boolean): Step {
  switch (mode) {
    case 'first':
      return marked ? { mode: 'quarantine', isLast: false } : { mode: 'full', isLast: true };
    case 'full':
      return marked ? { mode: 'quarantine', isLast: true } : { mode: 'full', isLast: false };
    case 'quarantine':
      return { mode: 'quarantine', isLast: false };
  }
}

/** Pure: the mode after a delivery was settled; another one than before means another subscription. */
export function afterSettling(mode: Mode, marked: boolean): Mode {
  return mode === 'quarantine' && !marked ? 'full' : mode;
}

/**
 * How many deliveries make a message suspect of killing its consumers, of a queue that allows `deliveryLimit`. Until then
 * each crash counts against its neighbours as well, so that a low limit leaves less time for that.
 */
export function markOf(deliveryLimit: number): number {
  return Math.min(3, Math.ceil(deliveryLimit / 10));
}

/**
 * Pure: which of the deliveries that a subscription still holds comes next when it asks for no more. Those without a
 * mark first, then the marked ones, each alone and the most suspicious last: when that one kills, nothing else is in
 * hand. Of equal ones the oldest first, or the youngest, by turns: what was behind the one that killed is before it
 * the next time.
 *
 * @param isCalm nothing else is being handled
 */
export function nextToFinish(
  held: Iterable<Delivery>,
  isMarked: (delivery: Delivery) => boolean,
  isCalm: boolean,
): Delivery | undefined {
  let next: Delivery | undefined;
  for (const delivery of held) {
    if (!isMarked(delivery)) return delivery;
    if (next === undefined || isBefore(delivery, next)) next = delivery;
  }
  return isCalm ? next : undefined;
}

function isBefore(younger: Delivery, older: Delivery): boolean {
  if (younger.deliveryCount !== older.deliveryCount) return younger.deliveryCount < older.deliveryCount;
  return younger.deliveryCount % 2 === 1;
}

/**
 * Whether giving the message back brings it no nearer to its delivery limit. So it is from 4.3 on, and only there the
 * broker tells how often it handed a message out. Before, each give-back counts as much as a crash.
 */
export function isFreeToGiveBack(message: Pick<IncomingMessage, 'headers' | 'encodedHeaders'>): boolean {
  return headerOf(message, 'x-acquired-count') !== undefined;
}

/**
 * How often the broker delivered a message before, as its headers say: failures (all versions), or any hand-out (4.3).
 * What the broker has counted it also calls redelivered; without that, somebody else wrote the count.
 * Headers are foreign, so that numbers, decimal strings and bytes are taken and anything else counts as 0.
 */
export function deliveryCountOf(message: Counted): number {
  if (!message.redelivered) return 0;
  return Math.max(countIn(headerOf(message, 'x-delivery-count')), countIn(headerOf(message, 'x-acquired-count')));
}

/** How often it failed, or took its consumer with it, as the broker counts: a message that was given back did not. */
export function failedDeliveriesOf(message: Counted): number {
  return message.redelivered ? countIn(headerOf(message, 'x-delivery-count')) : 0;
}

type Counted = Pick<IncomingMessage, 'redelivered' | 'headers' | 'encodedHeaders'>;

function countIn(value: unknown): number {
  if (value === undefined) return 0;
  const text = value instanceof Uint8Array ? String.fromCharCode(...value.subarray(0, 16)) : value;
  const count = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : text;
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 0;
}
