import { setTimeout as sleep } from 'node:timers/promises';

/** A promise, and the function that resolves it. */
export function signal(): { readonly raised: Promise<void>; readonly raise: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { raised: promise, raise: resolve };
}

/** Whether it happened in time. */
export async function within(limitMs: number, happened: Promise<void>): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(limitMs, false, { signal: timer.signal }).catch(() => false);
  const inTime = await Promise.race([happened.then(() => true), late]);
  timer.abort();
  return inTime;
}
