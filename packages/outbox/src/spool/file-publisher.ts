import type {
  CloseOptions,
  ExchangeContract,
  Logger,
  PublisherHealth,
  QueueContract,
  Rabbit,
  StreamContract,
} from '@surehop/core';
import { SurehopError } from '@surehop/core';
import {
  type Cancel,
  defaultLogger,
  type Effects,
  guardedLogger,
  integer,
  knownKeys,
  type Member,
} from '@surehop/core/internal';
import type { RawDestination, RawProperties } from '@surehop/publisher';
import { checkBody, longestDeadlineMs } from '@surehop/publisher/internal';
import type { Contract } from './contract-definition.ts';
import { ContractShelf } from './contract-shelf.ts';
import type { Damage } from './damage.ts';
import { contractDraft, type DraftSetting, rawDraft, type SpoolPublishOptions } from './draft.ts';
import {
  checkedList,
  checkedPositions,
  type ListSetAsideOptions,
  type SetAsideSpoolMessage,
  setAsideMessage,
} from './set-aside.ts';
import { Spool, type SpoolFigures } from './spool.ts';
import type { SpoolHealth } from './spool-health.ts';
import { connectFailed, logOf, SpoolLink } from './spool-link.ts';
import type { ResolvedSpoolOptions } from './spool-options.ts';
import type { SpoolReceipt } from './spool-receipt.ts';
import { SpoolThread } from './spool-thread.ts';
import type { SpoolingPublisher } from './spooling-publisher.ts';

/** Before the file is open. */
const noFigures: SpoolFigures = {
  depth: 0,
  depthBytes: 0,
  oldestMs: 0,
  waiting: 0,
  unconfirmed: 0,
  commits: 0,
  sentPerSecond: 0,
  writeError: undefined,
};
const closeTimeoutMs = 10_000;
const longestCheckMs = 60_000;

export class FilePublisher implements SpoolingPublisher, Member<PublisherHealth> {
  readonly #options: ResolvedSpoolOptions;
  readonly #effects: Effects;
  readonly #link = new SpoolLink();
  readonly #log: () => Logger;
  readonly #thread: SpoolThread;
  readonly #damage: Damage[] = [];
  readonly #timers = new Map<string, Cancel>();
  #contracts = new ContractShelf([]);
  #spool: Spool | undefined;
  #failed: SurehopError | undefined;
  #closing: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: ResolvedSpoolOptions, effects: Effects) {
    this.#options = options;
    this.#effects = effects;
    this.#log = logOf(options.log, this.#link, guardedLogger(defaultLogger()));
    this.#thread = new SpoolThread({
      file: options.file,
      onDamage: (damage) => this.#onDamage(damage),
      onEnded: (error) => {
        this.#failed = error;
        this.#log().error({ file: options.file, error: error.message }, 'a spool has failed');
      },
    });
  }

  async open(): Promise<void> {
    const { file, contracts } = this.#options;
    const { clock } = this.#effects;
    try {
      const opened = await this.#thread.ask('open', { file, epochMs: clock.epochMs() });
      this.#contracts = new ContractShelf(opened.contracts);
      for (const contract of contracts) this.#contracts.add(contract);
      this.#spool = new Spool({
        options: this.#options,
        effects: this.#effects,
        log: this.#log,
        thread: this.#thread,
        contracts: this.#contracts,
        opened,
        sender: () => this.#link.sender,
        isOpen: () => this.#link.isOpen,
      });
    } catch (error) {
      await this.#thread.close();
      throw error;
    }
    const { unsent: depth, setAside } = this.#thread.standing;
    this.#log().info({ file, depth, setAside }, 'a spool is open');
    this.#every('expiry', Math.min(longestCheckMs, Math.ceil(this.#options.maxAgeMs / 10)), () => {
      void this.#spool?.expire();
    });
    this.#every('report', this.#options.reportEveryMs, () => this.#report());
  }

  attach(rabbit: Rabbit): void {
    this.#link.attach(rabbit, this.#options, this.#contracts, this, () => this.#spool?.pump());
  }

  attachLater(rabbit: PromiseLike<Rabbit>): void {
    Promise.resolve(rabbit)
      .then((connected) => {
        if (this.#closing === undefined) this.attach(connected);
      })
      .catch((thrown: unknown) => connectFailed(this.#log(), this.#options.file, thrown));
  }

  publish<In>(
    to: QueueContract<In, unknown> | ExchangeContract<In, unknown> | StreamContract<In, unknown>,
    body: NoInfer<In>,
    options: SpoolPublishOptions = {},
  ): Promise<SpoolReceipt> {
    // What is thrown in here rejects.
    return new Promise((resolve, reject) => {
      const spool = this.#opened();
      const contract = to as Contract;
      const draft = contractDraft(contract, body, options, this.#setting(spool));
      const checked = checkBody(contract, body);
      this.#contracts.add(contract);
      spool.take(draft, options.deadlineMs ?? this.#options.deadlineMs, { resolve, reject }, checked);
    });
  }

  publishTo(
    to: RawDestination,
    content: Uint8Array,
    properties: RawProperties = {},
    options: { readonly deadlineMs?: number } = {},
  ): Promise<SpoolReceipt> {
    return new Promise((resolve, reject) => {
      const spool = this.#opened();
      const draft = rawDraft(to, content, properties, options, this.#setting(spool));
      spool.take(draft, options.deadlineMs ?? this.#options.deadlineMs, { resolve, reject }, undefined);
    });
  }

  health(): SpoolHealth {
    const { deferred: retrying, setAside } = this.#thread.standing;
    return {
      ...(this.#spool?.figures ?? noFigures),
      stalledMs: this.#link.stalledMs,
      awaitedAnswers: 0, // it has no publishAndWait
      file: this.#options.file,
      phase: this.#phase(),
      retrying,
      setAside,
      damage: [...this.#damage],
    };
  }

  async listSetAside(options: ListSetAsideOptions = {}): Promise<readonly SetAsideSpoolMessage[]> {
    this.#opened();
    return (await this.#thread.ask('list', checkedList(options))).map(setAsideMessage);
  }

  async retry(positions: readonly string[]): Promise<number> {
    return this.#opened().retry(checkedPositions(positions));
  }

  async discard(positions: readonly string[]): Promise<number> {
    return this.#opened().discard(checkedPositions(positions));
  }

  close(options: CloseOptions = {}): Promise<void> {
    if (this.#closing !== undefined) return this.#closing;
    try {
      knownKeys('close()', options, ['timeoutMs']);
      const { timeoutMs = closeTimeoutMs } = options;
      integer('timeoutMs', timeoutMs, 0, longestDeadlineMs);
      this.#closing = this.#close(timeoutMs);
    } catch (error) {
      return Promise.reject(error); // nothing was closed
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    for (const cancel of this.#timers.values()) cancel();
    await this.#spool?.close(timeoutMs);
    await this.#link.close({ timeoutMs: 0 });
    await this.#spool?.flush();
    await this.#thread.close();
    this.#isClosed = true;
  }

  #setting({ time }: Spool): DraftSetting {
    const { maxMessageBytes } = this.#options;
    return { effects: this.#effects, time, maxMessageBytes, username: this.#link.username };
  }

  #opened(): Spool {
    if (this.#failed !== undefined) throw this.#failed;
    if (this.#closing === undefined && this.#spool !== undefined) return this.#spool;
    throw new SurehopError('SUREHOP_CLOSED', 'the spool was closed by close(); nothing is accepted any more', {
      retryable: false,
    });
  }

  #phase(): SpoolHealth['phase'] {
    if (this.#isClosed) return 'closed';
    if (this.#closing !== undefined) return 'closing';
    if (this.#failed !== undefined) return 'failed';
    return this.#link.isOpen ? 'forwarding' : 'waiting';
  }

  #onDamage(damage: Damage): void {
    this.#damage.push(damage);
    const { lost, ...rest } = damage;
    const fields = { file: this.#options.file, ...rest, lost: lost.slice(0, 100) };
    this.#log().error(fields, 'a spool was damaged: what can be read is kept, the file as it was is set aside');
    this.#spool?.startOver();
  }

  #report(): void {
    const { file, phase, depth, oldestMs, sentPerSecond, retrying, setAside } = this.health();
    if (depth + setAside + sentPerSecond === 0) return;
    const fields = { file, phase, depth, oldestMs, sentPerSecond, retrying, setAside };
    if (setAside > 0 || phase === 'waiting') this.#log().warn(fields, 'messages are in the spool');
    else this.#log().info(fields, 'messages are in the spool');
  }

  #every(name: string, everyMs: number, action: () => void): void {
    const next = (): void => {
      this.#timers.set(
        name,
        this.#effects.clock.setTimeout(() => {
          action();
          if (this.#closing === undefined) next();
        }, everyMs),
      );
    };
    next();
  }
}
