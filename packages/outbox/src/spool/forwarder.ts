import type { SurehopError } from '@surehop/core';
import { type Cancel, type Clock, fullJitter } from '@surehop/core/internal';
import type { Receipt } from '@surehop/publisher';
import { asEntry, type Entry } from './entry.ts';
import { unpack } from './packing.ts';
import type { Chunk, Requests } from './protocol.ts';
import { refusalIn } from './send-failure.ts';
import type { SpoolThread } from './spool-thread.ts';
import type { SteadyTime } from './steady-time.ts';

export interface ForwarderOptions {
  readonly thread: SpoolThread;
  readonly clock: Clock;
  readonly random: () => number;
  readonly time: SteadyTime;
  readonly maxUnconfirmed: number;
  /** The highest number in the file. */
  readonly lastSeq: number;
  readonly send: (entry: Entry) => Promise<Receipt>;
  /** Whether the broker can be sent to now. */
  readonly isOpen: () => boolean;
  /** None of these may throw. */
  readonly onConfirmed: (entry: Entry) => void;
  /** The broker has something against it. */
  readonly onRefused: (entry: Entry, error: SurehopError) => void;
  /** It was not sent, or not answered; nothing is held against it. */
  readonly onReturned: (entry: Entry, error: unknown) => void;
  readonly onDamaged: (damaged: Chunk['damaged']) => void;
  readonly onReadFailed: (error: unknown) => void;
}

/** Of bodies and headers on their way at once; one larger message goes alone. */
const maxUnconfirmedBytes = 64 * 1_024 * 1_024;
const mostRead = 500;
const mostReadBytes = 8 * 1_024 * 1_024;
/** So many share what takes them back. */
const heldTogether = 256;

/**
 * Hands messages to the broker in the order of their numbers: from memory while it keeps up, else from the file.
 *
 *   … handed │ in the file, not in memory │ in memory, not in the file yet
 *          next                       diskTail
 *
 * What the broker refuses is behind the line, waits in the file until it is due, and holds nobody up.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #backoff: (attempt: number) => number;
  /** Accepted, and neither handed nor left to the file. */
  readonly #fresh = new Set<Entry>();
  readonly #onTheWay = new Map<number, Entry>();
  #bytesOnTheWay = 0;
  /** Of those on the way. */
  #fromFile = 0;
  #next = 1;
  #diskTail: number;
  #isReading = false;
  /** What is being read may lack some: the line was taken back meanwhile. */
  #isTakenBack = false;
  #isDue = false;
  #failures = 0;
  #cancelPause: Cancel | undefined;
  #cancelDue: Cancel | undefined;
  #hold: { readonly controller: AbortController; left: number } | undefined;
  #isStopped = false;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#diskTail = options.lastSeq;
    this.#backoff = fullJitter({ baseMs: 100, maxMs: 2_000, random: options.random });
  }

  get onTheWay(): ReadonlyMap<number, Entry> {
    return this.#onTheWay;
  }

  /** Whether all that was accepted is on its way, sent, or waits for another try. */
  get isCaughtUp(): boolean {
    return this.#fresh.size === 0 && this.#diskTail < this.#next;
  }

  offer(entry: Entry): void {
    this.#fresh.add(entry);
    this.pump();
  }

  /** It is in the file: unless it is on its way, memory need not keep it. False when it is on its way. */
  leaveToFile(entry: Entry): boolean {
    if (entry.isHanded) return false;
    if (this.#fresh.delete(entry)) this.takeUp(entry.seq, entry.seq);
    return true;
  }

  /** Nothing will come of it. */
  forget(entry: Entry): void {
    this.#fresh.delete(entry);
  }

  /** There are messages in the file between these numbers that are to be sent. */
  takeUp(first: number, last: number): void {
    this.#diskTail = Math.max(this.#diskTail, last);
    if (first < this.#next) {
      this.#next = first;
      this.#isTakenBack = true;
    }
    this.pump();
  }

  /** When the next of those that wait for another try is due, by the spool's time. */
  dueAt(at: number | undefined): void {
    this.#cancelDue?.();
    this.#cancelDue = undefined;
    if (at === undefined || this.#isStopped || this.#isDue) return;
    const { clock, time } = this.#options;
    this.#cancelDue = clock.setTimeout(
      () => {
        this.#isDue = true;
        this.pump();
      },
      Math.max(1, at - time.now()),
    );
  }

  /** Sends what can be sent. */
  pump(): void {
    while (this.#canSend()) {
      if (this.#isReading) return;
      if (this.#isDue) return void this.#readDue();
      if (this.#diskTail >= this.#next) return void this.#readLine();
      const [first] = this.#fresh;
      // The file may know its id already: it is asked before the broker is.
      if (first === undefined || (first.hasGivenId && first.place !== 'nowhere' && this.#hasStrangers())) return;
      this.#fresh.delete(first);
      this.#next = Math.max(this.#next, first.seq + 1);
      this.#hand(first);
    }
  }

  /** Takes back what is on its way, as far as it was not written. */
  takeBack(entries: Iterable<Entry>): void {
    const holds = new Set<AbortController>();
    for (const { hold } of entries) if (hold !== undefined) holds.add(hold);
    this.#hold = undefined;
    for (const hold of holds) hold.abort(new Error('the spool took it back'));
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelPause?.();
    this.#cancelDue?.();
  }

  #canSend(): boolean {
    if (this.#isStopped || this.#cancelPause !== undefined || !this.#options.isOpen()) return false;
    return this.#onTheWay.size < this.#options.maxUnconfirmed && this.#bytesOnTheWay < maxUnconfirmedBytes;
  }

  #hasStrangers(): boolean {
    const { deferred, setAside } = this.#options.thread.standing;
    return deferred + setAside + this.#fromFile > 0;
  }

  async #readLine(): Promise<void> {
    this.#isTakenBack = false;
    const [from, to] = [this.#next, this.#diskTail];
    const limit = Math.min(mostRead, this.#room() + this.#onTheWay.size);
    await this.#read('read', { from, to, limit, maxBytes: mostReadBytes }, (answer) => {
      if (this.#isTakenBack) return;
      this.#next = Math.max(this.#next, answer.isEnd ? to + 1 : answer.lastSeq + 1);
      for (const { row, content } of unpack(answer)) {
        if (!this.#onTheWay.has(row.seq)) this.#hand(asEntry(row, content, false));
      }
    });
  }

  async #readDue(): Promise<void> {
    const now = this.#options.time.now();
    const limit = Math.min(mostRead, this.#room()) + this.#onTheWay.size;
    this.#isDue = false;
    await this.#read('due', { now, limit, maxBytes: mostReadBytes }, (answer) => {
      for (const { row, content } of unpack(answer)) {
        if (!this.#onTheWay.has(row.seq)) this.#hand(asEntry(row, content, true));
      }
      this.#isDue = !answer.isEnd;
    });
  }

  async #read<K extends 'read' | 'due'>(
    kind: K,
    ask: Requests[K]['ask'],
    onRead: (answer: Requests[K]['answer']) => void,
  ): Promise<void> {
    this.#isReading = true;
    try {
      const answer = await this.#options.thread.ask(kind, ask);
      this.#isReading = false;
      if (answer.damaged.length > 0) this.#options.onDamaged(answer.damaged);
      if (!this.#isStopped) onRead(answer);
    } catch (error) {
      this.#isReading = false;
      if (kind === 'due') this.#isDue = true;
      this.#pause();
      if (!this.#isStopped) this.#options.onReadFailed(error);
    }
    this.pump();
  }

  #room(): number {
    return Math.max(1, this.#options.maxUnconfirmed - this.#onTheWay.size);
  }

  #hand(entry: Entry): void {
    if (this.#hold === undefined || this.#hold.left === 0) {
      this.#hold = { controller: new AbortController(), left: heldTogether };
    }
    this.#hold.left -= 1;
    entry.hold = this.#hold.controller;
    entry.isHanded = true;
    this.#onTheWay.set(entry.seq, entry);
    this.#bytesOnTheWay += entry.bytes;
    if (entry.isFromFile) this.#fromFile += 1;
    this.#options.send(entry).then(
      () => {
        this.#failures = 0;
        this.#leave(entry);
        entry.isConfirmed = true;
        this.#options.onConfirmed(entry);
        this.pump();
      },
      (error: unknown) => this.#onFailed(entry, error),
    );
  }

  #onFailed(entry: Entry, error: unknown): void {
    this.#leave(entry);
    const refusal = refusalIn(error);
    if (refusal !== undefined) {
      this.#options.onRefused(entry, refusal);
      this.pump();
      return;
    }
    this.#pause();
    this.#options.onReturned(entry, error);
    if (entry.place === 'nowhere') return;
    if (entry.isRetry) this.#isDue = true;
    else if (entry.place === 'disk') this.takeUp(entry.seq, entry.seq);
    else this.#putBack(entry);
  }

  /** Not in the file yet: among those that are not either, in its order. */
  #putBack(entry: Entry): void {
    const all = [...this.#fresh, entry].sort((one, other) => one.seq - other.seq);
    this.#fresh.clear();
    for (const one of all) this.#fresh.add(one);
  }

  #leave(entry: Entry): void {
    entry.isHanded = false;
    this.#onTheWay.delete(entry.seq);
    this.#bytesOnTheWay -= entry.bytes;
    if (entry.isFromFile) this.#fromFile -= 1;
  }

  /** What comes back at once would go out at once. */
  #pause(): void {
    if (this.#cancelPause !== undefined || this.#isStopped) return;
    this.#failures += 1;
    this.#cancelPause = this.#options.clock.setTimeout(() => {
      this.#cancelPause = undefined;
      this.pump();
    }, this.#backoff(this.#failures));
  }
}
