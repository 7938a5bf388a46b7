import { SurehopError } from '@surehop/core';
import { type Acceptance, fullError } from './acceptance.ts';
import type { Caller, Draft, Entry } from './entry.ts';
import type { Forwarder } from './forwarder.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Holdings } from './holdings.ts';
import type { SentIds } from './sent-ids.ts';
import type { ResolvedSpoolOptions } from './spool-options.ts';

export interface IntakeParts {
  readonly options: ResolvedSpoolOptions;
  readonly acceptance: Acceptance;
  readonly holdings: Holdings;
  readonly sentIds: SentIds;
  readonly commits: GroupCommit;
  readonly forwarder: Forwarder;
  readonly isOpen: () => boolean;
}

/** Lets messages in: to the disk and to the broker at once. */
export class Intake {
  readonly #parts: IntakeParts;
  /** Calls that wait for room, in order. */
  readonly #waiting = new Set<Entry>();

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /**
   * Takes a message, and settles the caller by itself.
   *
   * @param checked the schema's answer, where it is not there yet
   * @throws {SurehopError} SUREHOP_PUBLISHER_FULL
   */
  take(draft: Draft, deadlineMs: number, caller: Caller, checked: Promise<unknown> | undefined): void {
    const { acceptance } = this.#parts;
    const entry = acceptance.open(draft, deadlineMs, caller);
    if (checked === undefined) this.#admit(entry);
    else {
      checked.then(
        () => this.#admit(entry),
        (error: SurehopError) => acceptance.reject(entry, error),
      );
    }
  }

  /** Gives room to calls that wait for it. */
  admitWaiting(): void {
    for (const entry of this.#waiting) {
      if (!this.#parts.holdings.hasRoom(entry)) return;
      this.#waiting.delete(entry);
      this.#store(entry);
    }
  }

  /** Nobody waits for it any more: what can be taken back is. */
  onGivenUp(entry: Entry): void {
    const { holdings, commits, forwarder } = this.#parts;
    if (entry.place === 'waiting') {
      this.#waiting.delete(entry);
      holdings.release(entry);
    } else if (entry.place === 'queued' && !entry.isHanded && commits.withdraw(entry)) {
      forwarder.forget(entry);
      holdings.end(entry);
    }
  }

  #admit(entry: Entry): void {
    if (entry.callers.length === 0) return; // given up while its schema checked it
    const { holdings, sentIds, options } = this.#parts;
    const held = holdings.inMemory(entry.row.id);
    if (held !== undefined || sentIds.isAnothers(entry)) {
      this.#meet(entry, held);
      return;
    }
    holdings.keep(entry);
    if (this.#waiting.size === 0 && holdings.hasRoom(entry)) this.#store(entry);
    else if (options.whenFull === 'wait') {
      entry.place = 'waiting';
      this.#waiting.add(entry);
    } else this.#goWithoutDisk(entry);
  }

  /** Its id is that of a message in memory, or was that of another. */
  #meet(entry: Entry, held: Entry | undefined): void {
    const { acceptance } = this.#parts;
    if (held === undefined || !isSame(entry, held)) acceptance.reject(entry, reusedError(entry.row.id));
    else if (held.place === 'disk') acceptance.resolve(entry, 'disk');
    // Nobody waits for that one any more, and it is not known to be stored.
    else if (held.callers.length === 0) acceptance.giveUp(entry, 'an earlier call for it was given up');
    else acceptance.join(entry, held);
  }

  #store(entry: Entry): void {
    const { holdings, commits, forwarder } = this.#parts;
    holdings.number(entry);
    commits.add(entry);
    forwarder.offer(entry);
  }

  /** There is no room: the broker may take it all the same, where nothing is before it. */
  #goWithoutDisk(entry: Entry): void {
    const { options, holdings, acceptance, forwarder, isOpen } = this.#parts;
    const { depth, setAside } = holdings;
    const why = `${depth} messages wait in it and ${setAside} are set aside (maxMessages, maxBytes)`;
    const error = fullError(entry.row.id, options.file, why);
    if (!isOpen() || !forwarder.isCaughtUp || (entry.hasGivenId && setAside > 0)) {
      holdings.release(entry);
      acceptance.reject(entry, error);
      return;
    }
    holdings.number(entry);
    entry.place = 'nowhere';
    entry.trouble = error;
    forwarder.offer(entry);
    if (entry.isHanded) return;
    forwarder.forget(entry);
    holdings.end(entry);
    acceptance.reject(entry, error);
  }
}

export function reusedError(messageId: string): SurehopError {
  const text = `message id ${messageId} belongs to another message: one id is one body to one address. This one was not accepted and is not stored`;
  return new SurehopError('SUREHOP_MESSAGE_ID_REUSED', text, { retryable: false });
}

function isSame(one: Draft, other: Draft): boolean {
  const isThere = one.row.exchange === other.row.exchange && one.row.routingKey === other.row.routingKey;
  return isThere && Buffer.compare(one.content, other.content) === 0;
}
