import { SurehopError } from '@surehop/core';
import { DriverError, fullJitter, sleep } from '@surehop/core/internal';
import type { DeadMessage } from './dead-message.ts';
import { readDeadMessage } from './dead-message-reading.ts';
import type { Desk } from './desk.ts';
import type { Holding } from './holding.ts';
import { type OnProgress, ProgressMeter } from './progress.ts';
import { openHolding } from './way-back.ts';

export interface LookingOptions {
  /** Messages to look at, at the most. */
  readonly limit: number;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress | undefined;
}

/** What was looked at. */
export interface Looked<T> {
  readonly result: T;
  readonly looked: number;
  /** Messages lie behind those that were looked at. */
  readonly more: boolean;
}

/** Told of each message; returns whether it was one of those that are looked for. */
export type Visit = (message: DeadMessage) => boolean;

/** So often in a row may a look be lost, before it is given up. */
const mostLosses = 5;
const baseMs = 100;
const maxMs = 2_000;

/**
 * Shows the messages of a queue from its head on and gives all of them back, in their order. Where the broker is lost
 * meanwhile, it begins anew: nothing was changed.
 *
 * @param begin makes what a look collects, and is called anew for each beginning
 * @throws {SurehopError} SUREHOP_QUEUE_NOT_FOUND, SUREHOP_ACCESS_REFUSED, SUREHOP_LOOKING_COUNTS, SUREHOP_CLOSED, and
 *   SUREHOP_CONNECTION_CLOSED when it was lost five times in a row
 */
export async function look<T>(
  desk: Desk,
  options: LookingOptions,
  begin: () => { readonly result: T; readonly visit: Visit },
): Promise<Looked<T>> {
  const { clock } = desk.internals.effects;
  const backoff = fullJitter({ baseMs, maxMs, random: desk.internals.effects.random });
  for (let losses = 1; ; losses += 1) {
    try {
      return await lookOnce(desk, options, begin());
    } catch (thrown) {
      if (!(thrown instanceof DriverError)) throw thrown;
      if (losses === mostLosses) throw gaveUp(desk.queue, thrown);
      await sleep(clock, backoff(losses), options.signal);
    }
  }
}

async function lookOnce<T>(
  desk: Desk,
  { limit, signal, onProgress }: LookingOptions,
  { result, visit }: { readonly result: T; readonly visit: Visit },
): Promise<Looked<T>> {
  signal.throwIfAborted();
  const holding = await openHolding(desk, signal, { limit });
  try {
    const total = Math.min(limit, await holding.ready());
    const counts = { looked: 0, matched: 0, done: 0, total };
    const meter = new ProgressMeter(desk.internals, onProgress);
    for (let held = await next(holding, signal); held !== undefined; held = await next(holding, signal)) {
      if (visit(readDeadMessage(held.message, desk.queue))) counts.matched += 1;
      counts.looked += 1;
      meter.note(counts);
    }
    const more = holding.size >= limit && (await holding.ready()) > 0;
    meter.tell(counts);
    return { result, looked: counts.looked, more };
  } finally {
    await holding.giveBack();
  }
}

async function next(holding: Holding, signal: AbortSignal): ReturnType<Holding['take']> {
  signal.throwIfAborted();
  return await holding.take();
}

function gaveUp(queue: string, cause: DriverError): SurehopError {
  const what = `looking at queue ${JSON.stringify(queue)} was given up: the connection was lost ${mostLosses} times. Nothing was changed`;
  return new SurehopError('SUREHOP_CONNECTION_CLOSED', what, { retryable: true, cause });
}
