import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** Undoes what it was returned for. Safe to call twice. */
export type Cancel = () => void;

/** Time as this SDK sees it. A simulation brings its own; everything else uses {@link systemEffects}. */
export interface Clock {
  /** Milliseconds since some moment, never going back: only differences mean something. */
  now(): number;
  /** Milliseconds since the Unix epoch, as the machine's clock says. It may jump: for what is told, never for waiting. */
  epochMs(): number;
  /** Calls back once after `delayMs`, unless cancelled. */
  setTimeout(callback: () => void, delayMs: number): Cancel;
  /** Calls back once after what is due in this turn of the event loop has run. */
  defer(callback: () => void): void;
  /** A signal that aborts after `delayMs`. It does not keep the process alive. */
  deadline(delayMs: number): AbortSignal;
}

/** Everything that makes two runs differ: time, randomness, ids. The only place where they enter. */
export interface Effects {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  random(): number;
  /** A new message id: a UUIDv7, sortable by time (RFC 9562). */
  newId(): string;
}

/** `setTimeout` fires at once for anything longer than this. */
export const longestTimeoutMs: number = 2 ** 31 - 1;

const systemClock: Clock = {
  now: () => performance.now(),
  epochMs: () => Date.now(),
  setTimeout(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(Math.max(0, delayMs), longestTimeoutMs));
    return () => clearTimeout(timer);
  },
  defer(callback) {
    setImmediate(callback);
  },
  deadline: (delayMs) => AbortSignal.timeout(Math.min(Math.max(0, Math.ceil(delayMs)), longestTimeoutMs)),
};

/** Random bytes for so many ids are taken at once: taking 16 costs as much as taking 4,096. */
const chance = Buffer.alloc(4_096);
const drawn = Array.from({ length: 256 }, (_, index) => chance.subarray(16 * index, 16 * index + 16));
let nextDrawn = drawn.length;
const lastId = { msecs: 0, seq: 0 };

/** UUIDs of one process grow, whatever the machine's clock does: within a millisecond a number is counted up. */
function newUuid(now: number): string {
  if (nextDrawn === drawn.length) {
    randomFillSync(chance);
    nextDrawn = 0;
  }
  const random = drawn[nextDrawn++] as Buffer;
  if (now > lastId.msecs) {
    lastId.msecs = now;
    lastId.seq = random.readUInt32BE(6) >>> 1;
  } else {
    lastId.seq = (lastId.seq + 1) >>> 0;
    if (lastId.seq === 0) lastId.msecs += 1;
  }
  return v7({ random, msecs: lastId.msecs, seq: lastId.seq });
}

/** The last digits of a UUID that are counted up, so that of what is published at once not each message needs a new one. */
const countings = Array.from({ length: 4_096 }, (_, count) => count.toString(16).padStart(3, '0'));
const counted = { beginning: '', at: 0, next: countings.length };

/** All digits of a UUIDv7 after its time may be counted on (RFC 9562, section 6.2, method 2). */
function newId(): string {
  const now = Date.now();
  if (now > counted.at || counted.next === countings.length) {
    counted.beginning = newUuid(now).slice(0, -3);
    counted.at = now;
    counted.next = 0;
  }
  return counted.beginning + countings[counted.next++];
}

export const systemEffects: Effects = {
  clock: systemClock,
  random: () => Math.random(),
  newId,
};

/** Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * A signal that aborts after `delayMs`, or with another one. Not `AbortSignal.any` over `AbortSignal.timeout`: on Node 22
 * the garbage collector takes the timeout away from such a signal, which then never aborts.
 */
export function limited(clock: Clock, delayMs: number, signal: AbortSignal): { signal: AbortSignal; clear: Cancel } {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal.reason);
  const cancel = clock.setTimeout(() => controller.abort(new DOMException('timed out', 'TimeoutError')), delayMs);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const clear = (): void => {
    cancel();
    signal.removeEventListener('abort', onAbort);
  };
  return { signal: controller.signal, clear };
}

/** The promise's result, or the signal's reason as soon as it aborts. The work itself goes on. */
export async function settled<T>(promise: PromiseLike<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
