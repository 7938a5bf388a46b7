import type { HeaderTable, MessageProperties } from '@surehop/core';
import { functionOption, integer, invalid, knownKeys } from '@surehop/core/internal';
import { type ActionReport, type ActOptions, checkActOptions } from './act-options.ts';
import type { DeadMessage } from './dead-message.ts';
import { type RampOptions, rampDefaults } from './ramp.ts';
import { checkTarget } from './target.ts';

export interface ReplayOptions extends ActOptions {
  /** A queue for all of them, which must exist. Default: each goes to the queue where it failed. */
  readonly to?: string;
  /** At most so many, above 0. Default: as fast as the broker confirms. */
  readonly ratePerSecond?: number;
  /** Begins slowly and stops when too many come back dead. `{}` takes the defaults. */
  readonly ramp?: RampOptions;
  /**
   * How long to go on looking for those that come back dead, after the last one was replayed, in milliseconds; it ends
   * earlier when all came back.
   * @default 0, and 5_000 with a ramp
   */
  readonly watchMs?: number;
  /**
   * Changes messages on their way: each gets a new message id, and the old one in the header `surehop-replaced-id`. The new
   * id is a hash of the old one and of what was made of the message: where a process dies between a copy and its
   * acknowledgement, the message is there twice under one id, if the same is made of it again. Called once for each;
   * undefined leaves one as it is. When it throws, the message is skipped.
   */
  readonly edit?: (message: DeadMessage) => EditedMessage | undefined;
}

/** What is not given stays as it is. */
export interface EditedMessage {
  readonly content?: Uint8Array;
  /** In place of all headers of the application. */
  readonly headers?: HeaderTable;
  /** Each in place of the one of its name. A `messageId` is the new one. */
  readonly properties?: MessageProperties;
}

export interface ReplayReport extends ActionReport {
  /** Replayed messages that became dead letters again while it ran and watched; the first 1,000. */
  readonly cameBack: readonly { readonly id: string; readonly error: string | undefined }[];
  readonly cameBackCount: number;
  readonly stoppedBy: 'end' | 'cancel' | 'failed share';
  /** How many went to each queue. */
  readonly byTarget: Readonly<Record<string, number>>;
}

const longestWatchMs = 86_400_000;

/** @throws {SurehopError} SUREHOP_OPTION_INVALID */
export function checkReplayOptions(queue: string, given: ReplayOptions): void {
  checkActOptions('replay', given, { others: ['to', 'ratePerSecond', 'ramp', 'watchMs', 'edit'] });
  const { to, ratePerSecond, ramp, watchMs, edit } = given;
  if (to !== undefined) checkTarget('to', to, queue);
  if (ratePerSecond !== undefined) positive('ratePerSecond', ratePerSecond);
  if (ramp !== undefined) checkRamp(ramp);
  if (watchMs !== undefined) integer('watchMs', watchMs, 0, longestWatchMs);
  if (edit !== undefined) functionOption('edit', edit);
}

function checkRamp(ramp: RampOptions): void {
  knownKeys('ramp', ramp, Object.keys(rampDefaults));
  const { stepsPerSecond, stepMs, maxFailedShare } = ramp;
  if (stepsPerSecond !== undefined) {
    if (!Array.isArray(stepsPerSecond) || stepsPerSecond.length === 0) {
      invalid('ramp.stepsPerSecond must be an array of numbers that is not empty');
    }
    for (const [index, step] of stepsPerSecond.entries()) positive(`ramp.stepsPerSecond[${index}]`, step);
  }
  if (stepMs !== undefined) integer('ramp.stepMs', stepMs, 1, longestWatchMs);
  if (maxFailedShare === undefined) return;
  if (typeof maxFailedShare === 'number' && maxFailedShare >= 0 && maxFailedShare <= 1) return;
  invalid('ramp.maxFailedShare must be a number in [0, 1]');
}

function positive(option: string, value: unknown): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) invalid(`${option} must be a number above 0`);
}
