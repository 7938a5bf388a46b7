import { DriverError, encodedTableSize } from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';
import { readDeadMessage } from './dead-message-reading.ts';
import type { Desk } from './desk.ts';
import { Doubts } from './doubts.ts';
import type { Action } from './fate.ts';
import { type Held, type Holding, mostHeld } from './holding.ts';
import { replayHeaders } from './replay-headers.ts';
import { mayComeYet, missingForMs, type Run, type RunEnd, settledCopies } from './run.ts';
import { inSessions } from './session.ts';

export interface HeldRunOptions {
  readonly limit: number;
  readonly lookAtMost?: number | undefined;
  readonly isDryRun: boolean;
  /** The ids that are wanted, where they are known: once each was seen, nothing more is looked at. */
  readonly ids?: readonly string[] | undefined;
  /** Asked before each copy; false ends the run. */
  readonly turn?: (look: () => Promise<void>) => Promise<boolean>;
  /** Called for each message that came into the queue after the action began. */
  readonly onNewer?: (message: DeadMessage) => void;
  /** Called once when everything was acted on, with what looks at what came meanwhile. */
  readonly afterwards?: (look: () => Promise<void>) => Promise<void>;
}

interface Candidate {
  readonly held: Held;
  readonly dead: DeadMessage;
}

/** Of the messages that it is about and has not acted on, bodies and headers, in bytes: beyond it, they are acted on first. */
const mostBytes = 64 * 1024 * 1024;

/**
 * Takes messages off the head of a queue, as many as can be held, and acts on those that it is about, in their order. All
 * others are given back at the end: nothing changes its place.
 */
export class HeldRun {
  readonly #desk: Desk;
  readonly #action: Action;
  readonly #run: Run;
  readonly #options: HeldRunOptions;
  readonly #doubts = new Doubts(mostHeld);
  /** How many there are to be looked at: what comes after them was not there when the run began. */
  #bound: number | undefined;

  constructor(desk: Desk, action: Action, run: Run, options: HeldRunOptions) {
    this.#desk = desk;
    this.#action = action;
    this.#run = run;
    this.#options = options;
  }

  run(): Promise<RunEnd> {
    const options = { doubts: this.#doubts, doubtedWithin: mostHeld, holding: {} };
    return inSessions(this.#desk, this.#run, options, (holding) => this.#session(holding));
  }

  /** Until the end, or until the broker is lost. */
  async #session(holding: Holding): Promise<RunEnd> {
    const { signal, tally } = this.#run;
    this.#action.forget?.();
    this.#bound ??= Math.min(await holding.ready(), this.#options.lookAtMost ?? Number.POSITIVE_INFINITY);
    tally.total = Math.min(mostHeld, this.#bound);
    const candidates: Candidate[] = [];
    const end = await this.#scan(holding, candidates);
    await holding.pause();
    if (!this.#options.isDryRun) tally.act();
    const wasWhole = await this.#actOn(holding, candidates);
    await settledCopies(this.#run, this.#desk.internals);
    if (wasWhole && !signal.aborted) await this.#options.afterwards?.(() => this.#look(holding));
    return wasWhole ? end : 'cut';
  }

  /** Takes what is there, and finds those that the action is about. */
  async #scan(holding: Holding, candidates: Candidate[]): Promise<RunEnd> {
    const { signal, tally } = this.#run;
    const { limit, ids, isDryRun } = this.#options;
    const missing = ids === undefined ? undefined : new Set(ids);
    let bytes = 0;
    while (candidates.length + tally.done + tally.skippedCount < limit) {
      if (signal.aborted || holding.size >= mostHeld) return 'cut';
      if (missing?.size === 0) return 'cut';
      if (tally.looked >= (this.#bound ?? 0)) return 'end';
      if (bytes >= mostBytes) {
        // What takes messages away does so once the last is held: what goes back would change its place else.
        if (this.#action.takesNothing !== true) return 'cut';
        await this.#actOn(holding, candidates.splice(0));
        bytes = 0;
      }
      const held = await holding.take();
      if (held === undefined) {
        // Fewer than there were: a channel that was lost has them still, or somebody took them.
        if (await mayComeYet(this.#run, this.#desk.internals, missingForMs)) continue;
        return this.#run.backAt === undefined ? 'end' : 'cut';
      }
      // A dry run of a pass that was stopped: from here on it has seen all.
      if (this.#run.isResumed && held.message.headers[replayHeaders.pass] === this.#run.run) return 'end';
      const dead = readDeadMessage(held.message, this.#desk.queue);
      if (this.#isNewer(dead)) continue;
      if (this.#doubts.isAgain(held.message)) {
        holding.ack(held);
        this.#doubts.settled(held.message);
        missing?.delete(dead.id);
        continue;
      }
      tally.look();
      if (!this.#action.matches(dead)) continue;
      tally.match();
      missing?.delete(dead.id);
      const candidate = candidateOf(held, dead);
      if (isDryRun) {
        await this.#actOn(holding, [candidate]);
        continue;
      }
      candidates.push(candidate);
      bytes += sizeOf(dead);
    }
    return 'cut';
  }

  /** False when it was cut short. */
  async #actOn(holding: Holding, candidates: readonly Candidate[]): Promise<boolean> {
    for (const { held, dead } of candidates) {
      if (this.#run.signal.aborted) return false;
      const fate = await this.#action.fate(dead);
      if (fate.kind === 'skip') this.#run.tally.skip(dead.id, fate.why);
      else if (fate.kind === 'stay' || this.#options.isDryRun) this.#run.tally.doneLying();
      else if (holding.lost.aborted) throw lossOf(holding);
      else if (fate.kind === 'go') this.#settle(holding, held);
      else if (!(await this.#copy(holding, { held, dead }, fate.copy))) return false;
    }
    return true;
  }

  async #copy(
    holding: Holding,
    { held, dead }: Candidate,
    copy: Parameters<NonNullable<Action['onStored']>>[1],
  ): Promise<boolean> {
    const { lane, signal, tally } = this.#run;
    if ((await this.#options.turn?.(() => this.#look(holding))) === false) return false;
    await lane.room(signal);
    lane.send(copy, (result) => {
      if (!result.stored) {
        tally.skip(dead.id, result.why);
        return;
      }
      this.#settle(holding, held);
      this.#action.onStored?.(dead, copy);
    });
    return true;
  }

  #settle(holding: Holding, held: Held): void {
    holding.ack(held);
    this.#doubts.settled(held.message);
    this.#run.tally.settle(true, true);
  }

  /** Takes what came meanwhile. */
  async #look(holding: Holding): Promise<void> {
    while (holding.size < mostHeld) {
      const held = await holding.take();
      if (held === undefined) return;
      this.#isNewer(readDeadMessage(held.message, this.#desk.queue));
    }
  }

  #isNewer(dead: DeadMessage): boolean {
    if (this.#action.isNewer?.(dead) !== true) return false;
    this.#options.onNewer?.(dead);
    return true;
  }
}

/** With one copy of the body: what was delivered would keep the whole of a read buffer. */
function candidateOf({ message }: Held, dead: DeadMessage): Candidate {
  const { consumerTag, deliveryTag } = message;
  const { redelivered, exchange, routingKey, content, properties, headers } = dead;
  const kept = { consumerTag, deliveryTag, redelivered, exchange, routingKey, content, properties, headers };
  return { held: { message: kept }, dead };
}

function sizeOf({ content, headers }: DeadMessage): number {
  try {
    return content.length + encodedTableSize(headers);
  } catch {
    return content.length; // headers that cannot be written again are few
  }
}

function lossOf({ lost }: Holding): unknown {
  return lost.reason instanceof DriverError
    ? lost.reason
    : new DriverError('socket', 'the link was lost', { cause: lost.reason });
}
