import type { HeaderTable, Logger } from '@surehop/core';
import type { BodyRule, Clock, DecodedBody } from '@surehop/core/internal';
import { Arrivals } from './arrivals.ts';
import { Backlog } from './backlog.ts';
import { stillToWait, UnreadableBody } from './decide.ts';
import type { Delivery } from './delivery.ts';
import { Keepsakes } from './keepsakes.ts';
import { type KeyLine, KeyTurn } from './key-line.ts';
import { KeyLines } from './key-lines.ts';
import { keyOf, type OrderBy } from './message-key.ts';
import type { Settlement } from './settler.ts';

/** What becomes of a key when one of its messages is in the dead-letter queue. */
export type AfterDeadLetter = 'continue' | 'halt';

export interface OrderRule {
  readonly orderBy: OrderBy<never>;
  readonly afterDeadLetter: AfterDeadLetter;
}

export interface OrderOptions extends OrderRule {
  readonly queue: string;
  readonly body: BodyRule | undefined;
  readonly prefetch: number;
  readonly handlerTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** It has no key, and so no order: to be laid aside. */
  readonly onKeyless: (delivery: Delivery, error: UnreadableBody) => void;
}

/** Who is told of what happens here. */
export interface OrderHost {
  /** Something may be started. */
  onReady(): void;
  /** It stays in hand until its key is released. */
  onHalted(delivery: Delivery): void;
}

/**
 * Which delivery may be started next where messages of one key are handled one after the other. A message that failed
 * stays in hand, unacknowledged, until its next attempt: whatever happens to this process, the broker has it before those
 * that come after it. Lives as long as its consumer; all that is in hand is of one channel.
 */
export class Order {
  readonly #options: OrderOptions;
  readonly #arrivals: Arrivals;
  readonly #lines: KeyLines;
  readonly #keepsakes: Keepsakes;
  /** Lines whose first message may be started. */
  readonly #offered = new Backlog<KeyLine>();
  /** Deliveries without a key whose dead letter is on its way. */
  readonly #dying = new Set<Delivery>();
  #atWork = 0;
  #host: OrderHost | undefined;

  constructor(options: OrderOptions) {
    const { body, clock, handlerTimeoutMs, prefetch } = options;
    this.#options = options;
    const onDecoded = (delivery: Delivery, decoded: DecodedBody<unknown>): void => this.#place(delivery, decoded);
    this.#arrivals = new Arrivals({ body, clock, limitMs: handlerTimeoutMs, onDecoded });
    this.#lines = new KeyLines(2 * prefetch);
    this.#keepsakes = new Keepsakes(2 * prefetch);
  }

  serve(host: OrderHost): void {
    this.#host = host;
  }

  /** Whether nothing is started that has not come to an end: what is in hand may be given back. */
  get isQuiet(): boolean {
    return this.#atWork === 0 && this.#dying.size === 0;
  }

  /** How many messages are halted again as soon as they are delivered again. */
  get halted(): number {
    return this.#keepsakes.halted;
  }

  /** Keys that wait for `release()`. */
  get haltedKeys(): string[] {
    return this.#lines.inState('halted').map(({ key }) => key);
  }

  /** Keys whose first message failed and waits for its next attempt. */
  get delayedKeys(): number {
    return this.#lines.inState('delayed').length;
  }

  /** How many of its deliveries say nothing about what it does to consumers. */
  excusedOf({ turn, message }: Delivery): number {
    return turn instanceof KeyTurn ? turn.excused : (this.#keepsakes.find(message.properties.messageId)?.excused ?? 0);
  }

  add(delivery: Delivery): void {
    this.#arrivals.add(delivery);
  }

  /** Takes what is to be started; undefined when there is nothing. */
  next(): Delivery | undefined {
    const line = this.#offered.oldest;
    const turn = line?.turns.oldest;
    if (line === undefined || turn === undefined) return undefined;
    this.#offered.delete(line);
    line.state = 'at work';
    turn.isRunning = true;
    turn.isAtWork = true;
    this.#atWork += 1;
    return turn.delivery;
  }

  /**
   * It failed, and waits in hand for its next attempt. Does nothing for what is the broker's again.
   *
   * @param headers what its copy would have, where failed messages are copied
   */
  delay(delivery: Delivery, headers: HeaderTable, delayMs: number): void {
    const turn = this.#turnOf(delivery);
    if (turn === undefined) return;
    turn.note(headers);
    this.#rest(turn);
    turn.excused = delivery.deliveryCount;
    turn.readyAt = this.#options.clock.now() + delayMs;
    this.#offer(turn.line);
  }

  /** Its dead letter is stored. Settles it now, or when its key is released. */
  dead(delivery: Delivery, settlement: Settlement): void {
    const turn = this.#turnOf(delivery);
    if (turn === undefined || this.#options.afterDeadLetter === 'continue') {
      delivery.settle(settlement);
      return;
    }
    const { queue, log } = this.#options;
    const { key } = turn.line;
    this.#rest(turn);
    turn.excused = delivery.deliveryCount;
    turn.halted = settlement;
    this.#offer(turn.line);
    const fields = { queue, key, messageId: delivery.message.properties.messageId };
    log.error(fields, 'the key is halted: its messages wait until release() is called for it');
    this.#host?.onHalted(delivery);
  }

  /** Also of a key whose messages are the broker's for now. False when no such key is halted. */
  release(key: string): boolean {
    const line = this.#lines.find(key);
    const turn = line?.turns.oldest;
    if (line?.state !== 'halted' || turn === undefined) return this.#keepsakes.release(key);
    turn.isReleased = true;
    this.#offer(line);
    return true;
  }

  /** It is off the broker's hands. */
  settled(delivery: Delivery): void {
    this.#dying.delete(delivery);
    const turn = this.#turnOf(delivery);
    if (turn === undefined) return;
    this.#rest(turn);
    turn.line.turns.delete(turn);
    this.#offer(turn.line);
  }

  /** Nobody waits for its handler any more. */
  abandoned({ turn }: Delivery): void {
    if (turn instanceof KeyTurn) this.#rest(turn);
  }

  /** Its handler has returned, or never will. */
  left({ turn }: Delivery): void {
    if (!(turn instanceof KeyTurn)) return;
    turn.isRunning = false;
    const { line } = turn;
    if (line.ghost !== turn) return;
    line.ghost = undefined;
    this.#offer(line);
  }

  /** The channel of all that is in hand is gone: the broker has it back. */
  clear(): void {
    this.#arrivals.clear();
    this.#offered.clear();
    this.#dying.clear();
    for (const line of this.#lines) {
      line.cancelDelay?.();
      const first = line.turns.oldest;
      for (const turn of line.turns) this.#keep(turn);
      line.turns.clear();
      if (first?.isRunning) line.ghost = first;
      this.#offer(line);
    }
  }

  #keep(turn: KeyTurn): void {
    this.#rest(turn);
    const { message, readyAt, halted, isReleased } = turn;
    const { key } = turn.line;
    const excused = turn.excused + 1; // this process lives
    const kept = { key, headers: message.headers, readyAt, halted, isReleased, excused };
    this.#keepsakes.keep(message.properties.messageId, kept);
  }

  /** In the line of its key, or nowhere when it has none. */
  #place(delivery: Delivery, decoded: DecodedBody<unknown>): void {
    const { orderBy, onKeyless } = this.#options;
    const { message } = delivery;
    let key: string;
    try {
      if (!decoded.ok) throw new UnreadableBody(decoded.reason, decoded.error);
      key = keyOf(orderBy, message, decoded.body);
    } catch (thrown) {
      this.#dying.add(delivery);
      const error = thrown instanceof UnreadableBody ? thrown : new UnreadableBody('invalid', thrown as Error);
      onKeyless(delivery, error);
      return;
    }
    const line = this.#lines.of(key);
    const turn = new KeyTurn(delivery, line, decoded.body);
    delivery.turn = turn;
    this.#recall(turn);
    line.turns.add(turn);
    if (line.state !== 'free') return;
    this.#offer(line);
    this.#host?.onReady();
  }

  /** What was known of it before its channel was lost, or was written into it before it came here. */
  #recall(turn: KeyTurn): void {
    const { clock } = this.#options;
    const { message } = turn;
    const kept = this.#keepsakes.take(message.properties.messageId);
    if (kept !== undefined) {
      turn.note(kept.headers);
      turn.readyAt = kept.readyAt;
      turn.halted = kept.halted;
      turn.isReleased = kept.isReleased;
      turn.excused = kept.excused;
      return;
    }
    if (turn.attempts.notBefore === undefined) return;
    const waitMs = stillToWait(turn.attempts, clock.epochMs());
    if (waitMs !== undefined) turn.readyAt = clock.now() + waitMs;
  }

  /** The only writer of a line's state, but for what is started. */
  #offer(line: KeyLine): void {
    line.cancelDelay?.();
    line.cancelDelay = undefined;
    const turn = line.turns.oldest;
    const now = turn?.readyAt === undefined ? 0 : this.#options.clock.now();
    if (line.ghost !== undefined) {
      line.state = 'haunted';
    } else if (turn === undefined) {
      line.state = 'free';
    } else if (turn.halted !== undefined) {
      line.state = 'halted';
      if (turn.isReleased) turn.delivery.settle(turn.halted);
    } else if (turn.readyAt !== undefined && turn.readyAt > now) {
      line.state = 'delayed';
      line.cancelDelay = this.#options.clock.setTimeout(() => {
        this.#offer(line);
        this.#host?.onReady();
      }, turn.readyAt - now);
    } else {
      turn.readyAt = undefined;
      line.state = 'offered';
      this.#offered.add(line);
    }
  }

  #rest(turn: KeyTurn): void {
    if (!turn.isAtWork) return;
    turn.isAtWork = false;
    this.#atWork -= 1;
  }

  /** Undefined for one that is not in hand. */
  #turnOf({ turn }: Delivery): KeyTurn | undefined {
    return turn instanceof KeyTurn && turn.line.turns.oldest === turn ? turn : undefined;
  }
}
