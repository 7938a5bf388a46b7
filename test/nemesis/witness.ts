import { History } from '../faults/history.ts';
import type { Failed, Findings } from './ledger.ts';
import { Pulse } from './pulse.ts';
import type { JournalRecord } from './record.ts';
import type { Worker } from './worker.ts';

/** A promise may settle so much after its deadline on a machine that is busy with three brokers, and with other work. */
const lateByMs = 10_000;

/** What one process did, all its incarnations together. */
interface Account {
  readonly pulse: Pulse;
  /** Sent, and not settled: excused when the process is killed. */
  readonly open: Set<number>;
  /** Whether the process that wrote last has closed in order. */
  isClosed: boolean;
  isReady: boolean;
  peakBytes: number;
}

type Testimony = Pick<
  Findings,
  'processes' | 'publishing' | 'handling' | 'rejections' | 'failures' | 'unhandled' | 'excused'
>;

/** Reads the journals of all processes and adds up what they say. */
export class Witness {
  readonly history: History = new History();
  readonly #publishing: Pulse = new Pulse();
  readonly #handling: Pulse = new Pulse();
  readonly #rejections = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #failedLast = new Map<number, Failed>();
  readonly #unhandled: string[] = [];
  readonly #accounts = new Map<string, Account>();
  readonly #excused = new Set<string>();
  #sent = 0;
  #resolved = 0;
  #handled = 0;

  /** What the workers have written since the last call. */
  read(workers: readonly Worker[]): void {
    for (const { name, journal } of workers) {
      const account = this.#accountOf(name);
      for (const record of journal.read()) this.#take(name, account, record);
    }
  }

  get sent(): number {
    return this.#sent;
  }

  get resolved(): number {
    return this.#resolved;
  }

  /** Calls of a handler that succeeded, duplicates included. */
  get handled(): number {
    return this.#handled;
  }

  /** Sendings whose process was killed before they settled. */
  get excused(): ReadonlySet<string> {
    return this.#excused;
  }

  failedLast(id: string): Failed | undefined {
    return this.#failedLast.get(Number(id));
  }

  /** Whether a process of this name has ever begun its work. */
  isReady(process: string): boolean {
    return this.#accountOf(process).isReady;
  }

  /** All that a ledger needs of it. */
  testimony(workers: readonly Worker[]): Testimony {
    const processes = workers.map(({ name, role, starts }) => {
      const { pulse, peakBytes } = this.#accountOf(name);
      return { name, role, starts, pulse, peakBytes };
    });
    return {
      processes,
      publishing: this.#publishing,
      handling: this.#handling,
      rejections: this.#rejections,
      failures: this.#failures,
      unhandled: this.#unhandled,
      excused: this.#excused.size,
    };
  }

  #accountOf(name: string): Account {
    let account = this.#accounts.get(name);
    if (account === undefined) {
      account = { pulse: new Pulse(), open: new Set(), isClosed: false, isReady: false, peakBytes: 0 };
      this.#accounts.set(name, account);
    }
    return account;
  }

  #take(name: string, account: Account, record: JournalRecord): void {
    const { at } = record;
    switch (record.type) {
      case 'ready':
        this.#startedAnew(account);
        return;
      case 'sent':
        this.#sent += 1;
        account.open.add(record.number);
        this.history.add({ kind: 'published', id: String(record.number), at, dueAt: record.deadlineAt + lateByMs });
        return;
      case 'resolved':
        this.#resolved += 1;
        account.open.delete(record.number);
        this.history.add({ kind: 'resolved', id: String(record.number), at });
        this.#publishing.beat(record.sentAt, at);
        account.pulse.beat(record.sentAt, at);
        return;
      case 'rejected':
        account.open.delete(record.number);
        this.history.add({ kind: 'rejected', id: String(record.number), at, stored: storedAfter(record.code) });
        count(this.#rejections, record.code);
        return;
      case 'handled':
        this.#handled += 1;
        this.history.add({ kind: 'handled', id: String(record.number), at });
        this.#handling.beat(record.startedAt, at);
        account.pulse.beat(record.startedAt, at);
        return;
      case 'failed':
        account.pulse.beat(at, at);
        count(this.#failures, record.how);
        this.#failedLast.set(record.number, { at, how: record.how });
        return;
      case 'memory':
        account.peakBytes = Math.max(account.peakBytes, record.bytes);
        return;
      case 'unhandled':
        this.#unhandled.push(`${name}: ${record.text}`);
        return;
      case 'closed':
        account.isClosed = true;
        return;
      default:
        record satisfies never;
    }
  }

  /** Whoever was killed owes nothing; whoever closed in order has settled everything, or hung. */
  #startedAnew(account: Account): void {
    if (!account.isClosed) for (const number of account.open) this.#excused.add(String(number));
    account.open.clear();
    account.isReady = true;
    account.isClosed = false;
  }
}

/** Every other error promises that nothing is stored; one that is not ours promises nothing. */
function storedAfter(code: string): 'no' | 'unknown' {
  return code === 'SUREHOP_PUBLISH_UNKNOWN' || code === 'OTHER' ? 'unknown' : 'no';
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
