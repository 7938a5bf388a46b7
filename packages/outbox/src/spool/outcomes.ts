import { isSurehopError, type Logger, SurehopError } from '@surehop/core';
import type { SendRate } from '../send-rate.ts';
import type { Acceptance } from './acceptance.ts';
import type { Entry } from './entry.ts';
import type { Forwarder } from './forwarder.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Holdings } from './holdings.ts';
import { reusedError } from './intake.ts';
import type { SentIds } from './sent-ids.ts';
import type { ResolvedSpoolOptions } from './spool-options.ts';
import type { SteadyTime } from './steady-time.ts';

export interface OutcomesParts {
  readonly options: ResolvedSpoolOptions;
  readonly log: () => Logger;
  readonly time: SteadyTime;
  readonly acceptance: Acceptance;
  readonly holdings: Holdings;
  readonly sentIds: SentIds;
  readonly rate: SendRate;
  readonly commits: GroupCommit;
  readonly forwarder: Forwarder;
  readonly isOpen: () => boolean;
}

/** What follows from an answer of the disk or of the broker, whichever came first. */
export class Outcomes {
  readonly #parts: OutcomesParts;

  constructor(parts: OutcomesParts) {
    this.#parts = parts;
  }

  onStored(entry: Entry): void {
    const { acceptance, commits, forwarder, holdings } = this.#parts;
    entry.place = 'disk';
    acceptance.resolve(entry, 'disk');
    if (entry.refusal !== undefined) this.onRefused(entry, entry.refusal);
    else if (entry.isConfirmed) commits.noteSent(entry.seq);
    else if (forwarder.leaveToFile(entry)) holdings.release(entry);
  }

  /** The file has its id. */
  onTaken(entry: Entry, isSameThere: boolean): void {
    const { acceptance, forwarder, holdings } = this.#parts;
    forwarder.forget(entry);
    holdings.end(entry);
    entry.place = 'disk';
    if (isSameThere) acceptance.resolve(entry, 'disk');
    else acceptance.reject(entry, reusedError(entry.row.id));
  }

  /** The disk has not got it: where it was handed to the broker, the broker's answer decides. */
  onUnstored(entry: Entry, error: SurehopError): void {
    const { acceptance, forwarder, holdings, isOpen } = this.#parts;
    entry.place = 'nowhere';
    entry.trouble = error;
    if (entry.isConfirmed) return;
    if (entry.refusal !== undefined) this.onRefused(entry, entry.refusal);
    else if (!entry.isHanded) {
      forwarder.forget(entry);
      holdings.end(entry);
      acceptance.reject(entry, unstored(entry, error));
    }
    // No answer can come: the message is taken back, and told by what became of it.
    else if (!isOpen()) forwarder.takeBack([entry]);
  }

  onConfirmed(entry: Entry): void {
    const { acceptance, commits, holdings, rate, sentIds } = this.#parts;
    rate.note();
    sentIds.add(entry);
    holdings.end(entry);
    if (entry.place === 'queued') commits.withdraw(entry);
    else if (entry.place === 'disk') commits.noteSent(entry.seq);
    acceptance.resolve(entry, 'broker');
  }

  onRefused(entry: Entry, error: SurehopError): void {
    const { acceptance, commits, holdings, log, options, time } = this.#parts;
    const { seq, row, place } = entry;
    if (place === 'queued' || place === 'writing') {
      entry.refusal = error; // once the disk has answered
      return;
    }
    if (place === 'nowhere') {
      holdings.end(entry);
      acceptance.reject(entry, error);
      return;
    }
    const attempts = row.attempts + 1;
    const delayMs = options.retryDelaysMs[row.attempts];
    const { code } = error;
    const fields = { file: options.file, messageId: row.id, attempts, code, error: error.message };
    if (delayMs === undefined) {
      holdings.end(entry);
      commits.noteRefused({ seq, attempts, code, error: error.message });
      log().error(fields, 'a spooled message was refused for good and is set aside');
    } else {
      holdings.release(entry);
      commits.noteDeferred({ seq, attempts, dueAt: time.now() + delayMs });
      log().info({ ...fields, delayMs }, 'a spooled message was refused and will be tried again');
    }
  }

  /** Nothing is held against it: where it is stored, it is sent again. */
  onReturned(entry: Entry, error: unknown): void {
    const { acceptance, holdings } = this.#parts;
    if (entry.place === 'disk') holdings.release(entry);
    if (entry.place !== 'nowhere') return;
    holdings.end(entry);
    const { trouble } = entry;
    if (trouble === undefined || isSurehopError(error, 'SUREHOP_PUBLISH_UNKNOWN')) {
      acceptance.reject(entry, error as SurehopError);
    } else acceptance.reject(entry, unstored(entry, trouble));
  }
}

function unstored({ row }: Entry, cause: SurehopError): SurehopError {
  return new SurehopError(cause.code, `message ${row.id} was not accepted and is not stored: ${cause.message}`, {
    retryable: cause.retryable,
    cause,
  });
}
