import { boolean, functionOption, integer, invalid, knownKeys } from '@surehop/core/internal';
import type { OnProgress } from './progress.ts';

/** What every action takes. */
export interface ActOptions {
  /** Stops the action: what is done stays done, everything else is untouched. It then resolves, with `isCancelled`. */
  readonly signal?: AbortSignal;
  /** Told at the beginning, at most every 100 ms, and at the end. */
  readonly onProgress?: OnProgress;
  /** Counts and checks, and changes nothing. Looks at the first 50,000 messages. @default false */
  readonly dryRun?: boolean;
  /** At most so many messages are acted on, at least 1. Default: no limit. */
  readonly limit?: number;
  /**
   * At most so many are looked at, from the head, at least 1: what a look has counted before, so that what came behind it
   * is not touched. Default: as many as there are when it begins.
   */
  readonly lookAtMost?: number;
  /**
   * Goes through the whole queue, however long it is: what is not acted on is copied to the tail of the queue and
   * acknowledged, in order. Without it at most 50,000 messages are looked at, and nothing that is not acted on moves.
   * @default false
   */
  readonly all?: boolean;
  /** An earlier run of the same action that did not come to its end, to be gone on with. */
  readonly resume?: Resume;
}

export interface Resume {
  /** Its `run`, as the audit log and its report have it. */
  readonly run: string;
  /** When it began, in milliseconds since the Unix epoch. */
  readonly startedAt: number;
}

export interface Skipped {
  readonly id: string;
  readonly why: string;
}

export interface ActionReport {
  /** A UUIDv7, the same as in the audit log. */
  readonly run: string;
  /** Milliseconds since the Unix epoch; with `run`, what `resume` takes. */
  readonly startedAt: number;
  readonly looked: number;
  readonly matched: number;
  readonly done: number;
  /** Messages that it is about and that stayed where they were; the first 1,000. */
  readonly skipped: readonly Skipped[];
  readonly skippedCount: number;
  readonly isCancelled: boolean;
  readonly isDryRun: boolean;
  /** True when messages lie behind those that were looked at, other than such as came meanwhile. */
  readonly more: boolean;
}

const known = ['signal', 'onProgress', 'dryRun', 'limit', 'lookAtMost', 'all', 'resume'];

/** @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkActOptions(
  action: string,
  given: ActOptions,
  { others = [], resumesPassOnly = false }: { others?: readonly string[]; resumesPassOnly?: boolean } = {},
): void {
  knownKeys(action, given, [...known, ...others]);
  const { signal, onProgress, dryRun, limit, lookAtMost, all, resume } = given;
  checkSignal(signal);
  if (onProgress !== undefined) functionOption('onProgress', onProgress);
  if (dryRun !== undefined) boolean('dryRun', dryRun);
  if (limit !== undefined) integer('limit', limit, 1);
  if (lookAtMost !== undefined) integer('lookAtMost', lookAtMost, 1);
  if (all !== undefined) boolean('all', all);
  if (resume === undefined) return;
  checkResume(resume);
  if (resumesPassOnly && all !== true)
    invalid(`resume is for a ${action} with all: true; without it, just begin again`);
}

export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) invalid('signal must be an AbortSignal');
}

export function checkResume(resume: Resume): void {
  knownKeys('resume', resume, ['run', 'startedAt']);
  const isRun = typeof resume.run === 'string' && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(resume.run);
  if (!isRun) invalid('resume.run must be the run of an earlier report, a UUID');
  integer('resume.startedAt', resume.startedAt, 0);
}
