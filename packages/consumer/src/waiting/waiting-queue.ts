import {
  asError,
  type Cancel,
  type Clock,
  errorFields,
  type IncomingMessage,
  type LinkSession,
  type RabbitInternals,
  waitingName,
} from '@surehop/core/internal';
import type { Copies, CopyResult } from '../copies.ts';
import { waitingCopy } from '../copy-message.ts';
import type { KeyTurn } from '../key-line.ts';
import { failedDeliveriesOf } from '../quarantine.ts';
import type { Settlement } from '../settler.ts';
import { LaidAside } from './laid-aside.ts';
import { Leftovers } from './leftovers.ts';
import { StartNotes } from './start-notes.ts';
import { WaitingChannel } from './waiting-channel.ts';
import type { WaitingHost } from './waiting-host.ts';
import { copyName, readWaitingNote, unwrapped, type WaitingNote, waitingNote, waitingSign } from './waiting-message.ts';

export interface WaitingQueueOptions {
  readonly queue: string;
  /** Of the subscription that it serves. */
  readonly session: LinkSession;
  readonly internals: RabbitInternals;
  readonly copies: Copies;
  /** Names its consumer, which lives longer. */
  readonly member: string;
  readonly opening: number;
  readonly host: WaitingHost;
}

/** How often somebody who is handed nothing looks whether a process has left messages here, in milliseconds. */
const lookEveryMs = 5_000;

/** How often a marker is sent anew until it comes: who was here before may have taken it. */
const markAgainMs = 1_000;

/**
 * The queue in which messages wait for earlier ones of their key, as one subscription of the work queue uses it.
 *
 *   idle ──first delivery──▶ reading ──our marker──▶ known
 *    │                          ▲
 *    └──left by somebody──▶ minding ──emptied──▶ idle
 *
 * Whoever is handed the work queue's messages handles none before it knows all that waits here, by its marker: of a queue
 * whose leader is not there yet, the broker says that it holds nothing and that nobody consumes it. Everything here is of
 * the single active consumer, that is of one process. What somebody lays aside who is no longer handed anything comes
 * behind the marker, and its original is the work queue's again.
 */
export class WaitingQueue {
  readonly #options: WaitingQueueOptions;
  /** Names this opening in what it sends. */
  readonly #id: string;
  readonly #channel: WaitingChannel;
  readonly #gone = new AbortController();
  readonly gone: AbortSignal = this.#gone.signal;
  /** Messages that are laid aside, or on their way there. */
  size = 0;
  /** Whether all that was here before is in hand. */
  isRead = false;
  /** Whether the queue has handed out what this opening has sent: of others, what comes later was sent later. */
  #isMarked = false;
  readonly notes: StartNotes;
  readonly #leftovers = new Leftovers();
  /** What is not settled, or has not come back, by the name of the copy. */
  readonly #laid = new Map<string, LaidAside>();
  #state: 'idle' | 'reading' | 'minding' | 'known' | 'over' = 'idle';
  #copies = 0;
  #cancelLook: Cancel | undefined;
  #cancelMark: Cancel | undefined;
  /** What was sent to come back, and is not stored yet. */
  #marking: 'marker' | 'mark' | undefined;

  constructor(options: WaitingQueueOptions) {
    const { queue, session, internals, member, opening } = options;
    const { effects, options: settings } = internals;
    this.#options = options;
    this.#id = `${member}.${opening}`;
    this.notes = new StartNotes(member, (tag) => this.#channel.settle(tag, 'ack'));
    this.#channel = new WaitingChannel({
      name: waitingName(queue),
      tag: this.#id,
      session,
      clock: effects.clock,
      rpcTimeoutMs: settings.rpcTimeoutMs,
      onDelivery: (message) => this.#onDelivery(message),
      onLost: (cause) => this.#lost(cause),
    });
    this.#lookLater(0);
  }

  /** Whether what the work queue hands out may be started. */
  get isKnown(): boolean {
    return this.#state === 'known';
  }

  /** The work queue has handed out a message. */
  activated(): void {
    if (this.#state !== 'minding' && this.#state !== 'idle') return;
    this.#read('marker');
    if (!this.#channel.isConsuming) this.#attempt(() => this.#channel.consume());
  }

  /** Resolves once the queue is seen; rejects where there is none. */
  standing(): Promise<void> {
    return this.#channel.standing();
  }

  /** Whether a copy or a note would be stored soon. */
  get flows(): boolean {
    return this.#options.copies.flows;
  }

  /** Whether this delivery of the work queue is laid aside already: its process died before it had acknowledged it. */
  holds(message: IncomingMessage): boolean {
    return this.#leftovers.holds(message);
  }

  /**
   * Has a copy stored here. False when it cannot be, and nothing happens then.
   *
   * @param onEnd told what takes the delivery's place once the copy is stored; undefined when it cannot be. Never in this call
   */
  lay(turn: KeyTurn, notBefore: number | undefined, onEnd: (laid: LaidAside | undefined) => void): boolean {
    const { queue, session, internals, copies } = this.#options;
    const { delivery, message, isSuspect } = turn;
    const { frameMax } = internals.publishLink.session ?? session;
    // Without an id, its original could not be told from it.
    if (!this.isKnown || !message.properties.messageId) return false;
    const { exchange, routingKey } = message;
    const { priority } = message.properties;
    const number = this.#copies + 1;
    const note: WaitingNote = { by: this.#id, kind: 'copy', number, exchange, routingKey, priority, isSuspect, of: '' };
    const copy = waitingCopy(message, queue, waitingNote(note), notBefore, {
      frameMax,
      newId: () => internals.effects.newId(),
    });
    if (copy === undefined) return false;
    this.#copies = number;
    this.size += 1;
    const laid = new LaidAside(message, 0, note, this);
    this.#laid.set(laid.name, laid);
    copies.sendSimply(copy, delivery.gone, delivery, ({ status }) => onEnd(this.#onSent(laid, status)), laid);
    return true;
  }

  /** Does nothing when it was settled before, or this is over. */
  settle(laid: LaidAside, settlement: Settlement): void {
    if (this.#state === 'over' || laid.settlement !== undefined) return;
    laid.settlement = settlement;
    this.size -= 1;
    this.#settleHere(laid);
    this.notes.forget(laid.name);
    this.#options.host.onSettled(laid);
    this.#leaveWhenDone();
  }

  /** Stores that its handling begins. */
  note({ name }: LaidAside, onStored: () => void): void {
    this.notes.begin(name);
    this.#send({ by: this.#options.member, kind: 'start', of: name }, onStored);
  }

  /** Resolves once the broker has read all that was settled. Never rejects; not at all when this is over before. */
  received(): Promise<void> {
    return new Promise((resolve) => this.#attempt(() => this.#channel.received().then(resolve)));
  }

  /** Sends what is settled, leaves the broker the time to take it, gives the rest back. Never rejects. */
  async close(signal: AbortSignal): Promise<void> {
    if (this.#state === 'over') return;
    this.#stopTimers();
    this.notes.forgetOwn();
    await this.#channel.flush(signal);
    this.end(new Error('closed'), signal);
    await this.#channel.close(signal);
  }

  /** What is in hand is the broker's again. */
  end(reason: Error, signal?: AbortSignal): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#stopTimers();
    this.#gone.abort(reason);
    void this.#channel.close(signal);
  }

  #onSent(laid: LaidAside, status: CopyResult['status']): LaidAside | undefined {
    if (status === 'stored') return laid;
    if (laid.settlement === undefined) this.size -= 1;
    this.#laid.delete(laid.name);
    laid.settlement = 'ack';
    return undefined;
  }

  #know(): void {
    this.#state = 'known';
    this.isRead = true;
    this.#stopTimers();
    this.#options.host.onKnown();
  }

  /** What was sent before it comes before it. */
  #read(kind: 'marker' | 'mark'): void {
    if (kind === 'marker') this.#state = 'reading';
    this.#cancelMark?.();
    if (this.#marking !== kind) {
      this.#marking = kind;
      this.#send({ by: this.#id, kind }, () => {
        this.#marking = undefined;
      });
    }
    this.#cancelMark = this.#clock.setTimeout(() => this.#attempt(() => this.#readAgain(kind)), markAgainMs);
  }

  /** Where publishing is blocked, no marker comes: then it is enough that nobody else has anything of it. */
  async #readAgain(kind: 'marker' | 'mark'): Promise<void> {
    const isOurs = !this.flows && (await this.#channel.isOurs());
    if (isOurs && this.#state === 'reading') this.#know();
    else if (this.#state === (kind === 'marker' ? 'reading' : 'minding')) this.#read(kind);
  }

  #send(note: Pick<WaitingNote, 'by' | 'kind'> & Partial<WaitingNote>, onStored: () => void = () => undefined): void {
    const { queue, copies, internals } = this.#options;
    const sign = waitingSign(queue, note, internals.effects.newId());
    const onSent = ({ status }: CopyResult): void => {
      if (status === 'stored') onStored();
      else if (status === 'impossible') this.#lost(new Error(`nothing can be sent to "${waitingName(queue)}"`));
    };
    copies.sendSimply(sign, this.gone, sign, onSent, sign);
  }

  #onDelivery(message: IncomingMessage): void {
    const { deliveryTag } = message;
    this.#channel.delivered(deliveryTag);
    const note = readWaitingNote(message);
    // Given back one by one, they would change places: with the channel, they go back in order.
    if (this.#state === 'idle') this.#lost(new Error('messages came after it had left'));
    else if (note.kind === 'start')
      this.notes.came(note.of, deliveryTag, note.by, !this.isRead || this.#laid.has(note.of));
    else if (note.kind !== 'copy') this.#onMarker(deliveryTag, note);
    else this.#onCopy(message, note);
  }

  #onCopy(message: IncomingMessage, note: WaitingNote): void {
    const { deliveryTag, redelivered } = message;
    const laid = this.#laid.get(copyName(note));
    if (laid !== undefined) {
      laid.tags.push(deliveryTag);
      this.#settleHere(laid);
    } else if (note.by === this.#id || this.#leftovers.hasSeen(note)) {
      this.#channel.settle(deliveryTag, 'ack'); // sent twice, since its confirm was late
    } else if (!this.isKnown) {
      this.#onFound(message, note);
    } else if (redelivered || !this.#isMarked) {
      // What comes late comes for the first time: somebody else has had this queue meanwhile, or it was not empty.
      this.#lost(new Error('there was more than was known'));
    } else {
      this.#channel.settle(deliveryTag, 'ack');
    }
  }

  #onMarker(tag: number, { by, kind }: WaitingNote): void {
    this.#channel.settle(tag, 'ack');
    if (by !== this.#id) {
      if (kind === 'marker' && (this.#state === 'minding' || this.isKnown)) this.#options.host.onSucceeded();
    } else if (kind === 'marker' || this.#state === 'minding') {
      this.isRead = true;
      // A mark says nothing of others: it was sent before the work queue had handed out anything here.
      this.#isMarked = kind === 'marker';
      this.notes.forgetOthersThan(this.#laid);
      if (this.#state === 'reading') this.#know();
      else this.#cancelMark?.();
      this.#options.host.onReady();
      this.#leaveWhenDone();
    }
  }

  /** Once it has come and is settled. */
  #settleHere({ name, tags, settlement }: LaidAside): void {
    if (settlement === undefined || tags.length === 0) return;
    for (const tag of tags.splice(0)) this.#channel.settle(tag, settlement);
    this.#laid.delete(name);
  }

  #onFound(message: IncomingMessage, note: WaitingNote): void {
    const laid = new LaidAside(unwrapped(message, note), failedDeliveriesOf(message), note, this);
    laid.tags.push(message.deliveryTag);
    this.size += 1;
    this.#laid.set(laid.name, laid);
    this.#leftovers.add(laid.message, note);
    this.#options.host.onFound(laid);
  }

  /** Others may not have come to what is theirs, and will not while nothing is handed to them. */
  #lookLater(delayMs = lookEveryMs): void {
    this.#cancelLook?.();
    if (this.#state !== 'idle' && this.#state !== 'minding') return;
    this.#cancelLook = this.#clock.setTimeout(() => this.#attempt(() => this.#look()), delayMs);
  }

  async #look(): Promise<void> {
    if (this.#state === 'minding') return this.size === 0 && this.notes.areNone ? this.#leave() : this.#lookLater();
    const isLeft = await this.#channel.isLeft();
    if (this.#state !== 'idle') return;
    if (!isLeft) return this.#lookLater();
    this.#state = 'minding';
    this.isRead = false;
    this.#lookLater();
    this.#read('mark');
    await this.#channel.consume();
  }

  #leaveWhenDone(): void {
    if (this.#state === 'minding' && this.isRead && this.size === 0) this.#attempt(() => this.#leave());
  }

  /** Whoever is handed the work queue's messages is not to wait for somebody who has nothing. */
  async #leave(): Promise<void> {
    this.#state = 'idle';
    this.#stopTimers();
    this.#lookLater();
    await this.#channel.cancel();
  }

  #attempt(step: () => Promise<void>): void {
    step().catch((thrown: unknown) => this.#lost(asError(thrown)));
  }

  #lost(cause: Error): void {
    if (this.#state === 'over') return;
    const { internals, queue, host } = this.#options;
    const fields = { queue: waitingName(queue), ...errorFields(cause) };
    internals.log.warn(fields, 'the waiting queue was lost; everything is taken anew');
    host.onLost(cause);
  }

  #stopTimers(): void {
    this.#cancelLook?.();
    this.#cancelMark?.();
  }

  get #clock(): Clock {
    return this.#options.internals.effects.clock;
  }
}
