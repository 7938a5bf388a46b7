import { DriverError } from '@surehop/core/internal';
import type { Desk } from './desk.ts';
import type { Doubts } from './doubts.ts';
import { type Holding, type HoldingOptions, mostHeld } from './holding.ts';
import { mayComeYet, type Run, type RunEnd, settledCopies, throughLosses, untilCancelled } from './run.ts';
import { openHolding } from './way-back.ts';

/** How long is waited for what may have been acknowledged in vain, in milliseconds. */
const doubtedForMs = 3_000;

export interface SessionOptions {
  readonly doubts: Doubts;
  readonly holding: HoldingOptions;
  /** Within how many deliveries what is in doubt comes again, beside those that were kept. */
  readonly doubtedWithin: number;
}

/**
 * Does the work on one channel after the other, until one lasts, and sees to it in the end that what was done is acknowledged.
 * The work is begun anew after each loss; `cut` where the run was cancelled.
 */
export function inSessions(
  desk: Desk,
  run: Run,
  options: SessionOptions,
  work: (holding: Holding) => Promise<RunEnd>,
): Promise<RunEnd> {
  const { internals } = desk;
  return untilCancelled(run, async () => {
    let sessions = 0;
    const session = (one: (holding: Holding) => Promise<RunEnd>): Promise<RunEnd> =>
      throughLosses(internals, run.signal, () => inSession(desk, run, options, sessions++ > 0, one));
    const end = await session(work);
    while (options.doubts.areThere) await session((holding) => acknowledgeAgain(desk, run, holding, options.doubts));
    return end;
  });
}

async function inSession(
  desk: Desk,
  run: Run,
  { doubts, doubtedWithin, holding: options }: SessionOptions,
  isLost: boolean,
  work: (holding: Holding) => Promise<RunEnd>,
): Promise<RunEnd> {
  const holding = await openHolding(desk, run.signal, options);
  const { clock } = desk.internals.effects;
  if (isLost) run.backAt = clock.now();
  const onLost = (): void => doubts.lost(doubtedWithin + holding.size);
  let end: RunEnd;
  try {
    end = await work(holding);
    await settledCopies(run, desk.internals);
  } catch (thrown) {
    // What is on its way belongs to messages that come again: how each ended must be known before.
    await settledCopies(run, desk.internals).catch(() => run.lane.giveUp());
    if (thrown instanceof DriverError) {
      onLost();
      run.tally.again();
    }
    await holding.giveBack();
    throw thrown;
  }
  const hasArrived = await holding.giveBack();
  if (!hasArrived) onLost();
  return end;
}

/** Everything was done, and a channel was lost: what comes again was acknowledged in vain. */
async function acknowledgeAgain(desk: Desk, run: Run, holding: Holding, doubts: Doubts): Promise<RunEnd> {
  while (doubts.areThere && holding.size < mostHeld) {
    const held = await holding.take();
    if (held === undefined) {
      if (await mayComeYet(run, desk.internals, doubtedForMs)) continue;
      break;
    }
    if (!doubts.isAgain(held.message)) continue;
    holding.ack(held);
    doubts.settled(held.message);
  }
  doubts.forget();
  return 'end';
}
