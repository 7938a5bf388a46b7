import { isSurehopError, SurehopError } from '@surehop/core';
import {
  asError,
  DriverError,
  errorFields,
  fullJitter,
  limited,
  type RabbitInternals,
  sleep,
} from '@surehop/core/internal';
import type { ActionReport, ActOptions, Resume } from './act-options.ts';
import type { AuditEntry, AuditLog } from './audit.ts';
import { CopyLane } from './copy-lane.ts';
import type { OnProgress } from './progress.ts';
import { Tally } from './tally.ts';

/** Why going through a queue ended: everything was seen that was there at the beginning, or it was cut short. */
export type RunEnd = 'end' | 'cut';

/** What an action is written down as. */
export interface Intention {
  readonly action: AuditEntry['action'];
  readonly queue: string;
  readonly selection: unknown;
  readonly options: Readonly<Record<string, unknown>>;
}

/** One action under way. */
export interface Run {
  readonly run: string;
  /** Milliseconds since the Unix epoch; a resumed run's own beginning is the first one's. */
  readonly startedAt: number;
  /** It goes on with an earlier one. */
  readonly isResumed: boolean;
  readonly signal: AbortSignal;
  readonly tally: Tally;
  readonly lane: CopyLane;
  /** When it had a channel again after the last loss, by the clock; undefined where nothing was lost. */
  backAt: number | undefined;
}

interface Actor {
  readonly internals: RabbitInternals;
  readonly by: string;
  readonly audit: AuditLog;
}

interface RunOptions extends Pick<ActOptions, 'signal' | 'dryRun'> {
  readonly onProgress?: OnProgress | undefined;
  readonly resume?: Resume | undefined;
}

const lookAgainMs = 100;

/** How long is waited after a loss for messages that were there before, in milliseconds: a broker misses heartbeats so long. */
export const missingForMs = 30_000;

/** How many of those skipped, or come back, a line of the audit log names. */
const mostNamed = 100;

/**
 * Does the work between two lines of the audit log; a dry run writes none.
 *
 * @throws {SurehopError} SUREHOP_AUDIT_FAILED; what the work throws
 */
export async function carriedOut<R extends object>(
  actor: Actor,
  intention: Intention,
  options: RunOptions,
  work: (run: Run) => Promise<R>,
): Promise<R> {
  if (options.dryRun === true) return underWay(actor.internals, options, work);
  return underWay(actor.internals, options, (run) => audited(actor, intention, run, () => work(run)));
}

/** When a run begins, or the one that it goes on with has begun: what was two hours old then, a filter takes to its end. */
export function beganAt({ effects }: RabbitInternals, { resume }: Pick<RunOptions, 'resume'>): number {
  return resume?.startedAt ?? effects.clock.epochMs();
}

/** Does the work with what a run needs. */
async function underWay<R>(
  internals: RabbitInternals,
  options: RunOptions,
  work: (run: Run) => Promise<R>,
): Promise<R> {
  const { signal = new AbortController().signal, onProgress, resume } = options;
  const run = resume?.run ?? internals.effects.newId();
  const startedAt = beganAt(internals, options);
  const lane = new CopyLane(internals);
  try {
    const tally = new Tally(internals, onProgress);
    return await work({ run, startedAt, isResumed: resume !== undefined, signal, tally, lane, backAt: undefined });
  } finally {
    await lane.close();
  }
}

async function audited<R extends object>(
  { internals, by, audit }: Actor,
  intention: Intention,
  { run }: Run,
  work: () => Promise<R>,
): Promise<R> {
  const { clock } = internals.effects;
  const write = async (event: AuditEntry['event'], result?: unknown): Promise<void> => {
    const at = new Date(clock.epochMs()).toISOString();
    await audit.write({ run, event, at, by, ...intention, ...(result !== undefined && { result }) });
  };
  const what = `${intention.action} of queue ${JSON.stringify(intention.queue)}`;
  await write('begin').catch((thrown: unknown) => {
    throw auditFailed(`the ${what} was not begun, and nothing was changed`, thrown);
  });
  let report: R;
  try {
    report = await work();
  } catch (thrown) {
    const { name, message } = asError(thrown);
    const error = isSurehopError(thrown) ? { name, code: thrown.code, message } : { name, message };
    await write('end', { error }).catch((failed: unknown) => {
      internals.log.error({ run, ...errorFields(failed) }, 'the end of an action is not in the audit log');
    });
    throw thrown;
  }
  await write('end', shortened(report)).catch((thrown: unknown) => {
    throw auditFailed(`the ${what} is over, and its end is not in the audit log`, thrown);
  });
  return report;
}

/** Does it, and does it again, with a growing delay, whenever the broker was lost in the middle. */
export async function throughLosses<T>(
  { effects, log }: RabbitInternals,
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  const backoff = fullJitter({ baseMs: 100, maxMs: 2_000, random: effects.random });
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (thrown) {
      if (!(thrown instanceof DriverError) || signal.aborted) throw thrown;
      log.warn(errorFields(thrown), 'the broker was lost in the middle of an action; it goes on when it is back');
    }
    await sleep(effects.clock, backoff(failures), signal).catch(() => undefined);
  }
}

/** The work's end; `cut` where the signal has ended it. */
export async function untilCancelled({ signal }: Run, work: () => Promise<RunEnd>): Promise<RunEnd> {
  try {
    return await work();
  } catch (thrown) {
    if (signal.aborted && thrown === signal.reason) return 'cut';
    throw thrown;
  }
}

/**
 * Waits for what is on its way. After a cancel for `rpcTimeoutMs` at the longest: what has no answer then keeps its
 * original, which may be acted on once more later, under the same id.
 */
export async function settledCopies({ lane, signal }: Run, { effects, options }: RabbitInternals): Promise<void> {
  try {
    await lane.idle(signal);
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    const { signal: limit, clear } = limited(effects.clock, options.rpcTimeoutMs, new AbortController().signal);
    await lane.idle(limit).catch(() => lane.giveUp());
    clear();
  }
}

/**
 * What a lost channel had is the broker's again only when it has noticed the loss: after the time without heartbeats at the
 * latest. Waits a little and resolves to true as long as messages may come for that reason.
 *
 * @throws the signal's reason
 */
export async function mayComeYet(run: Run, { effects }: RabbitInternals, withinMs: number): Promise<boolean> {
  const { clock } = effects;
  if (run.backAt === undefined || clock.now() - run.backAt >= withinMs) return false;
  await sleep(clock, lookAgainMs, run.signal);
  return true;
}

/** What every report says. */
export function reportOf({ run, startedAt, signal, tally }: Run, end: RunEnd, isDryRun = false): ActionReport {
  const more = end === 'cut';
  return tally.report({ run, startedAt, isCancelled: more && signal.aborted, isDryRun, more });
}

function auditFailed(what: string, cause: unknown): SurehopError {
  return new SurehopError('SUREHOP_AUDIT_FAILED', `${what}: ${asError(cause).message}`, { retryable: false, cause });
}

function shortened(report: object): object {
  const { skipped, cameBack, ...rest } = report as Partial<ActionReport> & { cameBack?: readonly { id: string }[] };
  return {
    ...rest,
    ...(skipped !== undefined && { skipped: skipped.slice(0, mostNamed) }),
    ...(cameBack !== undefined && { cameBack: cameBack.slice(0, mostNamed).map(({ id }) => id) }),
  };
}
