import { DeadLetter, type HeaderTable, type Logger } from '@surehop/core';
import type { BodyRule, Clock, DecodedBody, LinkSession } from '@surehop/core/internal';
import { Arrivals } from './arrivals.ts';
import { Backlog } from './backlog.ts';
import { stillToWait, UnreadableBody } from './decide.ts';
import type { Delivery } from './delivery.ts';
import { Keepsakes } from './keepsakes.ts';
import { type KeyLine, KeyTurn } from './key-line.ts';
import { KeyLines } from './key-lines.ts';
import { keyOf, type OrderBy } from './message-key.ts';
import type { Settlement } from './settler.ts';
import { LayingAside } from './waiting/laying-aside.ts';
import { Suspects } from './waiting/suspects.ts';
import type { WaitingHost } from './waiting/waiting-host.ts';
import type { WaitingQueue } from './waiting/waiting-queue.ts';

/** What becomes of a key when one of its messages is in the dead-letter queue. */
export type AfterDeadLetter = 'continue' | 'halt';

export interface OrderRule {
  readonly orderBy: OrderBy<never>;
  readonly afterDeadLetter: AfterDeadLetter;
  readonly mostHeld: number;
  readonly mostWaiting: number;
}

export interface OrderOptions extends OrderRule {
  readonly queue: string;
  readonly body: BodyRule | undefined;
  readonly prefetch: number;
  readonly handlerTimeoutMs: number;
  /** Of the work queue, where what comes near it may be ending its consumers; undefined where it need not be. */
  readonly suspectLimit: number | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** It is to be a dead letter, and not handled: it has no key, and so no order, or it ends its processes. */
  readonly refuse: (delivery: Delivery, error: Error) => void;
  readonly waitingFor: (session: LinkSession, host: WaitingHost) => WaitingQueue;
}

/** Whose messages are in hand. */
export interface Subscribed {
  retire(): Promise<void>;
  lose(cause: Error): void;
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
 * stays unacknowledged until its next attempt, in hand or in the waiting queue: whatever happens to this process, the
 * broker has it before those that come after it. Lives as long as its consumer; all that is in hand is of one
 * subscription.
 */
export class Order {
  readonly #options: OrderOptions;
  readonly #arrivals: Arrivals;
  readonly #lines: KeyLines;
  readonly #keepsakes: Keepsakes;
  /** Their first message may be started. */
  readonly #offered = new Backlog<KeyLine>();
  /** Deliveries without a key whose dead letter is on its way. */
  readonly #dying = new Set<Delivery>();
  readonly #laying: LayingAside;
  readonly #suspects: Suspects;
  #waiting: WaitingQueue | undefined;
  /** Handed out by the work queue before all is known that waits beside it. */
  #early: Delivery[] = [];
  #atWork = 0;
  #host: OrderHost | undefined;

  constructor(options: OrderOptions) {
    const { body, clock, handlerTimeoutMs, prefetch, mostWaiting } = options;
    this.#options = options;
    const onDecoded = (delivery: Delivery, decoded: DecodedBody<unknown>): void => this.#place(delivery, decoded);
    this.#arrivals = new Arrivals({ body, clock, limitMs: handlerTimeoutMs, onDecoded });
    const onReady = (): void => this.#host?.onReady();
    this.#laying = new LayingAside({ ...options, onReady });
    this.#suspects = new Suspects({ ...options, onReady });
    this.#lines = new KeyLines(2 * prefetch + mostWaiting);
    this.#keepsakes = new Keepsakes(2 * prefetch + mostWaiting);
  }

  serve(host: OrderHost): void {
    this.#host = host;
  }

  /**
   * A subscription begins, with a waiting queue of its own. Resolves once that is seen.
   *
   * @throws {DriverError} 404 where there is none: nothing could be handled then
   */
  async begin(session: LinkSession, subscription: Subscribed): Promise<void> {
    this.#waiting?.end(new Error('another subscription has begun')); // of one that could not even be opened
    const waiting = this.#options.waitingFor(session, {
      onFound: (delivery) => this.#arrivals.add(delivery),
      onKnown: () => this.#onKnown(),
      onReady: () => this.#host?.onReady(),
      onSettled: (delivery) => {
        this.settled(delivery);
        this.#host?.onReady();
      },
      onSucceeded: () => void subscription.retire(),
      onLost: (cause) => subscription.lose(cause),
    });
    this.#waiting = waiting;
    this.#laying.use(waiting);
    this.#suspects.use(waiting);
    await waiting.standing();
  }

  /** Whether nothing is started that has not come to an end: what is in hand may be given back. */
  get isQuiet(): boolean {
    return this.#atWork === 0 && this.#dying.size === 0;
  }

  /** Keys that wait for `release()`. */
  get haltedKeys(): string[] {
    return this.#lines.inState('halted').map(({ key }) => key);
  }

  /** Keys whose first message failed and waits for its next attempt. */
  get delayedKeys(): number {
    return this.#lines.inState('delayed').length;
  }

  /** Messages in the waiting queue. */
  get laidAside(): number {
    return this.#waiting?.size ?? 0;
  }

  /** The work queue has handed it out. */
  add(delivery: Delivery): void {
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.isKnown) {
      this.#admit(delivery);
    } else {
      this.#early.push(delivery);
      waiting.activated();
    }
  }

  #onKnown(): void {
    for (const delivery of this.#early.splice(0)) this.#admit(delivery);
  }

  #admit(delivery: Delivery): void {
    if (this.#waiting?.holds(delivery.message) === true) delivery.settle('ack');
    else this.#arrivals.add(delivery);
  }

  /** Takes what is to be started; undefined when there is nothing. */
  next(): Delivery | undefined {
    const line = this.#offered.oldest;
    const turn = line?.turns.oldest;
    if (line === undefined || turn === undefined) return undefined;
    if (!this.#suspects.mayStart(turn, this.#atWork)) return undefined;
    this.#offered.delete(line);
    line.state = 'at work';
    turn.isAtWork = true;
    this.#atWork += 1;
    if (this.#suspects.isDeadly(turn)) {
      this.#options.refuse(turn.delivery, new DeadLetter('its handler has ended several processes'));
      return this.next();
    }
    turn.isRunning = true;
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
    if (turn.isLaid) turn.line.laid -= 1;
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

  /** Sends what is settled of the waiting queue, and gives the rest of it back. Never rejects. */
  async leaveWaiting(signal: AbortSignal): Promise<void> {
    await this.#waiting?.close(signal);
  }

  /** The channel of all that is in hand is gone: the broker has it back. */
  clear(reason: Error): void {
    this.#waiting?.end(reason);
    this.#early = [];
    this.#arrivals.clear();
    this.#offered.clear();
    this.#dying.clear();
    for (const line of this.#lines) {
      line.cancelDelay?.();
      const first = line.turns.oldest;
      for (const turn of line.turns) this.#keep(turn);
      line.turns.clear();
      line.laid = 0;
      line.laying = undefined;
      if (first?.isRunning) line.ghost = first;
      this.#offer(line);
    }
  }

  #keep(turn: KeyTurn): void {
    this.#rest(turn);
    this.#keepsakes.keep(turn.message.properties.messageId, turn.keepsake());
  }

  /** In the line of its key, or nowhere when it has none. */
  #place(delivery: Delivery, decoded: DecodedBody<unknown>): void {
    const { orderBy, refuse } = this.#options;
    const { message } = delivery;
    let key: string;
    try {
      if (!decoded.ok) throw new UnreadableBody(decoded.reason, decoded.error);
      key = keyOf(orderBy, message, decoded.body);
    } catch (thrown) {
      this.#dying.add(delivery);
      const error = thrown instanceof UnreadableBody ? thrown : new UnreadableBody('invalid', thrown as Error);
      refuse(delivery, error);
      return;
    }
    const line = this.#lines.of(key);
    const turn = new KeyTurn(delivery, line, decoded.body);
    delivery.turn = turn;
    this.#recall(turn);
    turn.isSuspect = this.#suspects.isSuspect(turn);
    line.turns.add(turn);
    if (turn.isLaid) line.laid += 1;
    if (line.state === 'free') {
      this.#offer(line);
      this.#host?.onReady();
    } else {
      this.#laying.changed(line);
    }
  }

  /** What was known of it before its channel was lost, or was written into it before it came here. */
  #recall(turn: KeyTurn): void {
    const { clock } = this.#options;
    const kept = this.#keepsakes.take(turn.message.properties.messageId);
    const waitMs = stillToWait(turn.attempts, clock.epochMs());
    if (kept !== undefined) turn.recall(kept);
    else if (waitMs !== undefined) turn.readyAt = clock.now() + waitMs;
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
    this.#laying.changed(line);
  }

  #rest(turn: KeyTurn): void {
    if (!turn.isAtWork) return;
    turn.isAtWork = false;
    this.#atWork -= 1;
    this.#suspects.survived(turn);
  }

  /** Undefined for one that is not in hand. */
  #turnOf({ turn }: Delivery): KeyTurn | undefined {
    return turn instanceof KeyTurn && turn.line.turns.oldest === turn ? turn : undefined;
  }
}
