import {
  AckWindow,
  brokerTraits,
  type DriverChannel,
  type IncomingMessage,
  type LinkSession,
  type RabbitInternals,
  sleep,
} from '@surehop/core/internal';
import { Arrivals } from './arrivals.ts';
import { queueRefusal } from './queue-refusal.ts';
import { nextWindow } from './windows.ts';

/** Acknowledgements that are sent right before a channel closes can be lost on a quorum queue: the wait, in milliseconds. */
const acksTakeMs = 100;

/** So long is waited for a queue to have what was given back, in milliseconds. */
const givingBackTakesMs = 500;

/** The longest wait for what the broker has sent and we have not seen, in milliseconds. */
const quietMs = 1_000;

/** The most that is held at a time. */
export const mostHeld = 50_000;

/** A message that its {@link Holding} has, unacknowledged. */
export interface Held {
  readonly message: IncomingMessage;
}

export interface HoldingOptions {
  /** How many are held at the most, 1 to 50,000; no more are taken from the queue. Default: 50,000. */
  readonly limit?: number;
  /** How many one of its consumers takes ahead at the most. Default: as `nextWindow` says. */
  readonly mostAhead?: number;
  /** Messages are acknowledged as they come: the first window only shows how large they are. */
  readonly streams?: boolean;
}

interface Consumer {
  readonly tag: string;
  /** Messages that it may have at a time. */
  readonly size: number;
  /** Of its messages, those that were taken and are not acknowledged. */
  held: number;
}

/**
 * One channel that takes messages off the head of a queue and has them until they are acknowledged or given back.
 * Whatever ends it, a crash included, the broker puts what it has back at the head, in order.
 *
 * It takes them by consumers, each with a window of so many, and not by `basic.get`: for the broker each `get` is a consumer
 * of its own, and what dies with its channel would come back in the order of their names.
 */
export class Holding {
  readonly queue: string;
  readonly #internals: RabbitInternals;
  readonly #session: LinkSession;
  readonly #channel: DriverChannel;
  readonly #arrivals: Arrivals;
  #limit: number;
  readonly #held = new AckWindow();
  #isFlushDue = false;
  readonly #mostAhead: number;
  readonly #streams: boolean;
  /** How many consumers it has had. */
  #consumers = 0;
  /**
   * The one that takes. Never two at a time: what the broker has for several comes out of order. Hence one that is full is
   * cancelled before the next begins; the broker leaves it what it has.
   */
  #active: Consumer | undefined;
  #ackedAt: number | undefined;

  private constructor(
    internals: RabbitInternals,
    queue: string,
    parts: { session: LinkSession; channel: DriverChannel; arrivals: Arrivals },
    { limit = mostHeld, mostAhead = mostHeld, streams = false }: HoldingOptions,
  ) {
    this.#internals = internals;
    this.queue = queue;
    this.#session = parts.session;
    this.#channel = parts.channel;
    this.#arrivals = parts.arrivals;
    this.#limit = limit;
    this.#mostAhead = mostAhead;
    this.#streams = streams;
  }

  /**
   * Resolves on the next session of the consuming link that is open.
   *
   * @throws {SurehopError} SUREHOP_QUEUE_NOT_FOUND; SUREHOP_ACCESS_REFUSED; SUREHOP_CLOSED
   * @throws {DriverError} the channel or its link was lost
   */
  static async open(
    internals: RabbitInternals,
    queue: string,
    signal: AbortSignal,
    options: HoldingOptions = {},
  ): Promise<Holding> {
    const session = await internals.consumeLink.whenOpen(signal);
    const { clock } = internals.effects;
    const deadline = clock.deadline(internals.options.rpcTimeoutMs);
    const arrivals = new Arrivals();
    const channel = await session.openChannel(arrivals.listeners, deadline);
    try {
      await channel.checkQueue(queue, deadline);
    } catch (thrown) {
      await channel.close(clock.deadline(internals.options.rpcTimeoutMs));
      throw queueRefusal(queue, thrown);
    }
    return new Holding(internals, queue, { session, channel, arrivals }, options);
  }

  /** Aborts when the channel or its link is lost, or after `giveBack`: what was held is the broker's again. */
  get lost(): AbortSignal {
    return this.#session.isOpen ? this.#arrivals.lost : this.#session.lost;
  }

  /** How many were taken and are neither acknowledged nor given back. */
  get size(): number {
    return this.#held.unsettled;
  }

  /** How many were delivered and are neither acknowledged nor given back: those that nobody has taken yet count too. */
  get delivered(): number {
    return this.#held.unsettled + this.#arrivals.waiting;
  }

  /** True when the next message is here already. */
  get hasNext(): boolean {
    return this.#arrivals.waiting > 0;
  }

  /** How many messages are ready in the queue, those not counted that this or another channel has. */
  ready(): Promise<number> {
    return this.#channel.checkQueue(this.queue, this.#deadline());
  }

  /**
   * The next message of the queue; undefined when none is ready, or as many are held as may be.
   *
   * @throws {SurehopError} SUREHOP_ACCESS_REFUSED
   * @throws {DriverError} the channel was lost
   */
  async take(): Promise<Held | undefined> {
    if (this.#held.unsettled >= this.#limit) return undefined;
    const message = this.#arrivals.next() ?? (await this.#arrival());
    if (message === undefined) return undefined;
    this.#hold(message);
    return { message };
  }

  /** Takes it away for good. Does nothing when the channel is lost. */
  ack({ message }: Held): void {
    if (!this.#held.settle(message.deliveryTag)) return;
    if (message.consumerTag === this.#active?.tag) this.#active.held -= 1;
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#internals.effects.clock.defer(() => this.#flush());
  }

  /**
   * Takes nothing more, until the next `take`: what is acknowledged meanwhile makes no room for others.
   *
   * @throws {DriverError} the channel was lost
   */
  async pause(): Promise<void> {
    this.#flush();
    await this.#quiet();
    await this.#cancel();
  }

  /**
   * Gives everything that is held back, in its order and to its place, and closes the channel. Resolves once the queue has
   * it, or after half a second, as where somebody else takes it at once.
   *
   * @returns false when the channel was lost before: then nobody knows which acknowledgements have arrived
   */
  async giveBack(): Promise<boolean> {
    this.#flush();
    try {
      if (this.delivered > 0) {
        await this.#giveBackHeld();
      } else {
        // Its answer says that the acknowledgements before it were read.
        await this.ready();
        await this.#close();
      }
      return true;
    } catch {
      // All of it is the broker's again.
      await this.#close();
      return false;
    }
  }

  /**
   * From RabbitMQ 4.3 on by one `nack` of all, which does not count as a delivery. Before, every way counts, and only what a
   * channel had that closes keeps its order always: quorum queues without a limit put what is nacked at their end, and
   * 3.10 mixes up what is nacked in large numbers.
   *
   * @throws {DriverError} the channel was lost
   */
  async #giveBackHeld(): Promise<void> {
    await this.#takeReturned();
    if (brokerTraits(this.#session.serverVersion).givingBack === 'nothing') {
      // Else what goes back would come again at once.
      await this.pause();
      const { there, last } = await this.#letGo();
      this.#channel.nack(last, true, true);
      await this.#until(there, this.#channel);
      await this.#close();
    } else {
      // Not cancelled before: what comes after that is given back at once, and stands before all the rest.
      const { there } = await this.#letGo();
      await this.#close();
      const witness = await this.#session.openChannel(new Arrivals().listeners, this.#deadline());
      await this.#until(there, witness);
      await witness.close(this.#deadline());
    }
  }

  /** How many messages the queue will have ready once it has those that are held, and the tag of the last one. */
  async #letGo(): Promise<{ readonly there: number; readonly last: number }> {
    const ready = await this.ready();
    for (const message of this.#arrivals.rest()) this.#hold(message);
    const tags = this.#held.open();
    for (const tag of tags) this.#held.remove(tag);
    return { there: ready + tags.length, last: tags.at(-1) ?? 0 };
  }

  /** Who looks at the queue next must not see a part of it: then places would change. */
  async #until(ready: number, channel: DriverChannel): Promise<void> {
    const { clock } = this.#internals.effects;
    const latest = clock.now() + givingBackTakesMs;
    while ((await channel.checkQueue(this.queue, this.#deadline())) < ready && clock.now() < latest) {
      await sleep(clock, 2);
    }
  }

  async #close(): Promise<void> {
    const { clock } = this.#internals.effects;
    const waitMs = this.#ackedAt === undefined ? 0 : this.#ackedAt + acksTakeMs - clock.now();
    if (waitMs > 0) await sleep(clock, waitMs, this.lost).catch(() => undefined);
    for (const tag of this.#held.open()) this.#held.remove(tag);
    await this.#channel.close(this.#deadline());
  }

  /**
   * A quorum queue delivers what was ever given back before all the rest, in the order in which it came back. Were some of that
   * left in the queue, what goes back now would come behind it: it is taken as well, as far as the limit of all holdings allows.
   */
  async #takeReturned(): Promise<void> {
    this.#limit = mostHeld;
    for (;;) {
      for (const message of this.#arrivals.rest()) this.#hold(message);
      if (!this.#arrivals.isLastRedelivered || this.#held.unsettled >= mostHeld) return;
      const message = await this.#arrival();
      if (message === undefined) return;
      this.#hold(message);
    }
  }

  /** Those of one turn leave together. */
  #flush(): void {
    this.#isFlushDue = false;
    const acks = this.#held.flush();
    for (const { tag, multiple } of acks) this.#channel.ack(tag, multiple);
    if (acks.length > 0) this.#ackedAt = this.#internals.effects.clock.now();
  }

  #hold({ deliveryTag, consumerTag }: IncomingMessage): void {
    this.#held.delivered(deliveryTag);
    if (consumerTag === this.#active?.tag) this.#active.held += 1;
  }

  /** What comes next, as soon as it comes; undefined when the broker has said that there is nothing. */
  async #arrival(): Promise<IncomingMessage | undefined> {
    let isEmpty = false;
    const giveUp = this.#deadline();
    for (;;) {
      const ready = await this.ready();
      const message = this.#arrivals.next();
      if (message !== undefined) return message;
      const isFull = this.#active === undefined || this.#active.held >= this.#active.size;
      // What was on its way when the broker counted none has come before it answers once more.
      if (ready === 0 && (isEmpty || isFull)) return undefined;
      isEmpty = ready === 0;
      if (isFull) await this.#widen(ready);
      else if (ready > 0) await this.#arrivals.some(giveUp);
    }
  }

  /** One consumer in place of another, which has all that it may have. */
  async #widen(ready: number): Promise<void> {
    await this.#cancel();
    await this.#subscribe(ready);
    if (!this.#streams || this.#consumers > 1) return;
    // Before anything is acknowledged: the first consumer gets full.
    await this.#quiet();
    await this.#cancel();
    const more = await this.ready();
    if (more > 0) await this.#subscribe(more);
  }

  /** It may have no more than are ready, so that nothing is on its way to it while it is cancelled. */
  async #subscribe(ready: number): Promise<void> {
    const window = nextWindow(this.#consumers, this.#arrivals.meanBytes);
    const size = Math.min(window, this.#mostAhead, ready, this.#limit - this.#held.unsettled);
    // The broker gives back what a channel had by the names of its consumers.
    const tag = `surehop-dead-letters-${String(this.#consumers).padStart(5, '0')}`;
    try {
      await this.#channel.prefetch(size, this.#deadline());
      await this.#channel.consume(this.queue, tag, this.#deadline());
    } catch (thrown) {
      throw queueRefusal(this.queue, thrown);
    }
    this.#consumers += 1;
    this.#active = { tag, size, held: 0 };
  }

  async #cancel(): Promise<void> {
    const active = this.#active;
    this.#active = undefined;
    if (active !== undefined) await this.#channel.cancel(active.tag, this.#deadline());
  }

  /**
   * Waits until nothing is on its way: what is delivered to a consumer that was cancelled goes back by itself, before all that
   * is given back.
   */
  async #quiet(): Promise<void> {
    const { clock } = this.#internals.effects;
    const latest = clock.now() + quietMs;
    for (let isEmpty = false; this.#active !== undefined && clock.now() < latest; ) {
      const { tag, size, held } = this.#active;
      if (held + this.#arrivals.waitingFor(tag) >= size) return;
      const ready = await this.ready();
      if (ready === 0 && isEmpty) return;
      isEmpty = ready === 0;
    }
  }

  #deadline(): AbortSignal {
    return this.#internals.effects.clock.deadline(this.#internals.options.rpcTimeoutMs);
  }
}
