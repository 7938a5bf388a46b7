import { type PositionStore, type SequenceStore, SurehopError, type TakenNumber } from '@surehop/core';
import { asError, integer, nonEmptyString, systemEffects } from '@surehop/core/internal';
import { SequenceDatabase } from './sequence-database.ts';

/** Numbers and positions in one SQLite file. Made by {@link openSequenceFile}. */
export interface SequenceFile extends Disposable {
  /** For `createPublisher`: a process that starts goes on with the numbers where the last one stood. */
  readonly sequences: SequenceStore;
  /** For a consumer's `resequence.store`, or for whoever else goes through numbered things. */
  readonly positions: PositionStore;
  /** What is under way is written before. Safe to call twice. */
  close(): void;
}

/**
 * Opens the file, which is made where there is none. What a call resolves to is on the disk. All calls of one turn of the
 * event loop are written at once, in this thread: one write that is waited for, mostly some milliseconds. Several
 * processes of one machine may have it open.
 *
 * @param file a path on a local disk: SQLite's locks do not hold on network file systems
 * @throws {SurehopError} SUREHOP_OPTION_INVALID; SUREHOP_FILE_UNUSABLE: it cannot be opened, or is something else. Calls
 *   reject with SUREHOP_STORE_UNAVAILABLE
 */
export function openSequenceFile(file: string): SequenceFile {
  nonEmptyString('the file of sequences', file);
  return new OpenSequenceFile(new SequenceDatabase(file));
}

interface Job {
  readonly work: () => void;
  readonly onDone: () => void;
  readonly onFailed: (error: SurehopError) => void;
}

class OpenSequenceFile implements SequenceFile {
  readonly sequences: SequenceStore;
  readonly positions: PositionStore;
  readonly #database: SequenceDatabase;
  #jobs: Job[] = [];
  #isClosed = false;

  constructor(database: SequenceDatabase) {
    this.#database = database;
    this.sequences = {
      take: (sequence, messageId) =>
        this.#write<TakenNumber>(() => database.take(sequence, messageId, systemEffects.newId())),
      notStored: (sequence, messageId) => this.#write(() => database.notStored(sequence, messageId)),
    };
    this.positions = {
      load: async (name) => {
        nonEmptyString('the name of a position', name);
        return this.#write(() => database.position(name));
      },
      save: async (name, position) => {
        nonEmptyString('the name of a position', name);
        integer('a position', position, 0);
        return this.#write(() => database.savePosition(name, position));
      },
    };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#commit();
    this.#isClosed = true;
    this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #write<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      let result: T;
      this.#jobs.push({
        work: () => {
          result = work();
        },
        onDone: () => resolve(result),
        onFailed: reject,
      });
      if (this.#jobs.length === 1) systemEffects.clock.defer(() => this.#commit());
    });
  }

  /** All that was asked for in this turn, or nothing of it. */
  #commit(): void {
    const jobs = this.#jobs;
    this.#jobs = [];
    if (jobs.length === 0) return;
    try {
      if (this.#isClosed) throw new Error('it was closed');
      this.#database.transaction(() => {
        for (const { work } of jobs) work();
      });
    } catch (cause) {
      const text = `the file of sequences could not be written: ${asError(cause).message}`;
      const error = new SurehopError('SUREHOP_STORE_UNAVAILABLE', text, { retryable: true, cause });
      for (const { onFailed } of jobs) onFailed(error);
      return;
    }
    for (const { onDone } of jobs) onDone();
  }
}
