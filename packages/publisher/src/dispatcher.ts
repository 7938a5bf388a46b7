import { NotSentError, SurehopError, UnknownOutcomeError } from '@surehop/core';
import {
  Aborts,
  answerHeader,
  answerWanted,
  type Clock,
  Deadlines,
  type Outcome,
  type RabbitInternals,
} from '@surehop/core/internal';
import { Admission } from './admission.ts';
import { DeclaredContracts } from './declared-contracts.ts';
import { Lanes } from './lanes.ts';
import { errorOf } from './outcome.ts';
import { addressOf, type Pending } from './pending.ts';
import type { ResolvedPublisherOptions } from './publisher-options.ts';
import { LinkTrouble, type Trouble } from './trouble.ts';

/** How long the handshakes that close the lanes may take, in milliseconds. */
const closeLanesMs = 2_000;

/**
 * Takes calls on their way and settles each of them, whatever happens.
 *
 *   take ─▶ checking ─▶ declaring ─▶ queued ─▶ sent ─▶ settled
 *          (a schema)  (topology)   (room)    (a lane)
 *
 * Each step is left out where there is nothing to wait for; with none to wait for, a call is on its lane when `take` returns.
 */
export class Dispatcher {
  readonly #internals: RabbitInternals;
  readonly #clock: Clock;
  readonly #admission: Admission<Pending>;
  /** Everything that is not settled. */
  readonly #deadlines: Deadlines<Pending>;
  readonly #aborts: Aborts<Pending>;
  readonly #contracts: DeclaredContracts<Pending>;
  readonly #lanes: Lanes<Pending>;
  readonly #publishTrouble: LinkTrouble;
  readonly #topologyTrouble: LinkTrouble;
  readonly #maxUnconfirmed: number;
  #awaitedRoom: Promise<void> | undefined;
  #onRoom: (() => void) | undefined;
  #fullIsLogged = false;
  #onIdle: (() => void) | undefined;

  constructor(internals: RabbitInternals, options: ResolvedPublisherOptions) {
    this.#internals = internals;
    this.#clock = internals.effects.clock;
    this.#admission = new Admission(options);
    this.#maxUnconfirmed = options.maxUnconfirmed;
    this.#deadlines = new Deadlines(this.#clock, (pending) => {
      this.#giveUp(pending, `its deadline of ${pending.deadlineMs} ms passed`);
    });
    this.#aborts = new Aborts((pending) => {
      this.#giveUp(pending, 'the caller aborted it', pending.signal?.reason);
    });
    this.#contracts = new DeclaredContracts({
      internals,
      onDeclared: (pending) => this.#enter(pending),
      onFailed: (pending, error) => this.#fail(pending, topologyError(pending, error)),
    });
    this.#lanes = new Lanes({
      internals,
      repair: (contract) => this.#contracts.repair(contract),
      onOutcome: (pending, outcome) => this.#onOutcome(pending, outcome),
    });
    this.#publishTrouble = new LinkTrouble(internals.publishLink);
    this.#topologyTrouble = new LinkTrouble(internals.consumeLink);
  }

  get unconfirmed(): number {
    return this.#admission.unconfirmed;
  }

  get waiting(): number {
    return this.#admission.waiting;
  }

  get stalledMs(): number {
    return this.#lanes.stalledMs;
  }

  /**
   * Takes a call on its way. It settles by itself.
   *
   * @param checked the schema's answer, where it is not there yet
   */
  take(pending: Pending, checked: Promise<unknown> | undefined): void {
    const { signal, messageId } = pending;
    if (signal?.aborted) {
      pending.reject(new NotSentError(messageId, 'the caller had aborted it before', { cause: signal.reason }));
      return;
    }
    this.#deadlines.add(pending);
    this.#aborts.add(pending);
    if (checked === undefined) this.#declare(pending);
    else if (this.#park(pending, 'checking')) {
      checked.then(
        () => this.#declare(pending),
        (error: unknown) => this.#fail(pending, error),
      );
    }
  }

  /** A consumer has answered for it, which says more than a confirm would: it is not written again. */
  answered(pending: Pending): void {
    if (!this.#forget(pending)) return;
    const { messageId, sending } = pending;
    pending.resolve({ messageId, resends: (sending?.writes ?? 1) - 1 });
    this.#withdraw(pending);
  }

  /** Undefined when one more message could go at once, its size aside; otherwise resolves when it could. */
  room(): Promise<void> | undefined {
    if (this.#hasRoom) return undefined;
    this.#awaitedRoom ??= new Promise((resolve) => {
      this.#onRoom = resolve;
    });
    return this.#awaitedRoom;
  }

  /** Waits until everything is settled, but at most so long; then gives up the rest and closes the lanes. */
  async close(timeoutMs: number): Promise<void> {
    await this.#whenIdle(timeoutMs);
    const left = this.#deadlines.items();
    if (left.length > 0) {
      const why = `close() waited ${timeoutMs} ms for what was on its way`;
      this.#internals.log.warn({ timeoutMs, left: left.length }, 'a publisher was closed before all was settled');
      const cause = new SurehopError('SUREHOP_CLOSE_TIMEOUT', why, { retryable: false });
      for (const pending of left) this.#giveUp(pending, why, cause);
    }
    this.#contracts.close();
    this.#publishTrouble.close();
    this.#topologyTrouble.close();
    await this.#lanes.close(this.#clock.deadline(closeLanesMs));
  }

  #declare(pending: Pending): void {
    if (!this.#deadlines.has(pending)) return; // given up while its schema checked it
    const { contract } = pending;
    if (contract === undefined || this.#contracts.has(contract)) this.#enter(pending);
    else if (this.#park(pending, 'declaring')) this.#contracts.wait(contract, pending);
  }

  /** Takes a place to wait, or rejects: then false. */
  #park(pending: Pending, stage: 'checking' | 'declaring'): boolean {
    if (pending.stage === 'new' && !this.#admission.park(pending)) {
      this.#refuse(pending);
      return false;
    }
    pending.stage = stage;
    return true;
  }

  #enter(pending: Pending): void {
    const place = this.#admission.enter(pending);
    if (place === 'admitted') this.#send(pending);
    else if (place === 'queued') pending.stage = 'queued';
    else this.#refuse(pending);
    this.#tellRoom();
  }

  #send(pending: Pending): void {
    const { message, contract } = pending;
    pending.stage = 'sent';
    // The default exchange needs no repair.
    pending.sending = this.#lanes.send(message, contract?.kind === 'queue' ? undefined : contract, pending);
  }

  #onOutcome(pending: Pending, outcome: Outcome): void {
    if (outcome.status === 'confirmed') {
      const { messageId, sending } = pending;
      if (this.#forget(pending)) pending.resolve({ messageId, resends: (sending?.writes ?? 1) - 1 });
    } else {
      if (this.#forget(pending)) pending.reject(errorOf(outcome, pending));
      if (outcome.status === 'unroutable' && pending.contract !== undefined) {
        this.#contracts.onUnroutable(pending.contract);
      }
    }
    this.#leave(pending);
  }

  #refuse(pending: Pending): void {
    const { unconfirmed, waiting } = this.#admission;
    if (!this.#fullIsLogged) {
      this.#fullIsLogged = true;
      this.#internals.log.warn({ unconfirmed, waiting }, 'a publisher is full and refuses messages');
    }
    const why = `the publisher is full: ${unconfirmed} messages unconfirmed, ${waiting} calls waiting`;
    const text = `message ${pending.messageId} was not sent and is not stored: ${why}`;
    this.#fail(pending, new SurehopError('SUREHOP_PUBLISHER_FULL', text, { retryable: true }));
  }

  #fail(pending: Pending, error: unknown): void {
    if (!this.#forget(pending)) return;
    pending.reject(error);
    this.#leave(pending);
  }

  #giveUp(pending: Pending, why: string, cause?: unknown): void {
    // A deadline has already been taken off the list.
    this.#forget(pending);
    const { messageId, sending } = pending;
    const trouble = this.#troubleOf(pending);
    const text = [why, this.#standingOf(pending), trouble.text].filter((part) => part !== '').join('; ');
    const options = { cause: cause ?? trouble.cause };
    pending.reject(
      sending?.written ? new UnknownOutcomeError(messageId, text, options) : new NotSentError(messageId, text, options),
    );
    this.#withdraw(pending);
  }

  /** What was written takes room until it is answered, or late answers would let memory grow without bound. */
  #withdraw(pending: Pending): void {
    const { stage, sending, contract } = pending;
    if (stage === 'declaring' && contract !== undefined) this.#contracts.leave(contract, pending);
    if (sending === undefined) this.#leave(pending);
    else sending.withdraw(() => this.#leave(pending));
  }

  #standingOf({ stage, message, contract, sending }: Pending): string {
    const isAsking = message.headers?.[answerHeader] === answerWanted;
    if (stage === 'checking' && isAsking) return 'its reply queue did not stand, or its schema had not answered';
    if (stage === 'checking') return 'its schema had not answered';
    if (stage === 'declaring') return `the topology of ${contract?.kind} "${contract?.name}" could not be declared yet`;
    if (stage === 'queued') return `it waited for room behind ${this.unconfirmed} unconfirmed messages`;
    return sending?.written ? 'the broker did not answer' : `it could not be written to ${addressOf(message)}`;
  }

  #troubleOf({ stage }: Pending): Trouble {
    return (stage === 'declaring' ? this.#topologyTrouble : this.#publishTrouble).now();
  }

  /** False when it is settled already. */
  #forget(pending: Pending): boolean {
    this.#aborts.delete(pending);
    const wasPending = this.#deadlines.delete(pending);
    if (this.#deadlines.size === 0) this.#onIdle?.();
    return wasPending;
  }

  get #hasRoom(): boolean {
    return this.#admission.waiting === 0 && this.#admission.unconfirmed < this.#maxUnconfirmed;
  }

  /** Gives its room to those who wait. */
  #leave(pending: Pending): void {
    this.#admission.leave(pending);
    for (let next = this.#admission.admitNext(); next !== undefined; next = this.#admission.admitNext()) {
      this.#send(next);
    }
    if (this.#admission.waiting === 0) this.#fullIsLogged = false;
    this.#tellRoom();
  }

  #tellRoom(): void {
    if (this.#awaitedRoom === undefined || !this.#hasRoom) return;
    this.#awaitedRoom = undefined;
    this.#onRoom?.();
  }

  #whenIdle(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#deadlines.size === 0) return resolve();
      const cancel = this.#clock.setTimeout(resolve, timeoutMs);
      this.#onIdle = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** What cannot be declared keeps its own error; what was merely not declared is a message not sent. */
function topologyError({ messageId, contract }: Pending, error: unknown): unknown {
  if (error instanceof SurehopError) return error;
  const why = `the topology of ${contract?.kind} "${contract?.name}" could not be declared`;
  return new NotSentError(messageId, why, { cause: error });
}
