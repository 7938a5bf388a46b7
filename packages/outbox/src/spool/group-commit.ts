import type { SurehopError } from '@surehop/core';
import type { Cancel, Clock } from '@surehop/core/internal';
import { type Entry, rowOf } from './entry.ts';
import { pack } from './packing.ts';
import type { Batch, Committed, Deferral } from './protocol.ts';
import { fileError, type SpoolThread } from './spool-thread.ts';
import type { SteadyTime } from './steady-time.ts';

export interface GroupCommitOptions {
  readonly file: string;
  readonly thread: SpoolThread;
  readonly clock: Clock;
  readonly time: SteadyTime;
  /** Definitions to be stored with the next commit. */
  readonly contracts: () => Batch['contracts'];
  /** Told of each message, in order. None of these may throw. */
  readonly onStored: (entry: Entry) => void;
  readonly onTaken: (entry: Entry, isSame: boolean) => void;
  readonly onFailed: (entry: Entry, error: SurehopError) => void;
  /** @param written what was stored of the definitions */
  readonly onCommitted: (error: SurehopError | undefined, written: Batch['contracts']) => void;
}

/** Of one commit: so much can be waited for without a long silence of the disk. */
const mostMessages = 4_096;
const mostBytes = 16 * 1_024 * 1_024;
/** What nobody waits for is written with the next messages, after so long in any case, in milliseconds, or once it is so much. */
const outcomesWaitMs = 50;
const mostOutcomes = 1_000;
const failedWaitMs = 1_000;

/** Writes what comes while the disk is busy with one commit together in the next: as many messages as there are, one fsync. */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #queue = new Set<Entry>();
  #sent: number[] = [];
  #deferred: Deferral[] = [];
  #refused: Batch['refused'][number][] = [];
  #isScheduled = false;
  #committing: Promise<void> | undefined;
  #cancel: Cancel | undefined;
  #commits = 0;
  #failures = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** So many commits were made. */
  get commits(): number {
    return this.#commits;
  }

  add(entry: Entry): void {
    entry.place = 'queued';
    this.#queue.add(entry);
    this.#schedule();
  }

  /** The broker has it, or nobody wants it, before it was written. False when it is too late. */
  withdraw(entry: Entry): boolean {
    return this.#queue.delete(entry);
  }

  noteSent(seq: number): void {
    this.#sent.push(seq);
    this.#scheduleOutcomes();
  }

  noteDeferred(deferral: Deferral): void {
    this.#deferred.push(deferral);
    this.#scheduleOutcomes();
  }

  noteRefused(refused: Batch['refused'][number]): void {
    this.#refused.push(refused);
    this.#scheduleOutcomes();
  }

  /** Resolves when everything that was added is written or has failed. Never rejects. */
  async flush(): Promise<void> {
    const before = this.#failures;
    while (this.#committing !== undefined || this.#isScheduled || (this.#hasWork && this.#failures === before)) {
      if (this.#committing === undefined) this.#schedule();
      await (this.#committing ?? new Promise<void>((resolve) => this.#options.clock.defer(resolve)));
    }
    this.#cancelOutcomes();
  }

  get #outcomes(): number {
    return this.#sent.length + this.#deferred.length + this.#refused.length;
  }

  get #hasWork(): boolean {
    return this.#queue.size + this.#outcomes > 0;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#committing !== undefined) return;
    this.#isScheduled = true;
    this.#options.clock.defer(() => {
      this.#isScheduled = false;
      this.#cancelOutcomes();
      this.#committing = this.#commit().finally(() => {
        this.#committing = undefined;
        if (this.#queue.size > 0) this.#schedule();
        else if (this.#outcomes > 0) this.#scheduleOutcomes();
      });
    });
  }

  #scheduleOutcomes(delayMs: number = outcomesWaitMs): void {
    if (this.#outcomes >= mostOutcomes && delayMs === outcomesWaitMs) this.#schedule();
    this.#cancel ??= this.#options.clock.setTimeout(() => {
      this.#cancel = undefined;
      this.#schedule();
    }, delayMs);
  }

  #cancelOutcomes(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  async #commit(): Promise<void> {
    const entries = this.#take();
    const [sent, deferred, refused] = [this.#sent, this.#deferred, this.#refused];
    [this.#sent, this.#deferred, this.#refused] = [[], [], []];
    const { thread, contracts, time } = this.#options;
    const messages = pack(entries.map((entry) => ({ row: rowOf(entry), content: entry.content })));
    const batch = { contracts: contracts(), messages, sent, deferred, refused, now: time.now() };
    try {
      const answer = await thread.ask('commit', batch, [messages.contents.buffer]);
      this.#commits += 1;
      this.#tell(entries, answer, batch.contracts);
    } catch (error) {
      this.#failures += 1;
      for (const entry of entries) this.#options.onFailed(entry, error as SurehopError);
      this.#sent.push(...sent);
      this.#deferred.push(...deferred);
      this.#refused.push(...refused);
      this.#options.onCommitted(error as SurehopError, []);
      if (this.#outcomes > 0) this.#scheduleOutcomes(failedWaitMs);
    }
  }

  #take(): Entry[] {
    const entries: Entry[] = [];
    let bytes = 0;
    for (const entry of this.#queue) {
      if (entries.length >= mostMessages || (bytes > 0 && bytes + entry.bytes > mostBytes)) break;
      bytes += entry.bytes;
      entry.place = 'writing';
      entries.push(entry);
    }
    for (const entry of entries) this.#queue.delete(entry);
    return entries;
  }

  #tell(entries: readonly Entry[], { taken, messagesFault }: Committed, contracts: Batch['contracts']): void {
    const { file, onStored, onTaken, onFailed, onCommitted } = this.#options;
    const error = messagesFault && fileError(file, messagesFault);
    const isTaken = new Map(taken.map(({ index, isSame }) => [index, isSame]));
    for (const [index, entry] of entries.entries()) {
      const isSame = isTaken.get(index);
      if (error !== undefined) onFailed(entry, error);
      else if (isSame === undefined) onStored(entry);
      else onTaken(entry, isSame);
    }
    onCommitted(error, contracts);
  }
}
