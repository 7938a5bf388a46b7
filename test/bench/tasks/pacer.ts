import { setTimeout as sleep } from 'node:timers/promises';

/** Calls at a steady rate, as timers allow: what is due since the last look is called at once. Resolves when time is up. */
export async function atRate(perSecond: number, forMs: number, call: () => void): Promise<void> {
  const startedAt = performance.now();
  for (let called = 0; ; ) {
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs >= forMs) return;
    for (const due = Math.floor((elapsedMs * perSecond) / 1_000); called < due; called += 1) call();
    await sleep(1);
  }
}
