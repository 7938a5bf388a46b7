import { SurehopError } from '@surehop/core';
import {
  type ChannelListeners,
  type Clock,
  type DriverChannel,
  type IncomingMessage,
  type LinkSession,
  sleep,
} from '@surehop/core/internal';
import { Condition } from './condition.ts';
import type { Delivery, Slot } from './delivery.ts';
import type { HandlerRun } from './handler-run.ts';
import type { Step } from './quarantine.ts';
import { type Settlement, Settler } from './settler.ts';

/** Why a subscription hands out nothing more. */
export type End =
  /** We asked for it: its running handlers go on and settle on its channel. */
  | { readonly kind: 'retired' }
  /** The broker took everything back. */
  | { readonly kind: 'cancelled' | 'lost'; readonly cause: Error };

export interface SubscriptionOptions {
  readonly queue: string;
  readonly tag: string;
  readonly prefetch: number;
  /** Handlers at once. */
  readonly slots: number;
  readonly clock: Clock;
  readonly rpcTimeoutMs: number;
  readonly deliveryCountOf: (message: IncomingMessage) => number;
  /** What a delivery means for this subscription. */
  readonly onArrival: (delivery: Delivery) => Step['action'];
  /** Whether one more handler may run, beside those of older subscriptions. */
  readonly hasRoom: () => boolean;
  /** Starts a handler, unless the message needs none. */
  readonly take: (delivery: Delivery, slot: Slot) => HandlerRun | undefined;
  /** It is off the broker's hands. Not told of what was given back. */
  readonly onSettled: (delivery: Delivery) => void;
  /** Every slot is taken by a handler that will perhaps never return. */
  readonly onAllStuck: () => void;
}

/**
 * One channel with one consumer on it, on one generation of the link. Deliveries are settled here or not at all.
 *
 *   open() ─▶ handing out ──retire()──▶ retired ──last delivery settled──▶ close()
 *                 └──cancelled, lost, close()──▶ over ◀──────────────────────┘
 */
export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #condition = new Condition();
  readonly #gone = new AbortController();
  /** Delivered and not started, oldest first. */
  readonly #unstarted = new Set<Delivery>();
  /** Those that take a slot. */
  readonly #running = new Map<HandlerRun, Delivery>();
  #stuck = 0;
  #channel: DriverChannel | undefined;
  #settler: Settler | undefined;
  #retiring: Promise<void> | undefined;
  /** True once the broker has said that it hands out nothing more. */
  #isQuiet = false;
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
    this.#settler = new Settler(channel, clock);
    // The driver tells each channel too; a link that was given up may not live to do so.
    const onLost = (): void => this.#end({ kind: 'lost', cause: session.lost.reason as Error });
    session.lost.addEventListener('abort', onLost, { once: true });
    this.#gone.signal.addEventListener('abort', () => session.lost.removeEventListener('abort', onLost));
    try {
      await channel.prefetch(prefetch, this.#deadline());
      if (!this.isRetired && !this.#isOver) await channel.consume(queue, tag, this.#deadline());
    } catch (thrown) {
      this.#end({ kind: 'lost', cause: thrown as Error });
      this.#abandonChannel();
      throw thrown;
    }
  }

  /** Hands out nothing more and gives back what was not started. Resolves when that is done; never rejects. */
  retire(): Promise<void> {
    this.#retiring ??= this.#retire();
    return this.#retiring;
  }

  /** Starts what may be started; also called when an older subscription has made room. */
  startNext(): void {
    if (this.isRetired || this.#isOver) return;
    for (const delivery of this.#unstarted) {
      if (this.#running.size >= this.#options.slots || !this.#options.hasRoom()) return;
      this.#unstarted.delete(delivery);
      const run = this.#options.take(delivery, {
        onStuck: () => this.#onStuck(),
        onReturned: (wasStuck) => {
          if (run !== undefined) this.#running.delete(run);
          if (wasStuck) this.#stuck -= 1;
          this.#condition.changed();
          this.startNext();
        },
      });
      if (run !== undefined) this.#running.set(run, delivery);
    }
  }

  /** Resolves when no handler is waited for; rejects with the signal's reason when that aborts first. */
  whenIdle(signal: AbortSignal): Promise<void> {
    const isIdle = (): boolean => this.#isOver || ![...this.#running.keys()].some(({ isAwaited }) => isAwaited);
    return this.#condition.until(isIdle, signal);
  }

  /** Resolves when the broker waits for nothing. */
  whenSettled(signal?: AbortSignal): Promise<void> {
    return this.#condition.until(() => this.inHand === 0, signal);
  }

  /** Aborts the signals of handlers that still run, and gives their messages back. */
  returnRunning(reason: SurehopError): void {
    for (const [run, delivery] of this.#running) {
      if (!run.isAwaited) continue;
      run.abandon(reason);
      delivery.settle('return');
    }
    this.#condition.changed();
  }

  /** Sends what is settled, leaves the broker the time to take it, closes the channel. Never rejects. */
  close(signal: AbortSignal): Promise<void> {
    this.#closing ??= this.#close(signal);
    return this.#closing;
  }

  get #isOver(): boolean {
    return this.#gone.signal.aborted;
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
      onClosed: (cause) => this.#end({ kind: 'lost', cause: cause ?? new Error('closed') }),
    };
  }

  #onDelivery(message: IncomingMessage): void {
    if (this.#isOver || this.#isQuiet) return;
    const delivery: Delivery = {
      message,
      deliveryCount: this.#options.deliveryCountOf(message),
      gone: this.#gone.signal,
      settle: (settlement) => this.#settle(delivery, settlement),
    };
    this.#settler?.delivered(message.deliveryTag);
    this.#unstarted.add(delivery);
    if (this.isRetired) return; // until the broker has taken note; given back then
    const action = this.#options.onArrival(delivery);
    if (action !== 'retire') this.startNext();
    if (action !== 'take') void this.retire();
  }

  #onStuck(): void {
    this.#stuck += 1;
    this.#condition.changed();
    if (this.#stuck >= this.#options.slots && !this.isRetired && !this.#isOver) this.#options.onAllStuck();
  }

  #settle(delivery: Delivery, settlement: Settlement): void {
    if (this.#isOver || this.#settler?.settle(delivery.message.deliveryTag, settlement) !== true) return;
    if (settlement !== 'return') this.#options.onSettled(delivery);
    this.#condition.changed();
  }

  async #retire(): Promise<void> {
    this.#tellEnd({ kind: 'retired' });
    const { tag } = this.#options;
    try {
      // Before anything is given back: it would come straight to us again.
      await this.#channel?.cancel(tag, this.#deadline());
    } catch {
      return; // The channel is gone, and the broker has everything back.
    }
    this.#isQuiet = true;
    for (const delivery of this.#unstarted) delivery.settle('return');
    this.#unstarted.clear();
  }

  async #close(signal: AbortSignal): Promise<void> {
    if (this.#isOver) return;
    this.#settler?.flush();
    const waitMs = this.#settler?.closeSafeInMs ?? 0;
    if (waitMs > 0) await sleep(this.#options.clock, waitMs, signal).catch(() => undefined);
    this.#end({ kind: 'lost', cause: new Error('closed') });
    await this.#channel?.close(signal);
  }

  /** The broker has everything back that was not settled. */
  #end(end: End): void {
    if (this.#isOver) return;
    const cause = end.kind === 'retired' ? undefined : end.cause;
    const reason = new SurehopError(
      'SUREHOP_CONNECTION_CLOSED',
      'the channel that delivered the message is gone; the broker delivers it again',
      { retryable: true, cause },
    );
    this.#unstarted.clear();
    this.#gone.abort(reason);
    for (const run of this.#running.keys()) run.abandon(reason);
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
