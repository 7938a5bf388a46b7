import { DeadLetter, type HeaderTable, type Logger, SurehopError } from '@surehop/core';
import { asError, type Clock, errorFields, fullJitter, readAttempts } from '@surehop/core/internal';
import { stillToWait } from '../decide.ts';
import type { Delivery } from '../delivery.ts';
import type { Entrance, Gate } from '../gate.ts';
import type { Settlement } from '../settler.ts';
import { type Lane, Lanes } from './lanes.ts';
import { identityOf, placeOf } from './place.ts';
import type { GapDecision, ResolvedResequenceOptions, SequenceGap } from './resequence-options.ts';
import { type Keeper, Sequenced } from './sequenced.ts';

export interface ResequencingOptions {
  readonly queue: string;
  readonly options: ResolvedResequenceOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Whether the broker may hand out more: while it may not, what is missing cannot come. */
  readonly mayReceive: () => boolean;
  /** More should come, though all that was asked for is held. */
  readonly wantMore: () => void;
  /** Lays a delivery aside that has no place. */
  readonly refuse: (delivery: Delivery, error: DeadLetter) => void;
  /** Pauses the consumer. */
  readonly onHalt: () => void;
}

/** How often the store is asked while something is missing, in milliseconds: another process may have settled it. */
const lookAgainMs = 500;

/**
 * Lets deliveries start in the order of their numbers, one of each sequence at a time. One that fails is kept, tried again
 * here, and keeps those behind it waiting until it is done or a dead letter.
 */
export class Resequencing implements Gate, Keeper {
  readonly #of: ResequencingOptions;
  readonly #stop = new AbortController();
  readonly #lanes: Lanes;
  /** Those with a gap, the one that is open the longest first. */
  readonly #gapped = new Set<Lane>();
  #halted: SequenceGap | undefined;

  constructor(of: ResequencingOptions) {
    this.#of = of;
    const { queue, options, clock, random, log } = of;
    const backoff = fullJitter({ baseMs: 100, maxMs: 10_000, random });
    this.#lanes = new Lanes({ ...options, name: options.name ?? queue, clock, backoff, log, stop: this.#stop.signal });
  }

  /** The gap at which it has halted; undefined once deliveries come again. */
  get halted(): SequenceGap | undefined {
    return this.#halted;
  }

  arrived(delivery: Delivery, from: Entrance): void {
    this.#halted = undefined;
    const { options, refuse } = this.#of;
    let place: ReturnType<typeof placeOf>;
    try {
      place = placeOf(delivery.message, options.by);
    } catch (thrown) {
      refuse(delivery, deadLetter(asError(thrown)));
      return;
    }
    if (place === undefined) {
      from.enter(delivery);
      return;
    }
    const lane = this.#lanes.of(place);
    const { number } = place;
    const id = identityOf(delivery.message);
    lane.arrivals.push(new Sequenced(this, lane.name, { delivery, origin: from, number, id }));
    if (options.store === undefined || lane.askedFor === from) this.#admit(lane);
    else void this.#ask(lane, from);
  }

  settle(one: Sequenced, settlement: Settlement): void {
    const lane = this.#lanes.named(one.lane);
    if (lane === undefined) {
      one.delivery.settle(settlement);
      return;
    }
    if (settlement === 'return' || settlement === 'keep back') {
      lane.sequence.leave(one);
      one.delivery.settle(settlement);
    } else if (lane.sequence.settled(one)) {
      lane.failed = undefined;
      lane.position.reach(one.number, () => one.delivery.settle(settlement));
    }
    this.#proceed(lane);
  }

  again(one: Sequenced, headers: HeaderTable, delayMs: number): void {
    const lane = this.#lanes.named(one.lane);
    const again = lane?.sequence.again(one);
    if (lane === undefined || again === undefined) return; // its channel is gone, and it comes again
    if (again === 'kept') {
      one.postpone(headers, this.#of.clock.now() + delayMs);
      lane.failed = one;
    } else {
      this.#judge(lane, one);
    }
    this.#proceed(lane);
  }

  left(one: Sequenced): void {
    const lane = this.#lanes.named(one.lane);
    if (lane?.ghost !== one) return;
    lane.ghost = undefined;
    this.#proceed(lane);
  }

  withdraw(from: Entrance): readonly Delivery[] {
    const withdrawn: Delivery[] = [];
    for (const lane of this.#lanes.all()) {
      const waiting = lane.arrivals.filter(({ origin }) => origin === from);
      const kept = lane.sequence.keptOf(({ origin }) => origin === from);
      if (waiting.length + kept.length === 0) continue;
      lane.arrivals = lane.arrivals.filter(({ origin }) => origin !== from);
      for (const one of kept) lane.sequence.leave(one);
      withdrawn.push(...[...waiting, ...kept].map(({ delivery }) => delivery));
      this.#proceed(lane);
    }
    return withdrawn;
  }

  lost(from: Entrance): void {
    this.withdraw(from);
    for (const lane of this.#lanes.all()) {
      const atWork = lane.sequence.atWorkOf(({ origin }) => origin === from);
      if (atWork === undefined) continue;
      lane.sequence.leave(atWork);
      if (atWork.isRunning) lane.ghost = atWork;
      this.#proceed(lane);
    }
  }

  /** Leaves no timer behind. */
  close(): void {
    this.#stop.abort();
    for (const lane of this.#lanes.all()) this.#unwatch(lane);
  }

  /** Somebody else may have gone on with the sequence: what has come waits until the store has said how far. */
  async #ask(lane: Lane, from?: Entrance): Promise<void> {
    lane.askedFor = from ?? lane.askedFor;
    lane.asking += 1;
    const stored = await lane.position.load();
    lane.asking -= 1;
    if (stored === undefined) return;
    lane.givenUp = Math.max(lane.givenUp, stored.givenUp);
    for (const passed of lane.sequence.reach(stored.last)) this.#judge(lane, passed);
    this.#admit(lane);
  }

  #admit(lane: Lane): void {
    if (lane.asking > 0) return;
    for (const one of lane.arrivals.splice(0)) this.#judge(lane, one);
    this.#proceed(lane);
  }

  #judge(lane: Lane, one: Sequenced): void {
    const { sequence, failed, givenUp } = lane;
    const { number, delivery } = one;
    const arrival = sequence.arrive(one);
    if (arrival === 'kept') {
      if (failed?.number === number && failed.id === one.id) one.postpone(failed.message.headers, failed.dueAt);
      else this.#waitOut(one);
      return;
    }
    // Of a number that nobody gave up the broker says that somebody had it: the acknowledgement was lost.
    const wasSettled = arrival === 'passed' && delivery.message.redelivered && number > givenUp;
    if (arrival !== 'duplicate' && !wasSettled) {
      this.#of.refuse(delivery, passedBy(lane, one, arrival === 'taken'));
      return;
    }
    this.#of.log.debug(this.#fields(lane, one), 'a duplicate of a message in a sequence is dropped');
    // Not before it is known for good that the number is settled; of what is still to be handled, the first one stays.
    if (number > (sequence.last ?? 0)) delivery.settle('ack');
    else lane.position.reach(number, () => delivery.settle('ack'));
  }

  /** One that was sent on to wait, by a consumer that did not keep the order. */
  #waitOut(one: Sequenced): void {
    const { clock } = this.#of;
    const { headers } = one.message;
    const waitMs = stillToWait(readAttempts(headers), clock.epochMs());
    if (waitMs !== undefined) one.postpone(headers, clock.now() + waitMs);
  }

  /** Lets the next one in, or watches what keeps it from coming. */
  #proceed(lane: Lane): void {
    const { sequence } = lane;
    const { next } = sequence;
    const now = this.#of.clock.now();
    if (next === undefined) {
      this.#watch(lane);
    } else if (!next.origin.isTaking) {
      sequence.leave(next);
      next.delivery.settle('return');
      this.#proceed(lane);
    } else if (lane.ghost !== undefined) {
      this.#unwatch(lane);
    } else if (next.dueAt > now) {
      this.#unwatch(lane);
      if (!this.#stop.signal.aborted) {
        lane.cancel = this.#of.clock.setTimeout(() => this.#proceed(lane), next.dueAt - now);
      }
    } else {
      this.#unwatch(lane);
      sequence.take();
      next.origin.enter(next);
    }
  }

  #watch(lane: Lane): void {
    if (lane.sequence.gap === undefined || this.#stop.signal.aborted) {
      this.#unwatch(lane);
      return;
    }
    const { clock, options, wantMore } = this.#of;
    if (!this.#gapped.has(lane)) {
      this.#gapped.add(lane);
      lane.gapSince = clock.now();
    }
    const leftMs = Math.max(0, lane.gapSince + options.maxGapMs - clock.now());
    const inMs = options.store === undefined ? leftMs : Math.min(leftMs, lookAgainMs);
    lane.cancel?.();
    lane.cancel = clock.setTimeout(() => void this.#look(lane), inMs);
    wantMore();
    const [oldest] = this.#gapped;
    if (oldest !== undefined && this.#isFull) void this.#look(oldest);
  }

  #unwatch(lane: Lane): void {
    lane.cancel?.();
    lane.cancel = undefined;
    this.#gapped.delete(lane);
  }

  /** Whether as many are held for missing ones as may be. */
  get #isFull(): boolean {
    let held = 0;
    for (const { sequence } of this.#gapped) held += sequence.size;
    return held >= this.#of.options.maxBuffered;
  }

  async #look(lane: Lane): Promise<void> {
    if (lane.asking > 0 || lane.isLookedAt) return;
    const { clock, options, mayReceive } = this.#of;
    if (options.store !== undefined) {
      lane.isLookedAt = true;
      await this.#ask(lane);
      lane.isLookedAt = false;
    }
    if (!this.#gapped.has(lane) || lane.asking > 0) return;
    const [oldest] = this.#gapped;
    if (!mayReceive()) lane.gapSince = clock.now();
    if (lane === oldest && this.#isFull) this.#giveUp(lane, 'room');
    else if (clock.now() - lane.gapSince >= options.maxGapMs) this.#giveUp(lane, 'time');
    else this.#watch(lane);
  }

  #giveUp(lane: Lane, reason: SequenceGap['reason']): void {
    const missing = lane.sequence.gap;
    if (missing === undefined) return;
    const { queue, log, onHalt } = this.#of;
    const { key, run } = lane;
    const gap: SequenceGap = { queue, key, run, ...missing, reason };
    const isKnown = lane.sequence.last !== undefined;
    this.#unwatch(lane);
    if (isKnown && this.#decide(gap) === 'halt') {
      if (this.#halted === undefined) {
        log.error({ ...gap }, 'messages of a sequence are missing: the consumer halts');
        this.#halted = gap;
        onHalt();
      }
      return;
    }
    if (isKnown) log.error({ ...gap }, 'messages of a sequence are missing: going on without them');
    else log.info({ ...gap }, 'a sequence is taken up where it stands');
    lane.givenUp = gap.to;
    lane.position.giveUp(gap.to);
    lane.sequence.reach(gap.to);
    this.#proceed(lane);
  }

  #decide(gap: SequenceGap): GapDecision {
    const { options, log } = this.#of;
    const { onGap } = options;
    if (typeof onGap !== 'function') return onGap;
    try {
      return onGap(gap) === 'skip' ? 'skip' : 'halt';
    } catch (thrown) {
      log.error({ ...gap, ...errorFields(thrown) }, 'resequence.onGap threw');
      return 'halt';
    }
  }

  #fields({ key, run }: Lane, { number, message }: Sequenced): Readonly<Record<string, unknown>> {
    return { queue: this.#of.queue, key, run, number, messageId: message.properties.messageId };
  }
}

function passedBy({ key, sequence }: Lane, { number }: Sequenced, isTaken: boolean): DeadLetter {
  const why = isTaken ? 'another message has that number' : `number ${sequence.last} was reached before it came`;
  const text = `it is number ${number} of the sequence "${key}", and ${why}`;
  return deadLetter(new SurehopError('SUREHOP_SEQUENCE_PASSED', text, { retryable: false }));
}

function deadLetter(error: Error): DeadLetter {
  const code = 'code' in error ? `${String(error.code)}: ` : '';
  return new DeadLetter(`${code}${error.message}`, { cause: error });
}
