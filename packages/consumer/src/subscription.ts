import type { SurehopError } from '@surehop/core';
import {
  type ChannelListeners,
  type DriverChannel,
  DriverError,
  type IncomingMessage,
  type LinkSession,
  sleep,
} from '@surehop/core/internal';
import { Backlog } from './backlog.ts';
import { Condition } from './condition.ts';
import { ChannelDelivery, type Delivery, type Origin, type Running, type Slots } from './delivery.ts';
import { channelGone, type End } from './end.ts';
import type { Entrance } from './gate.ts';
import { isFreeToGiveBack, nextToFinish } from './quarantine.ts';
import { Receipts } from './receipts.ts';
import { Roster } from './roster.ts';
import { type Settlement, Settler } from './settler.ts';
import type { SubscriptionOptions } from './subscription-options.ts';

/** The priority that every consumer has. A stream refuses it: consumed like a queue, it would skip what it holds. */
const notOfAStream = { 'x-priority': 0 };

/**
 * One channel with one consumer on it, on one generation of the link. Deliveries are settled here or not at all.
 *
 *   open() ─▶ handing out ──retire(), finish()──▶ retired ──last delivery settled──▶ close()
 *                 └──cancelled, lost, close()──▶ over ◀────────────────────────────────┘
 */
export class Subscription implements Origin, Slots, Entrance {
  readonly #options: SubscriptionOptions;
  readonly #condition = new Condition();
  readonly #gone = new AbortController();
  /** Delivered and not started, oldest first. */
  readonly #unstarted = new Backlog<Delivery>();
  /** Those that take a slot. */
  readonly #running = new Roster<Running>();
  #stuck = 0;
  #channel: DriverChannel | undefined;
  #settler: Settler | undefined;
  #retiring: Promise<void> | undefined;
  /** True once the broker has said that it hands out nothing more. */
  #isQuiet = false;
  /** The broker has everything back that was not settled. */
  #isOver = false;
  /** Retired, and what was handed out before is still started. */
  #isFinishing = false;
  readonly #receipts = new Receipts();
  #closing: Promise<void> | undefined;
  #tellEnd: (end: End) => void = () => undefined;
  /** Resolves when it hands out nothing more. */
  readonly ended: Promise<End>;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#tellEnd = resolve;
    });
  }

  /** Deliveries that the broker waits for. */
  get inHand(): number {
    return this.#isOver ? 0 : (this.#settler?.unsettled ?? 0);
  }

  /** Whether the broker may hand out more. */
  get hasCredit(): boolean {
    return this.inHand < this.#options.prefetch;
  }

  get isRetired(): boolean {
    return this.#retiring !== undefined;
  }

  /**
   * Resolves once the broker hands out messages.
   *
   * @throws {DriverError} it could not; nothing is left open then
   */
  async open(session: LinkSession): Promise<void> {
    const { clock, queue, tag, prefetch } = this.#options;
    const channel = await session.openChannel(this.#listeners(), this.#deadline());
    if (this.isRetired || this.#isOver) return channel.close(this.#deadline());
    this.#channel = channel;
    this.#settler = new Settler(channel, clock, prefetch);
    // The driver tells each channel too; a link that was given up may not live to do so.
    const onLost = (): void => this.#end({ kind: 'lost', cause: session.lost.reason as Error });
    session.lost.addEventListener('abort', onLost, { once: true });
    this.#gone.signal.addEventListener('abort', () => session.lost.removeEventListener('abort', onLost));
    try {
      await channel.prefetch(prefetch, this.#deadline());
      if (!this.isRetired && !this.#isOver) await channel.consume(queue, tag, this.#deadline(), notOfAStream);
    } catch (thrown) {
      this.lose(thrown as Error);
      throw thrown;
    }
  }

  /**
   * Asks the queue for a sign of life: a second consumer on the channel, cancelled at once. Unlike a passive declare, which
   * a node that is cut off answers, it needs those that hold the queue. What it is handed is a delivery like any other.
   * Without an answer the channel is lost, and so is the subscription.
   */
  async probe(answerMs: number): Promise<void> {
    const { queue, tag, clock } = this.#options;
    const deadline = clock.deadline(answerMs);
    await this.#channel?.consume(queue, `${tag}-probe`, deadline);
    await this.#channel?.cancel(`${tag}-probe`, deadline);
  }

  /** Hands out nothing more and gives back what was not started. Resolves when that is done; never rejects. */
  async retire(): Promise<void> {
    this.#isFinishing = false;
    this.#retiring ??= this.#cancel();
    await this.#retiring;
    if (!this.#isQuiet) return;
    this.#giveBack(this.#options.gate?.withdraw(this) ?? []);
    this.#giveBack(this.#unstarted);
  }

  /**
   * Hands out nothing more and starts what was handed out, since giving that back would count against it: what is
   * marked at the end, one at a time. Resolves when the broker has taken note; never rejects.
   */
  async finish(): Promise<void> {
    if (this.#options.order !== undefined) return this.retire();
    this.#isFinishing ||= !this.isRetired;
    this.#retiring ??= this.#cancel();
    await this.#retiring;
    if (!this.#isFinishing || !this.#isQuiet) return;
    const { isMarked } = this.#options;
    this.#giveBack([...this.#unstarted].filter((held) => isMarked(held) && isFreeToGiveBack(held.message)));
    this.startNext();
    if (this.#unstarted.size > 0) void this.#untilReceived();
  }

  /** Starts what may be started; also called when another subscription has made room. */
  startNext(): void {
    const { isTaking } = this;
    if (!isTaking) this.#condition.changed(); // in order, it may go once nothing is at work any more
    while (isTaking && this.#hasSlot) {
      const delivery = this.#takeNext();
      if (delivery === undefined) return;
      this.#start(delivery);
    }
  }

  /** Of a running handler. */
  onStuck(): void {
    this.#stuck += 1;
    this.#condition.changed();
    const isHandingOut = !this.isRetired || this.#isFinishing;
    if (this.#stuck >= this.#options.slots && isHandingOut && !this.#isOver) this.#options.onAllStuck();
    this.#options.onRoom();
  }

  onReturned(running: Running, wasStuck: boolean): void {
    this.#running.remove(running.place);
    if (wasStuck) this.#stuck -= 1;
    this.#condition.changed();
    this.#options.onRoom();
  }

  /** Does nothing when it was settled before, or its channel is gone. */
  settle(delivery: Delivery, settlement: Settlement): void {
    if (this.#isOver || this.#settler?.settle(delivery.message.deliveryTag, settlement) !== true) return;
    this.#receipts.settled();
    this.#options.order?.settled(delivery);
    if (settlement !== 'return') this.#options.onSettled(delivery);
    if (this.#isFinishing && this.#unstarted.size > 0) void this.#untilReceived();
    this.#condition.changed();
    if (this.#options.order !== undefined) this.#options.onRoom();
  }

  moving({ message }: Delivery): void {
    this.#settler?.moving(message.deliveryTag);
  }

  /** Resolves when no handler is waited for, nor is one to be started; rejects with the signal's reason when that aborts first. */
  whenIdle(signal: AbortSignal): Promise<void> {
    const isIdle = (): boolean =>
      this.#isOver ||
      (![...this.#running].some(({ isAwaited }) => isAwaited) && !(this.#isFinishing && this.#unstarted.size > 0));
    return this.#condition.until(isIdle, signal);
  }

  /** Resolves when the broker waits for nothing; in order, when it waits for nothing that was started. */
  whenSettled(signal?: AbortSignal): Promise<void> {
    const isSettled = (): boolean => this.#isOver || (this.#options.order?.isQuiet ?? this.inHand === 0);
    return this.#condition.until(isSettled, signal);
  }

  /** Aborts the signals of handlers that still run, and gives their messages back. */
  returnRunning(reason: SurehopError): void {
    for (const running of this.#running) {
      if (!running.isAwaited) continue;
      running.abandon(reason);
      // In order, everything goes back at once, with the channel.
      if (this.#options.order === undefined) running.delivery.settle('return');
    }
    this.#condition.changed();
  }

  /** Sends what is settled, leaves the broker the time to take it, closes the channel. Never rejects. */
  close(signal: AbortSignal): Promise<void> {
    this.#closing ??= this.#close(signal);
    return this.#closing;
  }

  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** What belongs to it was lost, and so it is of no use. */
  lose(cause: Error): void {
    this.#end({ kind: 'lost', cause });
    this.#abandonChannel();
  }

  #listeners(): ChannelListeners {
    return {
      onConfirm: () => undefined,
      onReturn: () => undefined,
      onDelivery: (message) => this.#onDelivery(message),
      onCancel: () => {
        // Its unsettled messages are the broker's again, and a late ack would harm: the channel goes too.
        this.#end({ kind: 'cancelled', cause: new Error('the broker cancelled the consumer') });
        this.#abandonChannel();
      },
      onClosed: (cause) => {
        this.#end({ kind: 'lost', cause: cause ?? new Error('closed') });
        if (cause instanceof DriverError && cause.isUnanswered) this.#options.onUnanswered(cause);
      },
    };
  }

  #onDelivery(message: IncomingMessage): void {
    if (this.#isOver || this.#isQuiet) return;
    const delivery = new ChannelDelivery(message, this.#options.deliveryCountOf(message), this);
    this.#settler?.delivered(message.deliveryTag);
    // A retired one gets more until the broker has taken note.
    const isExpected = !this.isRetired;
    if (isExpected && this.#options.onArrival(delivery)) void this.finish();
    const { gate, order } = this.#options;
    if (isExpected) order?.add(delivery);
    if (order !== undefined) return;
    if (gate !== undefined && this.isTaking) gate.arrived(delivery, this);
    else this.enter(delivery);
  }

  get isTaking(): boolean {
    return !this.#isOver && (!this.isRetired || this.#isFinishing);
  }

  /** Starts it, now or when there is room for its handler. */
  enter(delivery: Delivery): void {
    if (this.#unstarted.size === 0 && !this.isRetired && this.#hasSlot) {
      this.#start(delivery);
    } else {
      this.#unstarted.add(delivery);
      this.startNext();
      if (this.#isFinishing && this.#isQuiet && this.#unstarted.size > 0) void this.#untilReceived();
    }
  }

  get #hasSlot(): boolean {
    return this.#running.size < this.#options.slots && this.#options.hasRoom();
  }

  #start(delivery: Delivery): void {
    const running = this.#options.take(delivery, this);
    if (running !== undefined) running.place = this.#running.add(running);
  }

  /** Takes out what is started next. */
  #takeNext(): Delivery | undefined {
    const { order, isMarked, isCalm } = this.#options;
    if (order !== undefined) return order.next();
    const isCalmNow = (): boolean => this.#isQuiet && this.#receipts.areComplete && isCalm();
    const next = this.#isFinishing ? nextToFinish(this.#unstarted, isMarked, isCalmNow()) : this.#unstarted.oldest;
    if (next !== undefined) this.#unstarted.delete(next);
    return next;
  }

  /**
   * Asks something that the broker answers once it has read all that was settled: an acknowledgement that is still on
   * its way when the next message kills this process is none.
   */
  async #untilReceived(): Promise<void> {
    const { prefetch } = this.#options;
    this.#settler?.flush();
    const answered = this.#receipts.renew(async () => await this.#channel?.prefetch(prefetch, this.#deadline()));
    const onGone = (): void => undefined;
    await answered.then(() => this.startNext(), onGone);
  }

  async #cancel(): Promise<void> {
    this.#tellEnd({ kind: 'retired' });
    const { tag, order } = this.#options;
    // Once it is cancelled, another consumer would overtake what is held here: only the end of the channel gives it back.
    if (order !== undefined) return;
    try {
      // Before anything is given back: it would come straight to us again.
      await this.#channel?.cancel(tag, this.#deadline());
      this.#isQuiet = true;
    } catch {
      // The channel is gone, and the broker has everything back.
    }
  }

  #giveBack(deliveries: Iterable<Delivery>): void {
    for (const delivery of [...deliveries]) {
      this.#unstarted.delete(delivery);
      delivery.settle('return');
    }
  }

  async #close(signal: AbortSignal): Promise<void> {
    if (this.#isOver) return;
    await this.#options.order?.leaveWaiting(signal);
    this.#settler?.flush();
    const waitMs = this.#settler?.closeSafeInMs ?? 0;
    if (waitMs > 0) await sleep(this.#options.clock, waitMs, signal).catch(() => undefined);
    this.#end({ kind: 'lost', cause: new Error('closed') });
    await this.#channel?.close(signal);
  }

  #end(end: End): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const reason = channelGone(end);
    this.#unstarted.clear();
    this.#options.gate?.lost(this);
    this.#options.order?.clear(reason);
    this.#settler?.drop();
    this.#gone.abort(reason);
    for (const running of this.#running) running.abandon(reason);
    this.#tellEnd(end);
    this.#condition.changed();
  }

  #abandonChannel(): void {
    this.#channel?.close(this.#deadline()).catch(() => undefined);
  }

  #deadline(): AbortSignal {
    const { clock, rpcTimeoutMs } = this.#options;
    return clock.deadline(rpcTimeoutMs);
  }
}
