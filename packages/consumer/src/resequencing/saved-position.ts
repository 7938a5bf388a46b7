import type { Logger, PositionStore } from '@surehop/core';
import { type Backoff, type Clock, errorFields, kindOf, sleep } from '@surehop/core/internal';

export interface SavedPositionOptions {
  /** Undefined: nothing is kept. */
  readonly store?: PositionStore | undefined;
  readonly name: string;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly log: Logger;
  /** Ends what waits to be tried again. */
  readonly stop: AbortSignal;
}

/** What a store knows of a sequence. */
export interface StoredPosition {
  /** Everything up to here is settled or was given up. */
  readonly last: number;
  /** Up to here numbers were given up: not everything was settled. */
  readonly givenUp: number;
}

/**
 * How far a sequence has come, in the store. What depends on it is told when it is stored, however long that takes: were a
 * message acknowledged before, and the process died, the next one would wait for it in vain.
 */
export class SavedPosition {
  readonly #options: SavedPositionOptions;
  readonly #waiting: { readonly number: number; readonly then: () => void }[] = [];
  #wanted = 0;
  #saved = 0;
  #givenUp = 0;
  #givenUpSaved = 0;
  #isRunning = false;

  constructor(options: SavedPositionOptions) {
    this.#options = options;
  }

  get isSaved(): boolean {
    return this.#options.store === undefined || !this.#isRunning;
  }

  /** Tries until it succeeds; undefined when it is stopped before. */
  async load(): Promise<StoredPosition | undefined> {
    const { name } = this.#options;
    const last = await this.#untilDone(() => this.#stored(name));
    const givenUp = await this.#untilDone(() => this.#stored(givenUpName(name)));
    if (last === stopped || givenUp === stopped) return undefined;
    this.#saved = Math.max(this.#saved, last ?? 0);
    return { last: Math.max(last ?? 0, givenUp ?? 0), givenUp: givenUp ?? 0 };
  }

  /** Everything up to this number is settled or given up; with no store, `then` is called at once. */
  reach(number: number, then: () => void): void {
    if (this.#options.store === undefined || number <= this.#saved) {
      then();
      return;
    }
    this.#waiting.push({ number, then });
    this.#wanted = Math.max(this.#wanted, number);
    this.#start();
  }

  /** Numbers up to this one were given up. Stored before any later number is. */
  giveUp(number: number): void {
    this.#givenUp = Math.max(this.#givenUp, number);
    if (this.#options.store !== undefined) this.#start();
  }

  async #stored(name: string): Promise<number | undefined> {
    const position: unknown = await this.#options.store?.load(name);
    if (position === undefined || Number.isSafeInteger(position)) return position as number | undefined;
    throw new TypeError(`the store gave no number, but ${kindOf(position)}`);
  }

  #start(): void {
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    const { store, name } = this.#options;
    this.#isRunning = true;
    while (this.#saved < this.#wanted || this.#givenUpSaved < this.#givenUp) {
      const [wanted, givenUp] = [this.#wanted, this.#givenUp];
      if (this.#givenUpSaved < givenUp) {
        if ((await this.#untilDone(() => store?.save(givenUpName(name), givenUp))) === stopped) return;
        this.#givenUpSaved = givenUp;
      }
      if (this.#saved >= wanted) continue;
      if ((await this.#untilDone(() => store?.save(name, wanted))) === stopped) return;
      this.#saved = Math.max(this.#saved, wanted);
      const done = this.#waiting.filter(({ number }) => number <= this.#saved);
      this.#waiting.splice(0, this.#waiting.length, ...this.#waiting.filter(({ number }) => number > this.#saved));
      for (const { then } of done) then();
    }
    this.#isRunning = false; // in the turn of the last look, so that nothing is overlooked
  }

  async #untilDone<T>(call: () => Promise<T> | undefined): Promise<T | undefined | typeof stopped> {
    const { clock, backoff, log, stop, name } = this.#options;
    for (let attempt = 1; !stop.aborted; attempt += 1) {
      try {
        return await call();
      } catch (thrown) {
        log.warn({ position: name, ...errorFields(thrown) }, 'the store of positions failed; trying again');
        await sleep(clock, backoff(attempt), stop).catch(() => undefined);
      }
    }
    return stopped;
  }
}

const stopped = Symbol('stopped');

function givenUpName(name: string): string {
  return `${name} given up`;
}
