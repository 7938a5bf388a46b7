import type { IncomingMessage } from '@surehop/core/internal';

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
  /** `retire`: give back what was not started, this delivery included. `take and retire`: start it, give back the others. */
  readonly action: 'take' | 'retire' | 'take and retire';
}

/** Pure. */
export function onArrival(mode: Mode, marked: boolean): Step {
  switch (mode) {
    case 'first':
      return marked ? { mode: 'quarantine', action: 'take' } : { mode: 'full', action: 'take and retire' };
    case 'full':
      return marked ? { mode: 'quarantine', action: 'retire' } : { mode: 'full', action: 'take' };
    case 'quarantine':
      return { mode: 'quarantine', action: 'take' };
  }
}

/** Pure: the mode after a delivery was settled; another one than before means another subscription. */
export function afterSettling(mode: Mode, marked: boolean): Mode {
  return mode === 'quarantine' && !marked ? 'full' : mode;
}

/** How many deliveries make a message suspect of killing its consumers, of a queue that allows `deliveryLimit`. */
export function markOf(deliveryLimit: number): number {
  return Math.min(3, Math.max(1, deliveryLimit - 2));
}

/**
 * How often the broker delivered a message before, as its headers say: failures (all versions), or any hand-out (4.3).
 * What the broker has counted it also calls redelivered; without that, somebody else wrote the count.
 * Headers are foreign, so that numbers, decimal strings and bytes are taken and anything else counts as 0.
 */
export function deliveryCountOf({ redelivered, headers }: Pick<IncomingMessage, 'redelivered' | 'headers'>): number {
  if (!redelivered) return 0;
  return Math.max(countIn(headers['x-delivery-count']), countIn(headers['x-acquired-count']));
}

function countIn(value: unknown): number {
  if (value === undefined) return 0;
  const text = value instanceof Uint8Array ? String.fromCharCode(...value.subarray(0, 16)) : value;
  const count = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : text;
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 0;
}
