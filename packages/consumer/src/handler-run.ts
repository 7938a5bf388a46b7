import { SurehopError } from '@surehop/core';
import type { Cancel, Clock } from '@surehop/core/internal';

/** How a handler ended. */
export type Outcome = { readonly status: 'done' } | { readonly status: 'failed'; readonly error: unknown };

export interface Returned {
  /** What it returned with, when nobody waited for it any more. */
  readonly late: Outcome | undefined;
  readonly wasStuck: boolean;
}

export interface HandlerRunOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly graceMs: number;
  /** Told once, when it is waited for no longer: what came of it, or undefined when it was abandoned. */
  readonly onOutcome: (outcome: Outcome | undefined) => void;
  /** It ignored its aborted signal for the whole grace period and still runs. Told once at the most. */
  readonly onStuck: () => void;
  /** It has returned; told once, or never. */
  readonly onReturned: (how: Returned) => void;
}

/**
 * One call of a handler, with a time limit. It cannot stop code that ignores the signal: it stops waiting for it.
 *
 *   running ──limit──▶ overdue ──grace──▶ stuck ──┐
 *      │                  │                       ├──returns (late)──▶ returned
 *      ├──abandoned───────┴──────────▶ abandoned ─┘
 *      └──returns─────────┴───────────────────────────────────────────▶ returned
 */
export class HandlerRun {
  readonly #options: HandlerRunOptions;
  #state: 'running' | 'overdue' | 'stuck' | 'abandoned' | 'returned' = 'running';
  #overdue: SurehopError | undefined;
  /** Made when the handler asks for its signal: most never do. */
  #controller: AbortController | undefined;
  #reason: SurehopError | undefined;
  #cancelTimer: Cancel | undefined;

  constructor(options: HandlerRunOptions) {
    this.#options = options;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** True until it returned, was given up or abandoned. */
  get isAwaited(): boolean {
    return this.#state === 'running' || this.#state === 'overdue';
  }

  /** @param call may do, return and throw anything */
  start(call: () => unknown): void {
    const { clock, timeoutMs } = this.#options;
    this.#cancelTimer = clock.setTimeout(() => this.#onLimit(), timeoutMs);
    let returned: unknown;
    try {
      returned = call();
    } catch (error) {
      returned = Promise.reject(error);
    }
    Promise.resolve(returned).then(
      () => this.#onReturn({ status: 'done' }),
      (error: unknown) => this.#onReturn({ status: 'failed', error }),
    );
  }

  /** Aborts the signal and waits no longer: whatever it returns with is too late. */
  abandon(reason: SurehopError): void {
    if (!this.isAwaited) return;
    this.#cancelTimer?.();
    this.#state = 'abandoned';
    this.#abort(reason);
    this.#options.onOutcome(undefined);
    // It may still hang, which is to be seen: from now on it has the whole time again.
    const { clock, timeoutMs, graceMs } = this.#options;
    this.#cancelTimer = clock.setTimeout(() => {
      this.#state = 'stuck';
      this.#options.onStuck();
    }, timeoutMs + graceMs);
  }

  /** Leaves no timer behind. */
  unwatch(): void {
    this.#cancelTimer?.();
  }

  #onLimit(): void {
    const { clock, timeoutMs, graceMs } = this.#options;
    this.#state = 'overdue';
    this.#overdue = timeoutError(timeoutMs);
    this.#cancelTimer = clock.setTimeout(() => this.#onGraceOver(), graceMs);
    this.#abort(this.#overdue);
  }

  #onGraceOver(): void {
    this.#state = 'stuck';
    this.#options.onOutcome({ status: 'failed', error: this.#overdue });
    this.#options.onStuck();
  }

  #onReturn(outcome: Outcome): void {
    this.#cancelTimer?.();
    const { isAwaited } = this;
    const wasStuck = this.#state === 'stuck';
    const overdue = this.#overdue;
    this.#state = 'returned';
    if (isAwaited) {
      const told = overdue !== undefined && outcome.status === 'failed' ? this.#overdueFailure(outcome.error) : outcome;
      this.#options.onOutcome(told);
    }
    this.#options.onReturned({ late: isAwaited ? undefined : outcome, wasStuck });
  }

  #overdueFailure(cause: unknown): Outcome {
    return { status: 'failed', error: timeoutError(this.#options.timeoutMs, cause) };
  }

  #abort(reason: SurehopError): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }
}

function timeoutError(timeoutMs: number, cause?: unknown): SurehopError {
  return new SurehopError('SUREHOP_HANDLER_TIMEOUT', `the handler ran for longer than ${timeoutMs} ms`, {
    retryable: true,
    cause,
  });
}
