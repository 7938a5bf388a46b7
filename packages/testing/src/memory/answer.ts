import type { DriverError } from '@surehop/core/internal';

/** Takes what the other side answers, or why it never will. The first call counts. */
export interface Asked<T> {
  answer(value: T): void;
  refuse(cause: DriverError): void;
}

/**
 * What the other side answers, unless the signal aborts first. Who listens to the channel, or to what came in the same
 * piece, is told before.
 *
 * @param onAbort gives up, and says what the caller is told
 */
export function answered<T>(
  signal: AbortSignal,
  ask: (asked: Asked<T>) => void,
  onAbort: () => DriverError,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (): boolean => {
      if (isOver) return false;
      isOver = true;
      signal.removeEventListener('abort', abort);
      return true;
    };
    const abort = (): void => {
      if (end()) reject(onAbort());
    };
    ask({
      answer: (value) => {
        if (end()) resolve(Promise.resolve(value));
      },
      refuse: (cause) => {
        if (end()) resolve(Promise.reject(cause));
      },
    });
    if (signal.aborted) abort();
    else if (!isOver) signal.addEventListener('abort', abort, { once: true });
  });
}
