import type { HeaderTable } from '@surehop/core';
import { type Attempts, type Cancel, type IncomingMessage, readAttempts } from '@surehop/core/internal';
import { Backlog } from './backlog.ts';
import type { Delivery, Turn } from './delivery.ts';
import type { Keepsake } from './keepsakes.ts';
import type { Settlement } from './settler.ts';
import { LaidAside } from './waiting/laid-aside.ts';

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
  /** How many of them are in the waiting queue: always the first ones. */
  laid = 0;
  /** Whose copy for the waiting queue is on its way. */
  laying: KeyTurn | undefined;
  /** How many wait in the work queue's prefetch for a first one that waits for its time, or for `release()`. */
  held = 0;

  constructor(key: string) {
    this.key = key;
  }
}

/** One delivery in the line of its key. */
export class KeyTurn implements Turn {
  delivery: Delivery;
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
  isLaid: boolean;
  /** It may end the process that handles it, whatever it has survived: so may what follows it. */
  isSuspect = false;

  constructor(delivery: Delivery, line: KeyLine, body: unknown) {
    this.delivery = delivery;
    this.isLaid = delivery instanceof LaidAside;
    this.line = line;
    this.body = body;
    this.message = delivery.message;
    this.attempts = readAttempts(delivery.message.headers);
  }

  /** For when it comes again: this process had it, and lives. */
  keepsake(): Keepsake {
    const { readyAt, halted, isReleased, excused } = this;
    return { key: this.line.key, headers: this.message.headers, readyAt, halted, isReleased, excused: excused + 1 };
  }

  /** What was known of it before its channel was lost. */
  recall({ headers, readyAt, halted, isReleased, excused }: Keepsake): void {
    this.note(headers);
    this.readyAt = readyAt;
    this.halted = halted;
    this.isReleased = isReleased;
    this.excused = excused;
  }

  /** What its copy would say of its failures, where failed messages are copied. */
  note(headers: HeaderTable): void {
    const { message } = this.delivery;
    this.message = { ...message, properties: message.properties, headers };
    this.attempts = readAttempts(headers);
  }
}
