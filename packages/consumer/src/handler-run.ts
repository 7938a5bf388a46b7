import { SurehopError } from '@surehop/core';
import type { Cancel } from '@surehop/core/internal';
import type { Limited, TimeLimit } from './time-limit.ts';

/** How a handler ended. */
export type Outcome = { readonly status: 'done' } | { readonly status: 'failed'; readonly error: unknown };

export interface Returned {
  /** What it returned with, when nobody waited for it any more. */
  readonly late: Outcome | undefined;
  readonly wasStuck: boolean;
}

/** What a run calls, and tells. */
export interface Job {
  /** May do, return and throw anything. */
  call(run: HandlerRun): unknown;
  /** Told once, when it is waited for no longer: what came of it, or undefined when it was abandoned. */
  onOutcome(outcome: Outcome | undefined): void;
  /** It ignored its aborted signal for the whole grace period and still runs. Told once at the most. */
  onStuck(): void;
  /** It has returned; told once, or never. */
  onReturned(how: Returned): void;
}

const done: Outcome = { status: 'done' };
const inTime: Returned = { late: undefined, wasStuck: false };

/**
 * One call of a handler, with a time limit. It cannot stop code that ignores the signal: it stops waiting for it.
 *
 *   running ──limit──▶ overdue ──grace──▶ stuck ──┐
 *      │                  │                       ├──returns (late)──▶ returned
 *      ├──abandoned───────┴──────────▶ abandoned ─┘
 *      └──returns─────────┴───────────────────────────────────────────▶ returned
 */
export class HandlerRun implements Limited {
  readonly #job: Job;
  readonly #limit: TimeLimit;
  readonly #graceMs: number;
  #state: 'running' | 'overdue' | 'stuck' | 'abandoned' | 'returned' = 'running';
  #overdue: SurehopError | undefined;
  /** Made when the handler asks for its signal: most never do. */
  #controller: AbortController | undefined;
  #reason: SurehopError | undefined;
  #cancelTimer: Cancel | undefined;
  /** Under the limit; none once that is behind it. */
  #place: number | undefined;
  #began = 0;

  constructor(job: Job, limit: TimeLimit, graceMs: number) {
    this.#job = job;
    this.#limit = limit;
    this.#graceMs = graceMs;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  get began(): number {
    return this.#began;
  }

  /** True until it returned, was given up or abandoned. */
  get isAwaited(): boolean {
    return this.#state === 'running' || this.#state === 'overdue';
  }

  start(): void {
    this.#began = this.#limit.now();
    this.#place = this.#limit.begin(this);
    let returned: unknown;
    try {
      returned = this.#job.call(this);
    } catch (error) {
      returned = Promise.reject(error);
    }
    Promise.resolve(returned).then(
      () => this.#onReturn(done),
      (error: unknown) => this.#onReturn({ status: 'failed', error }),
    );
  }

  /** Aborts the signal and waits no longer: whatever it returns with is too late. */
  abandon(reason: SurehopError): void {
    if (!this.isAwaited) return;
    this.#unwatch();
    this.#state = 'abandoned';
    this.#abort(reason);
    this.#job.onOutcome(undefined);
    // It may still hang, which is to be seen: from now on it has the whole time again.
    this.#cancelTimer = this.#limit.after(this.#limit.limitMs + this.#graceMs, () => {
      this.#state = 'stuck';
      this.#job.onStuck();
    });
  }

  onLimit(): void {
    this.#unwatch();
    this.#state = 'overdue';
    this.#overdue = timeoutError(this.#limit.limitMs);
    this.#cancelTimer = this.#limit.after(this.#graceMs, () => this.#onGraceOver());
    this.#abort(this.#overdue);
  }

  #onGraceOver(): void {
    this.#state = 'stuck';
    this.#job.onOutcome({ status: 'failed', error: this.#overdue });
    this.#job.onStuck();
  }

  #onReturn(outcome: Outcome): void {
    this.#unwatch();
    const { isAwaited } = this;
    const wasStuck = this.#state === 'stuck';
    const overdue = this.#overdue;
    this.#state = 'returned';
    if (isAwaited) {
      const told = overdue !== undefined && outcome.status === 'failed' ? this.#overdueFailure(outcome.error) : outcome;
      this.#job.onOutcome(told);
    }
    this.#job.onReturned(isAwaited ? inTime : { late: outcome, wasStuck });
  }

  #unwatch(): void {
    if (this.#place !== undefined) this.#limit.end(this.#place);
    this.#place = undefined;
    this.#cancelTimer?.();
  }

  #overdueFailure(cause: unknown): Outcome {
    return { status: 'failed', error: timeoutError(this.#limit.limitMs, cause) };
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
