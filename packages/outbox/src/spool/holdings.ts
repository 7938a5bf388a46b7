import type { Entry } from './entry.ts';
import type { ResolvedSpoolOptions } from './spool-options.ts';
import type { SpoolThread } from './spool-thread.ts';
import type { SteadyTime } from './steady-time.ts';

/** What the spool has, in the file and in memory, by number and weight; and what of it is in memory, by message id. */
export class Holdings {
  readonly #options: ResolvedSpoolOptions;
  readonly #thread: SpoolThread;
  readonly #time: SteadyTime;
  readonly #byId = new Map<string, Entry>();
  #seq: number;
  #depth: number;
  #bytes: number;

  constructor(options: ResolvedSpoolOptions, thread: SpoolThread, time: SteadyTime, lastSeq: number) {
    this.#options = options;
    this.#thread = thread;
    this.#time = time;
    this.#seq = lastSeq;
    this.#depth = thread.standing.unsent;
    this.#bytes = thread.standing.unsentBytes;
  }

  /** Messages that are neither sent nor set aside. */
  get depth(): number {
    return this.#depth;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get setAside(): number {
    return this.#thread.standing.setAside;
  }

  /** How long the oldest has waited, in milliseconds. */
  get oldestMs(): number {
    if (this.#depth === 0) return 0;
    const [first] = this.#byId.values();
    const { oldestAcceptedAt: inFile = Number.POSITIVE_INFINITY } = this.#thread.standing;
    const oldest = Math.min(inFile, first?.acceptedAt || Number.POSITIVE_INFINITY);
    return Number.isFinite(oldest) ? Math.max(0, this.#time.now() - oldest) : 0;
  }

  inMemory(messageId: string): Entry | undefined {
    return this.#byId.get(messageId);
  }

  keep(entry: Entry): void {
    this.#byId.set(entry.row.id, entry);
  }

  /** Memory need not have it any more. */
  release({ row }: Entry): void {
    this.#byId.delete(row.id);
  }

  /** Gives it its place in the line. */
  number(entry: Entry): void {
    this.#seq += 1;
    entry.seq = this.#seq;
    entry.acceptedAt = this.#time.now();
    this.add(1, entry.bytes);
  }

  /** Numbers that nobody else will have. Gives the first. */
  reserve(count: number): number {
    this.#seq += count;
    return this.#seq - count + 1;
  }

  add(count: number, bytes: number): void {
    this.#depth += count;
    this.#bytes += bytes;
  }

  /** It is sent, or not in the line for another reason. */
  end(entry: Entry): void {
    this.release(entry);
    this.add(-1, -entry.bytes);
  }

  hasRoom({ bytes }: Entry): boolean {
    const { maxMessages, maxBytes } = this.#options;
    const { setAside, setAsideBytes } = this.#thread.standing;
    return this.#depth + setAside < maxMessages && this.#bytes + setAsideBytes + bytes <= maxBytes;
  }

  /** The file has other messages than it had. */
  recount(): void {
    const { unsent, unsentBytes } = this.#thread.standing;
    [this.#depth, this.#bytes] = [unsent, unsentBytes];
    for (const { place, bytes } of this.#byId.values())
      if (place === 'queued' || place === 'writing') this.add(1, bytes);
  }
}
