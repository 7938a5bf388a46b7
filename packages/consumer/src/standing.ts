import { type Effects, limited, settled } from '@surehop/core/internal';

/** How long what stood before is waited for, in milliseconds. */
const patienceMs = 1_000;

/**
 * Waits for a topology, but not for long where it stood before and nothing speaks against it: a node that hangs holds up
 * whatever writes to the metadata of its cluster, and not deliveries.
 */
export async function untilStanding(
  asserting: Promise<void>,
  stoodBefore: boolean,
  clock: Effects['clock'],
  over: AbortSignal,
): Promise<void> {
  if (!stoodBefore) return asserting;
  const { signal, clear } = limited(clock, patienceMs, over);
  try {
    await settled(asserting, signal);
  } catch (thrown) {
    if (!signal.aborted || over.aborted) throw thrown;
    asserting.catch(() => undefined); // the keeper tells of it, and goes on
  } finally {
    clear();
  }
}
