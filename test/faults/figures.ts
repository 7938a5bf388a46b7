import assert from 'node:assert/strict';
import type { ErrorCode } from '@surehop/core';
import type { Report } from './history.ts';

/** What one run of a scenario measured. Times in milliseconds, `undefined` where nothing of the kind happened. */
export interface Figures {
  readonly published: number;
  readonly resolved: number;
  /** Rejected as not stored, and as of unknown outcome. */
  readonly notStored: number;
  readonly unknown: number;
  readonly handled: number;
  readonly deadLettered: number;
  readonly lost: number;
  readonly phantom: number;
  readonly hung: number;
  readonly duplicates: number;
  readonly stuck: number;
  /** From the heal until `health()` of both sides says ok. */
  readonly reconnectMs: number | undefined;
  /** From the heal until something is published that was sent after it, and handled whose handler was called after it. */
  readonly firstPublishedMs: number | undefined;
  readonly firstHandledMs: number | undefined;
  /** The longest time in which no promise resolved, and in which nothing was handled, while the harm lasted. */
  readonly publishPauseMs?: number | undefined;
  readonly handlePauseMs?: number | undefined;
  /** How many messages a second were published; undefined where that was no steady stream. */
  readonly perSecond?: number;
  /** What callers were told, and how often. */
  readonly codes: Readonly<Partial<Record<ErrorCode | string, number>>>;
}

export const noFigures: Figures = {
  published: 0,
  resolved: 0,
  notStored: 0,
  unknown: 0,
  handled: 0,
  deadLettered: 0,
  lost: 0,
  phantom: 0,
  hung: 0,
  duplicates: 0,
  stuck: 0,
  reconnectMs: undefined,
  firstPublishedMs: undefined,
  firstHandledMs: undefined,
  codes: {},
};

export function figuresOf(report: Report): Omit<Figures, keyof Bounds | 'codes'> & Pick<Figures, 'duplicates'> {
  const { published, resolved, rejected, handled, deadLettered, lost, phantom, hung, duplicates, stuck } = report;
  return {
    published,
    resolved,
    ...rejected,
    handled,
    deadLettered,
    lost: lost.length,
    phantom: phantom.length,
    hung: hung.length,
    duplicates,
    stuck: stuck.length,
  };
}

/** What must be nought whatever befell. */
export function violationsOf(figures: Figures): string[] {
  return (['lost', 'phantom', 'hung', 'stuck'] as const)
    .filter((kind) => figures[kind] > 0)
    .map((kind) => `${kind}: ${figures[kind]}`);
}

export interface Bounds {
  readonly duplicates?: number;
  readonly reconnectMs?: number;
  readonly firstPublishedMs?: number;
  readonly firstHandledMs?: number;
  readonly publishPauseMs?: number;
  readonly handlePauseMs?: number;
}

/** Returns the figures when none is higher than its bound. @throws {AssertionError} naming each that is, or was not measured */
export function within(figures: Figures, bounds: Bounds): Figures {
  const beyond = Object.entries(bounds)
    .map(([name, bound]) => ({ name, bound, value: figures[name as keyof Bounds] }))
    .filter(({ value, bound }) => value === undefined || value > bound)
    .map(({ name, bound, value }) => `${name} is ${value}, at most ${bound} was expected`);
  assert.deepEqual(beyond, []);
  return figures;
}
