import type { RetryPolicy, StreamHandler, SurehopError } from '@surehop/core';
import {
  type Attempts,
  type BodyRule,
  type DecodedBody,
  decodeBody,
  errorFields,
  longestTimeoutMs,
  type RabbitInternals,
  retryDelayMs,
  sleep,
} from '@surehop/core/internal';
import { UnreadableBody } from '../decide.ts';
import { messageFields } from '../delivery.ts';
import { HandlerRun, type Job, type Outcome, type Returned } from '../handler-run.ts';
import { TimeLimit } from '../time-limit.ts';
import type { StreamFailures } from './stream-failures.ts';
import { StreamReceived } from './stream-received.ts';
import type { Entry } from './stream-subscription.ts';
import { verdictOn } from './verdict.ts';

export interface StreamWorkOptions {
  readonly internals: RabbitInternals;
  readonly stream: string;
  readonly body: BodyRule;
  readonly retry: RetryPolicy;
  readonly handler: StreamHandler<never>;
  readonly handlerTimeoutMs: number;
  readonly handlerGraceMs: number;
  readonly failures: StreamFailures;
}

/** Does one message after the other, each until it is handled or laid aside. */
export class StreamWork {
  readonly #options: StreamWorkOptions;
  readonly #limit: TimeLimit;
  #run: HandlerRun | undefined;
  #attempt = 0;
  #stuck = 0;

  constructor(options: StreamWorkOptions) {
    this.#options = options;
    this.#limit = new TimeLimit(options.internals.effects.clock, options.handlerTimeoutMs);
  }

  /** At the message in hand; 0 when there is none. */
  get attempt(): number {
    return this.#attempt;
  }

  get stuckHandlers(): number {
    return this.#stuck;
  }

  /**
   * True once the message is handled, or its dead letter stored; false when it was given up, so that it is to be handled
   * again. Never rejects.
   *
   * @param stop starts no further attempt, and ends a wait for one
   * @param giveUp ends everything
   */
  async handle(entry: Entry, stop: AbortSignal, giveUp: AbortSignal): Promise<boolean> {
    const { retry, failures, internals } = this.#options;
    try {
      for (let failed = 0; ; ) {
        this.#attempt = failed + 1;
        const outcome = await this.#attempted(entry, failed);
        if (outcome === undefined) return false;
        if (outcome.status === 'done') return true;
        const verdict = verdictOn(
          outcome.error,
          retryDelayMs(retry, this.#attempt, () => internals.effects.random()),
        );
        if (verdict.verdict === 'dead') {
          return await failures.layAside(
            entry,
            { error: outcome.error, failedAttempts: this.#attempt, ...verdict },
            giveUp,
          );
        }
        failures.say(entry, this.#attempt, outcome.error, verdict.delayMs);
        if (verdict.countAttempt) failed += 1;
        if (!(await this.#waited(verdict.delayMs, stop))) return false;
      }
    } catch (bug) {
      internals.log.error({ stream: this.#options.stream, ...errorFields(bug) }, 'handling a message went wrong');
      return false;
    } finally {
      this.#attempt = 0;
    }
  }

  /** Aborts the running handler's signal and waits for it no longer. */
  abandon(reason: SurehopError): void {
    this.#run?.abandon(reason);
  }

  /** Leaves no timer behind, whatever still runs. */
  unwatch(): void {
    this.#limit.unwatch();
  }

  /** Undefined when it was abandoned. */
  #attempted(entry: Entry, failedAttempts: number): Promise<Outcome | undefined> {
    const { stream, handlerGraceMs, internals } = this.#options;
    const attempts: Attempts = { failedAttempts, failedAt: undefined, notBefore: undefined };
    const fields = { ...messageFields(stream, entry.message, attempts), offset: entry.offset };
    return new Promise((resolve) => {
      const job: Job = {
        call: (run) => this.#call(run, entry, attempts),
        onOutcome: (outcome) => {
          this.#run = undefined;
          resolve(outcome);
        },
        onStuck: () => {
          this.#stuck += 1;
          internals.log.error(fields, 'a handler ran past its time limit and has not returned');
        },
        onReturned: ({ late, wasStuck }: Returned) => {
          if (wasStuck) this.#stuck -= 1;
          if (late === undefined) return;
          const text = 'a handler returned after nobody waited for it any more; that is ignored';
          internals.log.warn({ ...fields, outcome: late.status }, text);
        },
      };
      this.#run = new HandlerRun(job, this.#limit, handlerGraceMs);
      this.#run.start();
    });
  }

  #call(run: HandlerRun, entry: Entry, attempts: Attempts): unknown {
    const { body } = this.#options;
    const { message } = entry;
    const decoded = decodeBody(body, message.properties.contentType, message.content);
    const receive = (result: DecodedBody<unknown>): unknown => {
      if (!result.ok) throw new UnreadableBody(result.reason, result.error);
      const { handler, stream: queue, internals } = this.#options;
      return handler(new StreamReceived(run, entry, attempts, result.body, { queue, log: internals.log }) as never);
    };
    return decoded instanceof Promise ? decoded.then(receive) : receive(decoded);
  }

  /** False when it was to stop. */
  async #waited(delayMs: number, stop: AbortSignal): Promise<boolean> {
    const { clock } = this.#options.internals.effects;
    const endsAt = clock.now() + delayMs;
    try {
      // A timer holds no more than some weeks.
      for (let leftMs = delayMs; leftMs > 0; leftMs = endsAt - clock.now()) {
        await sleep(clock, Math.min(leftMs, longestTimeoutMs), stop);
      }
      return !stop.aborted;
    } catch {
      return false;
    }
  }
}
