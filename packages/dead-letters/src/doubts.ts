import { hash } from 'node:crypto';
import type { IncomingMessage } from '@surehop/core/internal';

/**
 * Remembers what was settled last on a channel. When the channel is lost nobody knows which of its last acknowledgements
 * arrived: what comes again of them was done, and only its acknowledgement is repeated.
 *
 * A message is known by its id, its body and its headers, and by the broker's word that it was delivered before: a copy that
 * has come back is another message. One without an id is never known again: two of them may be alike and yet be two, and one
 * too many is better than one too few.
 */
export class Doubts {
  readonly #most: number;
  #recent: string[] = [];
  readonly #doubted = new Map<string, number>();
  #deliveriesLeft = 0;

  /** @param most how many that were settled may still be unknown to the broker */
  constructor(most: number) {
    this.#most = most;
  }

  settled(message: IncomingMessage): void {
    const key = keyOf(message);
    if (key === undefined) return;
    this.#recent.push(key);
    if (this.#recent.length >= 2 * this.#most) this.#recent = this.#recent.slice(-this.#most);
  }

  /** The channel is gone. @param deliveries within how many deliveries what is in doubt comes again */
  lost(deliveries: number): void {
    for (const key of this.#recent) this.#doubted.set(key, (this.#doubted.get(key) ?? 0) + 1);
    this.#recent = [];
    this.#deliveriesLeft = Math.max(this.#deliveriesLeft, deliveries);
  }

  /** True while something may come again. */
  get areThere(): boolean {
    return this.#doubted.size > 0;
  }

  /** None of it can come again any more. */
  forget(): void {
    this.#doubted.clear();
  }

  /** Asked once for each delivery: true for one that was settled before, and is to be settled again. */
  isAgain(message: IncomingMessage): boolean {
    if (this.#doubted.size === 0) return false;
    if (this.#deliveriesLeft === 0) {
      this.#doubted.clear();
      return false;
    }
    this.#deliveriesLeft -= 1;
    const key = message.redelivered ? keyOf(message) : undefined;
    const times = key === undefined ? undefined : this.#doubted.get(key);
    if (key === undefined || times === undefined) return false;
    if (times === 1) this.#doubted.delete(key);
    else this.#doubted.set(key, times - 1);
    return true;
  }
}

/** The broker counts deliveries in them. */
const counts: ReadonlySet<string> = new Set(['x-delivery-count', 'x-acquired-count']);

function keyOf({ properties: { messageId }, content, headers }: IncomingMessage): string | undefined {
  if (!messageId) return undefined;
  // With its counts the broker sorts the other headers.
  const names = Object.keys(headers).filter((name) => !counts.has(name));
  const lasting = names.toSorted().map((name) => [name, headers[name]]);
  const parts = [messageId, hash('sha256', content, 'base64'), JSON.stringify(lasting, withoutBigints)];
  // Thousands of them are kept: a few bytes each.
  return hash('sha256', parts.join('\n'), 'base64');
}

function withoutBigints(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
