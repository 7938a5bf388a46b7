import { asError, checkOutgoing, headerNames, type OutgoingMessage, sleep } from '@surehop/core/internal';
import { replayCopy } from './copies.ts';
import type { DeadMessage } from './dead-message.ts';
import type { Desk } from './desk.ts';
import { type Edition, edited, whyNotEdited } from './edit.ts';
import type { Action, Fate } from './fate.ts';
import { Growth } from './growth.ts';
import type { Holding } from './holding.ts';
import type { CameBack } from './ramp.ts';
import type { ReplayOptions, ReplayReport } from './replay-options.ts';
import type { Run } from './run.ts';
import { readyIn } from './target.ts';
import { Tempo } from './tempo.ts';

/** What a broker's default exchange carries at the most. */
const maxMessageBytes = 512 * 1024 * 1024;
const mostNamed = 1_000;
const longestError = 300;

/** While it watches, how often it looks, in milliseconds. */
const lookEveryMs = 200;

/** One replay: what becomes of each message, when, and which came back. */
export class Replaying implements Action {
  readonly #desk: Desk;
  readonly #run: Run;
  readonly #options: ReplayOptions;
  readonly #matches: (message: DeadMessage) => boolean;
  readonly #tempo: Tempo;
  readonly #growth: Growth;
  readonly #byTarget = new Map<string, number>();
  readonly #exists = new Map<string, boolean>();
  /** By the id of each copy that was stored, the step in which it was. Of the held form only: it is bounded there. */
  readonly #sent = new Map<string, number>();
  readonly #cameBack = new Map<string, string | undefined>();
  #isTooMany = false;
  /** In the streaming form nobody keeps the ids that were sent. */
  isHeld = true;

  constructor(desk: Desk, run: Run, matches: (message: DeadMessage) => boolean, options: ReplayOptions) {
    this.#desk = desk;
    this.#run = run;
    this.#options = options;
    this.#matches = matches;
    this.#tempo = new Tempo(desk.internals.effects.clock, options);
    this.#growth = new Growth(desk.internals.effects.clock, run);
  }

  matches(message: DeadMessage): boolean {
    return this.#matches(message);
  }

  isNewer({ failure }: DeadMessage): boolean {
    return failure.replayed.at !== undefined && failure.replayed.at >= this.#run.startedAt;
  }

  async fate(message: DeadMessage): Promise<Fate> {
    if (this.#options.to === undefined && headerNames.streamOffset in message.headers) return skip(fromStream);
    const to = this.#options.to ?? message.failure.queue;
    if (to === undefined) return skip('nothing says in which queue it failed: name a target');
    if (to === this.#desk.queue) return skip('it failed in the queue where it lies: name another target');
    let edition: Edition;
    try {
      edition = edited(message, this.#options.edit);
    } catch (thrown) {
      return skip(whyNotEdited(thrown));
    }
    const fate = this.#copyOf(edition, to);
    if (fate.kind === 'skip' || this.#options.dryRun !== true) return fate;
    if (!(await this.#isThere(to))) return skip(`target queue ${JSON.stringify(to)} does not exist`);
    this.#count(to);
    return fate;
  }

  onStored(_message: DeadMessage, copy: OutgoingMessage): void {
    this.#count(copy.routingKey);
    if (this.isHeld) this.#sent.set(copy.properties.messageId ?? '', this.#tempo.step);
  }

  /** Of a dry run: it begins to count anew. */
  forget(): void {
    if (this.#options.dryRun === true) this.#byTarget.clear();
  }

  /** A message that was replayed since this run began lies in the queue again. */
  noteNewer(message: DeadMessage): void {
    const { failure, id } = message;
    const isOurs = this.isHeld && this.#options.resume === undefined ? this.#sent.has(id) : this.#isByUs(message);
    if (!isOurs) return;
    const { error } = failure;
    const text = error && [error.name, error.message].filter((part) => part !== undefined).join(': ');
    this.#cameBack.set(id, text?.slice(0, longestError) ?? failure.reason);
  }

  /** The turn of the next copy, in the held form. */
  async heldTurn(look: () => Promise<void>): Promise<boolean> {
    const { lane, signal } = this.#run;
    const cameBack = async (): Promise<CameBack> => {
      await lane.idle(signal);
      await look();
      const steps = [...this.#cameBack.keys()].map((id) => this.#sent.get(id));
      return { inStep: steps.filter((step) => step === this.#tempo.step).length, inAll: steps.length };
    };
    return this.#noted(await this.#tempo.turn(cameBack, signal));
  }

  /** The turn of the next copy, in the streaming form, where what comes back lies behind too much to be looked at. */
  async streamTurn(holding: Holding, readyAtFirst: number): Promise<boolean> {
    const { lane, signal } = this.#run;
    const cameBack = async (): Promise<CameBack> => {
      await lane.idle(signal);
      return this.#growth.since(holding, readyAtFirst);
    };
    return this.#noted(await this.#tempo.turn(cameBack, signal));
  }

  /** Looks again and again, until everything came back or the time is over. */
  async watch(look: () => Promise<void>): Promise<void> {
    const { ramp, watchMs = ramp === undefined ? 0 : 5_000 } = this.#options;
    if (watchMs === 0 || this.#isTooMany) return;
    const { clock } = this.#desk.internals.effects;
    const { signal, tally } = this.#run;
    const endsAt = clock.now() + watchMs;
    for (;;) {
      await look();
      const leftMs = endsAt - clock.now();
      if (leftMs <= 0 || signal.aborted || this.#cameBack.size >= tally.done) return;
      await sleep(clock, Math.min(leftMs, lookEveryMs), signal).catch(() => undefined);
    }
  }

  findings(isCut: boolean): Pick<ReplayReport, 'cameBack' | 'cameBackCount' | 'stoppedBy' | 'byTarget'> {
    const cameBack = [...this.#cameBack].slice(0, mostNamed).map(([id, error]) => ({ id, error }));
    const isCancelled = isCut && this.#run.signal.aborted;
    return {
      cameBack,
      cameBackCount: Math.max(this.#cameBack.size, this.#growth.seen),
      stoppedBy: this.#isTooMany ? 'failed share' : isCancelled ? 'cancel' : 'end',
      byTarget: Object.fromEntries(this.#byTarget),
    };
  }

  #copyOf({ message, replacedId }: Edition, to: string): Fate {
    const { effects } = this.#desk.internals;
    const { lane, startedAt } = this.#run;
    // Not before the run's own beginning, wherever the machine's clock goes meanwhile.
    const at = Math.max(startedAt, effects.clock.epochMs());
    const stamp = { to, at, by: this.#desk.by, replacedId };
    const attempt = replayCopy(message, stamp, { frameMax: lane.frameMax, newId: effects.newId });
    if ('why' in attempt) return skip(attempt.why);
    if (replacedId === undefined) return { kind: 'copy', copy: attempt.copy };
    try {
      const limits = { maxMessageBytes, maxHeaderBytes: 60_000, username: undefined };
      checkOutgoing(attempt.copy, limits);
      return { kind: 'copy', copy: attempt.copy };
    } catch (thrown) {
      return skip(whyNotEdited(asError(thrown)));
    }
  }

  #isByUs({ failure }: DeadMessage): boolean {
    return failure.replayed.by === this.#desk.by;
  }

  #noted(isNext: boolean): boolean {
    if (!isNext) this.#isTooMany = true;
    return isNext;
  }

  #count(to: string): void {
    this.#byTarget.set(to, (this.#byTarget.get(to) ?? 0) + 1);
  }

  async #isThere(to: string): Promise<boolean> {
    let isThere = this.#exists.get(to);
    if (isThere === undefined) {
      isThere = (await readyIn(this.#desk.internals, to, this.#run.signal)) !== 'absent';
      this.#exists.set(to, isThere);
    }
    return isThere;
  }
}

const fromStream =
  'it was read from a stream, which has it still: sent there it would stand at its end once more, for every reader. Name a target';

function skip(why: string): Fate {
  return { kind: 'skip', why };
}
