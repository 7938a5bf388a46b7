import { Worker } from 'node:worker_threads';
import { SurehopError } from '@surehop/core';
import type { Damage } from './damage.ts';
import type { Answer, FileFault, Kind, Request, Requests, Standing } from './protocol.ts';

export interface SpoolThreadOptions {
  readonly file: string;
  /** Must not throw. */
  readonly onDamage: (damage: Damage) => void;
  /** The thread has ended, unasked. Must not throw. */
  readonly onEnded: (error: SurehopError) => void;
}

interface Asked {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: SurehopError) => void;
}

/** The other end of the thread that keeps the file. It answers in the order in which it is asked. */
export class SpoolThread {
  readonly #options: SpoolThreadOptions;
  readonly #worker: Worker;
  readonly #asked = new Map<number, Asked>();
  readonly #ended: Promise<void>;
  #number = 0;
  #endedBy: SurehopError | undefined;
  #standing: Standing = {
    unsent: 0,
    unsentBytes: 0,
    deferred: 0,
    setAside: 0,
    setAsideBytes: 0,
    oldestAcceptedAt: undefined,
    nextDueAt: undefined,
  };

  constructor(options: SpoolThreadOptions) {
    this.#options = options;
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), {
      name: 'surehop spool',
      // Not those of the process, which may be for its main module only. Node 22 calls node:sqlite experimental.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    this.#worker.on('message', (answer: Answer) => this.#onAnswer(answer));
    this.#worker.on('error', (cause) => this.#onEnded(cause));
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#onEnded(undefined);
        resolve();
      });
    });
  }

  /** As of the last answer. */
  get standing(): Standing {
    return this.#standing;
  }

  /**
   * @param transfer what is handed over instead of copied
   * @throws {SurehopError} SUREHOP_SPOOL_LOCKED, SUREHOP_SPOOL_UNUSABLE or SUREHOP_SPOOL_WRITE_FAILED
   */
  ask<K extends Kind>(kind: K, ask: Requests[K]['ask'], transfer: ArrayBuffer[] = []): Promise<Requests[K]['answer']> {
    return new Promise((resolve, reject) => {
      if (this.#endedBy !== undefined) return reject(this.#endedBy);
      this.#number += 1;
      this.#asked.set(this.#number, { resolve: resolve as (answer: unknown) => void, reject });
      this.#worker.postMessage({ number: this.#number, kind, ask } as Request, transfer);
    });
  }

  /** Closes the file and ends the thread. Never rejects. */
  async close(): Promise<void> {
    await this.ask('close', {}).catch(() => undefined);
    this.#endedBy ??= new SurehopError('SUREHOP_CLOSED', 'the spool was closed by close()', { retryable: false });
    await this.#ended;
  }

  #onAnswer({ number, result, standing, damage }: Answer): void {
    this.#standing = standing ?? this.#standing;
    for (const found of damage) this.#options.onDamage(found);
    const asked = this.#asked.get(number);
    this.#asked.delete(number);
    if (result.ok) asked?.resolve(result.answer);
    else asked?.reject(fileError(this.#options.file, result.fault));
  }

  #onEnded(cause: unknown): void {
    const wasAsked = this.#endedBy !== undefined || (cause === undefined && this.#asked.size === 0);
    this.#endedBy ??= new SurehopError(
      'SUREHOP_SPOOL_WRITE_FAILED',
      `the thread that keeps the spool ${this.#options.file} has ended; open it anew`,
      { retryable: false, cause },
    );
    for (const { reject } of this.#asked.values()) reject(this.#endedBy);
    this.#asked.clear();
    if (!wasAsked) this.#options.onEnded(this.#endedBy);
  }
}

/** What a caller is told of trouble with the file. */
export function fileError(file: string, { kind, message, stack }: FileFault): SurehopError {
  const cause = new Error(message);
  if (stack !== undefined) cause.stack = stack;
  switch (kind) {
    case 'locked':
      return new SurehopError('SUREHOP_SPOOL_LOCKED', `the spool ${file} is in use: ${message}`, {
        retryable: true,
        cause,
      });
    case 'open':
      return new SurehopError('SUREHOP_SPOOL_UNUSABLE', `the spool ${file} cannot be used: ${message}`, {
        retryable: false,
        cause,
      });
    case 'write':
      return new SurehopError('SUREHOP_SPOOL_WRITE_FAILED', `the spool ${file} cannot be written or read: ${message}`, {
        retryable: true,
        cause,
      });
  }
}
