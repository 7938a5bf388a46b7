import type { Logger, PositionStore, SequencePoint } from '@surehop/core';
import type { Backoff, Cancel, Clock } from '@surehop/core/internal';
import type { Entrance } from '../gate.ts';
import { Remembered } from './remembered.ts';
import { SavedPosition } from './saved-position.ts';
import { Sequence } from './sequence.ts';
import type { Sequenced } from './sequenced.ts';

/** A sequence, and what is known and under way of it. */
export interface Lane {
  /** What its position is kept under. */
  readonly name: string;
  readonly key: string;
  readonly run: string;
  readonly sequence: Sequence<Sequenced>;
  readonly position: SavedPosition;
  /** Not judged yet: the store is asked first. */
  arrivals: Sequenced[];
  /** Through which subscription something came when the store was asked last. */
  askedFor: Entrance | undefined;
  /** Questions that the store has not answered. */
  asking: number;
  /** Its gap is looked at, which takes until the store has answered. */
  isLookedAt: boolean;
  /** Numbers up to this one were given up: not all of them were settled. */
  givenUp: number;
  /** The one that failed last, with its attempts; also when it has gone and is to come again. */
  failed: Sequenced | undefined;
  /** Its channel is lost, and its handler still runs: until that has returned, nothing else starts. */
  ghost: Sequenced | undefined;
  /** Since when something is missing, by the clock. */
  gapSince: number;
  /** Of the timer: until a failed one is tried again, or until a gap is looked at. */
  cancel: Cancel | undefined;
}

export interface LanesOptions {
  /** What positions are kept under, beside key and run. */
  readonly name: string;
  readonly store?: PositionStore | undefined;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

/** Sequences that are known at once. */
const mostLanes = 20_000;
const mostRemembered = 100_000;

/** All sequences of a consumer. Of those with nothing to do, the ones that were not used for the longest are forgotten. */
export class Lanes {
  readonly #options: LanesOptions;
  readonly #remembered = new Remembered(mostRemembered);
  readonly #byName = new Map<string, Lane>();
  readonly #most: number;

  constructor(options: LanesOptions, most: number = mostLanes) {
    this.#options = options;
    this.#most = most;
  }

  all(): Iterable<Lane> {
    return this.#byName.values();
  }

  named(name: string): Lane | undefined {
    return this.#byName.get(name);
  }

  /** The lane of a message that has come. */
  of({ key, run }: Required<SequencePoint>): Lane {
    // As a list in JSON: of two parts that are joined, nobody could tell where one ends.
    const name = JSON.stringify([this.#options.name, run, key]);
    const lane = this.#byName.get(name) ?? this.#made(name, key, run);
    this.#byName.delete(name);
    this.#byName.set(name, lane);
    if (this.#byName.size > this.#most) this.#forgetOne();
    return lane;
  }

  #made(name: string, key: string, run: string): Lane {
    return {
      name,
      key,
      run,
      sequence: new Sequence(name, this.#remembered),
      position: new SavedPosition({ ...this.#options, name }),
      arrivals: [],
      askedFor: undefined,
      asking: 0,
      isLookedAt: false,
      givenUp: 0,
      failed: undefined,
      ghost: undefined,
      gapSince: 0,
      cancel: undefined,
    };
  }

  #forgetOne(): void {
    let looked = 0;
    for (const [name, { sequence, position, arrivals, asking, ghost }] of this.#byName) {
      if (sequence.isIdle && position.isSaved && arrivals.length + asking === 0 && ghost === undefined) {
        this.#byName.delete(name);
        return;
      }
      looked += 1;
      if (looked === mostLooked) return;
    }
  }
}

/** Of those that were not used for the longest, so many are looked at in vain before one too many is kept. */
const mostLooked = 100;
