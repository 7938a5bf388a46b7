import type { ConsumerHealth, SurehopError } from '@surehop/core';
import {
  asError,
  DriverError,
  errorFields,
  type LinkSession,
  limited,
  sessionLoop,
  settled,
  sleep,
} from '@surehop/core/internal';
import { Caution } from './caution.ts';
import { Condition } from './condition.ts';
import type { Delivery } from './delivery.ts';
import { closeTimeout, type End } from './end.ts';
import type { IntakeOptions } from './intake-options.ts';
import { Pace } from './pace.ts';
import { deliveryCountOf } from './quarantine.ts';
import { untilStanding } from './standing.ts';
import { subscribingBackoff } from './subscribing-backoff.ts';
import { subscribingFault } from './subscribing-fault.ts';
import { Subscription } from './subscription.ts';
import { Vigil } from './vigil.ts';

/** How long `close()` waits, beyond its limit, for the confirms of copies, and then for the end of its channels, in milliseconds. */
const answersMs = 5_000;
const farewellMs = 2_000;

/**
 * Keeps one subscription on the queue through whatever ends it, each with a channel and a consumer tag of its own, and
 * never waits for the handlers of an old one. Those that were replaced live on until their last delivery is settled.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #condition = new Condition();
  readonly #stop = new AbortController();
  readonly #retired = new Set<Subscription>();
  #phase: ConsumerHealth['phase'] = 'subscribing';
  readonly #caution: Caution;
  readonly #pace: Pace;
  readonly #vigil: Vigil;
  #current: Subscription | undefined;
  /** The latest one that was handed something. */
  #fed: Subscription | undefined;
  #isPaused = false;
  /** Something spoke against the topology: it is asserted again before the next subscription. */
  #isDoubted = false;
  #hasConsumed = false;
  /** What keeps it from subscribing and waiting will not mend. */
  #fault: SurehopError | undefined;
  #lastFailure: Error | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: IntakeOptions) {
    this.#options = options;
    const { effects, log } = options.internals;
    const { order } = options;
    this.#caution = new Caution({
      ...options,
      // What a consumer with a smaller prefetch gives back comes behind what it was not handed: no way to keep an order.
      deliveryLimit: order === undefined ? options.suspectLimit : undefined,
      clock: effects.clock,
      log,
      isIdle: () => this.inHand === 0,
    });
    this.#pace = new Pace(effects.clock);
    order?.serve({
      onReady: () => this.#startNext(),
      onHalted: (delivery) => {
        if (this.#current !== undefined) this.#onSettled(this.#current, delivery);
        this.#startNext();
      },
    });
    this.#vigil = new Vigil({ clock: effects.clock, mayProbe: () => !this.isQuarantined });
  }

  get phase(): ConsumerHealth['phase'] {
    return this.#phase;
  }

  get inHand(): number {
    return this.#subscriptions.reduce((sum, { inHand }) => sum + inHand, 0);
  }

  /** Whether the broker may hand out more. */
  get mayReceive(): boolean {
    return this.#current?.hasCredit === true;
  }

  /** Of what is held until others come, one at a time would be none: the next subscription takes the next one. */
  wantMore(): void {
    if (this.#caution.isNarrow && !this.mayReceive) void this.#current?.finish();
  }

  /** Whether the broker has handed something to the current subscription. */
  get isFed(): boolean {
    return this.#fed !== undefined && this.#fed === this.#current;
  }

  get isQuarantined(): boolean {
    return this.#caution.isQuarantined;
  }

  get lastFailure(): Error | undefined {
    return this.#lastFailure;
  }

  start(): void {
    const { internals } = this.#options;
    this.#running = sessionLoop({
      link: internals.consumeLink,
      clock: internals.effects.clock,
      backoff: subscribingBackoff(internals.effects.random, () => this.#fault !== undefined),
      stop: this.#stop.signal,
      serve: (session) => this.#serve(session),
      onFailure: (thrown) => this.#onFailure(asError(thrown)),
    }).catch((bug: unknown) => {
      internals.log.error({ queue: this.#options.queue, ...errorFields(bug) }, 'the consumer ended');
    });
  }

  /** Resolves with the first subscription; rejects with what waiting will not mend, or the signal's reason. */
  async whenConsuming(signal: AbortSignal): Promise<void> {
    await this.#condition.until(() => this.#phase !== 'subscribing' || this.#fault !== undefined, signal);
    if (this.#phase === 'subscribing' && this.#fault !== undefined) throw this.#fault;
  }

  async pause(): Promise<void> {
    this.#isPaused = true;
    if (this.#current === undefined) this.#setPhase('paused');
    for (const subscription of this.#subscriptions) void subscription.retire();
    this.#condition.changed();
    await this.#condition.until(() => !this.#isPaused || !['subscribing', 'consuming'].includes(this.#phase));
  }

  /** Gives back what is in hand and subscribes anew, behind other consumers of the queue. */
  stepBack(): void {
    void this.#current?.retire();
  }

  async resume(): Promise<void> {
    this.#isPaused = false;
    if (this.#current === undefined || this.#current.isRetired) this.#setPhase('subscribing');
    this.#condition.changed();
    await this.#condition.until(() => this.#isPaused || this.#phase !== 'subscribing');
  }

  /** Cancels first, so that only the window is given back. Bounded; never rejects. */
  async close(timeoutMs: number): Promise<void> {
    const { clock } = this.#options.internals.effects;
    this.#setPhase('closing');
    this.#stop.abort();
    this.#caution.unwatch();
    this.#vigil.unwatch();
    const open = this.#subscriptions;
    const drained = clock.deadline(timeoutMs);
    const cancelled = Promise.all(open.map((subscription) => subscription.retire()));
    await Promise.allSettled(open.map((subscription) => subscription.whenIdle(drained)));
    const answered = clock.deadline(answersMs);
    await settled(cancelled, answered).catch(() => undefined);
    for (const subscription of open) subscription.returnRunning(closeTimeout(timeoutMs));
    await Promise.allSettled(open.map((subscription) => subscription.whenSettled(answered)));
    const farewell = clock.deadline(farewellMs);
    const closed = Promise.all([...open.map((subscription) => subscription.close(farewell)), this.#running]);
    await settled(closed, farewell).catch(() => undefined);
    this.#setPhase('closed');
  }

  get #subscriptions(): Subscription[] {
    return this.#current === undefined ? [...this.#retired] : [...new Set([...this.#retired, this.#current])];
  }

  /** One generation of the link: one subscription after the other, until it or its channel is lost. */
  async #serve(session: LinkSession): Promise<void> {
    const { internals, topology } = this.#options;
    const over = AbortSignal.any([this.#stop.signal, session.lost]);
    try {
      while (!over.aborted) {
        if (this.#isPaused) {
          this.#setPhase('paused');
          await this.#condition.until(() => !this.#isPaused, over);
          this.#setPhase('subscribing');
        }
        const asserting = internals.topology.ensure(topology, over, this.#isDoubted);
        await untilStanding(asserting, this.#hasConsumed && !this.#isDoubted, internals.effects.clock, over);
        this.#isDoubted = false;
        if (!this.#isPaused && !over.aborted) await this.#subscribe(session, over);
      }
    } catch (thrown) {
      if (!over.aborted) throw thrown;
      // Given up while the topology was still being tried: what it failed with is why.
      const { cause } = asError(thrown);
      if (this.#stop.signal.aborted && cause !== undefined) this.#lastFailure ??= asError(cause);
    } finally {
      this.#setPhase(this.#isPaused ? 'paused' : 'subscribing');
    }
  }

  /** Resolves when a subscription was replaced; rejects when it was lost. */
  async #subscribe(session: LinkSession, over: AbortSignal): Promise<void> {
    const { internals, order } = this.#options;
    const subscription = this.#newSubscription(session);
    this.#current = subscription;
    try {
      await this.#open(session, subscription);
      if (!subscription.isRetired) this.#opened(session, subscription);
      const end = await subscription.ended;
      if (end.kind !== 'retired') throw this.#lost(end);
      const kept = this.#keep(subscription);
      // What is in order comes through one channel only.
      await (order === undefined ? subscription.finish() : settled(kept, over));
    } catch (thrown) {
      if (thrown instanceof DriverError && thrown.isUnanswered) this.#vigil.unanswered(session, thrown);
      else if (thrown instanceof DriverError && thrown.scope === 'channel') this.#isDoubted = true;
      throw thrown;
    } finally {
      this.#vigil.unwatch();
      this.#current = undefined;
    }
    if (this.isQuarantined && !this.#isPaused) await this.#calm(over);
    const pauseMs = this.#pace.replaced();
    if (pauseMs > 0 && !this.#isPaused) await sleep(internals.effects.clock, pauseMs, over);
  }

  async #open(session: LinkSession, subscription: Subscription): Promise<void> {
    try {
      await this.#options.order?.begin(session, subscription);
      await subscription.open(session);
    } catch (thrown) {
      subscription.lose(asError(thrown)); // with what belongs to it
      throw thrown;
    }
  }

  /** A crash would count against whatever else is in hand: it gets the time to end first. */
  async #calm(over: AbortSignal): Promise<void> {
    const { internals, drainTimeoutMs } = this.#options;
    const { signal, clear } = limited(internals.effects.clock, drainTimeoutMs, over);
    await Promise.allSettled([...this.#retired].map((subscription) => subscription.whenIdle(signal)));
    clear();
  }

  #newSubscription(session: LinkSession): Subscription {
    const { internals, queue, prefetch, concurrency, work, gate, order, deliveryLimit } = this.#options;
    const { effects, options } = internals;
    const { isNarrow } = this.#caution;
    // It travels with each delivery, and in the history of each failure: of the id, what tells subscriptions apart.
    const id = effects.newId().slice(-12);
    const subscription: Subscription = new Subscription({
      queue,
      tag: `${options.name.replaceAll(/[^\w.-]/g, '_').slice(0, 100)}-${id}`,
      prefetch: isNarrow ? 1 : prefetch,
      slots: isNarrow ? 1 : concurrency,
      order,
      clock: effects.clock,
      rpcTimeoutMs: options.rpcTimeoutMs,
      deliveryCountOf: (message) => (deliveryLimit === undefined ? 0 : deliveryCountOf(message)),
      hasRoom: () => work.awaitedHandlers < concurrency,
      isCalm: () => work.awaitedHandlers === 0,
      isMarked: (delivery) => this.#caution.isMarked(delivery),
      gate,
      take: (delivery, slots) => work.take(delivery, slots),
      onRoom: () => this.#startNext(),
      onArrival: (delivery) => {
        this.#vigil.heard();
        this.#fed = subscription;
        return subscription === this.#current && this.#caution.arrived(delivery);
      },
      onSettled: (delivery) => this.#onSettled(subscription, delivery),
      onUnanswered: (cause) => this.#vigil.unanswered(session, cause),
      onAllStuck: () => {
        void subscription.retire();
        if (subscription !== this.#current) return;
        internals.log.error({ queue }, 'every handler is past its time limit: subscribing anew with fresh slots');
      },
    });
    return subscription;
  }

  /** Lives on until its last delivery is settled. */
  #keep(subscription: Subscription): Promise<void> {
    const { effects, options } = this.#options.internals;
    this.#retired.add(subscription);
    const finish = async (): Promise<void> => {
      await subscription.finish();
      await subscription.whenSettled();
      // Also when its channel was lost: its handlers were abandoned then, and returned nothing.
      this.#startNext();
      await subscription.close(effects.clock.deadline(options.rpcTimeoutMs));
      this.#retired.delete(subscription);
    };
    return finish();
  }

  /** A handler has made room. */
  #startNext(): void {
    this.#current?.startNext();
    for (const subscription of this.#retired) subscription.startNext();
  }

  #onSettled(subscription: Subscription, delivery: Delivery): void {
    // What a subscription finishes that asks for no more says nothing of what comes next.
    if (subscription !== this.#current || subscription.isRetired || !this.#caution.settled(delivery)) return;
    // Asked to end before the acknowledgement leaves, so that nothing comes after it.
    void subscription.finish();
  }

  #opened(session: LinkSession, subscription: Subscription): void {
    const { queue, internals } = this.#options;
    const isBack = this.#lastFailure !== undefined;
    this.#fault = undefined;
    this.#lastFailure = undefined;
    this.#hasConsumed = true;
    this.#pace.opened();
    this.#caution.watchIdle();
    this.#vigil.watch(session, subscription);
    this.#setPhase('consuming');
    const { host, generation } = session;
    if (isBack) internals.log.warn({ queue, host, generation }, 'consuming again');
  }

  #lost({ kind, cause }: Extract<End, { cause: Error }>): Error {
    // A deleted queue ends a subscription so, and an exchange may be gone with it.
    if (kind === 'cancelled') this.#isDoubted = true;
    this.#lastFailure = cause;
    return cause;
  }

  #onFailure(error: Error): void {
    const { queue, internals, isForeign } = this.#options;
    this.#lastFailure = error;
    this.#fault = subscribingFault(error, { queue, isForeign, mode: internals.options.topology });
    const fields = { queue, ...errorFields(error) };
    if (this.#fault === undefined) internals.log.warn(fields, 'the consumer lost its subscription; subscribing anew');
    else internals.log.error(fields, 'the consumer cannot subscribe; trying again slowly');
    this.#condition.changed();
  }

  /** The only writer of `#phase`. Closing has no way back. */
  #setPhase(phase: ConsumerHealth['phase']): void {
    if (this.#phase === 'closed' || (this.#phase === 'closing' && phase !== 'closed')) return;
    this.#phase = phase;
    this.#condition.changed();
  }
}
