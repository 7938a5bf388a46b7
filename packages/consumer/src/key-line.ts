import type { HeaderTable } from '@surehop/core';
import { type Attempts, type Cancel, type IncomingMessage, readAttempts } from '@surehop/core/internal';
import { Backlog } from './backlog.ts';
import type { Delivery, Turn } from './delivery.ts';
import type { Settlement } from './settler.ts';

/**
 * What the messages of one key wait for. Only the first of them is ever at work.
 *
 *   free ──arrival──▶ offered ──▶ at work ──settled──▶ free, or offered again
 *                        ▲           ├──failed──▶ delayed ──time──▶ offered
 *                        │           ├──dead, and `halt`──▶ halted ──release()──▶ free, or offered again
 *                        │           └──channel lost──▶ haunted, while its handler still runs
 *                        └──────────────────────────────────┘
 */
export type LineState = 'free' | 'offered' | 'at work' | 'delayed' | 'halted' | 'haunted';

/** The messages of one key that are in hand, in the order of the queue. */
export class KeyLine {
  readonly key: string;
  readonly turns: Backlog<KeyTurn> = new Backlog();
  state: LineState = 'free';
  /** Whose handler was left behind by a lost channel, and still runs. */
  ghost: KeyTurn | undefined;
  cancelDelay: Cancel | undefined;

  constructor(key: string) {
    this.key = key;
  }
}

/** One delivery in the line of its key. */
export class KeyTurn implements Turn {
  readonly delivery: Delivery;
  readonly line: KeyLine;
  readonly body: unknown;
  message: IncomingMessage;
  attempts: Attempts;
  /** Not to be handled before, by the clock; undefined when it may be. */
  readyAt: number | undefined;
  /** Deliveries that are no sign of its killing anybody. */
  excused = 0;
  /** Its handler has been called and has not returned. */
  isRunning = false;
  /** Started, and what came of it is not stored yet. */
  isAtWork = false;
  /** Its dead letter is stored, and so it is settled when its key is released. */
  halted: Settlement | undefined;
  isReleased = false;

  constructor(delivery: Delivery, line: KeyLine, body: unknown) {
    this.delivery = delivery;
    this.line = line;
    this.body = body;
    this.message = delivery.message;
    this.attempts = readAttempts(delivery.message.headers);
  }

  /** What its copy would say of its failures, where failed messages are copied. */
  note(headers: HeaderTable): void {
    const { message } = this.delivery;
    this.message = { ...message, properties: message.properties, headers };
    this.attempts = readAttempts(headers);
  }
}
