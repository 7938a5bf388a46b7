import type { Logger, SurehopError } from '@surehop/core';
import { type Clock, type Effects, errorFields } from '@surehop/core/internal';
import { SendRate } from '../send-rate.ts';
import { Acceptance } from './acceptance.ts';
import type { ContractShelf } from './contract-shelf.ts';
import type { Caller, Draft } from './entry.ts';
import { Forwarder } from './forwarder.ts';
import { GroupCommit } from './group-commit.ts';
import { Holdings } from './holdings.ts';
import { Intake } from './intake.ts';
import { Outcomes } from './outcomes.ts';
import type { Batch, Chunk, Opened } from './protocol.ts';
import type { Sender } from './sender.ts';
import { SentIds } from './sent-ids.ts';
import type { SpoolHealth } from './spool-health.ts';
import type { ResolvedSpoolOptions } from './spool-options.ts';
import type { SpoolThread } from './spool-thread.ts';
import { SteadyTime } from './steady-time.ts';

export interface SpoolParts {
  readonly options: ResolvedSpoolOptions;
  readonly effects: Effects;
  /** Guarded: never throws. */
  readonly log: () => Logger;
  readonly thread: SpoolThread;
  readonly contracts: ContractShelf;
  readonly opened: Opened;
  /** Undefined while there is no connection. */
  readonly sender: () => Sender | undefined;
  /** Whether the broker can be sent to now. */
  readonly isOpen: () => boolean;
}

export type SpoolFigures = Pick<
  SpoolHealth,
  'depth' | 'depthBytes' | 'oldestMs' | 'waiting' | 'unconfirmed' | 'commits' | 'sentPerSecond' | 'writeError'
>;

/** Sets aside so many at once. */
const mostExpired = 500;

/**
 * Every message from its acceptance until the broker has it, or a person has to look at it. It goes two ways at once, to
 * the disk and, where nothing is before it, to the broker; what is first tells the caller, and the other follows.
 */
export class Spool {
  readonly #parts: SpoolParts;
  readonly #clock: Clock;
  readonly #time: SteadyTime;
  readonly #rate: SendRate;
  readonly #holdings: Holdings;
  readonly #acceptance: Acceptance;
  readonly #commits: GroupCommit;
  readonly #forwarder: Forwarder;
  readonly #intake: Intake;
  #writeError: SurehopError | undefined;
  #isExpiring = false;

  constructor(parts: SpoolParts) {
    this.#parts = parts;
    const { options, effects, thread, opened, contracts, log } = parts;
    const { clock } = effects;
    this.#clock = clock;
    const time = new SteadyTime(clock, opened.lastAcceptedAt);
    this.#time = time;
    this.#rate = new SendRate(clock);
    this.#holdings = new Holdings(options, thread, time, opened.lastSeq);
    this.#acceptance = new Acceptance({ ...options, clock, onGivenUp: (entry) => this.#intake.onGivenUp(entry) });
    this.#commits = new GroupCommit({
      file: options.file,
      thread,
      clock,
      time,
      contracts: () => contracts.unwritten,
      onStored: (entry) => outcomes.onStored(entry),
      onTaken: (entry, isSame) => outcomes.onTaken(entry, isSame),
      onFailed: (entry, error) => outcomes.onUnstored(entry, error),
      onCommitted: (error, written) => this.#onCommitted(error, written),
    });
    this.#forwarder = new Forwarder({
      thread,
      clock,
      random: () => effects.random(),
      time,
      maxUnconfirmed: options.maxUnconfirmed,
      lastSeq: opened.lastSeq,
      isOpen: () => parts.sender() !== undefined && parts.isOpen(),
      send: (entry) => (parts.sender() as Sender).send(entry, (entry.deliverAt ?? 0) - time.now()),
      onConfirmed: (entry) => {
        outcomes.onConfirmed(entry);
        this.#intake.admitWaiting();
      },
      onRefused: (entry, error) => outcomes.onRefused(entry, error),
      onReturned: (entry, error) => outcomes.onReturned(entry, error),
      onDamaged: (damaged) => this.#onDamaged(damaged),
      onReadFailed: (error) => log().error({ file: options.file, ...errorFields(error) }, 'a spool cannot be read'),
    });
    const shared = {
      options,
      log,
      time,
      rate: this.#rate,
      sentIds: new SentIds(),
      isOpen: parts.isOpen,
      holdings: this.#holdings,
      acceptance: this.#acceptance,
      commits: this.#commits,
      forwarder: this.#forwarder,
    };
    const outcomes = new Outcomes(shared);
    this.#intake = new Intake(shared);
  }

  get time(): SteadyTime {
    return this.#time;
  }

  get figures(): SpoolFigures {
    return {
      depth: this.#holdings.depth,
      depthBytes: this.#holdings.bytes,
      oldestMs: this.#holdings.oldestMs,
      waiting: this.#acceptance.waiting,
      unconfirmed: this.#forwarder.onTheWay.size,
      commits: this.#commits.commits,
      sentPerSecond: this.#rate.perSecond(),
      writeError: this.#writeError?.message,
    };
  }

  /** See {@link Intake.take}. */
  take(draft: Draft, deadlineMs: number, caller: Caller, checked: Promise<unknown> | undefined): void {
    this.#intake.take(draft, deadlineMs, caller, checked);
  }

  /** The broker is there, or may be: sends what can be sent. */
  pump(): void {
    this.#forwarder.pump();
  }

  /** Sets aside what has waited too long. Never rejects. */
  async expire(): Promise<void> {
    const { options, thread, log, isOpen } = this.#parts;
    if (this.#isExpiring || this.#holdings.oldestMs < options.maxAgeMs) return;
    this.#isExpiring = true;
    const before = this.#time.now() - options.maxAgeMs;
    try {
      const onTheWay = [...this.#forwarder.onTheWay.values()];
      // What was handed over and cannot get through must not get through later.
      if (!isOpen()) this.#forwarder.takeBack(onTheWay.filter(({ acceptedAt }) => acceptedAt < before));
      const except = onTheWay.map(({ seq }) => seq);
      const { ids, bytes } = await thread.ask('expire', { before, except, limit: mostExpired, now: this.#time.now() });
      if (ids.length === 0) return;
      this.#holdings.add(-ids.length, -bytes);
      const fields = { file: options.file, count: ids.length, first: ids[0], maxAgeMs: options.maxAgeMs };
      log().error(fields, 'spooled messages waited too long and were set aside');
    } catch (error) {
      log().error({ file: options.file, ...errorFields(error) }, 'a spool cannot set aside what waited too long');
    } finally {
      this.#isExpiring = false;
    }
  }

  /** Puts what was set aside at the end of the line again. Resolves to how many there were. */
  async retry(seqs: readonly number[]): Promise<number> {
    const firstSeq = this.#holdings.reserve(seqs.length);
    const { count, bytes } = await this.#parts.thread.ask('retry', { seqs, firstSeq, now: this.#time.now() });
    this.#holdings.add(count, bytes);
    if (count > 0) this.#forwarder.takeUp(firstSeq, firstSeq + seqs.length - 1);
    return count;
  }

  /** Resolves to how many there were. */
  async discard(seqs: readonly number[]): Promise<number> {
    const { count } = await this.#parts.thread.ask('discard', { seqs });
    this.#intake.admitWaiting();
    return count;
  }

  /** The file was damaged and is sound again: what is in it is counted and sent anew. */
  startOver(): void {
    this.#holdings.recount();
    this.#forwarder.takeUp(1, 1);
  }

  /** Settles the calls; what is on its way gets as long to be confirmed, and stays in the file where it is not. Never rejects. */
  async close(timeoutMs: number): Promise<void> {
    const giveUpAt = this.#clock.now() + timeoutMs;
    await this.#acceptance.close(timeoutMs);
    this.#forwarder.stop();
    await new Promise<void>((resolve) => {
      const look = (): void => {
        const isOver = this.#clock.now() >= giveUpAt || !this.#parts.isOpen();
        if (this.#forwarder.onTheWay.size === 0 || isOver) resolve();
        else this.#clock.setTimeout(look, 10);
      };
      look();
    });
  }

  /** Writes down what is known. Never rejects. */
  flush(): Promise<void> {
    return this.#commits.flush();
  }

  #onCommitted(error: SurehopError | undefined, written: Batch['contracts']): void {
    const { options, log, thread, contracts } = this.#parts;
    const { file } = options;
    if (error === undefined) {
      if (this.#writeError !== undefined) log().info({ file }, 'a spool can be written again');
      contracts.written(written);
    } else if (this.#writeError === undefined) {
      log().error({ file, ...errorFields(error) }, 'a spool cannot be written');
    }
    this.#writeError = error;
    this.#forwarder.dueAt(thread.standing.nextDueAt);
    this.#intake.admitWaiting();
  }

  #onDamaged(damaged: Chunk['damaged']): void {
    const { options, log } = this.#parts;
    for (const { id, bytes } of damaged) {
      this.#holdings.add(-1, -bytes);
      log().error({ file: options.file, messageId: id }, 'a spooled message is damaged and was set aside');
    }
  }
}
