import type { RabbitInternals } from '@surehop/core/internal';
import type { ActionReport, Skipped } from './act-options.ts';
import { type OnProgress, ProgressMeter } from './progress.ts';

const mostSkipped = 1_000;

/** Adds up what an action has done, and tells of it. */
export class Tally {
  readonly #meter: ProgressMeter;
  /** Of messages that are out of the queue, or were moved in it: they do not come again. */
  #settled = nothing();
  /** Of messages that lie in the queue: they come again after a loss of the broker. */
  #lying = nothing();
  total: number | undefined;
  /** Undefined while they are looked for. */
  #toDo: number | undefined;

  constructor(internals: RabbitInternals, onProgress: OnProgress | undefined) {
    this.#meter = new ProgressMeter(internals, onProgress);
  }

  get looked(): number {
    return this.#settled.looked + this.#lying.looked;
  }

  get matched(): number {
    return this.#settled.matched + this.#lying.matched;
  }

  get done(): number {
    return this.#settled.done + this.#lying.done;
  }

  get skippedCount(): number {
    return this.#settled.skipped.count + this.#lying.skipped.count;
  }

  /** A message was taken, to be looked at. */
  look(): void {
    this.#lying.looked += 1;
    this.#tell();
  }

  /** It is one that the action is about. */
  match(): void {
    this.#lying.matched += 1;
  }

  /** It stays where it is, and nothing more is done with it. */
  skip(id: string, why: string): void {
    this.#lying.skipped.add({ id, why });
  }

  /** It left its place. @param isDone false for one that was only moved */
  settle(isMatch: boolean, isDone: boolean): void {
    this.#lying.looked -= 1;
    this.#settled.looked += 1;
    if (isMatch) {
      this.#lying.matched -= 1;
      this.#settled.matched += 1;
    }
    if (isDone) this.#settled.done += 1;
    this.#tell();
  }

  /** It left its place, though nothing could be done with it. */
  settleSkipped(id: string, why: string): void {
    this.settle(true, false);
    this.#settled.skipped.add({ id, why });
  }

  /** One that stays is done with. */
  doneLying(): void {
    this.#lying.done += 1;
    this.#tell();
  }

  /** All were looked at: what matches is acted on now. */
  act(): void {
    this.#toDo = this.matched;
    this.tellEnd();
  }

  /** The broker was lost: what lies in the queue comes again. */
  again(): void {
    this.#toDo = undefined;
    this.#lying = nothing();
  }

  /** The last word of the progress. */
  tellEnd(): void {
    this.#meter.tell(this.#counts());
  }

  report(run: Pick<ActionReport, 'run' | 'startedAt' | 'isCancelled' | 'isDryRun' | 'more'>): ActionReport {
    this.tellEnd();
    const skipped = [...this.#settled.skipped.first, ...this.#lying.skipped.first].slice(0, mostSkipped);
    const { looked, matched, done, skippedCount } = this;
    return { ...run, looked, matched, done, skipped, skippedCount };
  }

  #tell(): void {
    this.#meter.note(this.#counts());
  }

  #counts(): Parameters<ProgressMeter['tell']>[0] {
    const { looked, matched, done, total } = this;
    return { looked, matched, done, total, ...(this.#toDo !== undefined && { toDo: this.#toDo }) };
  }
}

function nothing(): { looked: number; matched: number; done: number; readonly skipped: Reasons } {
  return { looked: 0, matched: 0, done: 0, skipped: new Reasons() };
}

/** The first of them, and how many there are. */
class Reasons {
  readonly first: Skipped[] = [];
  count = 0;

  add(skipped: Skipped): void {
    this.count += 1;
    if (this.first.length < mostSkipped) this.first.push(skipped);
  }
}
