import { rmSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { Damage } from './damage.ts';
import { isCorruption, UnusableFileError } from './file-fault.ts';
import { openFile, resolved, takeLock } from './open-file.ts';
import type { Request, Requests, Standing } from './protocol.ts';
import type { SpoolDatabase } from './spool-database.ts';

interface Held {
  readonly file: string;
  readonly lock: DatabaseSync;
  readonly epochMs: number;
}

/** Holds the file and its lock. A file that turns out to be damaged while it is open is made sound, and held on. */
export class FileKeeper {
  readonly #onDamage: (damage: Damage) => void;
  #held: Held | undefined;
  #database: SpoolDatabase | undefined;

  constructor(onDamage: (damage: Damage) => void) {
    this.#onDamage = onDamage;
  }

  /** Undefined while the file is not open. */
  standing(): Standing | undefined {
    return this.#database?.standing();
  }

  handle(request: Request): unknown {
    if (request.kind === 'open') return this.#open(request.ask);
    if (request.kind === 'close') return this.#close();
    try {
      return this.#ask(request);
    } catch (error) {
      if (isCorruption(error)) this.#openAgain();
      throw error;
    }
  }

  #ask(request: Exclude<Request, { readonly kind: 'open' | 'close' }>): unknown {
    const database = this.#database;
    if (database === undefined) throw new Error('the file is not open');
    switch (request.kind) {
      case 'commit':
        return database.commit(request.ask);
      case 'read':
        return database.read(request.ask);
      case 'due':
        return database.due(request.ask);
      case 'expire':
        return database.expire(request.ask);
      case 'list':
        return database.list(request.ask);
      case 'retry':
        return database.retry(request.ask);
      case 'discard':
        return database.discard(request.ask);
      default:
        return request satisfies never;
    }
  }

  #open({ file, epochMs }: Requests['open']['ask']): Requests['open']['answer'] {
    const path = resolved(file);
    const { lock, isFirst } = takeLock(path);
    this.#held = { file: path, lock, epochMs };
    try {
      return this.#take(this.#held, isFirst);
    } catch (error) {
      // Nothing is to be left beside what is no spool.
      if (isFirst && error instanceof UnusableFileError) rmSync(`${path}.lock`, { force: true });
      this.#close();
      throw error;
    }
  }

  #openAgain(): void {
    this.#database?.close();
    this.#database = undefined;
    if (this.#held !== undefined) this.#take(this.#held, false);
  }

  #take({ file, epochMs }: Held, isFirst: boolean): Requests['open']['answer'] {
    const { database, opened, damage } = openFile(file, isFirst, epochMs);
    this.#database = database;
    if (damage !== undefined) this.#onDamage(damage);
    return opened;
  }

  #close(): Record<string, never> {
    this.#database?.close();
    this.#database = undefined;
    this.#held?.lock.close();
    this.#held = undefined;
    return {};
  }
}
